"""Questions about clashes: the referee's queue with both claims, and for a team what became of its own.

Only those who referee may read what the second claimant wrote; a team reads of the other's record the day and nothing else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import aliased

from crm.campaigns.models import Campaign
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Forbidden, Invalid, NotFound
from crm.kernel.installation import keys, zone_name
from crm.kernel.paging import PER_PAGE, Page
from crm.kernel.values import mask_phone, normalise_phone
from crm.leads.cards import CardOfLead, card_of, shown_name
from crm.leads.ledger_models import StageEntry
from crm.leads.models import Clash, Lead
from crm.leads.policy import LeadPermission, visible_to
from crm.leads.queries import latest_consent
from crm.leads.refereeing import concerns, losing_team, other_referees, own_lead
from crm.leads.rules import Outcome, Sign, is_skewed, sign_of
from crm.people.queries import team_names, user_names

WAITING = "waiting"
STATES = (WAITING, "open", "appealed", "decided")
"""Open waits for a first decision, appealed for the second one, WAITING is either."""


@dataclass(frozen=True)
class Claim:
    """One side of a clash. The phone is masked. `occurred_raw` is set where the phone's clock was corrected."""

    lead_id: int | None
    name: str
    phone: str
    shop: str
    address: str
    team: str
    officer: str
    occurred_at: datetime | None
    received_at: datetime
    recorded_at: datetime | None = None
    occurred_raw: datetime | None = None
    stage: str = ""
    skewed: bool = False


@dataclass(frozen=True)
class ClashRow:
    """A clash: who holds the customer (the record that the server received first) and who claims it too."""

    id: int
    campaign: str
    matched_by: str
    state: str
    outcome: str
    holder: Claim
    claimant: Claim


@dataclass(frozen=True)
class Decision:
    """A decision as it was given."""

    outcome: str
    reason: str
    by: str
    at: datetime | None


@dataclass(frozen=True)
class ConsentOf:
    """The consent that holds for a lead: for the enquiry or not any more, how and when it was given, and to whom."""

    enquiry: bool
    how: str
    given_at: datetime
    taken_by: str


@dataclass(frozen=True)
class ClashCase:
    """Everything that the referee reads of a clash. `lead_id` is the lead of the record that came first.

    `sign` is what the clocks say; `may_decide` is false while an appeal waits for another referee than the reader.
    """

    id: int
    version: int
    campaign_id: int
    campaign: str
    lead_id: int
    matched_by: str
    state: str
    holder: Claim
    claimant: Claim
    holder_consent: ConsentOf | None
    claimant_consent: ConsentOf | None
    sign: Sign
    decision: Decision | None
    earlier: Decision | None
    appeal: str
    appealed_by: str
    appealed_at: datetime | None
    received_at: datetime
    may_decide: bool

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What may be decided: a phone or licence number is one customer's."""
        every = (Outcome.HOLDER, Outcome.CLAIMANT, Outcome.DIFFERENT)
        return every if self.matched_by == "name_place" else every[:2]


@dataclass(frozen=True)
class TeamClash:
    """A clash as one of its two teams reads it. `side` is "holder" or "claimant"; `registered_on` is the other team's day.

    `lead_id` is set while the team has the customer. `lost` tells whether the decision took the customer from it.
    """

    id: int
    campaign_id: int
    side: str
    matched_by: str
    state: str
    outcome: str
    reason: str
    registered_on: date
    claimed_at: datetime
    lead_id: int | None
    lost: bool
    appealed_at: datetime | None
    appeal: str


