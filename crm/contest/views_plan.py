"""Desk pages that change a contest: its card, the versions of its rules, its bonuses and penalties."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from crm.campaigns.models import Campaign
from crm.campaigns.policy import visible_to as campaign_visible_to
from crm.contest import commands, queries
from crm.contest.contests import AdjustmentRow, ContestCard, Version
from crm.contest.forms import AdjustmentForm, ContestForm, RulesForm, RuleVersionForm
from crm.contest.policy import ContestPermission
from crm.contest.rules import RuleSet, differences
from crm.contest.views import Answer, blueprint
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, now, zone
from crm.kernel.db import db
from crm.kernel.errors import DomainError
from crm.kernel.unit_of_work import unit_of_work
from crm.people.queries import list_teams, members, team_names, user_names
from crm.web.forms import done_once, int_or, once
from crm.web.guards import requires
from crm.web.identity import settings, the_actor


@dataclass(frozen=True)
class FormPage:
    """A form about a contest; `contest` is None for a new one."""

    form: RulesForm
    contest: ContestCard | None
    cancel_url: str


@dataclass(frozen=True)
class VersionRow:
    """A version with what it changed, and whether the reader may confirm it."""

    version: Version
    changes: list[tuple[str, str, Any, Any]]
    holds: bool
    may_confirm: bool


@dataclass(frozen=True)
class RulesPage:
    """The versions, the newest first, and the rules in force in full."""

    contest: ContestCard
    rows: list[VersionRow]
    rules: RuleSet
    number: int
    people: dict[int, str]
    may_propose: bool


@dataclass(frozen=True)
class AdjustmentsPage:
    """Bonuses and penalties, with the form for another one where the reader may write it."""

    contest: ContestCard
    rows: list[AdjustmentRow]
    form: AdjustmentForm | None
    teams: dict[int, str]
    people: dict[int, str]
    actor_id: int | None
    may_confirm: bool


@blueprint.route("/contests/new", methods=["GET", "POST"])
@requires(ContestPermission.EDIT)
def new() -> Answer:
    """A new contest, with the customary rules to begin from."""
    actor = the_actor()
    form = ContestForm()
    _offer(actor, form)
    if not form.is_submitted():
        today = business_day(now(), settings().zone)
        form.fill(RuleSet())
        form.show({"starts_on": today, "ends_on": today + timedelta(days=5), "bell": commands.BELL})
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = once(
                    actor,
                    lambda: commands.create_contest(actor, code=form.code.data or "", **_plan(form)).id,
                )
            flash(_("The contest was set up. Start it when everybody knows its rules."), "success")
            return redirect(url_for("contest.board", contest_id=made))
        except DomainError as error:
            form.refuse(error, _field(error))
    return _render("contest/edit.html", FormPage(form, None, url_for("contest.index")))


@blueprint.route("/contests/<int:contest_id>/edit", methods=["GET", "POST"])
@requires(ContestPermission.EDIT)
def edit(contest_id: int) -> Answer:
    """A contest in preparation."""
    actor = the_actor()
    contest = queries.get_contest(actor, contest_id)
    if contest.status != "draft":
        return redirect(url_for("contest.rules", contest_id=contest_id))
    form = ContestForm(obj=contest)
    _offer(actor, form)
    if not form.is_submitted():
        form.fill(queries.versions_of(contest_id)[-1].rules)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                plan = _plan(form)
                done_once(actor, lambda: commands.change_contest(actor, contest_id, version=form.seen_version, **plan))
            flash(_("Saved."), "success")
            return redirect(url_for("contest.board", contest_id=contest_id))
        except DomainError as error:
            form.refuse(error, _field(error))
    return _render("contest/edit.html", FormPage(form, contest, url_for("contest.board", contest_id=contest_id)))


@blueprint.post("/contests/<int:contest_id>/start")
@requires(ContestPermission.EDIT)
def start(contest_id: int) -> Response:
    """Begins a contest."""
    with unit_of_work():
        commands.start_contest(the_actor(), contest_id, version=int_or(request.form.get("version"), -1))
    flash(_("The contest has begun. From here on its rules change only by a further version."), "success")
    return redirect(url_for("contest.board", contest_id=contest_id))


@blueprint.post("/contests/<int:contest_id>/close")
@requires(ContestPermission.EDIT)
def close(contest_id: int) -> Response:
    """Ends a contest."""
    with unit_of_work():
        commands.close_contest(the_actor(), contest_id, version=int_or(request.form.get("version"), -1))
    flash(_("The contest is closed."), "success")
    return redirect(url_for("contest.board", contest_id=contest_id))


# --- versions of the rules ---------------------------------------------------------------------------------------


@blueprint.get("/contests/<int:contest_id>/rules")
@requires(ContestPermission.VIEW)
def rules(contest_id: int) -> str:
    """The rules in force, and how they came to be."""
    actor, at = the_actor(), now()
    contest = queries.get_contest(actor, contest_id)
    versions = queries.versions_of(contest_id)
    holding = queries.in_force(versions, at)
    before = [None, *versions]
    rows = [
        VersionRow(
            version=one,
            changes=differences(older.rules, one.rules) if older else [],
            holds=one.number == holding.number,
            may_confirm=one.starts is None and actor.may(ContestPermission.CONFIRM) and one.author_id != actor.user_id,
        )
        for older, one in zip(before, versions, strict=False)
    ]
    may_propose = contest.status == "running" and actor.may(ContestPermission.EDIT)
    page = RulesPage(contest, rows[::-1], holding.rules, holding.number, user_names(), may_propose)
    return render_template("contest/rules.html", page=page)


@blueprint.route("/contests/<int:contest_id>/rules/new", methods=["GET", "POST"])
@requires(ContestPermission.EDIT)
def new_rules(contest_id: int) -> Answer:
    """A further version of the rules."""
    actor, at = the_actor(), now()
    contest = queries.get_contest(actor, contest_id)
    form = RuleVersionForm(version=contest.version)
    if not form.is_submitted():
        form.fill(queries.versions_of(contest_id)[-1].rules)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                done_once(actor, lambda: _propose(actor, contest_id, form, at))
            flash(_("The new version waits for a second person to confirm it."), "success")
            return redirect(url_for("contest.rules", contest_id=contest_id))
        except DomainError as error:
            form.refuse(error, _field(error))
    return _render("contest/new_rules.html", FormPage(form, contest, url_for("contest.rules", contest_id=contest_id)))


def _propose(actor: Actor, contest_id: int, form: RuleVersionForm, at: datetime) -> None:
    commands.propose_rules(
        actor,
        contest_id,
        version=form.seen_version,
        rules=form.rules(),
        in_force_from=_moment(form.in_force_from.data) or at,
        reason=form.reason.data or "",
        at=at,
    )


@blueprint.post("/contests/<int:contest_id>/rules/<int:number>/confirm")
@requires(ContestPermission.CONFIRM)
def confirm_rules(contest_id: int, number: int) -> Response:
    """The second person's yes to a version."""
    with unit_of_work():
        commands.confirm_rules(the_actor(), contest_id, number, at=now())
    flash(_("Confirmed. The board shows which version it follows."), "success")
    return redirect(url_for("contest.rules", contest_id=contest_id))


