"""What can be done with leads. The actor comes first; nothing here commits."""

import json
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import select

from crm.campaigns.models import Campaign, CampaignSession
from crm.campaigns.rules import OPEN, TAKES_LATE, first_day
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from crm.kernel.installation import keys, zone_name
from crm.kernel.values import holds_identity, is_mobile, normalise_phone, search_text
from crm.leads import ledger, taking_in
from crm.leads.duplicates import licence_text
from crm.leads.ledger import Clocks, Credit
from crm.leads.ledger_models import StageEntry
from crm.leads.models import Clash, Lead, LeadGram, NoticeVersion
from crm.leads.party import lock_person, name_place_key, phone_columns, phone_key
from crm.leads.policy import may_state
from crm.leads.queries import lead_for_change
from crm.leads.rules import FOLLOW_UP_DAYS, ConsentHow, Intent, LiveEntry, Stage, answered_by_the_branch, is_skewed
from crm.leads.telling import tell_opened
from crm.people.policy import team_scope

FOLLOW_UP_AHEAD = timedelta(days=366)


@dataclass(frozen=True)
class ConsentGiven:
    """What the person agreed to, box by box. `notice_number` names the notice that was shown, None the one in force."""

    enquiry: bool
    marketing: tuple[str, ...] = ()
    financial: bool = False
    how: ConsentHow = ConsentHow.SPOKEN_SMS
    basis: str = ""
    notice_number: int | None = None


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

    def __post_init__(self) -> None:
        object.__setattr__(self, "licence_number", licence_text(self.licence_number))


@dataclass(frozen=True)
class Captured:
    """The answer to a capture: the lead's id, or the clash that it met instead."""

    lead_id: int
    clash_id: int | None = None
    claimed_on: date | None = None


def capture_lead(
    actor: Actor, *, campaign_id: int, team_id: int | None, owner_id: int | None, card: LeadCard, consent: ConsentGiven,
    clocks: Clocks, stage: Stage | None = Stage.CONSULT, district_id: int | None = None, session_id: int | None = None,
    follow_up_on: date | None = None, case_number: str | None = None, uid: str | None = None, source: str = "desk",
    late: bool = False,
) -> Captured:  # fmt: skip
    """Takes a lead in with its consent and the stage reached.

    Another team's customer (same phone or licence number in the campaign) opens a clash and makes no second lead; the own
    team's raises Invalid("lead.own_duplicate"). The same name at the same place is only a sign: the lead is taken in, and a
    clash with the other team's goes to the referee. Raises Invalid for a missing consent, a closed campaign or a foreign team.
    `late`: the record waited on a phone, so that the campaign may be over by now.
    """
    if not consent.enquiry:
        raise Invalid("lead.consent_missing")
    check_card(card)
    phone, uid = normalise_phone(card.phone), uid or str(uuid.uuid4())
    lock_person(phone)
    known = _ground(actor, campaign_id, team_id, card, phone, late=late)
    claim = partial(
        open_clash, actor, team_id=team_id, card=card, clocks=clocks, uid=uid, owner_id=owner_id, stage=stage
    )
    refuse = partial(_refuse_or_clash, claim, team_id=team_id)
    if known.by_phone or known.by_licence:
        return refuse(_holder(known))
    check_occurred(clocks, first_day(known.starts_on, walk_in=known.walk_in))
    _check_right(actor, stage)
    if follow_up_on is not None:
        check_follow_up(follow_up_on, clocks.received_at)
    session_id = _session_of(campaign_id, session_id)
    credit = Credit(team_id, district_id or known.district_id, session_id, owner_id, actor.user_id or owner_id)
    follow_up_on = None if known.no_contact else follow_up_on or default_follow_up(card.intent, clocks)
    row = _card_row(campaign_id, card, phone, uid) | _place_row(actor, credit, stage, clocks)
    lead_id = taking_in.insert_lead(
        row | {"no_contact": known.no_contact, "follow_up_on": follow_up_on, "source": source}
    )
    if lead_id is None:
        return refuse(holder_of(campaign_id, phone, card.licence_number))
    if known.neighbour is not None:
        # Another team's lead of the same name at the same place: both stay, the referee looks at it.
        claim(db.session.get_one(Lead, known.neighbour), "name_place")
    _record_consent(actor, lead_id, known.notice_id, consent, given_at=clocks.occurred_at, at=clocks.received_at)
    note_event(actor, lead_id, "created", at=clocks.received_at, source=source)
    if card.intent:
        record_intent(actor, lead_id, campaign_id, card.intent, clocks, team_id=team_id, credited_id=owner_id)
    if stage is not None:
        ledger.begin(
            actor, lead_id, campaign_id, stage, clocks=clocks, credit=credit, zone=zone_name(), case_number=case_number
        )
    audit.record(actor, "leads.capture", "lead", lead_id, campaign=campaign_id, team=team_id)
    return Captured(lead_id)


