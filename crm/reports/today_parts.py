"""What the home page is made of: a headline, key figures, a work list; and the words that several roles share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from flask import current_app, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from crm.campaigns.rules import Metric
from crm.contest.queries import Board, BoardRow
from crm.figures.queries import Rate, figure
from crm.kernel.actor import Actor
from crm.kernel.clock import zone
from crm.outreach.queries import GridRow, LogRow
from crm.outreach.rules import CUT_OFF
from crm.reports.contents import Line
from crm.web.guards import permission_of


@dataclass(frozen=True, slots=True)
class Stat:
    """One key figure, with a line under it; `url` opens what is behind it."""

    label: str
    value: int | str
    unit: str = ""
    foot: str = ""
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Headline:
    """The sentence that matters, and the one thing to do about it."""

    words: str
    detail: str = ""
    url: str | None = None
    action: str = ""
    symbol: str = "flag"


Task = tuple[str, str, str, str]
"""Title, detail, where it leads, and the word on the button."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message in the house that was not read yet."""

    id: int
    words: str
    when: datetime


@dataclass(frozen=True, slots=True)
class Today:
    """Everything the home page shows; an empty part is left out."""

    day: date
    as_of: datetime
    kind: str
    headline: Headline
    stats: tuple[Stat, ...] = ()
    tasks: tuple[Task, ...] = ()
    boards: tuple[Board, ...] = ()
    my_teams: frozenset[int] = frozenset()
    members: tuple[GridRow, ...] = ()
    campaigns: tuple[Line, ...] = ()
    logs: tuple[LogRow, ...] = ()
    districts: tuple[Line, ...] = ()
    shown: date | None = None
    steps: tuple[tuple[str, int, Rate | None], ...] = ()
    funnel_url: str | None = None
    log_url: str | None = None
    team_url: str | None = None
    messages: tuple[Told, ...] = ()
    unread: int = 0

    def mine(self, row: BoardRow) -> bool:
        """Whether that place is the reader's own team's."""
        return row.team_id in self.my_teams


class Links:
    """Addresses of other rooms, only of pages that exist here and that the actor may open."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def to(self, endpoint: str, **values: Any) -> str | None:
        """The address, or None."""
        needed = permission_of(current_app._get_current_object(), endpoint)  # type: ignore[attr-defined]
        if needed is None or not (needed in ("public", "signed_in") or self.actor.may(needed)):
            return None
        return url_for(endpoint, **values)

    def task(self, title: str, detail: str, word: str, endpoint: str, /, **values: Any) -> Iterator[Task]:
        """A line of the work list, if its page may be opened."""
        url = self.to(endpoint, **values)
        if url is not None:
            yield (title, detail, url, word)


def enquiry_task(links: Links, number: int, *, owner: int | None = None) -> Iterator[Task]:
    """Customers who asked by QR code and with whom nobody has talked yet."""
    if number:
        words = ngettext("%(num)s new enquiry by QR code", "%(num)s new enquiries by QR code", number)
        detail = _("Counts once you have talked to the person")
        yield from links.task(words, detail, _("Look at them"), "leads.listing", source="qr", stage="none", owner=owner)


def metric_title(metric: str) -> str:
    code = {Metric.VISITS: "visits_valid", Metric.CONSULTS: "consult", Metric.APPLICATIONS: "application"}.get(
        Metric(metric), "accepted"
    )
    return str(figure(code).title)


def standing_words(boards: Sequence[Board], team_id: int | None) -> str:
    """Where the team stands in the first contest, and what it lacks to the next place."""
    for board in boards:
        for place, row in enumerate(board.rows):
            if row.team_id == team_id and row.team_id is not None:
                return _place_words(board, row, place)
    return ""


def _place_words(board: Board, row: BoardRow, place: int) -> str:
    if row.rank == 1:
        return _(
            "%(team)s leads %(contest)s with %(score)s",
            team=row.name,
            contest=board.contest.name,
            score=row.score_shown,
        )
    ahead = next((one for one in reversed(board.rows[:place]) if one.rank < row.rank), board.rows[0])
    return _("%(team)s is no. %(rank)s in %(contest)s, %(gap)s behind %(ahead)s", team=row.name, rank=row.rank,
             contest=board.contest.name, gap=row.gap_shown or "0", ahead=ahead.name)  # fmt: skip


def after_cut_off(at: datetime, zone_name: str) -> bool:
    local: time = at.astimezone(zone(zone_name)).time()
    return local >= CUT_OFF


def leader_words(boards: Sequence[Board]) -> str:
    """Who leads the first contest; nobody before the first point."""
    for board in boards:
        first = [row for row in board.rows if row.rank == 1]
        if board.empty or not first:
            continue
        names = "、".join(row.name for row in first)
        return _(
            "%(team)s leads %(contest)s with %(score)s",
            team=names,
            contest=board.contest.name,
            score=first[0].score_shown,
        )
    return ""


def figure_title(code: str) -> str:
    return str(figure(code).title)
