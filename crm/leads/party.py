"""How a lead's person is known: the sealed phone and the keyed indexes beside it."""

import hashlib
from collections.abc import Iterable

from sqlalchemy import select, text

from crm.kernel.crypto import Tampered
from crm.kernel.db import db
from crm.kernel.installation import keys
from crm.kernel.values import is_mobile
from crm.leads.duplicates import identity_text
from crm.leads.models import Lead


def phone_columns(campaign_id: int, phone: str, uid: str) -> dict[str, bytes | None]:
    """A lead's four columns of a normalised phone ("" for none): sealed for the lead of that `uid`, and the keys.

    Only a mobile is a claim on a customer (`phone_key`, unique): a shop's landline is shared by all who work there.
    """
    if not phone:
        return dict.fromkeys(("phone_sealed", "phone_key", "person_key", "tail_key"))
    return {
        "phone_sealed": keys().seal(phone, place=f"lead.phone:{uid}"),
        "phone_key": phone_key(campaign_id, phone) if is_mobile(phone) else None,
        "person_key": person_key(phone),
        "tail_key": tail_key(phone[-4:]),
    }


def set_phone(lead: Lead, phone: str) -> None:
    """Seals a normalised phone ("" for none) on the lead; `lead.uid` and `lead.campaign_id` must be set."""
    for name, value in phone_columns(lead.campaign_id, phone, lead.uid).items():
        setattr(lead, name, value)


def open_phone(lead: Lead) -> str:
    """The full phone, "" when there is none. Callers mask it or answer for showing it."""
    return keys().open(lead.phone_sealed, place=f"lead.phone:{lead.uid}") if lead.phone_sealed else ""


def keys_fit() -> bool:
    """Whether the installation's keys open what is sealed here: they belong to this database. True while nothing is sealed."""
    lead = db.session.scalar(select(Lead).where(Lead.phone_sealed.is_not(None)).order_by(Lead.id.desc()).limit(1))
    try:
        return lead is None or bool(open_phone(lead))
    except Tampered:
        return False


def phone_key(campaign_id: int, phone: str) -> bytes:
    """One key per campaign and phone: the claim on a customer."""
    return keys().blind(f"phone:{campaign_id}", phone)


def person_key(phone: str) -> bytes:
    """One key per phone over all campaigns: "do not contact" and the history of a person."""
    return keys().blind("person", phone)


def tail_key(digits: str) -> bytes:
    """The key of a phone's last four digits, for the search by tail."""
    return keys().blind("tail", digits)


_SHEETS = 7302  # beside the audit's 7301
_ALONE = text("SELECT pg_advisory_xact_lock(:key)")
_SHARED = text("SELECT pg_advisory_xact_lock_shared(:key)")


def lock_person(phone: str) -> None:
    """Whoever takes a phone in waits for whoever marks its person as not to be contacted, until that unit of work ends.

    Must come before the question whether the person is marked. SQLite has one writer anyway.
    """
    if phone:
        lock_phones([person_key(phone)])


def lock_phones(found: Iterable[bytes]) -> None:
    """The same for the keys of phones; this is the marker's side too."""
    if db.engine.dialect.name == "postgresql":
        for key in sorted(_number(one) for one in found):
            db.session.execute(_ALONE, {"key": key})


def lock_everybody() -> None:
    """The same for a whole sheet, whose phones are too many to lock. Sheets wait neither for each other nor for single records."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(_SHARED, {"key": _SHEETS})


def lock_sheets() -> None:
    """The marker waits until no sheet is being written, and none begins before the mark stands."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(_ALONE, {"key": _SHEETS})


def _number(key: bytes) -> int:
    return int.from_bytes(key[:8], signed=True)


def name_place_key(name: str, place: str) -> bytes | None:
    """Same name at the same place: a sign of one customer; None unless both are known."""
    if not name or not place:
        return None
    return hashlib.sha256(f"{identity_text(name)}\x00{identity_text(place)}".encode()).digest()[:16]
