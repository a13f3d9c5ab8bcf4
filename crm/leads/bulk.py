"""Many leads at once, with the meaning of `commands.capture_lead`: the same rows in the same tables, written by Core inserts.

Single captures check, refuse and clash one by one; whoever calls this has checked already (the import's preview).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache, partial
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.sql.compiler import SQLCompiler

from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import Base, db
from crm.kernel.installation import zone_name
from crm.kernel.values import grams, search_text
from crm.leads.commands import ConsentGiven
from crm.leads.ledger import add_to_rollups
from crm.leads.ledger_models import IntentEntry, LeadStage, StageEntry
from crm.leads.models import Consent, Lead, LeadEvent, LeadGram, NoticeVersion
from crm.leads.party import name_place_key, phone_columns
from crm.leads.rules import Stage, up_to

CHUNK = 2_000
Step = Callable[[Any], Any]
DayOf = Callable[[datetime], date]


@dataclass(frozen=True)
class Reached:
    """A stage that a lead reached, when, and under which case number."""

    stage: Stage
    occurred_at: datetime
    case_number: str | None = None


@dataclass(frozen=True)
class BulkLead:
    """One lead to be written. `phone` is normalised or ""; `stages` are in order, those in between are implied.

    `reached` are the stages that a known lead has already; a new one has none.
    """

    uid: str
    campaign_id: int
    stages: tuple[Reached, ...]
    name: str = ""
    phone: str = ""
    shop: str = ""
    address: str = ""
    licence_number: str = ""
    trade: str = ""
    segment: str = ""
    approach: str = ""
    intent: str = ""
    need: str = ""
    amount_wan: Decimal | None = None
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    team_id: int | None = None
    owner_id: int | None = None
    district_id: int | None = None
    session_id: int | None = None
    follow_up_on: date | None = None
    consent: ConsentGiven | None = None
    consented_at: datetime | None = None
    historical: bool = False
    no_contact: bool = False
    source_key: str | None = None
    reached: frozenset[str] = frozenset()


def insert_leads(
    actor: Actor, leads: Sequence[BulkLead], *, at: datetime, source: str, batch_id: int | None = None
) -> list[int]:
    """Writes the leads and all that belongs to them; returns their ids in the same order. `at` is the server's clock."""
    ids: list[int] = []
    notice_id = db.session.scalar(select(NoticeVersion.id).order_by(NoticeVersion.number.desc()).limit(1))
    for start in range(0, len(leads), CHUNK):
        ids += _write(actor, leads[start : start + CHUNK], at=at, source=source, batch_id=batch_id, notice_id=notice_id)
    return ids


def add_stages(actor: Actor, leads: Sequence[tuple[BulkLead, int]], *, at: datetime) -> dict[int, list[int]]:
    """Writes further stages of known leads, each beyond all that it has; the new entries' ids by lead. Two rows may mean one lead."""
    if not leads:
        return {}
    written, day_of = _write_stages(actor, leads, at), _days()
    shown = [
        {"id": lead_id, "stage": last.stage.value, "stage_on": day_of(last.occurred_at)}
        for lead, lead_id in leads
        for last in lead.stages[-1:]
    ]
    db.session.execute(update(Lead), shown)
    ids: dict[int, list[int]] = {}
    for entry in written:
        ids.setdefault(entry["lead_id"], []).append(entry["id"])
    return ids


