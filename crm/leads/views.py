"""Desk pages of leads: the list, a new one, a changed card, who is due, and the referee's list."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from crm.campaigns.models import CampaignSession
from crm.campaigns.queries import campaign_for_day, open_campaigns, session_under_way
from crm.districts.queries import district_options
from crm.kernel.actor import Actor, Role
from crm.kernel.clock import FIRST_YEAR, LAST_YEAR, business_day, now, zone
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import assigning, editing, queries
from crm.leads.cards import card_of
from crm.leads.commands import LeadCard, capture_lead
from crm.leads.forms import EditLeadForm, NewLeadForm, coded, id_choices
from crm.leads.ledger import Clocks
from crm.leads.models import Lead
from crm.leads.policy import LeadPermission
from crm.leads.rules import FIELD_STAGES, Stage
from crm.leads.words import STAGES
from crm.people.queries import MemberRow, members, team_names
from crm.web.forms import answered_once, choices, id_or_none, query_id
from crm.web.guards import requires
from crm.web.identity import settings, the_actor
from crm.web.wording import sentence

blueprint = Blueprint("leads", __name__)
Answer = str | tuple[str, int] | Response


@dataclass(frozen=True)
class NewPage:
    """The form of a new lead, with the notice that the customer must hear."""

    form: NewLeadForm
    notice: str
    notice_number: int
    further: bool
    duplicate_id: int | None = None


@dataclass(frozen=True)
class ClaimedPage:
    """Another team holds the customer: the day, and nothing else of the other record."""

    claimed_on: date


@dataclass(frozen=True)
class EditPage:
    """The form of a lead's card."""

    form: EditLeadForm
    lead_id: int
    phone: str
    duplicate_id: int | None = None


@dataclass(frozen=True)
class FollowUpPage:
    """Who is due; `whose` is "mine" or "all", `owner_id` the reader where it is the former."""

    due: queries.FollowUps
    whose: str
    today: date
    owner_id: int | None
    may_switch: bool


@dataclass(frozen=True)
class DuePage:
    """How many are due by team or by officer; `team` is the one that was chosen."""

    rows: list[queries.DueRow]
    sort: str
    by_officer: bool
    all_teams: bool
    team_id: int | None
    team: str

    def list_url(self, row: queries.DueRow, due: str) -> str | None:
        """The list of the leads behind a count; rows that name nobody have none of their own."""
        if row.id is None:
            return url_for("leads.listing", due=due, team=self.team_id, sort="follow_up")
        party = {"owner": row.id, "team": self.team_id} if self.by_officer else {"team": row.id}
        return url_for("leads.listing", due=due, sort="follow_up", **party)


def today() -> date:
    """The business day of this request."""
    return business_day(now(), settings().zone)


def moment_or_now(typed: datetime | None, at: datetime) -> datetime:
    """What was typed as bank time, in UTC's terms; `at` when nothing was typed. Invalid for years that no campaign has."""
    if (
        typed is not None and not FIRST_YEAR <= typed.year <= LAST_YEAR
    ):  # the ends of the calendar have no time in another zone
        raise Invalid("stage.future" if typed.year > LAST_YEAR else "stage.too_early", day=f"{FIRST_YEAR}-01-01")
    return at if typed is None else typed.replace(tzinfo=zone(settings().zone)).astimezone(at.tzinfo)


def officers(actor: Actor) -> list[MemberRow]:
    """For whom the actor may record: a member for nobody else, others for the members in their scope."""
    rows = members(actor, on=today())
    return [row for row in rows if row.user_id == actor.user_id] if actor.role is Role.MEMBER else rows


@blueprint.get("/leads/new")
@requires(LeadPermission.RECORD)
def create() -> Answer:
    """A new lead at the desk."""
    actor = the_actor()
    form = _new_form(actor)
    campaign_id = id_or_none(request.args.get("campaign"))
    if campaign_id is None:
        usual = campaign_for_day(actor, today())
        campaign_id = usual.id if usual else None
    form.campaign_id.data = campaign_id
    if campaign_id is not None:
        form.session_id.data = session_under_way(campaign_id, now())
    form.stage.data = Stage.CONSULT.value
    if any(row.user_id == actor.user_id for row in officers(actor)):
        form.owner.data = str(actor.user_id)
    return _show_new(form)


@blueprint.post("/leads/new")
@requires(LeadPermission.RECORD)
def save() -> Answer:
    """Takes the new lead in."""
    actor, at = the_actor(), now()
    form, duplicate = _new_form(actor), None
    if form.validate_on_submit() and _financial_consent(form, bool(form.financial.data)):
        try:
            with unit_of_work():
                answer = answered_once(actor, lambda: _capture(actor, form, at))
        except (Invalid, Conflict) as error:
            form.refuse(error, _FIELD_OF.get(error.code))
            duplicate = error.facts.get("lead")
        else:
            return _captured(answer)
    return _show_new(form, duplicate), form.status


