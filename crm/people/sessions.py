"""How a session becomes an actor: the cookie carries the user's id and session version, so a copied cookie dies with a sign-out."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from flask import Flask, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from crm.kernel.actor import Actor, Role
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.people.models import User
from crm.people.queries import actor_of
from crm.web.guards import marked
from crm.web.identity import forget_actor, settings

ABSOLUTE = timedelta(hours=12)
NOTED_EVERY = 60
"""Seconds between two notes in the cookie that the session is in use; so most answers carry no cookie."""


class Ended(StrEnum):
    """Why the session of this browser is over, where that can be told."""

    IDLE = "idle"
    AGE = "age"


class SignedIn(UserMixin):
    """What Flask-Login keeps: a user row, known by id and session version."""

    def __init__(self, user: User) -> None:
        self.user = user

    def get_id(self) -> str:
        return f"{self.user.id}|{self.user.session_version}"


def install(app: Flask, grants: Mapping[Role, frozenset[str]]) -> None:
    """Tells the HTTP kernel how to find the actor of a request."""
    manager = LoginManager(app)
    manager.session_protection = None  # the session version does this work
    manager.user_loader(_load)
    app.extensions["crm.load_actor"] = lambda: _actor(grants)


def open_session(user: User, *, in_field: bool = False) -> None:
    """Starts a fresh session for the user. One for the field does not end for idleness: there may be no network for hours."""
    session.clear()
    if in_field:
        session["in_field"] = True
    login_user(SignedIn(user))
    session["since"] = now().timestamp()
    forget_actor()


def close_session() -> None:
    """Forgets the session of this browser."""
    logout_user()
    session.clear()
    forget_actor()


def ended() -> Ended | None:
    """Why the session that this browser still names is over; None when it is not, or when there is none."""
    if "_user_id" not in session:
        return None
    at, since = now(), session.get("since", 0)
    if at - datetime.fromtimestamp(since, UTC) >= ABSOLUTE:
        return Ended.AGE
    if session.get("in_field"):
        return None
    used = datetime.fromtimestamp(session.get("used", since), UTC)
    return Ended.IDLE if at - used >= timedelta(minutes=settings().idle_minutes) else None


def must_change_password() -> bool:
    """Whether the signed-in person was handed a password by somebody else."""
    return bool(current_user.is_authenticated and current_user.user.must_change_password)


def _load(key: str) -> SignedIn | None:
    user_id, _, version = key.partition("|")
    if not (user_id.isdigit() and version.isdigit()):
        return None
    user = db.session.get(User, int(user_id))
    if user is None or not user.active or user.session_version != int(version):
        return None
    over = ended()
    if over is Ended.AGE or (over is Ended.IDLE and not marked("on_the_wall")):
        return None
    _note_use()
    return SignedIn(user)


def _note_use() -> None:
    """Somebody is at work; what a page asks for by itself does not say so."""
    at = now().timestamp()
    if not marked("unattended") and at - session.get("used", session.get("since", 0)) >= NOTED_EVERY:
        session["used"] = at


def _actor(grants: Mapping[Role, frozenset[str]]) -> Actor | None:
    if not current_user.is_authenticated:
        return None
    day = business_day(now(), settings().zone)
    return actor_of(current_user.user, on=day, grants=grants, address=request.remote_addr or "")
