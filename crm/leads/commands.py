"""What can be done with leads. The actor comes first; nothing here commits."""

import json
import uuid
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from crm.campaigns.models import Campaign, CampaignSession, CampaignTeam
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Invalid, NotFound
from crm.kernel.events import emit
from crm.kernel.installation import keys, zone_name
from crm.kernel.values import grams, is_mobile, normalise_phone, search_text
from crm.leads import ledger
from crm.leads.events import ClashFound, LeadCaptured, StageReached
from crm.leads.ledger import Clocks, Credit
from crm.leads.ledger_models import IntentEntry, StageEntry
from crm.leads.models import Clash, Consent, DoNotContact, Lead, LeadEvent, LeadGram, NoticeVersion
from crm.leads.party import name_place_key, person_key, phone_key, set_phone
from crm.leads.queries import get_lead
from crm.leads.rules import FOLLOW_UP_DAYS, ConsentHow, Intent, Stage
from crm.people.policy import team_scope

OPEN_STATUSES = frozenset({"approved", "running"})


@dataclass(frozen=True)
class ConsentGiven:
    """What the person agreed to, box by box."""

    enquiry: bool
    marketing: tuple[str, ...] = ()
    financial: bool = False
    how: ConsentHow = ConsentHow.SPOKEN_SMS
    basis: str = ""


@dataclass(frozen=True)
class LeadCard:
    """What a lead form holds. Required at the stall: name, phone, trade, consent; everything else is optional."""

    name: str
    phone: str
    trade: str = ""
    shop: str = ""
    address: str = ""
    segment: str = ""
    approach: str = ""
    intent: str = ""
    need: str = ""
    amount_wan: Decimal | None = None
    licence_number: str = ""
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Captured:
    """The answer to a capture: the lead's id, or the clash that it met instead."""

    lead_id: int
    clash_id: int | None = None
    claimed_on: date | None = None


def capture_lead(
    actor: Actor,
    *,
    campaign_id: int,
    team_id: int | None,
    owner_id: int | None,
    card: LeadCard,
    consent: ConsentGiven,
    clocks: Clocks,
    stage: Stage | None = Stage.CONSULT,
    district_id: int | None = None,
    session_id: int | None = None,
    follow_up_on: date | None = None,
    case_number: str | None = None,
    uid: str | None = None,
    source: str = "desk",
) -> Captured:
    """Takes a lead in with its consent and the stage reached.

    Another team's customer (same phone or licence number in the campaign) opens a clash and makes no second lead; the own
    team's raises Invalid("lead.own_duplicate"). The same name at the same place is only a sign: the lead is taken in, and a
    clash with the other team's goes to the referee. Raises Invalid for a missing consent, a closed campaign or a foreign team.
    """
    campaign = _open_campaign(actor, campaign_id, team_id)
    if not consent.enquiry:
        raise Invalid("lead.consent_missing")
    phone = normalise_phone(card.phone)
    uid = uid or str(uuid.uuid4())
    holder = holder_of(campaign.id, phone, card.licence_number)
    if holder is not None:
        return _refuse_or_clash(actor, holder, team_id=team_id, card=card, clocks=clocks, uid=uid)
    lead = _new_lead(
        actor, campaign, card, phone, uid=uid, team_id=team_id, owner_id=owner_id, at=clocks.received_at, source=source
    )
    lead.district_id = district_id or _team_district(campaign.id, team_id)
    lead.session_id = _session_of(campaign.id, session_id)
    lead.follow_up_on = None if lead.no_contact else follow_up_on or default_follow_up(card.intent, clocks)
    try:
        with db.session.begin_nested():
            db.session.add(lead)
    except IntegrityError:
        # On a server database another transaction may have claimed the customer between the question and the insert.
        holder = holder_of(campaign.id, phone, card.licence_number)
        if holder is None:
            raise
        return _refuse_or_clash(actor, holder, team_id=team_id, card=card, clocks=clocks, uid=uid)
    index_search(lead)
    _report_neighbour(actor, lead, card=card, clocks=clocks)
    record_consent(actor, lead, consent, at=clocks.received_at)
    note_event(actor, lead.id, "created", at=clocks.received_at, source=source)
    if card.intent:
        record_intent(lead, card.intent, clocks)
    if stage is not None:
        _reach(actor, lead, stage, clocks=clocks, credited_id=owner_id, case_number=case_number)
    audit.record(actor, "leads.capture", "lead", lead.id, campaign=campaign.id, team=team_id)
    emit(LeadCaptured(lead.id, campaign.id, team_id))
    return Captured(lead.id)