_FIELD_OF = {
    "phone.invalid": "phone",
    "lead.own_duplicate": "phone",
    "stage.case_number": "case_number",
    "stage.future": "happened",
    "stage.too_early": "happened",
    "lead.follow_up_day": "follow_up_on",
    "lead.no_officer": "owner",
    "lead.session": "session_id",
    "lead.team_not_in_campaign": "campaign_id",
    "lead.campaign_closed": "campaign_id",
}


def _new_form(actor: Actor) -> NewLeadForm:
    form = NewLeadForm()
    campaigns = open_campaigns(actor)
    form.campaign_id.choices = id_choices((one.id, one.name) for one in campaigns)
    names = {one.id: one.name for one in campaigns}
    query = (
        select(CampaignSession.id, CampaignSession.name, CampaignSession.campaign_id)
        .where(CampaignSession.campaign_id.in_(names), CampaignSession.cancelled.is_(False))
        .order_by(CampaignSession.starts_at.desc(), CampaignSession.id)
    )
    sessions = ((row.id, f"{row.name} · {names[row.campaign_id]}") for row in db.session.execute(query))
    form.session_id.choices = id_choices(sessions, empty=_("None"))
    form.district_id.choices = id_choices(district_options(actor), empty=_("The team's own"))
    teams = team_names()
    known = officers(actor)
    options = [(str(row.user_id), f"{row.name} · {teams.get(row.team_id, '')}") for row in known]
    # Who records for others says for whom: the first of a list would get the credit by oversight.
    own = any(row.user_id == actor.user_id for row in known)
    form.owner.choices = choices(options if own else [("", _("Choose …")), *options])
    form.stage.choices = coded({stage.value: STAGES[stage] for stage in FIELD_STAGES}, empty=_("None yet"))
    return form


def _show_new(form: NewLeadForm, duplicate_id: int | None = None) -> str:
    notice = queries.notice_in_force()
    number, body = (notice.number, notice.body) if notice else (0, "")
    page = NewPage(form, body, number, form.further_filled(), duplicate_id)
    return render_template("leads/new.html", page=page)


def _financial_consent(form: NewLeadForm | EditLeadForm, given: bool) -> bool:
    if given or not form.holds_financial_facts():
        return True
    form.refuse(Invalid("lead.financial_consent"), "turnover")
    return False


def _capture(actor: Actor, form: NewLeadForm, at: datetime) -> dict[str, Any]:
    owner = next((row for row in officers(actor) if str(row.user_id) == form.owner.data), None)
    if owner is None:
        raise Invalid("lead.no_officer")
    found = capture_lead(
        actor,
        campaign_id=form.campaign_id.data,
        team_id=owner.team_id,
        owner_id=owner.user_id,
        card=form.card(phone=form.phone.data),
        consent=form.consent(),
        clocks=Clocks(moment_or_now(form.happened.data, at), at, at),
        stage=form.reached(),
        district_id=form.district_id.data,
        session_id=form.session_id.data,
        follow_up_on=form.follow_up_on.data,
        case_number=form.case_number.data or None,
        uid=form.client_uid.data or str(uuid.uuid4()),
    )
    claimed_on = found.claimed_on.isoformat() if found.claimed_on else None
    return {"lead": found.lead_id, "clash": found.clash_id, "claimed_on": claimed_on}


def _captured(answer: dict[str, Any]) -> Answer:
    if answer["clash"]:
        page = ClaimedPage(date.fromisoformat(answer["claimed_on"]))
        return render_template("leads/claimed.html", page=page), 409
    flash(_("The lead is registered."), "success")
    return redirect(url_for("leads.detail", lead_id=answer["lead"]))


@blueprint.get("/leads/<int:lead_id>/edit")
@requires(LeadPermission.EDIT)
def edit(lead_id: int) -> Answer:
    """A lead's card as a form."""
    lead = _editable(the_actor(), lead_id)
    facts = {
        name: (lead.details or {}).get(name)
        for name in ("years", "premises", "turnover", "lender", "purpose", "term", "call_time")
    }
    form = _edit_form(lead, EditLeadForm(obj=lead, data=facts))
    form.phone.data = ""
    return _show_edit(form, lead)


@blueprint.post("/leads/<int:lead_id>/edit")
@requires(LeadPermission.EDIT)
def update(lead_id: int) -> Answer:
    """Writes the changed card."""
    actor = the_actor()
    lead = _editable(actor, lead_id)
    form, duplicate = _edit_form(lead, EditLeadForm()), None
    if form.validate_on_submit() and _financial_consent(form, _may_keep_financial(lead)):
        card = form.card(phone=form.phone.data, kept=lead.details)
        try:
            with unit_of_work():
                done = answered_once(actor, lambda: _edit(actor, lead_id, form, card))
        except (Invalid, Conflict) as error:
            form.refuse(error, _FIELD_OF.get(error.code))
            duplicate = error.facts.get("lead")
        else:
            if done["claimed_on"] is None:
                flash(_("The card is saved.") if done["changed"] else _("Nothing was changed."), "success")
                return redirect(url_for("leads.detail", lead_id=lead_id))
            form.refuse(Invalid("lead.claimed", day=date.fromisoformat(done["claimed_on"])), "phone")
            return _show_edit(form, _editable(actor, lead_id)), 409
    return _show_edit(form, _editable(actor, lead_id), duplicate), form.status