# --- bonuses and penalties -----------------------------------------------------------------------------------------


@blueprint.get("/contests/<int:contest_id>/adjustments")
@requires(ContestPermission.VIEW)
def adjustments(contest_id: int) -> Answer:
    """Bonuses and penalties; with the right to it, the form for another one."""
    actor, at = the_actor(), now()
    contest = queries.get_contest(actor, contest_id)
    may = contest.status == "running" and actor.may(ContestPermission.ADJUST)
    return _adjustments(actor, contest, _adjustment_form(actor, contest, at) if may else None)


@blueprint.post("/contests/<int:contest_id>/adjustments")
@requires(ContestPermission.ADJUST)
def adjust(contest_id: int) -> Answer:
    """Writes another bonus or penalty."""
    actor, at = the_actor(), now()
    contest = queries.get_contest(actor, contest_id)
    form = _adjustment_form(actor, contest, at)
    if form.validate():
        try:
            with unit_of_work():
                once(actor, lambda: _adjust(actor, contest_id, form, at))
            flash(_("Written down. A penalty counts once a second person has confirmed it."), "success")
            return redirect(url_for("contest.adjustments", contest_id=contest_id))
        except DomainError as error:
            form.refuse(error, _field(error))
    return _adjustments(actor, contest, form)


def _adjustments(actor: Actor, contest: ContestCard, form: AdjustmentForm | None) -> Answer:
    page = AdjustmentsPage(
        contest=contest,
        rows=queries.list_adjustments(actor, contest.id),
        form=form,
        teams=team_names(),
        people=user_names(),
        actor_id=actor.user_id,
        may_confirm=contest.status == "running" and actor.may(ContestPermission.CONFIRM),
    )
    return _render("contest/adjustments.html", page)


