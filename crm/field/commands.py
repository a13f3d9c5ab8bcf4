"""Taking in what phones send: each record once, with a receipt, and none lost. The actor comes first; nothing here commits.

A record that breaks a rule is refused and stays on its phone; one that was taken in before gets the same answer again; other
content under a known id is kept beside the first, and so is what this program cannot read.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from crm.field import applying, rules, sealing
from crm.field.models import FieldDevice, FieldPhoto, FieldRecord
from crm.field.rules import Body, UnknownForm
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db, plain_insert, upsert, writer
from crm.kernel.errors import DomainError, Invalid, traced
from crm.kernel.installation import keys, zone_name
from crm.kernel.submissions import wait_for_turn
from crm.kernel.values import normalise_phone
from crm.leads.ledger import Clocks
from crm.leads.party import lock_phones, person_key

log = logging.getLogger("crm")
TAKEN = ("accepted", "contested")
_UNAUDITED = ("tally", "visit")
"""Kinds whose rows are their own record of who did what; see `crm.outreach.commands`."""
_RECORD = plain_insert(FieldRecord)


@dataclass(frozen=True)
class Sent:
    """One record as it came: its id, the hash of its body, whose it is, and the sealed body."""

    uid: str
    content_hash: str
    user_id: int
    envelope: Mapping[str, Any]

    @property
    def well_formed(self) -> bool:
        """Whether the outer part is what phones send."""
        return rules.is_uid(self.uid) and rules.is_hash(self.content_hash) and isinstance(self.envelope, Mapping)


@dataclass(frozen=True)
class Result:
    """What became of a record. `receipt` is empty while the phone must keep it; `code` and `facts` make a sentence."""

    uid: str
    content_hash: str
    status: str
    receipt: str = ""
    code: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    lead_id: int | None = None
    missing: tuple[str, ...] = ()


def take_in(
    actor: Actor, records: Sequence[Sent], *, device: str, skew: timedelta, at: datetime, sent_by: int | None = None
) -> list[Result]:
    """Takes the records of one person in, in the order in which they came; an answer for each.

    `skew` is the server's clock minus the phone's. A refusal touches no other record. `sent_by` is who brings them in for the
    actor, from a file. Raises what the database raises: then nothing of the batch is kept and all of it may be sent again.
    """
    if len(records) > rules.MOST_RECORDS:
        raise Invalid("field.too_many", most=rules.MOST_RECORDS)
    opened = {one.uid: _opened(actor, one) for one in records if one.well_formed}
    _queue_up(opened)
    taker = _Taker(actor, device, skew, at, sent_by, _known(opened))
    results = [_one(taker, one, opened) for one in records]
    _note_device(actor, device, max((body.seq for body, _ in _bodies(opened)), default=0), at)
    return results


def note_device(actor: Actor, device: str, *, at: datetime) -> int:
    """Notes that a phone speaks for its user, and answers how far its count had come."""
    known = db.session.get(FieldDevice, (device, actor.user_id or 0))
    _note_device(actor, device, 0, at)
    return known.last_seq if known else 0


def settle(actor: Actor, record_id: int, *, how: str, at: datetime) -> FieldRecord:
    """Writes down what somebody decided about a record that was kept aside. Raises Invalid without words."""
    record = held_record(record_id)
    if not how.strip():
        raise Invalid("field.how")
    record.settled_by_id, record.settled_at, record.settled_how = actor.user_id, at, how.strip()[:300]
    db.session.flush()
    audit.record(actor, "field.settle", "field_record", record.id, state=record.state, how=record.settled_how)
    return record


def read_again(actor: Actor, author: Actor, record_id: int, *, at: datetime) -> Result:
    """Tries a record again that could not be read when it came: this program may know its form by now."""
    record = held_record(record_id)
    if record.state != "held":
        raise Invalid("field.not_held")
    text = open_body(record)
    try:
        body = rules.readable(rules.read_body(text))
    except UnknownForm:
        raise Invalid("field.form") from None
    clocks, flags = _clocks(body, timedelta(milliseconds=record.skew_ms), record.received_at)
    applied = applying.apply(author, body, clocks)
    record.state, record.flags = "contested" if applied.contested else "accepted", list(flags)
    record.answer = _answer(record.state, applied.code, applied.facts, applied.lead_id)
    record.settled_by_id, record.settled_at, record.settled_how = actor.user_id, at, "read again"
    db.session.flush()
    audit.record(actor, "field.read_again", "field_record", record.id)
    return _told(record)


def held_record(record_id: int) -> FieldRecord:
    """A record that waits for somebody to look at it."""
    query = select(FieldRecord).where(FieldRecord.id == record_id, FieldRecord.state.in_(("conflict", "held")))
    record = db.session.scalar(query.with_for_update())
    if record is None:
        raise Invalid("field.not_held")
    return record


def open_body(record: FieldRecord) -> str:
    """What the phone sent, word for word; "" once it was emptied."""
    place = f"field_record:{record.uid}:{record.content_hash}"
    return keys().open(record.body_sealed, place=place) if record.body_sealed else ""


@dataclass(frozen=True)
class _Taker:
    actor: Actor
    device: str
    skew: timedelta
    at: datetime
    sent_by: int | None
    known: dict[str, list[FieldRecord]]
    """What came before under the ids of the batch, oldest first; grows as its records are kept."""


Opened = tuple[str, Body] | DomainError


def _opened(actor: Actor, one: Sent) -> Opened | None:
    """The text and the record in an envelope, or why it cannot be read; None for somebody else's, which nobody opens."""
    if one.user_id != actor.user_id:
        return None
    try:
        to = sealing.recipient(keys())
        text = sealing.open_envelope(to, one.envelope, about=sealing.about_record(one.uid, one.user_id))
        if hash_of_text(text) != one.content_hash:
            raise Invalid("field.hash")
        body = rules.read_body(text)
        if (body.uid, body.user_id) != (one.uid, one.user_id):
            raise Invalid("field.body")
        return text, body
    except DomainError as error:
        return error


