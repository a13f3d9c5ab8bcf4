"""What a form of the public page becomes: a lead, a line on a lead that is there, or a thing to be looked at first.

Nobody has signed in, so the actor is the installation itself. Nothing here tells the sender what the base knows. Nothing commits.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select

from crm.campaigns.queries import session_under_way
from crm.enquiries.models import Enquiry, PosterCode
from crm.enquiries.policy import EnquiryPermission, visible_to
from crm.enquiries.queries import Code, code_of_token, teams_of_member
from crm.enquiries.rules import DAY, HOUR, LIMITS, Outcome, State, new_token, suspicion
from crm.kernel import audit
from crm.kernel.actor import SYSTEM, Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from crm.kernel.installation import keys, zone_name
from crm.kernel.locking import held, one_at_a_time
from crm.kernel.submissions import content_hash
from crm.kernel.values import is_mobile, normalise_phone
from crm.leads import contact
from crm.leads.commands import (
    ConsentGiven,
    LeadCard,
    capture_lead,
    check_card,
    holder_of,
    note_event,
    open_clash,
    standing_clash,
)
from crm.leads.ledger import Clocks
from crm.leads.models import Consent, Lead
from crm.leads.party import lock_person
from crm.leads.queries import latest_consent, notice_in_force
from crm.leads.rules import ConsentHow
from crm.leads.taking_in import insert_consent
from crm.people import inbox

SOURCE = "qr"
_TURN = 7322
"""Enquiries are counted and taken one after the other: of many at once none slips past the limits."""


@dataclass(frozen=True)
class Asked:
    """What the person wrote, and to which wording of the notice the consent was given."""

    name: str
    phone: str
    trade: str
    need: str
    marketing: tuple[str, ...]
    notice_hash: str


@dataclass(frozen=True)
class Sender:
    """How it was sent: the form's own stamp, when that form was opened, the field that nobody sees, and from where."""

    stamp: str
    opened_at: datetime
    honeypot: str
    address: str
    staff: bool


@dataclass(frozen=True)
class Place:
    """Where an enquiry counts: session, owner and team as they are at that moment."""

    session_id: int | None
    owner_id: int | None
    team_id: int | None
    district_id: int | None


def receive(token: str, asked: Asked, sender: Sender, *, at: datetime) -> str:
    """Takes a form in, inside an open unit of work; answers the token of the receipt, the same for the same form sent again.

    Raises Conflict for a code that takes nothing now, or for a stamp that came with other content; TooMany over a limit; Invalid
    for what a person can put right: the phone, an ID number in the name, a notice that has changed meanwhile.
    """
    one_at_a_time(_TURN)
    code = code_of_token(token, at)
    sent_key = hashlib.sha256(sender.stamp.encode()).hexdigest()
    hashed = content_hash(asdict(asked))
    known = db.session.scalar(select(Enquiry).where(Enquiry.sent_key == sent_key))
    if known is not None:
        if known.content_hash != hashed:
            raise Conflict("submission.other_content", uid="")
        return known.token
    if code.closed is not None:
        raise Conflict("enquiry.closed")
    address_key = keys().blind("address", sender.address) if sender.address else None
    _check_limits(code.id, address_key, at)
    notice_id = _check_notice(asked.notice_hash)
    asked = _checked(asked)
    enquiry = Enquiry(
        token=new_token(), code_id=code.id, sent_key=sent_key, content_hash=hashed, notice_id=notice_id,
        marketing=list(asked.marketing), staff_device=sender.staff, address_key=address_key, received_at=at,
    )  # fmt: skip
    doubt = suspicion(sender.honeypot, sender.opened_at, at)
    if doubt is not None:
        enquiry.state, enquiry.suspicion = State.QUARANTINED.value, doubt.value
        enquiry.body_sealed = keys().seal(_body(asked), place=f"enquiry:{enquiry.token}")
    else:
        enquiry.state = State.TAKEN.value
        enquiry.lead_id, outcome = _take(code, asked, enquiry, at)
        enquiry.outcome = outcome.value
    db.session.add(enquiry)
    db.session.flush()
    audit.record(SYSTEM, "enquiries.receive", "enquiry", enquiry.id, code=code.id, state=enquiry.state)
    return enquiry.token


