"""Desk pages of people and their rights."""

from dataclasses import dataclass
from datetime import date, datetime

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm.kernel.actor import Actor, Role
from crm.kernel.clock import business_day, now
from crm.kernel.errors import DomainError
from crm.kernel.paging import Page
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import clean_text, mask_phone
from crm.people import commands, queries
from crm.people.forms import NewPersonForm, PersonForm
from crm.people.models import User
from crm.people.policy import PeoplePermission
from crm.people.queries import MembershipRow, PersonRow
from crm.people.views import Answer, blueprint
from crm.people.words import ROLES
from crm.web.forms import choices, done_once, int_or, once, query_id
from crm.web.guards import requires
from crm.web.identity import settings, the_actor
from crm.web.paging import Paging, requested_page


@dataclass(frozen=True)
class UsersPage:
    """The list of people with its filters."""

    people: Page[PersonRow]
    paging: Paging
    q: str
    role: str
    state: str
    team_id: int | None
    teams: list[tuple[int, str]]
    sort: str
    may_edit: bool
    at: datetime


@dataclass(frozen=True)
class UserPage:
    """One person; the phone is masked for those who may not change people."""

    user: User
    phone: str
    history: list[MembershipRow]
    today: date
    may_edit: bool
    is_self: bool
    locked_until: datetime | None


@dataclass(frozen=True)
class UserFormPage:
    """A person's card as a form; `user` is None for a new one."""

    form: NewPersonForm | PersonForm
    user: User | None


@dataclass(frozen=True)
class TokenPage:
    """A one-time link, shown this once."""

    user: User
    url: str
    days: int


@blueprint.get("/people")
@requires(PeoplePermission.VIEW)
def users() -> str:
    """People and rights."""
    actor = the_actor()
    q, sort = clean_text(request.args.get("q"))[:60], request.args.get("sort", "")
    role, state = request.args.get("role", ""), request.args.get("state", "")
    role, state = role if role in ROLES else "", state if state in queries.STATES else ""
    team_id = query_id("team")
    people = queries.people_page(
        actor, on=_today(), text=q, role=role, state=state, team_id=team_id, sort=sort, page=requested_page()
    )
    teams = [(team.id, team.name) for team in queries.list_teams(actor)]
    may_edit = actor.may(PeoplePermission.EDIT_USERS)
    page = UsersPage(people, Paging.of(people), q, role, state, team_id, teams, sort, may_edit, now())
    return render_template("people/users.html", page=page)


@blueprint.get("/people/<int:user_id>")
@requires(PeoplePermission.VIEW)
def user(user_id: int) -> str:
    """One person: card, rights, teams so far."""
    actor = the_actor()
    found = queries.get_user(actor, user_id)
    may_edit = actor.may(PeoplePermission.EDIT_USERS)
    phone = queries.phone_of(found)
    page = UserPage(
        found,
        phone if may_edit or found.id == actor.user_id else mask_phone(phone),
        queries.membership_history(found.id),
        _today(),
        may_edit,
        found.id == actor.user_id,
        queries.locked_until(found, at=now()) if may_edit and found.active else None,
    )
    return render_template("people/user.html", page=page)


@blueprint.route("/people/new", methods=["GET", "POST"])
@requires(PeoplePermission.EDIT_USERS)
def new_user() -> Answer:
    """A new person, perhaps in a team at once."""
    actor = the_actor()
    form = NewPersonForm(joined_on=_today())
    form.team_id.choices = choices([(None, _("none yet")), *((t.id, t.name) for t in queries.list_teams(actor))])
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = once(actor, lambda: _create(actor, form))
            flash(
                _("%(name)s was created. Issue a one-time link for the first sign-in.", name=form.name.data), "success"
            )
            return redirect(url_for("people.user", user_id=made))
        except DomainError as error:
            form.refuse(error, _field(error))
    return render_template("people/user_edit.html", page=UserFormPage(form, None)), form.status


@blueprint.route("/people/<int:user_id>/edit", methods=["GET", "POST"])
@requires(PeoplePermission.EDIT_USERS)
def edit_user(user_id: int) -> Answer:
    """A person's card and rights."""
    actor = the_actor()
    found = queries.get_user(actor, user_id)
    form = PersonForm(obj=found, phone=queries.phone_of(found))
    if form.validate_on_submit():
        try:
            with unit_of_work():
                done_once(actor, lambda: _change(actor, user_id, form))
            flash(_("Saved."), "success")
            return redirect(url_for("people.user", user_id=user_id))
        except DomainError as error:
            form.refuse(error, _field(error))
    page = UserFormPage(form, queries.get_user(actor, user_id))
    return render_template("people/user_edit.html", page=page), form.status


@blueprint.post("/people/<int:user_id>/active")
@requires(PeoplePermission.EDIT_USERS)
def set_active(user_id: int) -> Response:
    """Shuts a person out at once, or lets them in again."""
    active = request.form.get("active") == "1"
    with unit_of_work():
        found = commands.set_active(
            the_actor(), user_id, version=int_or(request.form.get("version"), -1), active=active
        )
    words = _("%(name)s may sign in again.") if active else _("%(name)s is shut out; open sessions have ended.")
    flash(words % {"name": found.name}, "success")
    return redirect(url_for("people.user", user_id=user_id))


@blueprint.post("/people/<int:user_id>/token")
@requires(PeoplePermission.EDIT_USERS)
def issue_token(user_id: int) -> str:
    """Issues a one-time link. It is the answer itself, not a page to come back to: it is shown this once."""
    actor = the_actor()
    with unit_of_work():
        token = commands.issue_token(actor, user_id, at=now())
    url = url_for("people.welcome", token=token, _external=True)
    page = TokenPage(queries.get_user(actor, user_id), url, commands.TOKEN_LIFE.days)
    return render_template("people/token.html", page=page)


def _change(actor: Actor, user_id: int, form: PersonForm) -> None:
    commands.change_user(
        actor,
        user_id,
        version=form.seen_version,
        name=form.name.data or "",
        role=Role(form.role.data),
        external=form.external.data,
        email=form.email.data or "",
        active=form.active.data,
        phone=form.phone.data or "",
    )


def _create(actor: Actor, form: NewPersonForm) -> int:
    made = commands.create_user(
        actor,
        login=form.login.data or "",
        name=form.name.data or "",
        role=Role(form.role.data),
        external=form.external.data,
        email=form.email.data or "",
        phone=form.phone.data or "",
    )
    if form.team_id.data is not None:
        on, is_lead = form.joined_on.data or _today(), made.role == Role.TEAM_LEAD
        commands.join_team(actor, user_id=made.id, team_id=form.team_id.data, on=on, is_lead=is_lead)
    return made.id


def _field(error: DomainError) -> str | None:
    return {
        "people.login_form": "login",
        "people.login_taken": "login",
        "people.name": "name",
        "people.external_role": "external",
        "people.in_team": "role",
        "people.last_admin": "role",
        "people.own_rights": "role",
        "phone.invalid": "phone",
    }.get(error.code)


def _today() -> date:
    return business_day(now(), settings().zone)
