"""Desk pages of campaigns: the list, the calendar, one campaign, its facts and its steps. The plan's parts are in `views_plan`."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from crm.campaigns import commands, policy, queries, rules
from crm.campaigns.forms import CampaignForm
from crm.campaigns.models import Campaign
from crm.campaigns.policy import CampaignPermission
from crm.campaigns.queries import Budget, CampaignRow, DistrictRow, SessionRow, TeamRow
from crm.campaigns.rules import Metric, Status
from crm.campaigns.words import MODELS, STATUSES
from crm.kernel.actor import Actor
from crm.kernel.clock import FIRST_YEAR, LAST_YEAR, business_day, now
from crm.kernel.errors import DomainError, NotFound
from crm.kernel.paging import Page
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import clean_text
from crm.people.queries import user_names
from crm.web.forms import done_once, int_or, once
from crm.web.guards import permission_of, requires
from crm.web.identity import settings, the_actor
from crm.web.paging import Paging, requested_page

blueprint = Blueprint("campaigns", __name__)
Answer = str | tuple[str, int] | Response

# Pages of other rooms about the same campaign: shown where the room is there and the reader may open it.
_AROUND = (
    (_l("Daily log"), "outreach.day", "clipboard-list"),
    (_l("Funnel"), "figures.funnel", "chart-funnel"),
    (_l("PK"), "contest.index", "trophy"),
    (_l("Meetings"), "meetings.index", "microphone"),
    (_l("Leads"), "leads.listing", "users"),
    (_l("QR codes and posters"), "enquiries.listing", "device-mobile"),
)


@dataclass(frozen=True)
class Bar:
    """One campaign in the calendar of a month: its days within the month, counted from 1."""

    campaign: CampaignRow
    first: int
    last: int


@dataclass(frozen=True)
class Month:
    """The calendar of one month."""

    first: date
    days: int
    bars: tuple[Bar, ...]
    today: int | None
    earlier: str
    later: str


@dataclass(frozen=True)
class ListPage:
    """The list with its filters, or the calendar."""

    rows: Page[CampaignRow]
    paging: Paging
    status: str
    model: str
    q: str
    view: str
    month: Month | None
    status_choices: list[tuple[str, Any]]
    model_choices: list[tuple[str, Any]]
    filters: list[tuple[str, str, str]]
    may_edit: bool


@dataclass(frozen=True)
class ShowPage:
    """One campaign whole."""

    campaign: Campaign
    teams: tuple[TeamRow, ...]
    districts: tuple[DistrictRow, ...]
    sessions: tuple[SessionRow, ...]
    targets: dict[tuple[int | None, str], int]
    metrics: tuple[str, ...]
    budget: Budget | None
    steps: tuple[Status, ...]
    waits_for_other: bool
    around: tuple[tuple[Any, str, str], ...]
    created_by: str | None
    approved_by: str | None
    may_edit: bool
    may_cost: bool


@dataclass(frozen=True)
class FormPage:
    """The form of a campaign; `campaign` is None for a new one."""

    form: CampaignForm
    campaign: Campaign | None
    cancel_url: str


@blueprint.get("/campaigns")
@requires(CampaignPermission.VIEW)
def listing() -> str:
    """Which campaigns are there?"""
    actor = the_actor()
    status, model = _known("status", STATUSES), _known("model", MODELS)
    q = clean_text(request.args.get("q"))[:60]
    view = "calendar" if request.args.get("view") == "calendar" else "list"
    rows = queries.list_campaigns(actor, status=status, model=model, text=q, page=requested_page())
    filters = [("status", _("Status"), str(STATUSES[status]))] if status else []
    filters += [("model", _("Model"), str(MODELS[model]))] if model else []
    filters += [("q", _("Search"), q)] if q else []
    page = ListPage(
        rows=rows,
        paging=Paging.of(rows),
        status=status,
        model=model,
        q=q,
        view=view,
        month=_month(actor) if view == "calendar" else None,
        status_choices=list(STATUSES.items()),
        model_choices=list(MODELS.items()),
        filters=filters,
        may_edit=actor.may(CampaignPermission.EDIT),
    )
    return render_template("campaigns/listing.html", page=page)


@blueprint.get("/campaigns/<int:campaign_id>")
@requires(CampaignPermission.VIEW)
def show(campaign_id: int) -> str:
    """What is this campaign, and where does it stand?"""
    actor = the_actor()
    campaign = queries.get_campaign(actor, campaign_id)
    names = user_names()
    steps = (
        ()
        if campaign.walk_in
        else tuple(to for to in rules.NEXT[Status(campaign.status)] if policy.may_move(actor, to))
    )
    own = Status.APPROVED in steps and campaign.created_by_id == actor.user_id
    targets = queries.targets_of(actor, campaign_id)
    page = ShowPage(
        campaign=campaign,
        teams=queries.teams_of(campaign_id),
        districts=queries.districts_of(campaign_id),
        sessions=queries.sessions_of(campaign_id),
        targets=targets,
        metrics=tuple(metric for metric in Metric if any(metric == key[1] for key in targets)),
        budget=queries.budget_of(campaign_id) if policy.sees_budget(actor) else None,
        steps=tuple(to for to in steps if not (own and to is Status.APPROVED)),
        waits_for_other=campaign.status == Status.DRAFT and (own or not steps),
        around=_around(actor, campaign_id),
        created_by=names.get(campaign.created_by_id or 0),
        approved_by=names.get(campaign.approved_by_id or 0),
        may_edit=_may_plan(actor, campaign, rules.PLANNED),
        may_cost=_may_plan(actor, campaign, rules.PLANNED | {Status.CLOSED}),
    )
    return render_template("campaigns/show.html", page=page)


@blueprint.route("/campaigns/new", methods=["GET", "POST"])
@requires(CampaignPermission.EDIT)
def new() -> Answer:
    """A new draft."""
    at = now()
    today = business_day(at, settings().zone)
    form = CampaignForm(
        model="roadshow", starts_on=today, ends_on=today + timedelta(days=5), valid_outcomes=list(rules.VALID_OUTCOMES)
    )
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = once(
                    the_actor(),
                    lambda: commands.create_campaign(the_actor(), at=at, code=form.code.data or "", **_facts(form)).id,
                )
            flash(_("The draft is saved. Add teams, districts and targets, then let a manager approve it."), "success")
            return redirect(url_for("campaigns.show", campaign_id=made))
        except DomainError as error:
            form.refuse(error, _field(error))
    return _answer("campaigns/edit.html", FormPage(form, None, url_for("campaigns.listing")))


@blueprint.route("/campaigns/<int:campaign_id>/edit", methods=["GET", "POST"])
@requires(CampaignPermission.EDIT)
def edit(campaign_id: int) -> Answer:
    """The facts of a plan."""
    campaign = queries.get_campaign(the_actor(), campaign_id)
    form = CampaignForm(obj=campaign)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                actor, version, facts = the_actor(), form.seen_version, _facts(form)
                done_once(actor, lambda: commands.change_campaign(actor, campaign_id, version=version, **facts))
            flash(_("The campaign was saved."), "success")
            return redirect(url_for("campaigns.show", campaign_id=campaign_id))
        except DomainError as error:
            form.refuse(error, _field(error))
    return _answer("campaigns/edit.html", FormPage(form, campaign, url_for("campaigns.show", campaign_id=campaign_id)))


@blueprint.post("/campaigns/<int:campaign_id>/status")
@requires(CampaignPermission.VIEW)
def move(campaign_id: int) -> Response:
    """The next step in its life; who may take which step is the command's business."""
    queries.get_campaign(the_actor(), campaign_id)
    to = request.form.get("to", "")
    if to not in set(Status):
        raise NotFound("campaign.not_found")
    with unit_of_work():
        commands.set_status(the_actor(), campaign_id, Status(to), version=int_or(request.form.get("version"), -1))
    flash(_("Status: %(status)s", status=STATUSES[to]), "success")
    return redirect(url_for("campaigns.show", campaign_id=campaign_id))


