"""Who is asking. The room of people says how a session becomes an actor; this room only keeps the answer for the request."""

from collections.abc import Callable

from flask import current_app, g
from werkzeug.exceptions import Unauthorized

from crm.kernel.actor import Actor
from crm.settings import Settings


def current_actor() -> Actor | None:
    """The signed-in actor of this request, or None."""
    if "actor" not in g:
        load: Callable[[], Actor | None] = current_app.extensions["crm.load_actor"]
        g.actor = load()
    actor: Actor | None = g.actor
    return actor


def the_actor() -> Actor:
    """The signed-in actor; a view behind a guard may rely on one."""
    actor = current_actor()
    if actor is None:
        raise Unauthorized
    return actor


def forget_actor() -> None:
    """After a sign-in or sign-out the next question is answered afresh."""
    g.pop("actor", None)


def settings() -> Settings:
    """The settings of the running installation."""
    found: Settings = current_app.extensions["crm.settings"]
    return found
