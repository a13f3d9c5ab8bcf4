"""Pages of a list, with the state of the list kept in the URL."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import abort, g, redirect, request

from crm.kernel.paging import Page
from crm.web.forms import int_or


def requested_page() -> int:
    """The page number in the URL, 1 when it is absent or nonsense."""
    return min(max(1, int_or(request.args.get("page", 1), 1)), 1_000_000)


def show_at(path: str) -> None:
    """Where the page lives that answers a refused form: its filters and pages lead there, not to where the form was sent."""
    g.shown_at = path


def shown_at() -> str:
    """The path of the page that is shown."""
    found: str = g.get("shown_at", request.path)
    return found


def url_with(**changes: Any) -> str:
    """This address with some of its query changed; None takes a value out."""
    query: dict[str, Any] = {key: request.args.getlist(key) for key in request.args}
    query.update(changes)
    kept = {key: value for key, value in query.items() if value not in (None, "", [])}
    # Not url_for: keys of the query are the reader's own words and must not become its arguments.
    return f"{shown_at()}?{urlencode(kept, doseq=True)}" if kept else shown_at()


@dataclass(frozen=True)
class Paging:
    """What the pager macro needs."""

    page: int
    pages: int
    total: int

    @classmethod
    def of(cls, page: Page[Any]) -> "Paging":
        """From a page of rows. An address past the end of its list leads on to the last page: what it showed has moved up."""
        if page.page > page.pages and request.method == "GET":
            abort(redirect(url_with(page=page.pages if page.pages > 1 else None)))
        return cls(page.page, page.pages, page.total)

    def url_for(self, number: int) -> str:
        """The address of that page of the same list."""
        return url_with(page=number if number > 1 else None)

    @property
    def prev_url(self) -> str | None:
        """The page before, if any."""
        return self.url_for(self.page - 1) if self.page > 1 else None

    @property
    def next_url(self) -> str | None:
        """The page after, if any."""
        return self.url_for(self.page + 1) if self.page < self.pages else None