def record_stage(
    actor: Actor,
    lead_id: int,
    stage: Stage,
    *,
    clocks: Clocks,
    credited_id: int | None = None,
    case_number: str | None = None,
) -> LiveEntry:
    """Notes that a lead reached a stage. Credit goes to the owner unless named.

    Raises Invalid("stage.case_number") when an accepted case, reached or implied, lacks its number; for a lead that nobody
    works on any more (historical, merged, not to be contacted: there only what the branch answers to an application that
    stands is noted); and for one that left, Conflict("lead.has_left").
    """
    lead = lead_for_change(actor, lead_id)
    if lead.historical:
        raise Invalid("lead.historical")
    if lead.no_contact and not answered_by_the_branch(lead.stage, stage):
        raise Invalid("lead.no_contact")
    if lead.exit_code:
        raise Conflict("lead.has_left")
    entry = _reach(actor, lead, stage, clocks=clocks, credited_id=credited_id or lead.owner_id, case_number=case_number)
    audit.record(actor, "leads.stage", "lead", lead.id, stage=stage.value, entry=entry.id)
    return entry


def void_stage(actor: Actor, lead_id: int, entry_id: int, *, reason: str, at: datetime) -> None:
    """Undoes a stage entry of a visible lead, or of one that is merged into it, with the right that recording it takes."""
    lead = lead_for_change(actor, lead_id)
    entry = db.session.get(StageEntry, entry_id)
    if entry is None or lead.id not in (entry.lead_id, db.session.get_one(Lead, entry.lead_id).merged_into_id):
        raise NotFound("stage.no_entry")
    _check_right(actor, Stage(entry.stage))
    ledger.void(actor, entry_id, reason=reason, at=at)
    audit.record(actor, "leads.void_stage", "lead", lead.id, entry=entry_id, reason=reason)


def _reach(
    actor: Actor, lead: Lead, stage: Stage, *, clocks: Clocks, credited_id: int | None, case_number: str | None
) -> LiveEntry:
    campaign = db.session.get_one(Campaign, lead.campaign_id)
    check_occurred(clocks, first_day(campaign.starts_on, walk_in=campaign.walk_in))
    _check_right(actor, stage)
    credit = Credit(lead.team_id, lead.district_id, lead.session_id, credited_id, actor.user_id or credited_id)
    return ledger.append(actor, lead, stage, clocks=clocks, credit=credit, zone=zone_name(), case_number=case_number)


def check_texts(*texts: str) -> None:
    """No ID number and no account is kept of a lead (domain.md §6), in whatever field somebody puts it."""
    if any(holds_identity(one) for one in texts):
        raise Invalid("lead.identity")


def check_card(card: LeadCard) -> None:
    """The same for all that a card holds."""
    facts = (one for one in card.details.values() if isinstance(one, str))
    check_texts(card.name, card.shop, card.address, card.licence_number, card.note, *facts)