def release(actor: Actor, enquiry_id: int, *, at: datetime) -> int:
    """Lets an enquiry in that was held back, as it came and for the moment at which it came; answers the lead's id."""
    enquiry, code = _waiting(actor, enquiry_id, at)
    words = json.loads(keys().open(enquiry.body_sealed or b"", place=f"enquiry:{enquiry.token}"))
    asked = Asked(**{**words, "marketing": tuple(words["marketing"])})
    lead_id, outcome = _take(code, asked, enquiry, enquiry.received_at)
    enquiry.lead_id, enquiry.outcome = lead_id, outcome.value
    _settle(actor, enquiry, State.TAKEN, at)
    audit.record(actor, "enquiries.release", "enquiry", enquiry.id, lead=lead_id)
    return lead_id


def drop(actor: Actor, enquiry_id: int, *, at: datetime) -> None:
    """Throws away what was held back: its words are gone, that something came stays."""
    enquiry, _code = _waiting(actor, enquiry_id, at)
    _settle(actor, enquiry, State.DROPPED, at)
    audit.record(actor, "enquiries.drop", "enquiry", enquiry.id)


def withdraw(token: str, *, at: datetime) -> datetime:
    """The person takes the consent of an enquiry back. Answers since when that holds; sent again, the same moment.

    A person whom the enquiry made known is marked as not to be contacted, as the desk does it. Where the phone was known before,
    only what the enquiry brought ends: the link proves that somebody typed the number, not that it is theirs, and whoever
    types a customer's number must not be able to shut that customer off. The officer is told and asks the customer.
    """
    enquiry = held(select(Enquiry).where(Enquiry.token == token))
    if enquiry is None:
        raise NotFound("enquiry.none")
    if enquiry.withdrawn_at is not None:
        return enquiry.withdrawn_at
    if enquiry.lead_id is not None and enquiry.outcome == Outcome.NEW and not _known_elsewhere(enquiry.lead_id):
        _withdraw_from(enquiry.lead_id, at)
    elif enquiry.lead_id is not None:
        _end_enquiry(enquiry, enquiry.lead_id, at)
    enquiry.state, enquiry.body_sealed, enquiry.withdrawn_at = State.WITHDRAWN.value, None, at
    audit.record(SYSTEM, "enquiries.withdraw", "enquiry", enquiry.id)
    return at


def tidy(at: datetime, *, quarantine: timedelta, address: timedelta) -> tuple[int, int]:
    """Throws away what waited too long, and forgets addresses; answers how many of each."""
    old = select(Enquiry).where(Enquiry.state == State.QUARANTINED, Enquiry.received_at < at - quarantine)
    dropped = db.session.scalars(old.with_for_update()).all()
    for enquiry in dropped:
        _settle(SYSTEM, enquiry, State.DROPPED, at)
    known = select(Enquiry).where(Enquiry.address_key.is_not(None), Enquiry.received_at < at - address)
    forgotten = db.session.scalars(known.with_for_update()).all()
    for enquiry in forgotten:
        enquiry.address_key = None
    return len(dropped), len(forgotten)


def _check_limits(code_id: int, address_key: bytes | None, at: datetime) -> None:
    here = {
        "code": Enquiry.code_id == code_id,
        "address": Enquiry.address_key == address_key,
        "all": Enquiry.id.is_not(None),
    }
    spans = [(name, span, most) for name, limits in LIMITS.items() for span, most in limits]
    counts = db.session.execute(
        select(*(func.count().filter(here[name], Enquiry.received_at > at - span) for name, span, _ in spans))
        .select_from(Enquiry)
        .where(Enquiry.received_at > at - max(HOUR, DAY))
    ).one()
    if any(number >= most for number, (_, _, most) in zip(counts, spans, strict=True)):
        raise TooMany("enquiry.limit")


