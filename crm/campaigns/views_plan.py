"""Desk pages of the parts of a plan: teams, districts, sessions, targets, budget."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm.campaigns import plan_commands, queries
from crm.campaigns.forms import SessionForm
from crm.campaigns.models import Campaign, CampaignSession
from crm.campaigns.plan_commands import BudgetItem
from crm.campaigns.policy import CampaignPermission
from crm.campaigns.queries import DistrictRow, TeamRow
from crm.campaigns.rules import MOST_TARGET, Metric, count_of, fen_of
from crm.campaigns.views import Answer, blueprint
from crm.kernel.clock import zone
from crm.kernel.errors import DomainError
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import clean_text
from crm.people.models import Team
from crm.people.queries import list_teams
from crm.web.forms import choices, done_once, id_or_none, int_or, once
from crm.web.guards import requires
from crm.web.identity import settings, the_actor
from crm.web.wording import sentence

BLANK_LINES = 3


@dataclass(frozen=True)
class TeamsPage:
    """All teams, ticked where they take part; a team's district is one of the campaign's."""

    campaign: Campaign
    teams: list[Team]
    chosen: dict[int, int | None]
    districts: tuple[DistrictRow, ...]
    error: str | None = None


@dataclass(frozen=True)
class DistrictsPage:
    """The campaign's districts, and what a search found to add."""

    campaign: Campaign
    districts: tuple[DistrictRow, ...]
    found: tuple[DistrictRow, ...]
    q: str


@dataclass(frozen=True)
class SessionPage:
    """The form of a session; `session` is None for a new one."""

    form: SessionForm
    campaign: Campaign
    session: CampaignSession | None


@dataclass(frozen=True)
class TargetsPage:
    """Team x metric as typed; row 0 is the whole campaign. `errors` by cell name."""

    campaign: Campaign
    teams: tuple[TeamRow, ...]
    metrics: tuple[Metric, ...]
    cells: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class BudgetLinePage:
    """One line of the budget as typed. `key` names its inputs."""

    key: str
    id: int | None
    item: str = ""
    planned: str = ""
    actual: str = ""
    note: str = ""
    error: str | None = None


@dataclass(frozen=True)
class BudgetPage:
    """All lines and some blank ones."""

    campaign: Campaign
    lines: tuple[BudgetLinePage, ...]
    error: str | None = None


@blueprint.get("/campaigns/<int:campaign_id>/teams")
@requires(CampaignPermission.EDIT)
def teams(campaign_id: int) -> str:
    """Who takes part, and where?"""
    campaign = queries.get_campaign(the_actor(), campaign_id)
    chosen = {row.team_id: row.district_id for row in queries.teams_of(campaign_id)}
    return render_template("campaigns/teams.html", page=_teams_page(campaign, chosen))


@blueprint.post("/campaigns/<int:campaign_id>/teams")
@requires(CampaignPermission.EDIT)
def save_teams(campaign_id: int) -> Answer:
    """The whole list of teams with their districts."""
    campaign = queries.get_campaign(the_actor(), campaign_id)
    ids = [found for value in request.form.getlist("team") if (found := id_or_none(value)) is not None]
    chosen = {team_id: id_or_none(request.form.get(f"district-{team_id}")) for team_id in ids}
    try:
        with unit_of_work():
            plan_commands.set_teams(the_actor(), campaign_id, chosen, version=_seen_version())
    except DomainError as error:
        page = _teams_page(campaign, chosen, sentence(error))
        return render_template("campaigns/teams.html", page=page), error.status
    flash(_("The teams were saved."), "success")
    return redirect(url_for("campaigns.show", campaign_id=campaign_id))


def _teams_page(campaign: Campaign, chosen: dict[int, int | None], error: str | None = None) -> TeamsPage:
    # A closed team that takes part stays on the page: what is not sent back would leave the plan.
    teams = [team for team in list_teams(the_actor(), active_only=False) if team.active or team.id in chosen]
    return TeamsPage(campaign, teams, chosen, queries.districts_of(campaign.id), error)


@blueprint.get("/campaigns/<int:campaign_id>/districts")
@requires(CampaignPermission.EDIT)
def districts(campaign_id: int) -> str:
    """Which districts does the campaign work? The tree may be huge, so one searches in it."""
    campaign = queries.get_campaign(the_actor(), campaign_id)
    q = clean_text(request.args.get("q"))[:60]
    chosen = queries.districts_of(campaign_id)
    found = queries.find_districts(q, without=[row.id for row in chosen])
    return render_template("campaigns/districts.html", page=DistrictsPage(campaign, chosen, found, q))