def _known(key: str, words: dict[str, Any]) -> str:
    value = request.args.get(key, "")
    return value if value in words else ""


def _may_plan(actor: Actor, campaign: Campaign, statuses: frozenset[Status]) -> bool:
    return actor.may(CampaignPermission.EDIT) and not campaign.walk_in and campaign.status in statuses


def _around(actor: Actor, campaign_id: int) -> tuple[tuple[Any, str, str], ...]:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return tuple(
        (label, url_for(endpoint, campaign=campaign_id), icon)
        for label, endpoint, icon in _AROUND
        if endpoint in app.view_functions and actor.may(permission_of(app, endpoint) or "")
    )


def _month(actor: Actor) -> Month:
    today = business_day(now(), settings().zone)
    first = _asked_month(today)
    days = monthrange(first.year, first.month)[1]
    last = first.replace(day=days)
    bars = tuple(
        Bar(row, max(row.starts_on, first).day, min(row.ends_on, last).day)
        for row in queries.campaigns_between(actor, first, last)
    )
    earlier, later = first - timedelta(days=1), last + timedelta(days=1)
    return Month(first, days, bars, today.day if first <= today <= last else None, f"{earlier:%Y-%m}", f"{later:%Y-%m}")


def _asked_month(today: date) -> date:
    year, _dash, month = request.args.get("month", "").partition("-")
    number, of = int_or(month, 0), int_or(year, 0)
    if FIRST_YEAR <= of <= LAST_YEAR and 1 <= number <= 12:
        return date(of, number, 1)
    return today.replace(day=1)


def _facts(form: CampaignForm) -> dict[str, Any]:
    names = ("name", "model", "starts_on", "ends_on", "goal", "place", "valid_outcomes", "valid_rule")
    return {name: form[name].data for name in names}


def _field(error: DomainError) -> str | None:
    return {
        "campaign.code_form": "code",
        "campaign.code_taken": "code",
        "campaign.dates": "ends_on",
        "campaign.outcomes": "valid_outcomes",
        "campaign.session_outside": "ends_on",
    }.get(error.code)


def _answer(template: str, page: FormPage) -> Answer:
    body = render_template(template, page=page)
    return body, page.form.status


from crm.campaigns import views_plan  # noqa: E402, F401 - further pages of this blueprint