def _check_notice(seen: str) -> int:
    notice = notice_in_force()
    if notice is None:
        raise Invalid("enquiry.no_notice")
    if notice.text_hash != seen:
        raise Invalid("enquiry.stale_notice")
    return notice.id


def _checked(asked: Asked) -> Asked:
    """With the phone in its one spelling. It is a mobile: a shop's landline is nobody's consent."""
    phone = normalise_phone(asked.phone)
    if not is_mobile(phone):
        raise Invalid("phone.invalid")
    asked = replace(asked, phone=phone)
    check_card(_card(asked))
    return asked


def _body(asked: Asked) -> str:
    return json.dumps(asdict(asked), ensure_ascii=False)


def _card(asked: Asked) -> LeadCard:
    return LeadCard(name=asked.name, phone=asked.phone, trade=asked.trade, need=asked.need)


def _take(code: Code, asked: Asked, enquiry: Enquiry, at: datetime) -> tuple[int, Outcome]:
    """A lead of nobody's yet known phone; else a further line on the one that stands."""
    lock_person(asked.phone)
    place = _place(code, at)
    holder = holder_of(code.campaign_id, asked.phone, "")
    if holder is None:
        return _new_lead(code, asked, enquiry, place, at), Outcome.NEW
    lead = holder[0]
    outcome = _clash(lead, asked, enquiry, code, place, at)
    root = db.session.get_one(Lead, lead.merged_into_id) if lead.merged_into_id else lead
    _consent_again(root, asked, enquiry, at)
    note_event(
        SYSTEM, root.id, "asked_again", at=at, need=asked.need, staff=enquiry.staff_device, no_contact=root.no_contact
    )
    audit.record(SYSTEM, "enquiries.asked_again", "lead", root.id, code=code.id)
    return root.id, outcome


def _new_lead(code: Code, asked: Asked, enquiry: Enquiry, place: Place, at: datetime) -> int:
    """It stands at no stage: until a member records that they talked, it counts nowhere."""
    consent = ConsentGiven(enquiry=True, marketing=asked.marketing, how=ConsentHow.QR)
    lead_id = capture_lead(
        SYSTEM, campaign_id=code.campaign_id, team_id=place.team_id, owner_id=place.owner_id, card=_card(asked),
        consent=consent, clocks=Clocks.at(at), stage=None, district_id=place.district_id, session_id=place.session_id,
        follow_up_on=business_day(at, zone_name()) + timedelta(days=1), source=SOURCE,
    ).lead_id  # fmt: skip
    silent = db.session.scalar(select(Lead.no_contact).where(Lead.id == lead_id))
    note_event(SYSTEM, lead_id, "enquiry", at=at, need=asked.need, staff=enquiry.staff_device, no_contact=bool(silent))
    return lead_id


def _clash(lead: Lead, asked: Asked, enquiry: Enquiry, code: Code, place: Place, at: datetime) -> Outcome:
    """By a member's code another team's customer is claimed as by that member's own hand; by a campaign's nobody claims."""
    if code.member_id is None or place.team_id is None or lead.team_id in (None, place.team_id):
        return Outcome.AGAIN
    if standing_clash(lead, "phone", place.team_id) is None:
        clash = open_clash(
            SYSTEM, lead, "phone", team_id=place.team_id, card=_card(asked), clocks=Clocks.at(at), uid=enquiry.token
        )
        clash.claimed_by_id = place.owner_id
    return Outcome.CLASH


def _consent_again(lead: Lead, asked: Asked, enquiry: Enquiry, at: datetime) -> None:
    """The new consent stands beside what was agreed before: a form that does not ask for something does not end it."""
    before = latest_consent(lead.id)
    standing: Consent | None = before[0] if before and before[0].enquiry else None
    channels = {*(standing.marketing if standing else ()), *asked.marketing}
    insert_consent(
        {
            "lead_id": lead.id, "notice_id": enquiry.notice_id, "enquiry": True, "marketing": sorted(channels),
            "financial": standing is not None and standing.financial, "how": ConsentHow.QR.value, "basis": "",
            "taken_by_id": None, "given_at": at, "received_at": at,
        }
    )  # fmt: skip