@blueprint.post("/campaigns/<int:campaign_id>/districts")
@requires(CampaignPermission.EDIT)
def save_district(campaign_id: int) -> Response:
    """Adds a district or takes one out."""
    queries.get_campaign(the_actor(), campaign_id)
    district_id = id_or_none(request.form.get("district")) or -1
    change = plan_commands.remove_district if request.form.get("act") == "remove" else plan_commands.add_district
    with unit_of_work():
        change(the_actor(), campaign_id, district_id)
    flash(_("The districts were saved."), "success")
    return redirect(url_for("campaigns.districts", campaign_id=campaign_id, q=request.form.get("q") or None))


@blueprint.route("/campaigns/<int:campaign_id>/sessions/new", methods=["GET", "POST"])
@requires(CampaignPermission.EDIT)
def new_session(campaign_id: int) -> Answer:
    """A new occasion."""
    campaign = queries.get_campaign(the_actor(), campaign_id)
    start = datetime.combine(campaign.starts_on, datetime.min.time()).replace(hour=9)
    form = _session_form(campaign, starts_at=start, ends_at=start.replace(hour=15), version=campaign.version)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                once(the_actor(), lambda: plan_commands.add_session(the_actor(), campaign_id, **_occasion(form)).id)
            flash(_("The session was saved."), "success")
            return redirect(url_for("campaigns.show", campaign_id=campaign_id))
        except DomainError as error:
            form.refuse(error, _session_field(error))
    return _session_answer(SessionPage(form, campaign, None))


@blueprint.route("/campaigns/<int:campaign_id>/sessions/<int:session_id>", methods=["GET", "POST"])
@requires(CampaignPermission.EDIT)
def edit_session(campaign_id: int, session_id: int) -> Answer:
    """Changes an occasion."""
    campaign = queries.get_campaign(the_actor(), campaign_id)
    session = queries.get_session(the_actor(), campaign_id, session_id)
    here = zone(settings().zone)
    form = _session_form(
        campaign,
        name=session.name,
        district=session.district_id,
        starts_at=session.starts_at.astimezone(here).replace(tzinfo=None),
        ends_at=session.ends_at.astimezone(here).replace(tzinfo=None),
        place=session.place,
        note=session.note,
        version=campaign.version,
    )
    if form.validate_on_submit():
        try:
            with unit_of_work():
                actor, version, what = the_actor(), form.seen_version, _occasion(form)
                done_once(actor, lambda: plan_commands.change_session(actor, session_id, version=version, **what))
            flash(_("The session was saved."), "success")
            return redirect(url_for("campaigns.show", campaign_id=campaign_id))
        except DomainError as error:
            form.refuse(error, _session_field(error))
    return _session_answer(SessionPage(form, campaign, session))


@blueprint.post("/campaigns/<int:campaign_id>/sessions/<int:session_id>/cancel")
@requires(CampaignPermission.EDIT)
def cancel_session(campaign_id: int, session_id: int) -> Response:
    """Calls an occasion off, or on again."""
    queries.get_session(the_actor(), campaign_id, session_id)
    with unit_of_work():
        plan_commands.cancel_session(the_actor(), session_id, cancelled=request.form.get("cancelled") != "0")
    flash(_("The session was saved."), "success")
    return redirect(url_for("campaigns.show", campaign_id=campaign_id))


@blueprint.get("/campaigns/<int:campaign_id>/targets")
@requires(CampaignPermission.EDIT)
def targets(campaign_id: int) -> str:
    """What is each team to reach?"""
    campaign = queries.get_campaign(the_actor(), campaign_id)
    stored = queries.targets_of(the_actor(), campaign_id)
    cells = {_cell(team_id, metric): str(value) for (team_id, metric), value in stored.items()}
    page = TargetsPage(campaign, queries.teams_of(campaign_id), tuple(Metric), cells)
    return render_template("campaigns/targets.html", page=page)


@blueprint.post("/campaigns/<int:campaign_id>/targets")
@requires(CampaignPermission.EDIT)
def save_targets(campaign_id: int) -> Answer:
    """All targets at once; an emptied cell takes its target away."""
    campaign = queries.get_campaign(the_actor(), campaign_id)
    taking_part = queries.teams_of(campaign_id)
    values: dict[tuple[int | None, str], int | None] = {}
    errors: dict[str, str] = {}
    for team_id in (None, *(row.team_id for row in taking_part)):
        for metric in Metric:
            name = _cell(team_id, metric)
            typed = request.form.get(name, "").strip()
            try:
                values[team_id, metric.value] = count_of(typed, most=MOST_TARGET) if typed else None
            except DomainError as error:
                errors[name] = sentence(error)
    refused, status = None, 422
    if not errors:
        try:
            with unit_of_work():
                plan_commands.set_targets(the_actor(), campaign_id, values, version=_seen_version())
            flash(_("The targets were saved."), "success")
            return redirect(url_for("campaigns.show", campaign_id=campaign_id))
        except DomainError as error:
            refused, status = sentence(error), error.status
    page = TargetsPage(campaign, taking_part, tuple(Metric), request.form.to_dict(), errors, refused)
    return render_template("campaigns/targets.html", page=page), status


