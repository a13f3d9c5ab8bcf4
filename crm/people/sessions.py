"""How a session becomes an actor: the cookie carries the user's id and session version, so a copied cookie dies with a sign-out."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from flask import Flask, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from crm.kernel.actor import Actor, Role
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.people.models import User
from crm.people.queries import actor_of
from crm.web.identity import forget_actor, settings

ABSOLUTE = timedelta(hours=12)


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


def open_session(user: User) -> None:
    """Starts a fresh session for the user."""
    session.clear()
    login_user(SignedIn(user))
    session["since"] = now().timestamp()
    forget_actor()


def close_session() -> None:
    """Forgets the session of this browser."""
    logout_user()
    session.clear()
    forget_actor()


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
    started = datetime.fromtimestamp(session.get("since", 0), UTC)
    return SignedIn(user) if now() - started < ABSOLUTE else None


def _actor(grants: Mapping[Role, frozenset[str]]) -> Actor | None:
    if not current_user.is_authenticated:
        return None
    day = business_day(now(), settings().zone)
    return actor_of(current_user.user, on=day, grants=grants, address=request.remote_addr or "")
