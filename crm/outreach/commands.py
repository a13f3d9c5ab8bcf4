"""Visits: recording, many at once, undoing. The actor comes first; nothing here commits. The daily log is in `log_commands`.

A visit is its own record of who, when and by whom, so that it needs no line in the audit; undoing one does.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert, select

from crm.campaigns.models import Campaign, CampaignSession, CampaignTeam
from crm.campaigns.policy import visible_to
from crm.campaigns.rules import OPEN, TAKES_LATE
from crm.districts.models import District
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from crm.kernel.installation import zone_name
from crm.kernel.values import public_words
from crm.leads.ledger import Clocks
from crm.leads.queries import get_lead
from crm.outreach import rules
from crm.outreach.models import DailyLog, Visit
from crm.outreach.policy import OutreachPermission, check_team, writes_for
from crm.people.models import Membership, User


@dataclass(frozen=True)
class VisitDraft:
    """One visit as it was noted. The team follows from the member and the day, the district, unless named, from the team."""

    uid: str
    member_id: int
    outcome: str
    clocks: Clocks
    companion_id: int | None = None
    lead_id: int | None = None
    district_id: int | None = None
    session_id: int | None = None
    trade: str = ""
    approach: str = ""
    note: str = ""


def record_visit(
    actor: Actor,
    *,
    uid: str,
    campaign_id: int,
    member_id: int,
    outcome: str,
    clocks: Clocks,
    companion_id: int | None = None,
    lead_id: int | None = None,
    district_id: int | None = None,
    session_id: int | None = None,
    trade: str = "",
    approach: str = "",
    note: str = "",
    late: bool = False,
) -> Visit:
    """Takes one visit in and judges whether it is valid. The same uid with the same content answers with the stored visit.

    `late`: it waited on a phone, so that the campaign may be over by now.
    Raises Conflict for the same uid with other content, Invalid for the future, a closed campaign, a day outside of it or a
    member without a team on that day, NotFound for a campaign or team out of sight, Forbidden for somebody else's visit.
    """
    draft = VisitDraft(
        uid, member_id, outcome, clocks, companion_id, lead_id, district_id, session_id, trade, approach, note
    )
    known = db.session.scalar(select(Visit).where(Visit.uid == uid))
    if known is not None:
        return _replayed(actor, campaign_id, draft, known)
    row = _Gate(actor, campaign_id, late=late).row(draft)
    visit = Visit(**row)
    db.session.add(visit)
    db.session.flush()
    return visit


def record_visits(actor: Actor, *, campaign_id: int, drafts: Sequence[VisitDraft]) -> int:
    """Many visits by the same rules, in one statement; those known by their uid are left out. Answers how many were new."""
    uids = [draft.uid for draft in drafts]
    known: set[str] = set()
    for at in range(0, len(uids), 500):
        known.update(db.session.scalars(select(Visit.uid).where(Visit.uid.in_(uids[at : at + 500]))))
    gate = _Gate(actor, campaign_id)
    rows = [gate.row(draft) for draft in drafts if draft.uid not in known]
    if rows:
        db.session.execute(insert(Visit), rows)
    return len(rows)


def void_visit(actor: Actor, visit_id: int, *, reason: str, at: datetime) -> Visit:
    """Undoes a visit with a reason; it stays in the list, struck through. A locked day needs the right to unlock."""
    visit = db.session.get(Visit, visit_id)
    if visit is None:
        raise NotFound("visit.not_found")
    _check_sight(actor, visit)
    if visit.team_id is None or not writes_for(actor, visit.team_id, visit.member_id):
        raise Forbidden("outreach.forbidden")
    if not reason.strip():
        raise Invalid("outreach.reason")
    reason = public_words(reason, most=300)
    if visit.voided_at is not None:
        raise Conflict("visit.voided")
    if locked_at(visit.campaign_id, visit.team_id, visit.day) and not actor.may(OutreachPermission.UNLOCK):
        raise Conflict("outreach.locked")
    visit.voided_at, visit.void_reason = at, reason
    db.session.flush()
    audit.record(actor, "outreach.void_visit", "visit", visit.id, reason=reason)
    return visit


def locked_at(campaign_id: int, team_id: int | None, day: date) -> datetime | None:
    """When that team's day was locked, None while it is not."""
    found: datetime | None = db.session.scalar(
        select(DailyLog.locked_at).where(
            DailyLog.campaign_id == campaign_id, DailyLog.team_id == team_id, DailyLog.day == day
        )
    )
    return found


def _check_sight(actor: Actor, visit: Visit) -> None:
    try:
        check_team(actor, visit.team_id)
    except NotFound:
        raise NotFound("visit.not_found") from None


def _replayed(actor: Actor, campaign_id: int, draft: VisitDraft, known: Visit) -> Visit:
    """The stored visit, when the draft says the same; what the draft leaves to the server is not compared."""
    told = {
        "campaign_id": campaign_id,
        "recorded_id": actor.user_id,
        "member_id": draft.member_id,
        "outcome": draft.outcome,
        "occurred_at": draft.clocks.occurred_at,
        "companion_id": draft.companion_id,
        "lead_id": draft.lead_id,
        "session_id": draft.session_id,
        "trade": draft.trade,
        "approach": draft.approach,
        "note": draft.note,
    }
    other_place = draft.district_id not in (None, known.district_id)
    if other_place or any(getattr(known, name) != value for name, value in told.items()):
        raise Conflict("submission.other_content", uid=draft.uid)
    return known