def record_stage(
    actor: Actor,
    lead_id: int,
    stage: Stage,
    *,
    clocks: Clocks,
    credited_id: int | None = None,
    case_number: str | None = None,
) -> StageEntry:
    """Notes that a lead reached a stage. An accepted case needs its case number. Credit goes to the owner unless named."""
    lead = get_lead(actor, lead_id)
    if lead.merged_into_id is not None:
        raise Invalid("lead.merged")
    if lead.no_contact:
        raise Invalid("lead.no_contact")
    entry = _reach(actor, lead, stage, clocks=clocks, credited_id=credited_id or lead.owner_id, case_number=case_number)
    audit.record(actor, "leads.stage", "lead", lead.id, stage=stage.value, entry=entry.id)
    return entry


def void_stage(actor: Actor, lead_id: int, entry_id: int, *, reason: str, at: datetime) -> None:
    """Undoes a stage entry of a visible lead, or of one that is merged into it."""
    lead = get_lead(actor, lead_id)
    if lead.merged_into_id is not None:
        raise Invalid("lead.merged")
    entry = db.session.get(StageEntry, entry_id)
    if entry is None or lead.id not in (entry.lead_id, db.session.get_one(Lead, entry.lead_id).merged_into_id):
        raise NotFound("stage.no_entry")
    ledger.void(actor, entry_id, reason=reason, at=at)
    audit.record(actor, "leads.void_stage", "lead", lead.id, entry=entry_id, reason=reason)


def _reach(
    actor: Actor, lead: Lead, stage: Stage, *, clocks: Clocks, credited_id: int | None, case_number: str | None
) -> StageEntry:
    if clocks.occurred_at > clocks.received_at + timedelta(minutes=5):
        raise Invalid("stage.future")
    if stage is Stage.ACCEPTED and not case_number:
        raise Invalid("stage.case_number")
    credit = Credit(lead.team_id, lead.district_id, lead.session_id, credited_id, actor.user_id or credited_id)
    entry = ledger.append(actor, lead, stage, clocks=clocks, credit=credit, zone=zone_name(), case_number=case_number)
    emit(StageReached(lead.id, entry.id, stage.value))
    return entry


def record_consent(actor: Actor, lead: Lead, consent: ConsentGiven, *, at: datetime) -> None:
    """Writes a consent against the notice that is in force."""
    notice_id = db.session.scalar(select(NoticeVersion.id).order_by(NoticeVersion.number.desc()).limit(1))
    if notice_id is None:
        raise Invalid("lead.no_notice")
    db.session.add(
        Consent(
            lead_id=lead.id,
            notice_id=notice_id,
            enquiry=consent.enquiry,
            marketing=list(consent.marketing),
            financial=consent.financial,
            how=consent.how.value,
            basis=consent.basis,
            taken_by_id=actor.user_id,
            given_at=at,
            received_at=at,
        )
    )


def note_event(actor: Actor, lead_id: int, kind: str, *, at: datetime, **detail: Any) -> None:
    """Adds a line to the lead's timeline."""
    db.session.add(LeadEvent(lead_id=lead_id, kind=kind, at=at, actor_id=actor.user_id, detail=detail))


def index_search(lead: Lead) -> None:
    """Writes the search text and its two-character windows anew."""
    lead.search_text = search_text(lead.name, lead.shop, lead.address)
    db.session.flush()
    db.session.execute(db.delete(LeadGram).where(LeadGram.lead_id == lead.id))
    rows = [{"gram": gram, "lead_id": lead.id} for gram in grams(lead.search_text)]
    if rows:
        db.session.execute(insert(LeadGram), rows)


def _open_campaign(actor: Actor, campaign_id: int, team_id: int | None) -> Campaign:
    campaign = db.session.get(Campaign, campaign_id)
    if campaign is None:
        raise Invalid("lead.no_campaign")
    if campaign.status not in OPEN_STATUSES:
        raise Invalid("lead.campaign_closed", status=campaign.status)
    scope = team_scope(actor)
    if scope is not None and team_id not in scope:
        raise Invalid("lead.other_team")
    if not campaign.walk_in and team_id is not None and not db.session.get(CampaignTeam, (campaign_id, team_id)):
        raise Invalid("lead.team_not_in_campaign")
    return campaign


def _session_of(campaign_id: int, session_id: int | None) -> int | None:
    if session_id is not None:
        session = db.session.get(CampaignSession, session_id)
        if session is None or session.campaign_id != campaign_id:
            raise Invalid("lead.session")
    return session_id


def holder_of(
    campaign_id: int, phone: str, licence_number: str, *, besides: int | None = None
) -> tuple[Lead, str] | None:
    """The lead that holds this customer in the campaign, and by what sign ("phone", "licence"); `besides` is left out."""
    query = select(Lead).where(Lead.campaign_id == campaign_id, Lead.removed_at.is_(None)).order_by(Lead.id).limit(1)
    if besides is not None:
        query = query.where(Lead.id != besides)
    if phone and is_mobile(phone):
        lead = db.session.scalar(query.where(Lead.phone_key == phone_key(campaign_id, phone)))
        if lead is not None:
            return lead, "phone"
    if licence_number:
        lead = db.session.scalar(query.where(Lead.licence_number == licence_number))
        if lead is not None:
            return lead, "licence"
    return None


