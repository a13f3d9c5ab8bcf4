"""Every route declares who may call it. A route that declares nothing answers nobody, and a test over the whole app says so."""

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, redirect, request, url_for
from werkzeug.exceptions import Forbidden, Unauthorized
from werkzeug.wrappers import Response

from crm.kernel.errors import Invalid
from crm.web.errors import wants_json
from crm.web.identity import current_actor

View = TypeVar("View", bound=Callable[..., Any])

PUBLIC = "public"
SIGNED_IN = "signed_in"


def requires(permission: str) -> Callable[[View], View]:
    """Declares the permission that a view needs."""

    def mark(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Declares that anybody may call the view."""
    return requires(PUBLIC)(view)


def signed_in(view: View) -> View:
    """Declares that every signed-in person may call the view."""
    return requires(SIGNED_IN)(view)


def unattended(view: View) -> View:
    """Marks what an open page asks for by itself, with nobody at it: it does not keep a session alive."""
    view.unattended = True  # type: ignore[attr-defined]
    return view


def for_programs(view: View) -> View:
    """Marks what only a program asks for: whatever goes wrong is answered in JSON, never by a page."""
    view.for_programs = True  # type: ignore[attr-defined]
    return view


def on_the_wall(view: View) -> View:
    """Marks what a screen on the wall goes on asking for in a session that has ended for idleness: counts, never customers."""
    view.on_the_wall = True  # type: ignore[attr-defined]
    return unattended(view)


def marked(mark: str) -> bool:
    """Whether the view of this request carries the mark "unattended" or "on_the_wall"."""
    return bool(getattr(current_app.view_functions.get(request.endpoint or ""), mark, False))


def permission_of(app: Flask, endpoint: str) -> str | None:
    """What a route declared, or None."""
    declared: str | None = getattr(app.view_functions.get(endpoint), "permission", None)
    return declared


def install(app: Flask) -> None:
    """Asks before every request."""
    app.before_request(_enforce)
    app.before_request(_refuse_nul)


def _enforce() -> Response | None:
    if request.endpoint is None:
        return None  # an unknown address: the router answers 404
    needed = permission_of(current_app._get_current_object(), request.endpoint)  # type: ignore[attr-defined]
    if needed is None:
        raise Forbidden
    if needed == PUBLIC:
        return None
    actor = current_actor()
    if actor is None:
        return _to_sign_in()
    if needed != SIGNED_IN and not actor.may(needed):
        raise Forbidden
    return None


def _refuse_nul() -> None:
    """No keyboard types U+0000, and PostgreSQL holds it in no text: it is refused here, before any question to the database."""
    sent = itertools.chain(
        request.view_args.values() if request.view_args else (), *request.values.to_dict(flat=False).values()
    )
    if any(isinstance(value, str) and "\0" in value for value in sent):
        raise Invalid("form.nul")


def _to_sign_in() -> Response:
    if request.method == "GET" and not wants_json() and "HX-Request" not in request.headers:
        return redirect(url_for("people.sign_in", next=request.full_path.rstrip("?")))
    raise Unauthorized
