"""Desk pages of teams and their rosters."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from crm.kernel.clock import FIRST_YEAR, LAST_YEAR, business_day, now
from crm.kernel.errors import Conflict, DomainError, Invalid
from crm.kernel.paging import PER_PAGE, Page
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import clean_text
from crm.people import commands, queries
from crm.people.forms import JoinForm, LeaveForm, TeamForm
from crm.people.models import Team
from crm.people.policy import PeoplePermission
from crm.people.queries import RosterLine, TeamRow
from crm.people.views import Answer, blueprint
from crm.web.forms import choices, done_once, once, query_day
from crm.web.guards import requires
from crm.web.identity import settings, the_actor
from crm.web.paging import Paging, requested_page, show_at
from crm.web.wording import sentence


@dataclass(frozen=True)
class TeamsPage:
    """The teams in scope that fit the filters, a page of them."""

    teams: Page[TeamRow]
    paging: Paging
    q: str
    state: str
    may_edit: bool


@dataclass(frozen=True)
class TeamPage:
    """One team with its roster on a day, who comes later, and the form that puts a person in."""

    team: Team
    roster: list[RosterLine]
    coming: list[RosterLine]
    day: date
    today: date
    join: JoinForm
    may_edit: bool


@dataclass(frozen=True)
class TeamFormPage:
    """A team's card as a form; `team` is None for a new one."""

    form: TeamForm
    team: Team | None


@blueprint.get("/teams")
@requires(PeoplePermission.VIEW)
def teams() -> str:
    """The teams, with who leads them."""
    actor, number = the_actor(), requested_page()
    q, state = clean_text(request.args.get("q"))[:60], request.args.get("state", "")
    state = state if state in ("active", "closed") else ""
    found = queries.teams_overview(actor, on=_today(), text=q, state=state)
    shown = Page(found[(number - 1) * PER_PAGE : number * PER_PAGE], number, len(found))
    page = TeamsPage(shown, Paging.of(shown), q, state, actor.may(PeoplePermission.EDIT_TEAMS))
    return render_template("people/teams.html", page=page)


@blueprint.get("/teams/<int:team_id>")
@requires(PeoplePermission.VIEW)
def team(team_id: int) -> str:
    """One team: its roster on ?day=."""
    return _team_page(team_id, _join_form())


@blueprint.route("/teams/new", methods=["GET", "POST"])
@requires(PeoplePermission.EDIT_TEAMS)
def new_team() -> Answer:
    """A new team."""
    actor, form = the_actor(), TeamForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                card = {"name": form.name.data or "", "slogan": form.slogan.data or ""}
                made = once(actor, lambda: commands.create_team(actor, **card).id)
            flash(_("%(name)s was created. Put people in.", name=form.name.data), "success")
            return redirect(url_for("people.team", team_id=made))
        except DomainError as error:
            form.refuse(error, "name" if error.code.startswith("people.team") else None)
    return render_template("people/team_edit.html", page=TeamFormPage(form, None)), form.status


@blueprint.route("/teams/<int:team_id>/edit", methods=["GET", "POST"])
@requires(PeoplePermission.EDIT_TEAMS)
def edit_team(team_id: int) -> Answer:
    """A team's card."""
    actor = the_actor()
    form = TeamForm(obj=queries.get_team(actor, team_id))
    if form.validate_on_submit():
        try:
            with unit_of_work():
                card: dict[str, Any] = {name: form[name].data for name in ("name", "slogan", "active")}
                done_once(actor, lambda: commands.change_team(actor, team_id, version=form.seen_version, **card))
            flash(_("Saved."), "success")
            return redirect(url_for("people.team", team_id=team_id))
        except DomainError as error:
            form.refuse(error, "name" if error.code.startswith("people.team") else None)
    page = TeamFormPage(form, queries.get_team(actor, team_id))
    return render_template("people/team_edit.html", page=page), form.status


@blueprint.post("/teams/<int:team_id>/join")
@requires(PeoplePermission.EDIT_TEAMS)
def join_team(team_id: int) -> Answer:
    """Puts a person in, out of another team if need be: a transfer keeps history."""
    actor, form = the_actor(), _join_form()
    queries.get_team(actor, team_id)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                user = queries.get_user(actor, form.user_id.data or 0)
                whole: dict[str, Any] = {"user_id": user.id, "on": form.on.data or _day(), "is_lead": form.is_lead.data}
                done_once(actor, lambda: commands.join_team(actor, team_id=team_id, **whole))
            flash(_("%(name)s belongs to the team from %(day)s.", name=user.name, day=form.on.data), "success")
            return redirect(url_for("people.team", team_id=team_id, day=form.on.data))
        except DomainError as error:
            form.refuse(error, "on" if error.code.startswith("people.membership") else "user_id")
    return _team_page(team_id, form), form.status


@blueprint.post("/teams/<int:team_id>/leave/<int:user_id>")
@requires(PeoplePermission.EDIT_TEAMS)
def leave_team(team_id: int, user_id: int) -> Answer:
    """Ends a person's membership; the past stays."""
    actor, form = the_actor(), LeaveForm()
    team, user = queries.get_team(actor, team_id), queries.get_user(actor, user_id)
    try:
        if not form.validate_on_submit() or form.on.data is None or not FIRST_YEAR <= form.on.data.year <= LAST_YEAR:
            raise Invalid("people.leave_day")
        with unit_of_work():
            commands.leave_team(actor, user_id=user.id, on=form.on.data, team_id=team.id)
    except (Conflict, Invalid) as error:
        flash(sentence(error), "error")
        return _team_page(team_id, _join_form(fresh=True)), error.status
    flash(_("%(name)s has left the team. Earlier days stay as they were.", name=user.name), "success")
    return redirect(url_for("people.team", team_id=team_id))


def _join_form(*, fresh: bool = False) -> JoinForm:
    """What was sent, or, `fresh`, an empty one beside another form of the page."""
    actor = the_actor()
    form = JoinForm(formdata=None, on=_today()) if fresh else JoinForm(on=_today())
    if actor.may(PeoplePermission.EDIT_TEAMS):
        people = queries.assignable_users(actor, on=_today())
        form.user_id.choices = choices([(None, _("choose …")), *people])
    return form


def _team_page(team_id: int, join: JoinForm) -> str:
    actor, day = the_actor(), _day()
    show_at(url_for("people.team", team_id=team_id))
    team = queries.get_team(actor, team_id)
    lines = queries.roster_lines(actor, team_id, on=day)
    roster, coming = [one for one in lines if one.valid_from <= day], [one for one in lines if one.valid_from > day]
    page = TeamPage(team, roster, coming, day, _today(), join, actor.may(PeoplePermission.EDIT_TEAMS))
    return render_template("people/team.html", page=page)


def _today() -> date:
    return business_day(now(), settings().zone)


def _day() -> date:
    """The day in the URL; today when it is absent or no day."""
    return query_day("day") or _today()