def hash_of_text(text: str) -> str:
    """SHA-256 of a body as phones reckon it: of its exact bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def _bodies(opened: Mapping[str, Opened | None]) -> list[tuple[Body, str]]:
    return [(one[1], one[0]) for one in opened.values() if isinstance(one, tuple)]


def _queue_up(opened: Mapping[str, Opened | None]) -> None:
    """Takes all locks of the batch in one order, so that two phones with the same customers never wait for each other.

    The audit's comes before what records lock by themselves: a second record would wait for it with the first one's rows held.
    """
    for uid in sorted(opened):
        wait_for_turn(uid)
    bodies = [body for body, _ in _bodies(opened)]
    lock_phones(person_key(phone) for phone in sorted({_phone(body) for body in bodies} - {""}))
    if any(body.kind not in _UNAUDITED for body in bodies):
        audit.wait_for_turn()


def _known(opened: Mapping[str, Opened | None]) -> dict[str, list[FieldRecord]]:
    """Asked once for the whole batch, when nobody else can write under these ids any more."""
    found: dict[str, list[FieldRecord]] = {}
    for row in db.session.scalars(select(FieldRecord).where(FieldRecord.uid.in_(opened)).order_by(FieldRecord.id)):
        found.setdefault(row.uid, []).append(row)
    return found


def _phone(body: Body) -> str:
    phone = body.data.get("phone") if body.kind == "lead" else None
    try:
        return normalise_phone(phone) if isinstance(phone, str) and phone else ""
    except DomainError:
        return ""


def _one(taker: _Taker, one: Sent, opened: Mapping[str, Opened | None]) -> Result:
    if not one.well_formed:
        return Result(str(one.uid)[:64], str(one.content_hash)[:64], "rejected", code="field.envelope")
    found = opened[one.uid]
    if found is None:
        return Result(one.uid, one.content_hash, "foreign", code="field.foreign")
    known = taker.known.get(one.uid, ())
    same = next((row for row in known if row.content_hash == one.content_hash), None)
    if same is not None:
        if same.user_id != taker.actor.user_id:
            return Result(one.uid, one.content_hash, "foreign", code="field.foreign")
        return _told(same)
    if isinstance(found, DomainError):
        return _refused(one, found)
    text, body = found
    if known:
        return _told(_keep(taker, body, text, "conflict", code="field.conflict"))
    try:
        body = rules.readable(body)
    except UnknownForm:
        return _told(_keep(taker, body, text, "held", code="field.held"))
    return _apply(taker, one, body, text)


def _apply(taker: _Taker, one: Sent, body: Body, text: str) -> Result:
    clocks, flags = _clocks(body, taker.skew, taker.at)
    try:
        with db.session.begin_nested():
            applied = applying.apply(taker.actor, body, clocks)
            state = "contested" if applied.contested else "accepted"
            record = _keep(
                taker, body, text, state,
                code=applied.code, facts=applied.facts, lead_id=applied.lead_id, flags=flags,
            )  # fmt: skip
    except DomainError as error:
        return _refused(one, error)
    except OperationalError:
        raise  # the database is away, full or busy: nothing of the batch stands, and all of it may be sent again
    except Exception as error:  # one record that nobody foresaw must not hold up all that wait behind it
        log.error("field record %s: %s", body.kind, traced(error))
        return Result(one.uid, one.content_hash, "retry", code="field.retry")
    return _told(record, body.attachments)


def _clocks(body: Body, skew: timedelta, received_at: datetime) -> tuple[Clocks, tuple[str, ...]]:
    seen = rules.believed(body, skew=skew, received_at=received_at)
    raw = body.occurred_at if seen.occurred_at != body.occurred_at else None
    return Clocks(seen.occurred_at, seen.recorded_at, received_at, raw), seen.flags


def _keep(
    taker: _Taker,
    body: Body,
    text: str,
    state: str,
    *,
    code: str = "",
    facts: Mapping[str, Any] | None = None,
    lead_id: int | None = None,
    flags: Sequence[str] = (),
) -> FieldRecord:
    digest = hash_of_text(text)
    row: dict[str, Any] = {
        "uid": body.uid,
        "content_hash": digest,
        "user_id": body.user_id,
        "sent_by_id": taker.sent_by,
        "device": body.device,
        "seq": body.seq,
        "supersedes": body.supersedes,
        "kind": body.kind[:16],
        "form_version": body.form if isinstance(body.form, int) and 0 <= body.form < 2**31 else 0,
        "state": state,
        "skew_ms": round(taker.skew.total_seconds() * 1000),
        "flags": list(flags),
        "occurred_raw": body.occurred_at,
        "recorded_raw": body.recorded_at,
        "received_at": taker.at,
        "answer": _answer(state, code, facts, lead_id),
        "body_sealed": keys().seal(text, place=f"field_record:{body.uid}:{digest}"),
    }
    written = writer().execute(_RECORD, row).inserted_primary_key
    assert written is not None
    record = FieldRecord(id=written[0], **row)
    taker.known.setdefault(body.uid, []).append(record)
    return record


def _answer(status: str, code: str, facts: Mapping[str, Any] | None, lead_id: int | None) -> dict[str, Any]:
    return {"status": status, "code": code, "facts": dict(facts or {}), "lead": lead_id}


def _told(record: FieldRecord, named: Sequence[str] | None = None) -> Result:
    """The answer about a kept record. `named` are its attachments where its body is open already."""
    answer = record.answer
    day = business_day(record.received_at, zone_name()).isoformat()
    return Result(
        uid=record.uid,
        content_hash=record.content_hash,
        status=answer["status"],
        receipt=rules.receipt(record.id, day),
        code=answer["code"],
        facts=answer["facts"],
        lead_id=answer["lead"],
        missing=missing_photos(record, named),
    )


def _refused(one: Sent, error: DomainError) -> Result:
    return Result(one.uid, one.content_hash, "rejected", code=error.code, facts=error.facts)


def missing_photos(record: FieldRecord, named: Sequence[str] | None = None) -> tuple[str, ...]:
    """Photos of a visit's record that have not come whole yet; its body is opened unless `named` says which it has."""
    if record.kind != "visit" or record.state not in TAKEN or not record.body_sealed:
        return ()
    if named is None:
        named = rules.read_body(open_body(record)).attachments
    if not named:
        return ()
    here = select(FieldPhoto.content_hash).where(FieldPhoto.content_hash.in_(named), FieldPhoto.state != "parts")
    whole = set(db.session.scalars(here))
    return tuple(one for one in named if one not in whole)


def _note_device(actor: Actor, device: str, seq: int, at: datetime) -> None:
    row = {
        "device": device, "user_id": actor.user_id, "last_seq": seq, "first_seen": at, "last_seen": at,
    }  # fmt: skip
    statement = upsert(db.engine.dialect.name, FieldDevice)
    columns = FieldDevice.__table__.c
    newest = db.case(
        (columns.last_seq < statement.excluded.last_seq, statement.excluded.last_seq), else_=columns.last_seq
    )
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["device", "user_id"], set_={"last_seq": newest, "last_seen": statement.excluded.last_seen}
        ),
        row,
    )
