"""Changes of a lead's card: what is written on it, intent, follow-up, notes, exit and return. Nothing here commits."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crm.districts.models import District
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid
from crm.kernel.installation import zone_name
from crm.kernel.locking import check_version
from crm.kernel.values import mask_phone, normalise_phone
from crm.leads.commands import (
    LeadCard,
    check_card,
    check_follow_up,
    check_texts,
    default_follow_up,
    holder_of,
    index_search,
    note_event,
    open_clash,
    record_intent,
    standing_clash,
)
from crm.leads.ledger import Clocks
from crm.leads.models import DoNotContact, Lead
from crm.leads.party import lock_person, name_place_key, open_phone, person_key, set_phone
from crm.leads.queries import lead_for_change
from crm.leads.rules import Exit, Intent

NOTE_LIMIT = 2000
_FIELDS = (
    "name", "shop", "address", "licence_number", "trade", "segment", "approach", "need", "amount_wan", "note", "details",
)  # fmt: skip


@dataclass(frozen=True)
class Edited:
    """The answer to an edit: the names of the fields that changed, or the clash that the new phone or licence met."""

    changed: tuple[str, ...]
    clash_id: int | None = None
    claimed_on: date | None = None


def touch(lead: Lead, at: datetime) -> None:
    """Moves the version on, so that a form opened before is known to be stale."""
    lead.version += 1
    lead.updated_at = at


def edit_lead(
    actor: Actor, lead_id: int, *, version: int, card: LeadCard, at: datetime, district_id: int | None = None
) -> Edited:
    """Writes a lead's card anew. An empty phone leaves the phone as it is; `district_id` None leaves the district.

    A phone or licence number that another team holds changes nothing and opens a clash; the own team's raises
    Invalid("lead.own_duplicate"). Raises Conflict("form.stale") when somebody saved in the meantime.
    """
    check_card(card)
    phone = normalise_phone(card.phone) if card.phone.strip() else ""
    lock_person(phone)
    lead = lead_for_change(actor, lead_id)
    check_version(lead, version)
    phone = "" if phone == open_phone(lead) else phone
    holder = holder_of(lead.campaign_id, phone, _new_licence(lead, card), besides=lead.id)
    if holder is not None:
        return _held(actor, lead, holder, card=card, at=at)
    changes = _write(lead, card)
    if phone:
        changes["phone"] = (mask_phone(open_phone(lead)), mask_phone(phone))
        set_phone(lead, phone)
        _heed_silence(actor, lead, phone, at)
    if district_id is not None and district_id != lead.district_id:
        changes["district_id"] = (lead.district_id, _district(district_id))
        lead.district_id = district_id
    if card.intent != lead.intent:
        changes["intent"] = (lead.intent, card.intent)
        _take_intent(actor, lead, card.intent, at)
    if changes:
        lead.name_place_key = name_place_key(lead.shop or lead.name, lead.address)
        index_search(lead)
        touch(lead, at)
        note_event(actor, lead.id, "edited", at=at, changes=_plain(changes))
        audit.record(actor, "leads.edit", "lead", lead.id, fields=sorted(changes))
    return Edited(tuple(changes))


def _heed_silence(actor: Actor, lead: Lead, phone: str, at: datetime) -> None:
    """Who must not be contacted under the new phone must not be so here either."""
    if not lead.no_contact and db.session.get(DoNotContact, person_key(phone)) is not None:
        lead.no_contact, lead.follow_up_on = True, None
        note_event(Actor(None, "", actor.role), lead.id, "no_contact", at=at, elsewhere=True)


def _new_licence(lead: Lead, card: LeadCard) -> str:
    return "" if card.licence_number == (lead.licence_number or "") else card.licence_number


def _held(actor: Actor, lead: Lead, holder: tuple[Lead, str], *, card: LeadCard, at: datetime) -> Edited:
    other, matched_by = holder
    claimed_on = business_day(other.created_at, zone_name())
    if other.team_id == lead.team_id:
        raise Invalid("lead.own_duplicate", lead=other.merged_into_id or other.id, day=claimed_on.isoformat())
    clash = standing_clash(other, matched_by, lead.team_id) or open_clash(
        actor,
        other,
        matched_by,
        team_id=lead.team_id,
        card=card,
        clocks=Clocks.at(at),
        uid=str(uuid.uuid4()),
        owner_id=lead.owner_id,
        stage=lead.stage,
    )
    return Edited((), clash.id, claimed_on)


def _write(lead: Lead, card: LeadCard) -> dict[str, tuple[Any, Any]]:
    changes: dict[str, tuple[Any, Any]] = {}
    for name in _FIELDS:
        before, after = getattr(lead, name), getattr(card, name)
        if name == "licence_number":
            after = after or None
        if before != after:
            changes[name] = (before, after)
            setattr(lead, name, after)
    return changes


def _plain(changes: dict[str, tuple[Any, Any]]) -> dict[str, list[Any]]:
    return {name: [_told(one) for one in pair] for name, pair in changes.items()}


def _told(value: Any) -> Any:
    """As the story may keep it for good: of the further facts their names, since a consent to their values can be withdrawn."""
    if isinstance(value, dict):
        return sorted(value)
    return str(value) if isinstance(value, Decimal) else value


def _district(district_id: int) -> int:
    if db.session.get(District, district_id) is None:
        raise Invalid("lead.district")
    return district_id


def _take_intent(actor: Actor, lead: Lead, intent: str, at: datetime) -> None:
    if intent not in ("", *Intent):
        raise Invalid("lead.intent")
    lead.intent = intent
    if not intent:
        return
    clocks = Clocks.at(at)
    record_intent(actor, lead.id, lead.campaign_id, intent, clocks, team_id=lead.team_id, credited_id=lead.owner_id)
    if lead.follow_up_on is None and not (lead.no_contact or lead.historical or lead.exit_code):
        lead.follow_up_on = default_follow_up(intent, clocks)


def set_intent(actor: Actor, lead_id: int, intent: str, *, at: datetime) -> None:
    """States the intent (A, B, C, or "" for unknown). A lead without a follow-up gets the one that its class asks for."""
    lead = lead_for_change(actor, lead_id)
    if intent == lead.intent:
        return
    before = lead.intent
    _take_intent(actor, lead, intent, at)
    touch(lead, at)
    if not intent:
        note_event(actor, lead.id, "edited", at=at, changes={"intent": [before, ""]})
    audit.record(actor, "leads.intent", "lead", lead.id, before=before, intent=intent)


def set_follow_up(actor: Actor, lead_id: int, on: date | None, *, at: datetime, note: str = "") -> None:
    """Plans the next contact, or with None takes the plan off. `note` says what came of the last one.

    Raises Invalid for a customer who must not be contacted, who left, or whose row is historical, and for days gone by.
    """
    lead = lead_for_change(actor, lead_id)
    if on is not None:
        if lead.no_contact or lead.historical or lead.exit_code:
            raise Invalid("lead.no_contact" if lead.no_contact else "lead.no_follow_up")
        check_follow_up(on, at)
    before, lead.follow_up_on = lead.follow_up_on, on
    touch(lead, at)
    note_event(actor, lead.id, "follow_up", at=at, before=_iso(before), on=_iso(on), text=_kept(note))
    audit.record(actor, "leads.follow_up", "lead", lead.id, before=_iso(before), on=_iso(on))


def add_note(actor: Actor, lead_id: int, text: str, *, at: datetime) -> None:
    """Writes a line into the lead's history; it stays as it is."""
    lead = lead_for_change(actor, lead_id)
    if not text.strip():
        raise Invalid("lead.empty_note")
    note_event(actor, lead.id, "note", at=at, text=_kept(text))
    audit.record(actor, "leads.note", "lead", lead.id)