def check_occurred(clocks: Clocks, first: date) -> None:
    """Nothing happened after the server heard of it, nor before the campaign's first day; pages, phones and sheets keep to it.

    The order of the stages is free: a late record may name an earlier day than the stage below it.
    """
    if clocks.occurred_at > clocks.received_at + timedelta(minutes=5):
        raise Invalid("stage.future")
    if business_day(clocks.occurred_at, zone_name()) < first:
        raise Invalid("stage.too_early", day=first.isoformat())


def check_follow_up(on: date, at: datetime) -> None:
    """A contact is planned from today on, within a year."""
    today = business_day(at, zone_name())
    if not today <= on <= today + FOLLOW_UP_AHEAD:
        raise Invalid("lead.follow_up_day")


def _check_right(actor: Actor, stage: Stage | None) -> None:
    if stage is not None and not may_state(actor, stage):
        raise Forbidden("stage.confirm")


def _record_consent(
    actor: Actor, lead_id: int, notice_id: int | None, consent: ConsentGiven, *, given_at: datetime, at: datetime
) -> None:
    if consent.notice_number is not None:
        shown = db.session.scalar(select(NoticeVersion.id).where(NoticeVersion.number == consent.notice_number))
        notice_id = shown or notice_id
    taking_in.insert_consent(
        {
            "lead_id": lead_id,
            "notice_id": notice_id,
            "enquiry": consent.enquiry,
            "marketing": list(consent.marketing),
            "financial": consent.financial,
            "how": consent.how.value,
            "basis": consent.basis,
            "taken_by_id": actor.user_id,
            "given_at": given_at,
            "received_at": at,
        }
    )


def note_event(actor: Actor, lead_id: int, kind: str, *, at: datetime, **detail: Any) -> None:
    """Adds a line to the lead's timeline."""
    taking_in.insert_event({"lead_id": lead_id, "kind": kind, "at": at, "actor_id": actor.user_id, "detail": detail})


def index_search(lead: Lead) -> None:
    """Writes the search text and its two-character windows anew."""
    lead.search_text = search_text(lead.name, lead.shop, lead.address)
    db.session.flush()
    db.session.execute(db.delete(LeadGram).where(LeadGram.lead_id == lead.id))
    taking_in.insert_grams(lead.id, lead.search_text)


def _ground(
    actor: Actor, campaign_id: int, team_id: int | None, card: LeadCard, phone: str, *, late: bool
) -> taking_in.Known:
    """What is known before the capture; Invalid when this team cannot capture there."""
    name_place = name_place_key(card.shop or card.name, card.address)
    known = taking_in.look(campaign_id, team_id, phone=phone, licence_number=card.licence_number, name_place=name_place)
    if known is None:
        raise Invalid("lead.no_campaign")
    if known.status not in (TAKES_LATE if late else OPEN):
        raise Invalid("lead.campaign_closed", status=known.status)
    scope = team_scope(actor)
    if scope is not None and team_id not in scope:
        raise Invalid("lead.other_team")
    if not known.walk_in and team_id != known.team_id:
        raise Invalid("lead.team_not_in_campaign")
    if known.notice_id is None:
        raise Invalid("lead.no_notice")
    return known


def _holder(known: taking_in.Known) -> tuple[Lead, str]:
    if known.by_phone is not None:
        return db.session.get_one(Lead, known.by_phone), "phone"
    return db.session.get_one(Lead, known.by_licence), "licence"


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


def _refuse_or_clash(
    claim: Callable[[Lead, str], Clash], holder: tuple[Lead, str] | None, *, team_id: int | None
) -> Captured:
    if holder is None:  # whoever claimed the customer a moment ago was taken back in the next
        raise Conflict("form.stale")
    lead, matched_by = holder
    claimed_on = business_day(lead.created_at, zone_name())
    if lead.team_id == team_id:
        raise Invalid("lead.own_duplicate", lead=lead.merged_into_id or lead.id, day=claimed_on.isoformat())
    return Captured(lead.id, claim(lead, matched_by).id, claimed_on)