@blueprint.get("/campaigns/<int:campaign_id>/budget")
@requires(CampaignPermission.EDIT)
def budget(campaign_id: int) -> str:
    """What does it cost, planned and really?"""
    campaign = queries.get_campaign(the_actor(), campaign_id)
    lines = [
        BudgetLinePage(str(line.id), line.id, line.item, _yuan(line.planned_fen), _yuan(line.actual_fen), line.note)
        for line in queries.budget_of(campaign_id).lines
    ]
    return render_template("campaigns/budget.html", page=BudgetPage(campaign, (*lines, *_blank_lines())))


@blueprint.post("/campaigns/<int:campaign_id>/budget")
@requires(CampaignPermission.EDIT)
def save_budget(campaign_id: int) -> Answer:
    """All lines at once; a line whose name was emptied is taken out."""
    campaign = queries.get_campaign(the_actor(), campaign_id)
    lines = [_typed_line(key) for key in request.form.getlist("line")[:200]]
    # An emptied name takes a stored line out; in a new line the amount alone is a slip that has to be seen.
    kept = [line for line in lines if line.item or (line.id is None and (line.planned or line.actual))]
    items: list[BudgetItem] = []
    checked: list[BudgetLinePage] = []
    for line in kept:
        item, line = _read_line(line)
        checked.append(line)
        items += [item] if item is not None else []
    refused, status = None, 422
    if not any(line.error for line in checked):
        try:
            with unit_of_work():
                plan_commands.set_budget(the_actor(), campaign_id, items, version=_seen_version())
            flash(_("The budget was saved."), "success")
            return redirect(url_for("campaigns.show", campaign_id=campaign_id))
        except DomainError as error:
            refused, status = sentence(error), error.status
    page = BudgetPage(campaign, (*checked, *_blank_lines()), refused)
    return render_template("campaigns/budget.html", page=page), status


def _seen_version() -> int:
    return int_or(request.form.get("version"), -1)


def _cell(team_id: int | None, metric: str) -> str:
    return f"t-{team_id or 0}-{metric}"


def _yuan(fen: int | None) -> str:
    return "" if fen is None else f"{fen // 100}.{fen % 100:02d}"


def _blank_lines() -> list[BudgetLinePage]:
    return [BudgetLinePage(f"new{number}", None) for number in range(BLANK_LINES)]


def _typed_line(key: str) -> BudgetLinePage:
    texts = {name: clean_text(request.form.get(f"{name}-{key}")) for name in ("item", "planned", "actual", "note")}
    return BudgetLinePage(key, None if key.startswith("new") else id_or_none(key), **texts)


def _read_line(line: BudgetLinePage) -> tuple[BudgetItem | None, BudgetLinePage]:
    try:
        item = BudgetItem(line.item, fen_of(line.planned) or 0, fen_of(line.actual), line.note, line.id)
        return item, line
    except DomainError as error:
        texts = (line.key, line.id, line.item, line.planned, line.actual, line.note)
        return None, BudgetLinePage(*texts, error=sentence(error))


def _session_form(campaign: Campaign, **values: Any) -> SessionForm:
    form = SessionForm(**values)
    options = [(row.id, row.name) for row in queries.districts_of(campaign.id)]
    form.district.choices = choices([(None, _("None")), *options])
    return form


def _occasion(form: SessionForm) -> dict[str, Any]:
    here = zone(settings().zone)
    return {
        "name": form.name.data,
        "district_id": form.district.data,
        "starts_at": form.starts_at.data and form.starts_at.data.replace(tzinfo=here),
        "ends_at": form.ends_at.data and form.ends_at.data.replace(tzinfo=here),
        "place": form.place.data,
        "note": form.note.data,
    }


def _session_field(error: DomainError) -> str | None:
    return {
        "session.times": "ends_at",
        "session.long": "ends_at",
        "session.outside": "starts_at",
        "session.name": "name",
    }.get(error.code)


def _session_answer(page: SessionPage) -> Answer:
    body = render_template("campaigns/session.html", page=page)
    return body, page.form.status
