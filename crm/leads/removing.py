"""Takes all leads of one import out of lists and figures at once: removed, their entries voided, the ledger untouched."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    Table,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import aliased

from crm.kernel.actor import Actor
from crm.kernel.db import Base, UTCDateTime, db
from crm.kernel.errors import Conflict
from crm.leads.ledger import add_to_rollups
from crm.leads.ledger_models import IntentEntry, LeadStage, StageEntry
from crm.leads.models import Clash, Consent, Lead, LeadEvent, LeadGram

_CLOCKS = {
    StageEntry.__tablename__: StageEntry.received_at,
    LeadEvent.__tablename__: LeadEvent.at,
    Consent.__tablename__: Consent.received_at,
    IntentEntry.__tablename__: IntentEntry.received_at,
    Clash.__tablename__: Clash.received_at,
}
"""Tables that an import writes itself, with the clock that tells its rows from later ones."""
_OWN = {Lead.__tablename__, LeadStage.__tablename__, LeadGram.__tablename__}


def remove_batch(actor: Actor, batch_id: int, *, at: datetime, since: datetime) -> int:
    """Removes the leads that the import made at `since`; how many. Raises Conflict("import.later_work") with a first lead's id."""
    made = select(Lead.id).where(Lead.batch_id == batch_id, Lead.removed_at.is_(None))
    _refuse_later_work(made, since)
    count = db.session.scalar(select(func.count()).select_from(made.subquery())) or 0
    _take_from_rollups(made)
    void_entries(actor, StageEntry.lead_id.in_(made), at, reason=f"import:{batch_id}")
    db.session.execute(delete(LeadStage).where(LeadStage.lead_id.in_(made)))
    db.session.execute(delete(LeadGram).where(LeadGram.lead_id.in_(made)))
    uids = select(Lead.uid).where(Lead.batch_id == batch_id, Lead.removed_at.is_(None))
    db.session.execute(
        delete(Clash)
        .where(Clash.claim_uid.in_(uids), Clash.state == "open")
        .execution_options(synchronize_session=False)
    )
    db.session.execute(
        update(Lead)
        .where(Lead.id.in_(made))
        .values(removed_at=at, stage="", stage_on=None, updated_at=at, version=Lead.version + 1)
        .execution_options(synchronize_session=False)
    )
    db.session.expire_all()
    return count


def _refuse_later_work(made: Select[Any], since: datetime) -> None:
    touched = db.session.scalar(
        select(Lead.id)
        .where(Lead.id.in_(made), or_(Lead.version > 1, Lead.merged_into_id.is_not(None)))
        .order_by(Lead.id)
        .limit(1)
    )
    for column, later in _pointing_at_leads(since) if touched is None else ():
        touched = db.session.scalar(select(column).where(column.in_(made), later).order_by(column).limit(1))
        if touched is not None:
            break
    if touched is not None:
        raise Conflict("import.later_work", lead=touched)


def _pointing_at_leads(since: datetime) -> Iterator[tuple[ColumnElement[Any], ColumnElement[bool]]]:
    """Every column of the house that names a lead, with what makes its row a later one; rooms to the right are found by the schema."""
    table: Table
    for table in Base.metadata.sorted_tables:
        if table.name in _OWN:
            continue
        for column in table.c:
            if any(key.column.table.name == Lead.__tablename__ for key in column.foreign_keys):
                clock = _CLOCKS.get(table.name)
                yield column, true() if clock is None else clock > since


def _take_from_rollups(made: Select[Any]) -> None:
    keys = (
        LeadStage.campaign_id,
        LeadStage.day,
        LeadStage.team_id,
        LeadStage.district_id,
        LeadStage.credited_id,
        LeadStage.stage,
    )
    teams: Counter[tuple[object, ...]] = Counter()
    members: Counter[tuple[object, ...]] = Counter()
    query = select(*keys, func.count()).where(LeadStage.lead_id.in_(made)).group_by(*keys)
    for campaign_id, day, team_id, district_id, credited_id, stage, count in db.session.execute(query):
        teams[campaign_id, day, team_id or 0, district_id or 0, stage] -= count
        members[campaign_id, day, credited_id or 0, team_id or 0, stage] -= count
    add_to_rollups(teams, members)


def void_entries(actor: Actor, which: ColumnElement[bool], at: datetime, *, reason: str) -> None:
    """Voids the entries that stand and fit, in one statement; who projects what counts is the caller's affair."""
    undone = aliased(StageEntry)
    kept = ("lead_id", "campaign_id", "session_id", "district_id", "team_id", "stage", "day", "credited_id")
    moment, person = literal(at, UTCDateTime), literal(actor.user_id, Integer)
    query = select(
        *(getattr(StageEntry, name) for name in kept),
        person, person, moment, moment, moment, StageEntry.id, literal(reason, String),
    ).where(
        which, StageEntry.voids_id.is_(None), ~exists().where(undone.voids_id == StageEntry.id)
    )  # fmt: skip
    names = (*kept, "acted_id", "recorded_id", "occurred_at", "recorded_at", "received_at", "voids_id", "reason")
    db.session.execute(insert(StageEntry).from_select(names, query, include_defaults=False))