def exit_lead(actor: Actor, lead_id: int, code: str, *, reason: str, at: datetime) -> None:
    """Notes that the customer left the funnel, with a reason code (`rules.Exit`) and words. What was reached stays counted."""
    lead = lead_for_change(actor, lead_id)
    if code not in list(Exit):
        raise Invalid("lead.exit_code")
    if lead.exit_code:
        raise Conflict("lead.has_left")
    lead.exit_code, lead.exit_reason = Exit(code).value, _kept(reason, 300)
    lead.follow_up_on = None
    touch(lead, at)
    note_event(actor, lead.id, "exit", at=at, code=code, text=lead.exit_reason)
    audit.record(actor, "leads.exit", "lead", lead.id, code=code)


def reopen_lead(actor: Actor, lead_id: int, *, reason: str, at: datetime) -> None:
    """Takes a customer who had left back into the funnel."""
    lead = lead_for_change(actor, lead_id)
    if not lead.exit_code:
        raise Conflict("lead.has_not_left")
    note_event(actor, lead.id, "reopened", at=at, code=lead.exit_code, text=_kept(reason, 300))
    lead.exit_code = lead.exit_reason = ""
    touch(lead, at)
    audit.record(actor, "leads.reopen", "lead", lead.id)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _kept(text: str, most: int = NOTE_LIMIT) -> str:
    check_texts(text)
    return text.strip()[:most]
