"""What touches the person behind a lead: showing the phone, "do not contact", withdrawing a consent. Nothing here commits."""

from datetime import datetime

from sqlalchemy import func, select

from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, TooMany
from crm.kernel.installation import zone_name
from crm.leads.commands import note_event
from crm.leads.editing import touch
from crm.leads.models import Consent, DoNotContact, Lead, PhoneReveal
from crm.leads.party import open_phone
from crm.leads.policy import may_reveal
from crm.leads.queries import get_lead, lead_for_change
from crm.leads.rules import REVEAL_REASONS, REVEALS_A_DAY, ConsentHow
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
    """Marks the person behind a lead as not to be contacted: every lead of that phone at once, and all to come.

    Returns how many leads were marked. Raises Conflict("lead.no_contact_already").
    """
    lead = lead_for_change(actor, lead_id)
    if lead.no_contact:
        raise Conflict("lead.no_contact_already")
    if not reason.strip():
        raise Invalid("lead.reason")
    reason = reason.strip()[:300]
    leads = _of_person(lead)
    if lead.person_key is not None and db.session.get(DoNotContact, lead.person_key) is None:
        db.session.add(DoNotContact(person_key=lead.person_key, since=at, reason=reason, by_id=actor.user_id))
    for one in leads:
        one.no_contact, one.follow_up_on = True, None
        touch(one, at)
        _note(actor, one, reason, at)
    audit.record(actor, "leads.no_contact", "lead", lead.id, leads=len(leads), reason=reason)
    return len(leads)


def _of_person(lead: Lead) -> list[Lead]:
    if lead.person_key is None:
        return [lead]
    query = select(Lead).where(Lead.person_key == lead.person_key, Lead.no_contact.is_(False)).order_by(Lead.id)
    return list(db.session.scalars(query.with_for_update()))


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

    Without the consent to the enquiry there is no ground for a call: "everything" also means "do not contact".
    """
    lead = lead_for_change(actor, lead_id)
    if what not in WITHDRAWALS:
        raise Invalid("lead.withdrawal")
    last = db.session.scalar(select(Consent).where(Consent.lead_id == lead.id).order_by(Consent.id.desc()).limit(1))
    if last is None or not _holds(last, what):
        raise Conflict("lead.nothing_to_withdraw")
    everything = what == "everything"
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
    if everything and not lead.no_contact:
        do_not_contact(actor, lead_id, reason=reason.strip() or "withdrawn", at=at)


def _holds(consent: Consent, what: str) -> bool:
    held = {"marketing": bool(consent.marketing), "financial": consent.financial, "everything": consent.enquiry}
    return held[what]