def _write(
    actor: Actor, leads: Sequence[BulkLead], *, at: datetime, source: str, batch_id: int | None, notice_id: int | None
) -> list[int]:
    ids, day_of = reserve_ids(Lead, len(leads)), _days()
    texts = [search_text(lead.name, lead.shop, lead.address) for lead in leads]
    _insert(Lead, [
        _lead_row(actor, lead, lead_id, words, day_of, at=at, source=source, batch_id=batch_id)
        for lead, lead_id, words in zip(leads, ids, texts, strict=True)
    ])  # fmt: skip
    _insert(
        LeadGram,
        [
            {"gram": gram, "lead_id": lead_id}
            for words, lead_id in zip(texts, ids, strict=True)
            for gram in grams(words)
        ],
    )
    pairs = list(zip(leads, ids, strict=True))
    _insert(Consent, [
        _consent_row(actor, lead.consent, lead_id, notice_id, given_at=lead.consented_at or at, at=at)
        for lead, lead_id in pairs if lead.consent
    ])  # fmt: skip
    detail = {"source": source}
    _insert(LeadEvent, [
        {"lead_id": lead_id, "kind": "created", "at": at, "actor_id": actor.user_id, "detail": detail} for lead_id in ids
    ])  # fmt: skip
    _insert(IntentEntry, [_intent_row(actor, lead, lead_id, day_of, at) for lead, lead_id in pairs if lead.intent])
    _write_stages(actor, pairs, at)
    return ids


def reserve_ids(table: type[Base], number: int) -> list[int]:
    """Fresh primary keys: from the sequence on PostgreSQL, after the largest on SQLite, where the open unit is the only writer."""
    name = table.__table__.name  # type: ignore[attr-defined]
    if db.engine.dialect.name == "postgresql":
        query = text("SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :number)")
        return list(db.session.scalars(query, {"name": name, "number": number}))
    first = (db.session.scalar(select(func.max(table.id))) or 0) + 1  # type: ignore[attr-defined]
    return list(range(first, first + number))


def _days() -> DayOf:
    """The business day of a moment, of which a sheet has few: each is worked out once."""
    return cache(partial(business_day, zone_name=zone_name()))


def _lead_row(
    actor: Actor,
    lead: BulkLead,
    lead_id: int,
    words: str,
    day_of: DayOf,
    *,
    at: datetime,
    source: str,
    batch_id: int | None,
) -> dict[str, Any]:
    last = lead.stages[-1] if lead.stages else None
    row: dict[str, Any] = {
        name: getattr(lead, name)
        for name in (
            "uid", "campaign_id", "name", "shop", "address", "trade", "segment", "approach", "intent", "need", "amount_wan", "note",
            "details", "team_id", "owner_id", "district_id", "session_id", "follow_up_on", "historical", "no_contact", "source_key",
        )
    }  # fmt: skip
    return row | phone_columns(lead.campaign_id, lead.phone, lead.uid) | {
        "id": lead_id,
        "licence_number": lead.licence_number or None,
        "name_place_key": name_place_key(lead.shop or lead.name, lead.address),
        "stage": last.stage.value if last else "",
        "stage_on": day_of(last.occurred_at) if last else None,
        "exit_code": "",
        "exit_reason": "",
        "source": source,
        "batch_id": batch_id,
        "search_text": words,
        "created_by_id": actor.user_id,
        "created_at": at,
        "updated_at": at,
        "version": 1,
    }  # fmt: skip


def _consent_row(
    actor: Actor, consent: ConsentGiven, lead_id: int, notice_id: int | None, *, given_at: datetime, at: datetime
) -> dict[str, Any]:
    return {
        "lead_id": lead_id, "notice_id": notice_id, "enquiry": consent.enquiry, "marketing": list(consent.marketing),
        "financial": consent.financial, "how": consent.how.value, "basis": consent.basis, "taken_by_id": actor.user_id,
        "given_at": given_at, "received_at": at,
    }  # fmt: skip


def _intent_row(actor: Actor, lead: BulkLead, lead_id: int, day_of: DayOf, at: datetime) -> dict[str, Any]:
    occurred = lead.stages[0].occurred_at if lead.stages else at
    return {
        "lead_id": lead_id, "campaign_id": lead.campaign_id, "team_id": lead.team_id, "credited_id": lead.owner_id,
        "recorded_id": actor.user_id, "intent": lead.intent, "day": day_of(occurred),
        "occurred_at": occurred, "received_at": at,
    }  # fmt: skip