def _report_neighbour(actor: Actor, lead: Lead, *, card: LeadCard, clocks: Clocks) -> None:
    """Another team's lead of the same name at the same place: both stay, the referee looks at it."""
    if lead.name_place_key is None:
        return
    other = db.session.scalar(
        select(Lead)
        .where(
            Lead.campaign_id == lead.campaign_id,
            Lead.name_place_key == lead.name_place_key,
            Lead.id != lead.id,
            Lead.team_id.is_distinct_from(lead.team_id),
            Lead.removed_at.is_(None),
        )
        .order_by(Lead.id)
        .limit(1)
    )
    if other is not None:
        open_clash(actor, other, "name_place", team_id=lead.team_id, card=card, clocks=clocks, uid=lead.uid)


def _refuse_or_clash(
    actor: Actor, holder: tuple[Lead, str], *, team_id: int | None, card: LeadCard, clocks: Clocks, uid: str
) -> Captured:
    lead, matched_by = holder
    claimed_on = business_day(lead.created_at, zone_name())
    if lead.team_id == team_id:
        raise Invalid("lead.own_duplicate", lead=lead.merged_into_id or lead.id, day=claimed_on.isoformat())
    clash = open_clash(actor, lead, matched_by, team_id=team_id, card=card, clocks=clocks, uid=uid)
    return Captured(lead.id, clash.id, claimed_on)


def open_clash(
    actor: Actor, lead: Lead, matched_by: str, *, team_id: int | None, card: LeadCard, clocks: Clocks, uid: str
) -> Clash:
    """Puts a second claim on a lead before the referee; what the claimant wrote is sealed. `uid` is the claim's own id."""
    clash = Clash(
        campaign_id=lead.campaign_id,
        lead_id=lead.id,
        matched_by=matched_by,
        team_id=team_id,
        claimed_by_id=actor.user_id,
        occurred_at=clocks.occurred_at,
        received_at=clocks.received_at,
        claim_sealed=keys().seal(json.dumps(asdict(card), default=str, ensure_ascii=False), place=f"clash:{uid}"),
        claim_uid=uid,
    )
    db.session.add(clash)
    db.session.flush()
    note_event(actor, lead.id, "clash", at=clocks.received_at, clash=clash.id, matched_by=matched_by)
    audit.record(actor, "leads.clash", "lead", lead.id, clash=clash.id, team=team_id)
    emit(ClashFound(clash.id, lead.id))
    return clash


def _new_lead(
    actor: Actor,
    campaign: Campaign,
    card: LeadCard,
    phone: str,
    *,
    uid: str,
    team_id: int | None,
    owner_id: int | None,
    at: datetime,
    source: str,
) -> Lead:
    lead = Lead(
        uid=uid,
        campaign_id=campaign.id,
        team_id=team_id,
        owner_id=owner_id,
        name=card.name,
        shop=card.shop,
        address=card.address,
        licence_number=card.licence_number or None,
        name_place_key=name_place_key(card.shop or card.name, card.address),
        trade=card.trade,
        segment=card.segment,
        approach=card.approach,
        intent=card.intent,
        need=card.need,
        amount_wan=card.amount_wan,
        note=card.note,
        details=card.details,
        source=source,
        created_by_id=actor.user_id,
        created_at=at,
        updated_at=at,
    )
    set_phone(lead, phone)
    lead.no_contact = bool(phone) and db.session.get(DoNotContact, person_key(phone)) is not None
    return lead


def record_intent(lead: Lead, intent: str, clocks: Clocks) -> None:
    """Writes down that an intent was stated, with team and officer of the moment."""
    db.session.add(
        IntentEntry(
            lead_id=lead.id,
            campaign_id=lead.campaign_id,
            team_id=lead.team_id,
            credited_id=lead.owner_id,
            intent=intent,
            day=business_day(clocks.occurred_at, zone_name()),
            occurred_at=clocks.occurred_at,
            received_at=clocks.received_at,
        )
    )


def default_follow_up(intent: str, clocks: Clocks) -> date | None:
    """When a customer of that intent is due: A within a day, B within three, C within seven."""
    if not intent:
        return None
    return business_day(clocks.occurred_at, zone_name()) + timedelta(days=FOLLOW_UP_DAYS[Intent(intent)])


def _team_district(campaign_id: int, team_id: int | None) -> int | None:
    return db.session.scalar(
        select(CampaignTeam.district_id).where(CampaignTeam.campaign_id == campaign_id, CampaignTeam.team_id == team_id)
    )