class _Gate:
    """What visits of one campaign are checked against, looked up once for many."""

    def __init__(self, actor: Actor, campaign_id: int, *, late: bool = False) -> None:
        self.actor = actor
        self.campaign = self._open(campaign_id, TAKES_LATE if late else OPEN)
        self.districts: dict[int, int | None] = dict(
            db.session.execute(
                select(CampaignTeam.team_id, CampaignTeam.district_id).where(CampaignTeam.campaign_id == campaign_id)
            ).all()
        )
        self._memberships: dict[int, list[Membership]] = {}
        self._known: set[tuple[type[Any], int]] = set()

    def _open(self, campaign_id: int, statuses: Collection[str]) -> Campaign:
        campaign = db.session.scalar(select(Campaign).where(Campaign.id == campaign_id))
        if campaign is None:
            raise NotFound("campaign.not_found")
        if campaign.status not in statuses:
            if self._sees(campaign):
                raise Invalid("outreach.campaign_closed")
            raise NotFound("campaign.not_found")
        return campaign

    def _sees(self, campaign: Campaign) -> bool:
        query = select(Campaign.id).where(Campaign.id == campaign.id, visible_to(self.actor))
        return db.session.scalar(query) is not None

    def row(self, draft: VisitDraft) -> dict[str, Any]:
        """The columns of the visit; raises what `record_visit` says."""
        if not 1 <= len(draft.uid) <= 36:
            raise Invalid("visit.uid")
        if draft.outcome not in set(rules.Outcome):
            raise Invalid("visit.outcome")
        if len(draft.note) > 500 or len(draft.trade) > 64 or len(draft.approach) > 64:
            raise Invalid("visit.note_long", most=500)
        if draft.clocks.occurred_at > draft.clocks.received_at + rules.CLOCK_LEEWAY:
            raise Invalid("visit.future")
        day = business_day(draft.clocks.occurred_at, zone_name())
        team_id = self._team(draft.member_id, day)
        self._check_day(day, team_id)
        self._check_links(draft)
        return {
            "uid": draft.uid,
            "campaign_id": self.campaign.id,
            "session_id": draft.session_id,
            "district_id": draft.district_id or self.districts.get(team_id),
            "team_id": team_id,
            "member_id": draft.member_id,
            "companion_id": draft.companion_id,
            "lead_id": draft.lead_id,
            "outcome": draft.outcome,
            "trade": draft.trade,
            "approach": draft.approach,
            "note": draft.note,
            "valid": rules.is_valid(draft.outcome, self.campaign.valid_outcomes),
            "day": day,
            "occurred_at": draft.clocks.occurred_at,
            "recorded_at": draft.clocks.recorded_at,
            "received_at": draft.clocks.received_at,
            "recorded_id": self.actor.user_id,
        }

    def _team(self, member_id: int, day: date) -> int:
        """The member's team on that day: a phone that was offline while its owner changed teams keeps the old one."""
        if member_id not in self._memberships:
            rows = db.session.scalars(select(Membership).where(Membership.user_id == member_id))
            self._memberships[member_id] = list(rows)
        held = [
            row.team_id
            for row in self._memberships[member_id]
            if row.valid_from <= day and (row.valid_to is None or row.valid_to >= day)
        ]
        if self.actor.user_id != member_id:
            check_team(self.actor, held[0] if held else None)
        if not held:
            raise Invalid("outreach.no_team")
        if not writes_for(self.actor, held[0], member_id):
            raise Forbidden("outreach.forbidden")
        return held[0]

    def _check_day(self, day: date, team_id: int) -> None:
        if not self.campaign.walk_in and team_id not in self.districts:
            # A campaign of other teams only is none of this actor's business.
            raise (
                Invalid("outreach.team_not_in_campaign")
                if self._sees(self.campaign)
                else NotFound("campaign.not_found")
            )
        if not self.campaign.starts_on <= day <= self.campaign.ends_on:
            raise Invalid("outreach.outside_dates")

    def _check_links(self, draft: VisitDraft) -> None:
        if draft.companion_id == draft.member_id:
            raise Invalid("visit.companion_self")
        self._exists(User, draft.companion_id, "visit.no_companion")
        self._exists(District, draft.district_id, "districts.missing")
        if draft.lead_id is not None and get_lead(self.actor, draft.lead_id).campaign_id != self.campaign.id:
            raise NotFound("lead.not_found")
        if draft.session_id is not None:
            session = db.session.get(CampaignSession, draft.session_id)
            if session is None or session.campaign_id != self.campaign.id:
                raise NotFound("session.not_found")

    def _exists(self, model: type[Any], id: int | None, code: str) -> None:
        if id is None or (model, id) in self._known:
            return
        if db.session.get(model, id) is None:
            raise Invalid(code)
        self._known.add((model, id))
