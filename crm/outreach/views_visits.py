"""Desk pages of visits: a team's day visit by visit, a quick form, undoing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from uuid import uuid4

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from crm.campaigns.queries import get_campaign
from crm.campaigns.rules import OPEN
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, now, zone
from crm.kernel.errors import Conflict, DomainError, Invalid
from crm.kernel.paging import Page
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import clean_text
from crm.leads.ledger import Clocks
from crm.leads.policy import LeadPermission
from crm.outreach import commands, queries
from crm.outreach.forms import VisitForm
from crm.outreach.policy import OutreachPermission, check_team, writes_for
from crm.outreach.queries import RosterRow, VisitRow
from crm.outreach.views import Answer, Where, blueprint, path_day
from crm.people.queries import get_team
from crm.web.forms import choices, query_id
from crm.web.guards import requires
from crm.web.identity import settings, the_actor
from crm.web.paging import Paging, requested_page, show_at
from crm.web.wording import sentence


@dataclass(frozen=True)
class VisitsPage:
    """A team's visits of a day; `form` is None for readers."""

    where: Where
    campaign: str
    team: str
    rows: Page[VisitRow]
    paging: Paging
    form: VisitForm | None
    may_void: frozenset[int]
    may_open: frozenset[int]
    member: str | None = None


@blueprint.get("/log/<int:campaign_id>/<int:team_id>/<day>/visits")
@requires(OutreachPermission.VIEW)
def visits(campaign_id: int, team_id: int, day: str) -> str:
    """Which doors were touched?"""
    return _shown(Where(campaign_id, team_id, path_day(day)))


def _shown(where: Where) -> str:
    local = now().astimezone(zone(settings().zone))
    form = VisitForm(formdata=None, member=the_actor().user_id, outcome="consulted", at=local.time())
    return render_template("outreach/visits.html", page=_visits_page(the_actor(), where, form))


@blueprint.post("/log/<int:campaign_id>/<int:team_id>/<day>/visits")
@requires(OutreachPermission.RECORD)
def add_visit(campaign_id: int, team_id: int, day: str) -> Answer:
    """One visit, typed at the desk."""
    actor, at = the_actor(), now()
    where = Where(campaign_id, team_id, path_day(day))
    check_team(actor, team_id)
    form = VisitForm()
    page = _visits_page(actor, where, form)
    if page.form is not None and form.validate():
        occurred = datetime.combine(where.day, form.at.data or time(), tzinfo=zone(settings().zone))
        try:
            with unit_of_work():
                commands.record_visit(
                    actor,
                    uid=form.client_uid.data or str(uuid4()),
                    campaign_id=campaign_id,
                    member_id=form.member.data or 0,
                    outcome=form.outcome.data or "",
                    clocks=Clocks(occurred, at, at),
                    companion_id=form.companion.data,
                    note=form.note.data or "",
                )
            flash(_("The visit was recorded."), "success")
            return redirect(url_for("outreach.visits", **where.url_keys))
        except DomainError as error:
            form.refuse(error, {"visit.future": "at", "visit.companion_self": "companion"}.get(error.code))
    return render_template("outreach/visits.html", page=_visits_page(actor, where, form)), form.status


@blueprint.post("/visits/<int:visit_id>/void")
@requires(OutreachPermission.RECORD)
def void_visit(visit_id: int) -> Answer:
    """Undoes a visit, with a reason."""
    actor = the_actor()
    visit = queries.get_visit(actor, visit_id)
    where = Where(visit.campaign_id, visit.team_id or 0, visit.day)
    try:
        with unit_of_work():
            commands.void_visit(actor, visit_id, reason=clean_text(request.form.get("reason")), at=now())
    except (Conflict, Invalid) as error:
        flash(sentence(error), "error")
        return _shown(where), error.status
    flash(_("The visit was undone."), "success")
    return redirect(url_for("outreach.visits", **where.url_keys))


def _name_of(member_id: int, people: Sequence[RosterRow], rows: Sequence[VisitRow]) -> str:
    names = {person.member_id: person.name for person in people} | {row.member_id: row.member for row in rows}
    return names.get(member_id, "—")


def _visits_page(actor: Actor, where: Where, form: VisitForm) -> VisitsPage:
    show_at(url_for("outreach.visits", **where.url_keys))
    campaign = get_campaign(actor, where.campaign_id)
    team = get_team(actor, where.team_id)
    only = query_id("member")
    rows = queries.visits_of(actor, where.campaign_id, where.team_id, where.day, member_id=only, page=requested_page())
    people = queries.roster(where.team_id, where.day)
    writable = [person for person in people if writes_for(actor, where.team_id, person.member_id)]
    form.member.choices = choices((person.member_id, person.name) for person in writable)
    form.companion.choices = choices([(None, "—"), *((person.member_id, person.name) for person in people)])
    today = business_day(now(), settings().zone)
    own = frozenset(row.id for row in rows.items if writes_for(actor, where.team_id, row.member_id))
    open_day = campaign.status in OPEN and campaign.starts_on <= where.day <= min(today, campaign.ends_on)
    return VisitsPage(
        where=where,
        campaign=campaign.name,
        team=team.name,
        rows=rows,
        paging=Paging.of(rows),
        form=form if writable and open_day else None,
        may_void=frozenset(row.id for row in rows.items if row.voided_at is None and row.id in own),
        may_open=own if actor.may(LeadPermission.RECORD) else frozenset(),
        member=None if only is None else _name_of(only, people, rows.items),
    )