def _write_stages(actor: Actor, pairs: Sequence[tuple[BulkLead, int]], at: datetime) -> list[dict[str, Any]]:
    planned = [(lead, lead_id, *step) for lead, lead_id in pairs for step in _steps(lead)]
    ids, day_of = reserve_ids(StageEntry, len(planned)), _days()
    entries: list[dict[str, Any]] = []
    counts: list[dict[str, Any]] = []
    teams: Counter[tuple[object, ...]] = Counter()
    members: Counter[tuple[object, ...]] = Counter()
    for (lead, lead_id, reached, stage, bringer), entry_id in zip(planned, ids, strict=True):
        day = day_of(reached.occurred_at)
        shared = {
            "lead_id": lead_id, "stage": stage.value, "campaign_id": lead.campaign_id, "day": day,
            "district_id": lead.district_id, "team_id": lead.team_id, "credited_id": lead.owner_id,
        }  # fmt: skip
        counts.append(shared | {"entry_id": entry_id})
        entries.append(shared | {
            "id": entry_id,
            "session_id": lead.session_id,
            "acted_id": actor.user_id or lead.owner_id,
            "recorded_id": actor.user_id,
            "occurred_at": reached.occurred_at,
            "occurred_raw": None,
            "recorded_at": at,
            "received_at": at,
            "implied_by_id": entry_id - bringer if bringer else None,
            "voids_id": None,
            "case_number": None if bringer else reached.case_number,
            "reason": "",
        })  # fmt: skip
        teams[lead.campaign_id, day, lead.team_id or 0, lead.district_id or 0, stage.value] += 1
        members[lead.campaign_id, day, lead.owner_id or 0, lead.team_id or 0, stage.value] += 1
    _insert(StageEntry, entries)
    _insert(LeadStage, counts)
    add_to_rollups(teams, members)
    return entries


def _steps(lead: BulkLead) -> Iterator[tuple[Reached, Stage, int]]:
    """The entries of a lead: each reached stage, then those that it implies, which point back at it by their distance."""
    done = {Stage(stage) for stage in lead.reached}
    for reached in lead.stages:
        yield reached, reached.stage, 0
        implied = [stage for stage in up_to(reached.stage)[:-1] if stage not in done]
        for place, stage in enumerate(implied, 1):
            yield reached, stage, place
        done.update(up_to(reached.stage))


def _insert(table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows that all have the same columns.

    SQLAlchemy's own path asks every row which columns it has and turns each value over anew; here the statement is compiled
    once, and equal moments and days, of which a sheet has few, are turned over once. That halves the time of a long import.
    """
    if not rows:
        return
    names = tuple(rows[0])
    compiled, steps = _statement(table, names)
    columns = [_column([row[name] for row in rows], step) for name, step in steps]
    given: Any = list(zip(*columns, strict=True))
    if not compiled.positional:
        given = [dict(zip(names, line, strict=True)) for line in given]
    db.session.connection().exec_driver_sql(compiled.string, given)


def _column(values: list[Any], step: Step | None) -> list[Any]:
    """One column as the driver wants it."""
    if step is None:
        return values
    if all(value is values[0] for value in values):
        return [step(values[0])] * len(values)
    if any(isinstance(value, date) for value in values):
        known = {value: step(value) for value in set(values)}
        return [known[value] for value in values]
    return [step(value) for value in values]


def _statement(table: type[Base], names: tuple[str, ...]) -> tuple[SQLCompiler, list[tuple[str, Step | None]]]:
    """The compiled INSERT, and for each column in its order what turns a value into the driver's own."""
    compiled = insert(table.__table__).compile(dialect=db.engine.dialect, column_keys=list(names))  # type: ignore[arg-type]
    assert isinstance(compiled, SQLCompiler)
    order = compiled.positiontup if compiled.positional and compiled.positiontup else names
    return compiled, [(name, compiled._bind_processors.get(name)) for name in order]  # type: ignore[misc]