def open_clash(
    actor: Actor, lead: Lead, matched_by: str, *, team_id: int | None, card: LeadCard, clocks: Clocks, uid: str,
    owner_id: int | None = None, stage: str | None = None,
) -> Clash:  # fmt: skip
    """Puts a second claim on a lead before the referee, and tells both teams; what the claimant wrote is sealed.

    `uid` is the claim's own id, `owner_id` the officer whom the claim would be credited to, `stage` the one that it claims.
    """
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
        recorded_at=clocks.recorded_at,
        occurred_raw=clocks.occurred_raw,
        skewed=is_skewed(clocks.occurred_at, clocks.occurred_raw),
        stage=stage or "",
        owner_id=owner_id,
        held_team_id=lead.team_id,
        held_owner_id=lead.owner_id,
    )
    db.session.add(clash)
    db.session.flush()
    # The holder's team learns that another team claims the customer, not who of it.
    note_event(
        Actor(None, "", actor.role), lead.id, "clash", at=clocks.received_at, clash=clash.id, matched_by=matched_by
    )
    audit.record(actor, "leads.clash", "lead", lead.id, clash=clash.id, team=team_id)
    tell_opened(clash, lead, at=clocks.received_at)
    return clash


def standing_clash(held: Lead, matched_by: str, team_id: int | None) -> Clash | None:
    """The same claim, sent before: a form or a sheet that is sent twice is one claim."""
    query = select(Clash).where(
        Clash.lead_id == held.id,
        Clash.matched_by == matched_by,
        Clash.team_id.is_not_distinct_from(team_id),
        Clash.state != "decided",
    )
    return db.session.scalar(query.order_by(Clash.id).limit(1))


def _card_row(campaign_id: int, card: LeadCard, phone: str, uid: str) -> dict[str, Any]:
    """The lead's columns that the card fills."""
    return phone_columns(campaign_id, phone, uid) | {
        "uid": uid,
        "campaign_id": campaign_id,
        "name": card.name,
        "shop": card.shop,
        "address": card.address,
        "licence_number": card.licence_number or None,
        "name_place_key": name_place_key(card.shop or card.name, card.address),
        "trade": card.trade,
        "segment": card.segment,
        "approach": card.approach,
        "intent": card.intent,
        "need": card.need,
        "amount_wan": card.amount_wan,
        "note": card.note,
        "details": card.details,
        "search_text": search_text(card.name, card.shop, card.address),
    }


def _place_row(actor: Actor, credit: Credit, stage: Stage | None, clocks: Clocks) -> dict[str, Any]:
    """The lead's columns that say whose it is, and where it stands from the first moment."""
    return {
        "team_id": credit.team_id,
        "owner_id": credit.credited_id,
        "district_id": credit.district_id,
        "session_id": credit.session_id,
        "stage": stage.value if stage else "",
        "stage_on": business_day(clocks.occurred_at, zone_name()) if stage else None,
        "created_by_id": actor.user_id,
        "created_at": clocks.received_at,
        "updated_at": clocks.received_at,
    }


def record_intent(
    actor: Actor, lead_id: int, campaign_id: int, intent: str, clocks: Clocks, *, team_id: int | None, credited_id: int | None
) -> None:  # fmt: skip
    """Writes down that an intent was stated, with team and officer of the moment, and who recorded it."""
    taking_in.insert_intent(
        {
            "lead_id": lead_id,
            "campaign_id": campaign_id,
            "team_id": team_id,
            "credited_id": credited_id,
            "recorded_id": actor.user_id,
            "intent": intent,
            "day": business_day(clocks.occurred_at, zone_name()),
            "occurred_at": clocks.occurred_at,
            "received_at": clocks.received_at,
        }
    )


def default_follow_up(intent: str, clocks: Clocks) -> date | None:
    """When a customer of that intent is due: A within a day, B within three, C within seven."""
    if not intent:
        return None
    return business_day(clocks.occurred_at, zone_name()) + timedelta(days=FOLLOW_UP_DAYS[Intent(intent)])