@blueprint.post("/contests/<int:contest_id>/adjustments/<int:adjustment_id>/confirm")
@requires(ContestPermission.CONFIRM)
def confirm_adjustment(contest_id: int, adjustment_id: int) -> Response:
    """The second person's yes to a penalty."""
    with unit_of_work():
        commands.confirm_adjustment(the_actor(), contest_id, adjustment_id, at=now())
    flash(_("Confirmed. The penalty counts from now on."), "success")
    return redirect(url_for("contest.adjustments", contest_id=contest_id))


@blueprint.post("/contests/<int:contest_id>/adjustments/<int:adjustment_id>/drop")
@requires(ContestPermission.CONFIRM)
def drop_adjustment(contest_id: int, adjustment_id: int) -> Response:
    """A waiting penalty is taken back by its author or refused by the second person."""
    with unit_of_work():
        commands.drop_adjustment(the_actor(), contest_id, adjustment_id, at=now())
    flash(_("Dropped. The penalty never counted, and stays in the list as dropped."), "success")
    return redirect(url_for("contest.adjustments", contest_id=contest_id))


# --- parts ---------------------------------------------------------------------------------------------------------


def _render(template: str, page: Any) -> Answer:
    """The page; after a refused form with status 422 and what was typed."""
    html = render_template(template, page=page)
    return (html, page.form.status) if request.method == "POST" else html


def _offer(actor: Actor, form: ContestForm) -> None:
    """The campaigns and teams to tick."""
    rows = db.session.execute(
        select(Campaign.id, Campaign.name, Campaign.code)
        .where(campaign_visible_to(actor))
        .order_by(Campaign.starts_on.desc(), Campaign.id.desc())
    )
    form.campaign_ids.choices = [(row.id, f"{row.name} · {row.code}") for row in rows]
    form.team_ids.choices = [(team.id, team.name) for team in list_teams(actor, active_only=False)]


def _plan(form: ContestForm) -> dict[str, Any]:
    return {
        "name": form.name.data or "",
        "campaign_ids": form.campaign_ids.data or (),
        "team_ids": form.team_ids.data or (),
        "starts_on": form.starts_on.data,
        "ends_on": form.ends_on.data,
        "bell": form.bell.data,
        "rules": form.rules(),
    }


def _adjustment_form(actor: Actor, contest: ContestCard, at: datetime) -> AdjustmentForm:
    day = contest.last_day(business_day(at, settings().zone))
    form = AdjustmentForm(day=day)
    names = team_names()
    form.team_id.choices = [(team_id, names.get(team_id, "")) for team_id in contest.team_ids]
    rows = [row for row in members(actor, on=form.day.data or day) if row.team_id in contest.team_ids]
    people = [(row.user_id, f"{row.name} · {names.get(row.team_id, '')}") for row in rows]
    form.member_id.choices = [("", _("The whole team")), *people]
    return form


def _adjust(actor: Actor, contest_id: int, form: AdjustmentForm, at: datetime) -> int:
    row = commands.adjust(
        actor,
        contest_id,
        team_id=form.team_id.data or 0,
        member_id=form.member_id.data,
        day=form.day.data,  # type: ignore[arg-type]  # the field is required
        kind=form.kind.data,
        points=form.points.data,
        reason=form.reason.data or "",
        at=at,
    )
    return row.id


def _moment(local: datetime | None) -> datetime | None:
    """What was typed as the bank's own time."""
    return None if local is None else local.replace(tzinfo=zone(settings().zone))


_FIELDS = {
    "contest.code_form": "code",
    "contest.code_taken": "code",
    "contest.name": "name",
    "contest.dates": "ends_on",
    "contest.too_long": "ends_on",
    "contest.no_campaigns": "campaign_ids",
    "contest.campaign_unknown": "campaign_ids",
    "contest.no_teams": "team_ids",
    "contest.team_unknown": "team_ids",
    "contest.rules_past": "in_force_from",
    "contest.rules_ties": "tie_1",
    "contest.day": "day",
    "contest.member_not_in_team": "member_id",
    "contest.points": "points",
    "contest.points_missing": "points",
    "contest.points_sign": "points",
    "contest.reason": "reason",
}


def _field(error: DomainError) -> str | None:
    return _FIELDS.get(error.code)