def _place(code: Code, at: datetime) -> Place:
    """The code's own session, or the one that is held at the moment; the member's team of that day. A member who works there no
    more owns nothing: the enquiry is then the campaign's."""
    session_id = code.session_id or session_under_way(code.campaign_id, at)
    teams = frozenset[int]()
    if code.member_id is not None:
        teams = teams_of_member(code.member_id, code.campaign_id, business_day(at, zone_name()))
    if not teams:
        return Place(session_id, None, None, code.session_district_id)
    return Place(session_id, code.member_id, min(teams), None)


def _withdraw_from(lead_id: int, at: datetime) -> None:
    lead = db.session.get_one(Lead, lead_id)
    root = lead.merged_into_id or lead.id
    try:
        contact.withdraw_consent(SYSTEM, root, "everything", reason=SOURCE, at=at)
    except Conflict:  # the desk was quicker; the mark is made sure of
        try:
            contact.do_not_contact(SYSTEM, root, reason=SOURCE, at=at)
        except Conflict:
            return


def _known_elsewhere(lead_id: int) -> bool:
    """Whether the phone is also that of a customer in another campaign."""
    person = db.session.get_one(Lead, lead_id).person_key
    other = select(Lead.id).where(Lead.person_key == person, Lead.id != lead_id, Lead.removed_at.is_(None))
    return db.session.scalar(other.limit(1)) is not None


def _end_enquiry(enquiry: Enquiry, lead_id: int, at: datetime) -> None:
    """The consent stands again as it did before the enquiry, and whoever looks after the customer is told."""
    lead = db.session.get_one(Lead, lead_id)
    root = db.session.get_one(Lead, lead.merged_into_id) if lead.merged_into_id else lead
    earlier = select(Consent).where(Consent.lead_id == root.id, Consent.received_at < enquiry.received_at)
    before = db.session.scalar(earlier.order_by(Consent.id.desc()).limit(1))
    insert_consent(
        {
            "lead_id": root.id, "notice_id": before.notice_id if before else enquiry.notice_id,
            "enquiry": before is not None and before.enquiry, "marketing": list(before.marketing) if before else [],
            "financial": before is not None and before.financial, "how": before.how if before else ConsentHow.QR.value,
            "basis": before.basis if before else "", "taken_by_id": None, "given_at": at, "received_at": at,
        }
    )  # fmt: skip
    note_event(SYSTEM, root.id, "withdrawn", at=at, what="enquiry", text=SOURCE)
    link = inbox.Link("leads.detail", {"lead_id": root.id})
    inbox.tell([root.owner_id], "enquiry.withdrawn", at=at, key=f"enquiry-withdrawn:{enquiry.id}", link=link)


def _waiting(actor: Actor, enquiry_id: int, at: datetime) -> tuple[Enquiry, Code]:
    if not actor.may(EnquiryPermission.RECEIVED):
        raise Forbidden("enquiry.not_yours")
    seen = select(PosterCode.id).where(visible_to(actor))
    enquiry = held(select(Enquiry).where(Enquiry.id == enquiry_id, Enquiry.code_id.in_(seen)))
    if enquiry is None:
        raise NotFound("enquiry.none")
    if enquiry.state != State.QUARANTINED:
        raise Conflict("enquiry.settled")
    token = db.session.scalar(select(PosterCode.token).where(PosterCode.id == enquiry.code_id))
    return enquiry, code_of_token(token or "", at)


def _settle(actor: Actor, enquiry: Enquiry, state: State, at: datetime) -> None:
    enquiry.state, enquiry.body_sealed = state.value, None
    enquiry.settled_by_id, enquiry.settled_at = actor.user_id, at
