"""What touches the person behind a lead: showing the phone, "do not contact", withdrawing a consent. Nothing here commits."""

from datetime import datetime

from sqlalchemy import func, or_, select

from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, TooMany
from crm.kernel.installation import zone_name
from crm.leads.commands import note_event
from crm.leads.editing import touch
from crm.leads.models import Consent, DoNotContact, Lead, PhoneReveal
from crm.leads.party import lock_phones, lock_sheets, open_phone
from crm.leads.policy import may_reveal
from crm.leads.queries import get_lead, lead_for_change
from crm.leads.rules import FINANCIAL_FACTS, REVEAL_REASONS, REVEALS_A_DAY, ConsentHow
from crm.people.models import User
from crm.people.policy import team_scope


def reveal_phone(actor: Actor, lead_id: int, *, reason: str, at: datetime) -> str:
    """The full phone, for a reason of `rules.REVEAL_REASONS`. The look is written down in the same transaction.

    Raises Forbidden for who may see the lead but not its phone, TooMany after REVEALS_A_DAY looks on one business day.
    """
    lead = get_lead(actor, lead_id)
    if reason not in REVEAL_REASONS:
        raise Invalid("lead.reveal_reason")
    if lead.no_contact:
        raise Invalid("lead.no_contact")
    if not may_reveal(actor, lead) or actor.user_id is None:
        raise Forbidden("lead.reveal")
    today = business_day(at, zone_name())
    # Two looks at once must not both be the last one: a person's looks queue on the person's row.
    db.session.execute(select(User.id).where(User.id == actor.user_id).with_for_update())
    looks = select(func.count()).where(PhoneReveal.actor_id == actor.user_id, PhoneReveal.day == today)
    if (db.session.scalar(looks) or 0) >= REVEALS_A_DAY:
        raise TooMany("lead.reveal_limit", most=REVEALS_A_DAY)
    db.session.add(PhoneReveal(lead_id=lead.id, actor_id=actor.user_id, day=today, reason=reason, at=at))
    audit.record(actor, "leads.reveal", "lead", lead.id, reason=reason)
    return open_phone(lead)


def do_not_contact(actor: Actor, lead_id: int, *, reason: str, at: datetime) -> int:
    """Marks the person behind a lead as not to be contacted: every lead of the person at once, and all to come.

    Returns how many leads the mark now stands on. Raises Conflict("lead.no_contact_already") when it stood on all of them,
    and on each of the person's phones.
    """
    if not reason.strip():
        raise Invalid("lead.reason")
    lead = _person_for_change(actor, lead_id)
    marked = _mark(actor, lead, reason.strip()[:300], at)
    if not marked:
        raise Conflict("lead.no_contact_already")
    return marked


def _mark(actor: Actor, lead: Lead, reason: str, at: datetime) -> int:
    """The mark itself; 0 when there was nothing left to mark."""
    leads, keys = _of_person(lead, lock=True)
    known = set(db.session.scalars(select(DoNotContact.person_key).where(DoNotContact.person_key.in_(keys))))
    free = [one for one in leads if not one.no_contact]
    if not free and known == keys:
        return 0
    db.session.add_all(
        DoNotContact(person_key=key, since=at, reason=reason, by_id=actor.user_id) for key in sorted(keys - known)
    )
    for one in free:
        one.no_contact, one.follow_up_on = True, None
        touch(one, at)
    for one in free or [lead]:
        _note(actor, one, reason, at)
    audit.record(actor, "leads.no_contact", "lead", lead.id, leads=len(leads), reason=reason)
    return len(leads)


def _person_for_change(actor: Actor, lead_id: int) -> Lead:
    """A lead for the mark. The phones are locked before any lead is: who takes a phone in comes to its leads from there too."""
    lock_sheets()
    lock_phones(_of_person(get_lead(actor, lead_id), lock=False)[1])
    return lead_for_change(actor, lead_id)


def _of_person(lead: Lead, *, lock: bool) -> tuple[list[Lead], set[bytes]]:
    """All leads of a person, and the keys of the person's phones.

    One person are the leads of one phone, and those that stand for one customer since a merge, whatever their phones.
    """
    found, keys = {lead.id: lead}, {lead.person_key} - {None}
    while True:
        roots = {one.merged_into_id or one.id for one in found.values()}
        same = or_(Lead.id.in_(roots), Lead.merged_into_id.in_(roots), Lead.person_key.in_(keys))
        query = select(Lead).where(same, Lead.removed_at.is_(None), Lead.id.not_in(found)).order_by(Lead.id)
        more = list(db.session.scalars(query.with_for_update() if lock else query))
        if not more:
            return list(found.values()), {key for key in keys if key is not None}
        found |= {one.id: one for one in more}
        keys |= {one.person_key for one in more} - {None}


def _note(actor: Actor, lead: Lead, reason: str, at: datetime) -> None:
    """Another team learns that its customer must not be called, not who of which team heard it."""
    scope = team_scope(actor)
    if scope is None or lead.team_id in scope:
        note_event(actor, lead.id, "no_contact", at=at, text=reason)
    else:
        note_event(Actor(None, "", actor.role), lead.id, "no_contact", at=at, elsewhere=True)


WITHDRAWALS = ("marketing", "financial", "everything")


def withdraw_consent(actor: Actor, lead_id: int, what: str, *, reason: str, at: datetime) -> None:
    """Writes down that the person took a consent back: "marketing", "financial" or "everything".

    Financial facts go with the consent that they were kept on.
    Without the consent to the enquiry there is no ground for a call: "everything" also means "do not contact".
    """
    if what not in WITHDRAWALS:
        raise Invalid("lead.withdrawal")
    everything = what == "everything"
    lead = _person_for_change(actor, lead_id) if everything else lead_for_change(actor, lead_id)
    last = db.session.scalar(select(Consent).where(Consent.lead_id == lead.id).order_by(Consent.id.desc()).limit(1))
    if last is None or not _holds(last, what):
        raise Conflict("lead.nothing_to_withdraw")
    db.session.add(
        Consent(
            lead_id=lead.id,
            notice_id=last.notice_id,
            enquiry=last.enquiry and not everything,
            marketing=[] if what != "financial" else list(last.marketing),
            financial=last.financial and what == "marketing",
            how=ConsentHow(last.how).value,
            basis=last.basis,
            taken_by_id=actor.user_id,
            given_at=at,
            received_at=at,
        )
    )
    note_event(actor, lead.id, "withdrawn", at=at, what=what, text=reason.strip()[:300])
    audit.record(actor, "leads.withdraw_consent", "lead", lead.id, what=what)
    if what != "marketing":
        _forget_financial(lead, at)
    if everything:
        _mark(actor, lead, reason.strip()[:300] or "withdrawn", at)


def _forget_financial(lead: Lead, at: datetime) -> None:
    """Turnover and lender were kept on this consent alone: they go, and with them the copies on what is merged into the lead."""
    family = select(Lead).where(or_(Lead.id == lead.id, Lead.merged_into_id == lead.id)).order_by(Lead.id)
    for one in db.session.scalars(family.with_for_update()):
        kept = {name: value for name, value in (one.details or {}).items() if name not in FINANCIAL_FACTS}
        if kept != one.details:
            one.details = kept
            touch(one, at)


def _holds(consent: Consent, what: str) -> bool:
    held = {"marketing": bool(consent.marketing), "financial": consent.financial, "everything": consent.enquiry}
    return held[what]