def list_clashes(actor: Actor, *, state: str = "", page: int = 1) -> Page[ClashRow]:
    """Clashes in a state (see STATES), or all: what waits with the oldest first, else the newest. Forbidden for no referee."""
    _check_referee(actor)
    query = _seen(actor)
    if state:
        query = query.where(Clash.state != "decided" if state == WAITING else Clash.state == state)
    total = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    order = Clash.id.desc() if state in ("", "decided") else Clash.id.asc()
    rows = db.session.execute(query.order_by(order).limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    teams, people = team_names(), user_names()
    uids = [clash.claim_uid for clash, _, _ in rows]
    own = dict(db.session.execute(select(Lead.uid, Lead.id).where(Lead.uid.in_(uids))).all())
    return Page(
        [
            ClashRow(
                id=clash.id,
                campaign=campaign,
                matched_by=clash.matched_by,
                state=clash.state,
                outcome=clash.outcome,
                holder=_holder(clash, card_of(lead, actor), None, teams, people),
                claimant=_claimant(actor, clash, own.get(clash.claim_uid), teams, people),
            )
            for clash, lead, campaign in rows
        ],
        page,
        total,
    )


def count_waiting(actor: Actor) -> int:
    """How many clashes wait for the referee, appeals too; 0 for those who are no referees. One statement."""
    if not actor.may(LeadPermission.REFEREE):
        return 0
    query = select(func.count()).select_from(Clash).join(Lead, Lead.id == Clash.lead_id)
    return db.session.scalar(query.where(Clash.state != "decided", visible_to(actor))) or 0


def get_case(actor: Actor, clash_id: int) -> ClashCase:
    """One clash with both claims, their clocks and consents. Raises Forbidden for no referee, NotFound for none such."""
    _check_referee(actor)
    row = db.session.execute(_seen(actor).where(Clash.id == clash_id)).first()
    if row is None:
        raise NotFound("clash.not_found")
    clash, lead, campaign = row
    teams, people, own = team_names(), user_names(), own_lead(clash)
    first = db.session.scalar(
        select(StageEntry)
        .where(StageEntry.lead_id == lead.id, StageEntry.voids_id.is_(None))
        .order_by(StageEntry.id)
        .limit(1)
    )
    holder = _holder(clash, card_of(lead, actor), first, teams, people)
    consent = _consent_of(lead.id, people)
    valid = consent is not None and consent.enquiry and _stands(lead)
    return ClashCase(
        id=clash.id,
        version=clash.version,
        campaign_id=clash.campaign_id,
        campaign=campaign,
        lead_id=lead.id,
        matched_by=clash.matched_by,
        state=clash.state,
        holder=holder,
        claimant=_claimant(actor, clash, own.id if own else None, teams, people),
        holder_consent=consent,
        claimant_consent=_consent_of(own.id, people) if own else None,
        sign=sign_of(held_valid=valid, held_at=holder.occurred_at or holder.received_at, claimed_at=clash.occurred_at),
        decision=_decision(clash, people),
        earlier=_earlier(clash.earlier, people),
        appeal=clash.appeal,
        appealed_by=people.get(clash.appealed_by_id or 0, ""),
        appealed_at=clash.appealed_at,
        received_at=clash.received_at,
        may_decide=clash.state == "open"
        or (clash.state == "appealed" and (clash.decided_by_id != actor.user_id or not other_referees(actor))),
    )


def team_clashes(actor: Actor, *, page: int = 1) -> Page[TeamClash]:
    """The clashes of the actor's teams, the newest first."""
    query = select(Clash, Lead).join(Lead, Lead.id == Clash.lead_id).where(concerns(actor), Lead.removed_at.is_(None))
    total = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = db.session.execute(query.order_by(Clash.id.desc()).limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    return Page([_team_clash(actor, clash, lead) for clash, lead in rows], page, total)


def team_clash(actor: Actor, clash_id: int) -> TeamClash:
    """One of them; NotFound for a clash of other teams."""
    query = select(Clash, Lead).join(Lead, Lead.id == Clash.lead_id).where(Clash.id == clash_id, concerns(actor))
    row = db.session.execute(query.where(Lead.removed_at.is_(None))).first()
    if row is None:
        raise NotFound("clash.not_found")
    return _team_clash(actor, row[0], row[1])


def _team_clash(actor: Actor, clash: Clash, lead: Lead) -> TeamClash:
    claimed = clash.team_id in actor.team_ids
    other = lead.created_at if claimed else clash.received_at
    root = db.session.get(Lead, lead.merged_into_id) if lead.merged_into_id else lead
    mine = root is not None and root.team_id in actor.team_ids
    return TeamClash(
        id=clash.id,
        campaign_id=clash.campaign_id,
        side="claimant" if claimed else "holder",
        matched_by=clash.matched_by,
        state=clash.state,
        outcome=clash.outcome,
        reason=clash.decision,
        registered_on=business_day(other, zone_name()),
        claimed_at=clash.received_at,
        lead_id=root.id if root is not None and mine else None,
        lost=losing_team(clash) in actor.team_ids,
        appealed_at=clash.appealed_at,
        appeal=clash.appeal if losing_team(clash) in actor.team_ids and clash.state == "appealed" else "",
    )


def _check_referee(actor: Actor) -> None:
    if not actor.may(LeadPermission.REFEREE):
        raise Forbidden("lead.referee")


def _seen(actor: Actor) -> Any:
    return (
        select(Clash, Lead, Campaign.name)
        .join(Lead, Lead.id == Clash.lead_id)
        .join(Campaign, Campaign.id == Clash.campaign_id)
        .where(visible_to(actor))
    )


def _stands(lead: Lead) -> bool:
    """Whether a stage of the lead's own record stands, whoever has its credit now."""
    undone = aliased(StageEntry)
    live: ColumnElement[bool] = and_(StageEntry.lead_id == lead.id, StageEntry.voids_id.is_(None), undone.id.is_(None))
    query = select(StageEntry.id).outerjoin(undone, undone.voids_id == StageEntry.id).where(live).limit(1)
    return db.session.scalar(query) is not None


def _consent_of(lead_id: int, people: Mapping[int, str]) -> ConsentOf | None:
    found = latest_consent(lead_id)
    if found is None:
        return None
    consent = found[0]
    return ConsentOf(consent.enquiry, consent.how, consent.given_at, people.get(consent.taken_by_id or 0, ""))


def _decision(clash: Clash, people: Mapping[int, str]) -> Decision | None:
    if not clash.outcome:
        return None
    return Decision(clash.outcome, clash.decision, people.get(clash.decided_by_id or 0, ""), clash.decided_at)


def _earlier(kept: Mapping[str, Any] | None, people: Mapping[int, str]) -> Decision | None:
    if not kept:
        return None
    at = datetime.fromisoformat(kept["at"]) if kept["at"] else None
    return Decision(kept["outcome"], kept["reason"], people.get(kept["by"] or 0, ""), at)


def _holder(
    clash: Clash, card: CardOfLead, first: StageEntry | None, teams: Mapping[int, str], people: Mapping[int, str]
) -> Claim:
    return Claim(
        lead_id=card.id,
        name=card.name,
        phone=card.phone,
        shop=card.shop,
        address=card.address,
        team=teams.get(clash.held_team_id or 0, ""),
        officer=people.get(clash.held_owner_id or 0, ""),
        occurred_at=first.occurred_at if first else None,
        received_at=first.received_at if first else card.created_at,
        recorded_at=first.recorded_at if first else None,
        occurred_raw=first.occurred_raw if first else None,
        stage=first.stage if first else "",
        skewed=is_skewed(first.occurred_at, first.occurred_raw) if first else False,
    )


def _masked(typed: str) -> str:
    """In the spelling of the holder's phone, so that the referee sees that they are one; a row without a phone has none."""
    try:
        return mask_phone(normalise_phone(typed)) if typed.strip() else ""
    except Invalid:
        return mask_phone("".join(ch for ch in typed if ch.isdigit()))


def _claimant(
    actor: Actor, clash: Clash, lead_id: int | None, teams: Mapping[int, str], people: Mapping[int, str]
) -> Claim:
    words = json.loads(keys().open(clash.claim_sealed, place=f"clash:{clash.claim_uid}"))
    return Claim(
        lead_id=lead_id,
        name=shown_name(actor, words.get("name", "")),
        phone=_masked(words.get("phone", "")),
        shop=words.get("shop", ""),
        address=words.get("address", ""),
        team=teams.get(clash.team_id or 0, ""),
        officer=people.get(clash.owner_id or clash.claimed_by_id or 0, ""),
        occurred_at=clash.occurred_at,
        received_at=clash.received_at,
        recorded_at=clash.recorded_at,
        occurred_raw=clash.occurred_raw,
        stage=clash.stage,
        skewed=clash.skewed,
    )
