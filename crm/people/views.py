"""The way in and out, and a person's own account."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm.kernel.clock import business_day, now
from crm.kernel.errors import DomainError, Forbidden, Invalid
from crm.kernel.unit_of_work import unit_of_work
from crm.people import commands, queries, sessions
from crm.people.forms import ChangePasswordForm, NewPasswordForm, SignInForm
from crm.people.models import User
from crm.people.queries import MembershipRow
from crm.web.errors import wants_json
from crm.web.guards import public, signed_in
from crm.web.identity import current_actor, settings, the_actor
from crm.web.targets import own_path

blueprint = Blueprint("people", __name__)
PHONE = "/m/"
"""Where the phone pages are: whoever signs in for them stays signed in for the day in the field."""
Answer = str | tuple[str, int] | Response

# What somebody who has to choose a new password may still open.
_ALWAYS_OPEN = frozenset(
    {"people.change_password", "people.sign_in", "people.sign_out", "people.welcome", "web.set_language", "web.fresh_token",
     "web.health", "static"}
)  # fmt: skip


@dataclass(frozen=True)
class SignInPage:
    """The sign-in form, and why one stands before it again; the demo shows whom one can be."""

    form: SignInForm
    demo: list[Any]
    ended: sessions.Ended | None
    idle_minutes: int


@dataclass(frozen=True)
class PasswordPage:
    """A form with a new password, for `name`; `forced` when nothing else can be done before."""

    form: NewPasswordForm
    login: str
    name: str
    forced: bool


@dataclass(frozen=True)
class AccountPage:
    """The reader's own account."""

    user: User
    phone: str
    history: list[MembershipRow]
    today: date


@blueprint.before_app_request
def ask_for_a_new_password() -> Response | None:
    """Somebody with a handed-out password chooses their own before anything else."""
    if request.endpoint in _ALWAYS_OPEN or request.endpoint is None or not sessions.must_change_password():
        return None
    if request.method == "GET" and "HX-Request" not in request.headers and not wants_json():
        return redirect(url_for("people.change_password"))
    raise Forbidden("people.change_first")


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> Answer:
    """The way in. One sentence for an unknown name and a wrong password."""
    form = SignInForm(next=request.args.get("next", ""))
    home = url_for("web.home")
    if current_actor() is not None and request.method == "GET":
        return redirect(own_path(form.next.data, home))
    if form.validate_on_submit():
        user = _try_sign_in(form)
        if user is not None:
            target = own_path(form.next.data, home)
            sessions.open_session(user, in_field=target.startswith(PHONE))
            return redirect(target)
    demo = current_app.extensions.get("crm.demo_sign_ins", []) if settings().demo else []
    page = SignInPage(form, demo, sessions.ended(), settings().idle_minutes)
    return render_template("people/sign_in.html", page=page), form.status


@blueprint.post("/sign-out")
@signed_in
def sign_out() -> Response:
    """The way out: every session of the person ends, copied cookies included."""
    with unit_of_work():
        commands.sign_out(the_actor())
    sessions.close_session()
    answer = redirect(url_for("people.sign_in"))
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@blueprint.route("/welcome/<token>", methods=["GET", "POST"])
@public
def welcome(token: str) -> Answer:
    """First sign-in by a one-time link: the person sets a password."""
    at = now()
    user = queries.user_of_token(token, at=at)
    form = NewPasswordForm()
    if form.validate_on_submit() and _same_twice(form):
        try:
            with unit_of_work():
                address = request.remote_addr or ""
                user = commands.redeem_token(token, password=form.new.data or "", at=at, address=address)
            sessions.open_session(user)
            return redirect(url_for("web.home"))
        except DomainError as error:
            form.refuse(error, "new")
    page = PasswordPage(form, user.login, user.name, forced=True)
    return render_template("people/welcome.html", page=page), form.status


@blueprint.get("/account")
@signed_in
def account() -> str:
    """The reader's own account."""
    actor = the_actor()
    user = queries.get_user(actor, actor.user_id or 0)
    today = business_day(now(), settings().zone)
    page = AccountPage(user, queries.phone_of(user), queries.membership_history(user.id), today)
    return render_template("people/account.html", page=page)


@blueprint.route("/account/password", methods=["GET", "POST"])
@signed_in
def change_password() -> Answer:
    """The reader's own new password; their other sessions end."""
    actor, form = the_actor(), ChangePasswordForm()
    forced = sessions.must_change_password()
    if form.validate_on_submit() and _same_twice(form):
        try:
            with unit_of_work():
                user = commands.change_password(actor, current=form.current.data or "", new=form.new.data or "")
            sessions.open_session(user)
            flash(_("Your password was changed. Other devices have to sign in again."), "success")
            return redirect(url_for("people.account"))
        except DomainError as error:
            form.refuse(error, "current" if error.code == "password.wrong" else "new")
    page = PasswordPage(form, actor.login, actor.name, forced)
    return render_template("people/password.html", page=page), form.status


@blueprint.post("/account/sessions")
@signed_in
def end_sessions() -> Response:
    """Ends the reader's sessions on other devices."""
    with unit_of_work():
        user = commands.end_other_sessions(the_actor())
    sessions.open_session(user)
    flash(_("Every other device has to sign in again."), "success")
    return redirect(url_for("people.account"))


def _try_sign_in(form: SignInForm) -> User | None:
    """The user, or None with the refusal in the form. A failure is committed, for it counts towards the lock."""
    login, address, at = form.login.data or "", request.remote_addr or "", now()
    checked = commands.check_password(login, form.password.data or "")
    try:
        with unit_of_work():
            user = commands.sign_in(login=login, checked=checked, address=address, at=at)
    except DomainError as error:
        form.refuse(error)
        return None
    if user is None:
        form.refuse(commands.refusal(address, at))
    return user


def _same_twice(form: NewPasswordForm) -> bool:
    if form.new.data == form.again.data:
        return True
    form.refuse(Invalid("password.repeat"), "again")
    return False


from crm.people import views_audit, views_inbox, views_teams, views_users  # noqa: E402, F401 - further pages of this room