def _edit(actor: Actor, lead_id: int, form: EditLeadForm, card: LeadCard) -> dict[str, Any]:
    done = editing.edit_lead(
        actor, lead_id, version=form.seen_version, card=card, at=now(), district_id=form.district_id.data
    )
    claimed_on = done.claimed_on.isoformat() if done.clash_id and done.claimed_on else None
    return {"changed": done.changed, "claimed_on": claimed_on}


def _editable(actor: Actor, lead_id: int) -> Lead:
    lead = queries.get_lead(actor, lead_id)
    if lead.merged_into_id is not None:
        raise NotFound("lead.not_found")
    return lead


def _edit_form(lead: Lead, form: EditLeadForm) -> EditLeadForm:
    form.district_id.choices = id_choices(district_options(the_actor(), chosen=lead.district_id), empty="—")
    for name in ("trade", "segment", "approach", "need"):
        form[name].keep(getattr(lead, name))
    return form


def _may_keep_financial(lead: Lead) -> bool:
    consent = queries.latest_consent(lead.id)
    return consent is not None and consent[0].financial


def _show_edit(form: EditLeadForm, lead: Lead, duplicate_id: int | None = None) -> str:
    page = EditPage(form, lead.id, card_of(lead, the_actor()).phone, duplicate_id)
    return render_template("leads/edit.html", page=page)


@blueprint.post("/leads/assign")
@requires(LeadPermission.ASSIGN)
def bulk_assign() -> Answer:
    """Gives the ticked leads to one member, all or none."""
    actor = the_actor()
    ids = [id_or_none(value) or -1 for value in request.form.getlist("ids")]
    try:
        with unit_of_work():
            done = assigning.bulk_assign(actor, ids, to=id_or_none(request.form.get("to")) or -1, at=now())
    except (Invalid, Conflict) as error:
        flash(sentence(error), "error")
    else:
        flash(ngettext("%(num)s lead assigned.", "%(num)s leads assigned.", done.changed), "success")
        if done.silent:
            left = ngettext(
                "%(num)s lead stays where it is: its customer must not be contacted.",
                "%(num)s leads stay where they are: their customers must not be contacted.",
                done.silent,
            )
            flash(left, "warning")
    return redirect(_back_to_list())


def _back_to_list() -> str:
    """The list as it was filtered: only a query of our own comes back, never an address."""
    query = request.form.get("query", "")[:1000]
    return url_for("leads.listing") + (f"?{query}" if query and "\n" not in query and "\r" not in query else "")


@blueprint.get("/leads/follow-ups")
@requires(LeadPermission.VIEW)
def follow_ups() -> str:
    """Who is to be contacted: overdue, today, in the next seven days."""
    actor = the_actor()
    whose = request.args.get("whose", "mine" if actor.team_ids and not actor.lead_of else "all")
    whose = whose if whose in ("mine", "all") else "all"
    due = queries.follow_ups(actor, today=today(), mine=whose == "mine")
    return render_template(
        "leads/follow_ups.html",
        page=FollowUpPage(
            due, whose, today(), actor.user_id if whose == "mine" else None, actor.may(LeadPermission.RECORD)
        ),
    )


@blueprint.get("/leads/follow-ups/teams")
@requires(LeadPermission.VIEW)
def due_of_teams() -> str:
    """How many follow-ups are due, team by team; of one team, and for whoever sees only their own, officer by officer."""
    actor, sort = the_actor(), request.args.get("sort", "")
    team_id = query_id("team") if actor.sees_all_teams else None
    by_officer = team_id is not None or not actor.sees_all_teams
    rows = queries.due_by(actor, "officer" if by_officer else "team", today=today(), team_id=team_id, sort=sort)
    team = team_names().get(team_id, "") if team_id else ""
    page = DuePage(rows, sort, by_officer, actor.sees_all_teams, team_id, team)
    return render_template("leads/due_of_teams.html", page=page)


@blueprint.get("/leads/clashes", endpoint="clashes")
@requires(LeadPermission.REFEREE)
def clashes_page() -> Response:
    """The old address of the referee's queue, which stands in the room of the PK now: an appeal depends on its bell."""
    return redirect(url_for("contest.clashes"))


from crm.leads import views_detail, views_list  # noqa: E402, F401 - further views of this blueprint
