"""The stage ledger's only writer: entries are appended, and what counts is projected from them in the same transaction.

`lead_stage` holds the one entry that counts per lead and stage; `funnel_day` and `member_day` are its sums. All three are
written by `project` alone, so that a capture, a void, a merge and an undone merge share one definition.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CursorResult,
    Insert,
    Row,
    Select,
    bindparam,
    delete,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import aliased

from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import UTCDateTime, db, plain_insert, table_of, upsert, writer
from crm.kernel.errors import Conflict, Invalid, NotFound
from crm.leads.ledger_models import FunnelDay, IntentEntry, LeadMerge, LeadStage, MemberDay, StageEntry
from crm.leads.models import Lead
from crm.leads.rules import FIELD_STAGES, LIVE_FIELDS, STAGES, LiveEntry, Stage, after, counting, furthest, up_to


@dataclass(frozen=True)
class Clocks:
    """The three clocks of a record. `occurred_raw` is set when a phone's claim was corrected."""

    occurred_at: datetime
    recorded_at: datetime
    received_at: datetime
    occurred_raw: datetime | None = None

    @classmethod
    def at(cls, moment: datetime) -> "Clocks":
        """All three at once: recorded at a desk while it happens."""
        return cls(moment, moment, moment)


@dataclass(frozen=True)
class Credit:
    """Where and to whom a stage counts, as it is at that moment."""

    team_id: int | None
    district_id: int | None
    session_id: int | None
    credited_id: int | None
    acted_id: int | None


_REACHED = select(LeadStage.__table__.c.stage).where(LeadStage.__table__.c.lead_id == bindparam("root"))
_ENTRY = plain_insert(StageEntry)
_INTENT = plain_insert(IntentEntry)
_INHERITED = (
    "campaign_id", "session_id", "district_id", "team_id", "day", "credited_id", "acted_id", "occurred_at", "occurred_raw",
)  # fmt: skip
"""What an implied entry has from the one that implies it."""
_STANDING = plain_insert(LeadStage)


def begin(
    actor: Actor,
    lead_id: int,
    campaign_id: int,
    stage: Stage,
    *,
    clocks: Clocks,
    credit: Credit,
    zone: str,
    case_number: str | None = None,
) -> LiveEntry:
    """Writes the first entries of a lead that was inserted a moment ago, showing this stage already."""
    _need_number(stage, frozenset(), case_number)
    return _write(lead_id, _entry(actor, lead_id, campaign_id, stage, clocks, credit, zone, case_number), frozenset())


def append(
    actor: Actor, lead: Lead, stage: Stage, *, clocks: Clocks, credit: Credit, zone: str, case_number: str | None = None
) -> LiveEntry:
    """Writes the entry and those that it implies, and projects the lead. Raises Conflict("stage.reached") for a stage that counts.

    The case number stands on the accepted case too when a later stage implies it; without one that is Invalid("stage.case_number").
    """
    root = lead.merged_into_id or lead.id
    reached = frozenset(writer().scalars(_REACHED, {"root": root}))
    if stage in reached:
        raise Conflict("stage.reached", stage=stage.value)
    _need_number(stage, reached, case_number)
    entry = _write(root, _entry(actor, lead.id, lead.campaign_id, stage, clocks, credit, zone, case_number), reached)
    db.session.execute(update(Lead).where(Lead.id == root).values(stage=entry.stage, stage_on=entry.day))
    return entry


def _need_number(stage: Stage, reached: frozenset[str], case_number: str | None) -> None:
    if not case_number and Stage.ACCEPTED in up_to(stage) and Stage.ACCEPTED not in reached:
        raise Invalid("stage.case_number")


def _write(root: int, row: dict[str, Any], reached: frozenset[str]) -> LiveEntry:
    """Writes an entry, what it implies, and what `project` would find for them: nothing stood on their stages, so they count.

    Each entry is audited by whoever asked for it. The audit's lock comes before the sums' rows, here as in a phone's batch, so
    that neither waits for the other.
    """
    audit.wait_for_turn()
    connection, change = writer(), _Change()
    entry = _live(row, connection.execute(_ENTRY, row))
    change.add(root, entry)
    for earlier in up_to(Stage(entry.stage))[:-1]:
        if earlier not in reached:
            number = row["case_number"] if earlier is Stage.ACCEPTED else None
            implied = row | {"stage": earlier.value, "implied_by_id": entry.id, "case_number": number}
            change.add(root, _live(implied, connection.execute(_ENTRY, implied)))
    change.write()
    return entry


def _live(row: Mapping[str, Any], written: CursorResult[Any]) -> LiveEntry:
    key = written.inserted_primary_key
    assert key is not None
    return LiveEntry(key[0], **{name: row[name] for name in LIVE_FIELDS[1:]})


def void(actor: Actor, entry_id: int, *, reason: str, at: datetime) -> StageEntry:
    """Undoes an entry and what it implied by further entries. A later stage that stands on it must be undone first."""
    if not reason.strip():
        raise Invalid("stage.reason")
    entry = db.session.get(StageEntry, entry_id)
    if entry is None or entry.voids_id is not None:
        raise NotFound("stage.no_entry")
    if _voided(entry.id):
        raise Conflict("stage.voided")
    lead = db.session.get_one(Lead, entry.lead_id)
    root = lead.merged_into_id or lead.id
    counting_now = select(LeadStage.stage, LeadStage.entry_id).where(LeadStage.lead_id == root)
    standing = dict(db.session.execute(counting_now).all())
    if standing.get(entry.stage) == entry.id and any(later in standing for later in after(Stage(entry.stage))):
        raise Invalid("stage.later_stands")
    number = case_number_of(root)
    undoing = [_undoing(actor, one, reason, at) for one in (entry, *_implied_by(entry.id))]
    db.session.add_all(undoing)
    db.session.flush()
    project([root])
    imply_missing(actor, root, case_number=number, at=at)
    return undoing[0]


def recredit(
    actor: Actor, root: int, credit_of: Callable[[StageEntry], Credit | None], *, reason: str, at: datetime
) -> dict[int, int]:
    """Writes standing entries of field stages of a lead, and of those merged into it, again with another credit.

    `credit_of` names the credit that an entry is to have, None where it stays. The old entry is undone with the reason, the new
    one has its times and its day and is received now, so that what was reckoned before stays as it was. The branch's answers
    stay where they are. Gives the old entry's id by the new one's; the lead must be held by this unit.
    """
    anew: dict[int, int] = {}
    by_old: dict[int, int] = {}
    for entry in _standing_field_entries(root):
        credit = credit_of(entry)
        if credit is None or credit == _credit_of(entry):
            continue
        db.session.add(_undoing(actor, entry, reason, at))
        implied_by = by_old.get(entry.implied_by_id or 0, entry.implied_by_id)
        row = {name: getattr(entry, name) for name in _REPEATED} | vars(credit)
        row |= {"implied_by_id": implied_by, "recorded_id": actor.user_id, "received_at": at}
        written = writer().execute(_ENTRY, row).inserted_primary_key
        assert written is not None
        anew[written[0]], by_old[entry.id] = entry.id, written[0]
    db.session.flush()
    project([root])
    return anew


_REPEATED = (
    "lead_id", "campaign_id", "stage", "day", "occurred_at", "occurred_raw", "recorded_at", "case_number",
)  # fmt: skip
"""What an entry with another credit has from the one whose place it takes."""


def _credit_of(entry: StageEntry) -> Credit:
    return Credit(entry.team_id, entry.district_id, entry.session_id, entry.credited_id, entry.acted_id)


def _standing_field_entries(root: int) -> list[StageEntry]:
    """By id: who implies another comes first."""
    undone = aliased(StageEntry)
    merged = select(LeadMerge.lead_id).where(LeadMerge.root_id == root, LeadMerge.ended_at.is_(None))
    query = (
        select(StageEntry)
        .outerjoin(undone, undone.voids_id == StageEntry.id)
        .where(
            or_(StageEntry.lead_id == root, StageEntry.lead_id.in_(merged)),
            StageEntry.voids_id.is_(None),
            StageEntry.stage.in_(FIELD_STAGES),
            undone.id.is_(None),
        )
    )
    return list(db.session.scalars(query.order_by(StageEntry.id)))


def recredit_intents(
    actor: Actor,
    leads: Collection[int],
    credit_of: Callable[[IntentEntry], tuple[int | None, int | None] | None],
    *,
    at: datetime,
) -> dict[int, int]:
    """The same for stated intents: `credit_of` names team and officer. Gives the old entry's id by the new one's."""
    later = aliased(IntentEntry)
    query = (
        select(IntentEntry)
        .outerjoin(later, later.replaces_id == IntentEntry.id)
        .where(IntentEntry.lead_id.in_(leads), later.id.is_(None))
        .order_by(IntentEntry.id)
    )
    anew: dict[int, int] = {}
    for entry in list(db.session.scalars(query)):
        credit = credit_of(entry)
        if credit is None or credit == (entry.team_id, entry.credited_id):
            continue
        row = {name: getattr(entry, name) for name in ("lead_id", "campaign_id", "intent", "day", "occurred_at")}
        row |= {"team_id": credit[0], "credited_id": credit[1], "recorded_id": actor.user_id, "received_at": at}
        written = writer().execute(_INTENT, row | {"replaces_id": entry.id}).inserted_primary_key
        assert written is not None
        anew[written[0]] = entry.id
    return anew


def imply_missing(actor: Actor, root: int, *, case_number: str | None, at: datetime) -> None:
    """Writes what the standing stages of a projected lead imply, where it stood on an entry that counts for the lead no more.

    That was another lead's, parted from this one since, or one that was undone while its twin counted. `case_number` is that
    of the accepted case which stood here before (see `case_number_of`).
    """
    counting_now = (
        select(StageEntry).join(LeadStage, LeadStage.entry_id == StageEntry.id).where(LeadStage.lead_id == root)
    )
    standing = {entry.stage: entry for entry in db.session.scalars(counting_now)}
    change, cause = _Change(), None
    for stage in reversed(STAGES):
        cause = standing.get(stage, cause)
        if cause is not None and stage not in standing:
            number = case_number if stage is Stage.ACCEPTED else None
            row = {name: getattr(cause, name) for name in _INHERITED}
            row |= {"lead_id": root, "stage": stage.value, "implied_by_id": cause.id, "case_number": number}
            row |= {"recorded_id": actor.user_id, "recorded_at": at, "received_at": at}
            change.add(root, _live(row, writer().execute(_ENTRY, row)))
    change.write()


def case_number_of(root: int) -> str | None:
    """The number of the accepted case that counts for a lead, None when there is none."""
    query = select(StageEntry.case_number).join(LeadStage, LeadStage.entry_id == StageEntry.id)
    return db.session.scalar(query.where(LeadStage.lead_id == root, LeadStage.stage == Stage.ACCEPTED))


def _implied_by(entry_id: int) -> list[StageEntry]:
    undone = aliased(StageEntry)
    return list(
        db.session.scalars(
            select(StageEntry)
            .outerjoin(undone, undone.voids_id == StageEntry.id)
            .where(StageEntry.implied_by_id == entry_id, StageEntry.voids_id.is_(None), undone.id.is_(None))
        )
    )


def _voided(entry_id: int) -> bool:
    return db.session.scalar(select(StageEntry.id).where(StageEntry.voids_id == entry_id)) is not None


def _entry(
    actor: Actor,
    lead_id: int,
    campaign_id: int,
    stage: Stage,
    clocks: Clocks,
    credit: Credit,
    zone: str,
    case_number: str | None,
) -> dict[str, Any]:
    return {
        "lead_id": lead_id,
        "campaign_id": campaign_id,
        "session_id": credit.session_id,
        "district_id": credit.district_id,
        "team_id": credit.team_id,
        "stage": stage.value,
        "day": business_day(clocks.occurred_at, zone),
        "credited_id": credit.credited_id,
        "acted_id": credit.acted_id,
        "recorded_id": actor.user_id,
        "occurred_at": clocks.occurred_at,
        "occurred_raw": clocks.occurred_raw,
        "recorded_at": clocks.recorded_at,
        "received_at": clocks.received_at,
        "implied_by_id": None,
        "case_number": case_number,
    }


def _undoing(actor: Actor, entry: StageEntry, reason: str, at: datetime) -> StageEntry:
    return StageEntry(
        lead_id=entry.lead_id,
        campaign_id=entry.campaign_id,
        session_id=entry.session_id,
        district_id=entry.district_id,
        team_id=entry.team_id,
        stage=entry.stage,
        day=entry.day,
        credited_id=entry.credited_id,
        acted_id=actor.user_id,
        recorded_id=actor.user_id,
        occurred_at=at,
        recorded_at=at,
        received_at=at,
        voids_id=entry.id,
        reason=reason,
    )


def live_entries(leads: ColumnElement[bool], as_of: datetime | None = None) -> dict[int, list[LiveEntry]]:
    """Entries that are not voided, by the lead that they count for (a merged lead's count for its root).

    With `as_of` the ledger as the server knew it then: entries, voids and merges received later are left out.
    `leads` is a condition on StageEntry.
    """
    query = _live_query(known_at=as_of is not None).where(leads)
    return _grouped(db.session.execute(query, {"as_of": as_of} if as_of is not None else {}))


def _grouped(rows: Iterable[Any]) -> dict[int, list[LiveEntry]]:
    found: dict[int, list[LiveEntry]] = {}
    for root_id, *row in rows:
        found.setdefault(root_id, []).append(LiveEntry(*row))
    return found


@cache
def _live_query(*, known_at: bool) -> Select[Any]:
    undone, merge = aliased(StageEntry), aliased(LeadMerge)
    void_known = undone.voids_id == StageEntry.id
    merge_known = (merge.lead_id == StageEntry.lead_id) & merge.ended_at.is_(None)
    as_of = bindparam("as_of", type_=UTCDateTime)
    if known_at:
        void_known &= undone.received_at <= as_of
        merge_known = (
            (merge.lead_id == StageEntry.lead_id)
            & (merge.started_at <= as_of)
            & or_(merge.ended_at.is_(None), merge.ended_at > as_of)
        )
    root = db.func.coalesce(merge.root_id, StageEntry.lead_id)
    query = (
        select(
            root, StageEntry.id, StageEntry.stage, StageEntry.campaign_id, StageEntry.day, StageEntry.district_id,
            StageEntry.team_id, StageEntry.credited_id, StageEntry.occurred_at, StageEntry.received_at,
        )
        .outerjoin(undone, void_known)
        .outerjoin(merge, merge_known)
        .where(StageEntry.voids_id.is_(None), undone.id.is_(None))
    )  # fmt: skip
    return query.where(StageEntry.received_at <= as_of) if known_at else query


def project(roots: Iterable[int]) -> None:
    """Brings `lead_stage`, the rollups and the leads' shown stage in line with the ledger, for these leads and those merged into them."""
    roots = list(dict.fromkeys(roots))
    for start in range(0, len(roots), 400):
        _project(roots[start : start + 400])


_ROOTS: BindParameter[list[int]] = bindparam("roots", expanding=True)
_MERGED = select(LeadMerge.lead_id, LeadMerge.root_id).where(
    LeadMerge.root_id.in_(_ROOTS), LeadMerge.ended_at.is_(None)
)
_OUT = select(Lead.id).where(Lead.id.in_(_ROOTS), or_(Lead.removed_at.is_not(None), Lead.merged_into_id.is_not(None)))
_KNOWN = select(LeadStage.__table__).where(LeadStage.lead_id.in_(_ROOTS))
_GONE = delete(table_of(LeadStage)).where(
    LeadStage.lead_id == bindparam("gone_lead"), LeadStage.stage == bindparam("gone_stage")
)
_SHOW = (
    update(table_of(Lead))
    .where(Lead.id == bindparam("root"))
    .values(stage=bindparam("shown"), stage_on=bindparam("shown_on"))
)


@cache
def _live_of() -> Select[Any]:
    return _live_query(known_at=False).where(StageEntry.lead_id.in_(bindparam("family", expanding=True)))


def _project(roots: list[int]) -> None:
    connection, asked = writer(), {"roots": roots}
    family = [*roots, *(row.lead_id for row in connection.execute(_MERGED, asked))]
    live = _grouped(connection.execute(_live_of(), {"family": family}))
    out = set(connection.scalars(_OUT, asked))
    wanted = {root: counting(live.get(root, ())) for root in roots if root not in out}
    known: dict[int, list[Row[Any]]] = {}
    for row in connection.execute(_KNOWN, asked):
        known.setdefault(row.lead_id, []).append(row)
    change = _Change()
    for root in roots:
        change.compare(root, known.get(root, []), wanted.get(root, {}))
    change.write()
    _show_stages(roots, wanted)


class _Change:
    """The difference between what is projected and what should be."""

    def __init__(self) -> None:
        self.gone: list[tuple[int, str]] = []
        self.fresh: list[tuple[int, LiveEntry]] = []
        self.teams: Counter[tuple[object, ...]] = Counter()
        self.members: Counter[tuple[object, ...]] = Counter()

    def compare(self, root: int, known: list[Row[Any]], wanted: dict[str, LiveEntry]) -> None:
        kept = set()
        for row in known:
            entry = wanted.get(row.stage)
            if entry is not None and entry.id == row.entry_id:
                kept.add(row.stage)
                continue
            self.gone.append((root, row.stage))
            self._count(row, -1)
        for stage, entry in wanted.items():
            if stage not in kept:
                self.add(root, entry)

    def add(self, root: int, entry: LiveEntry) -> None:
        self.fresh.append((root, entry))
        self._count(entry, 1)

    def _count(self, row: Row[Any] | LiveEntry, by: int) -> None:
        self.teams[row.campaign_id, row.day, row.team_id or 0, row.district_id or 0, row.stage] += by
        self.members[row.campaign_id, row.day, row.credited_id or 0, row.team_id or 0, row.stage] += by

    def write(self) -> None:
        if self.gone:
            writer().execute(_GONE, [{"gone_lead": lead_id, "gone_stage": stage} for lead_id, stage in self.gone])
        if self.fresh:
            writer().execute(_STANDING, [stage_row(root, entry) for root, entry in self.fresh])
        add_to_rollups(self.teams, self.members)


def stage_row(root: int, entry: LiveEntry) -> dict[str, object]:
    """The `lead_stage` row of an entry that counts for `root`."""
    return {
        "lead_id": root, "stage": entry.stage, "entry_id": entry.id, "campaign_id": entry.campaign_id, "day": entry.day,
        "district_id": entry.district_id, "team_id": entry.team_id, "credited_id": entry.credited_id,
    }  # fmt: skip


def add_to_rollups(teams: Counter[tuple[object, ...]], members: Counter[tuple[object, ...]]) -> None:
    """Adds the differences to both rollups, in SQL, so that concurrent writers cannot lose each other's counts."""
    _add(FunnelDay, ("campaign_id", "day", "team_id", "district_id", "stage"), teams)
    _add(MemberDay, ("campaign_id", "day", "member_id", "team_id", "stage"), members)


def _add(table: type[FunnelDay] | type[MemberDay], names: tuple[str, ...], counts: Counter[tuple[object, ...]]) -> None:
    rows = [{**dict(zip(names, key, strict=True)), "leads": by} for key, by in counts.items() if by]
    if rows:
        connection = writer()
        connection.execute(_adding(connection.dialect.name, table, names), rows)


@cache
def _adding(dialect: str, table: type[FunnelDay] | type[MemberDay], names: tuple[str, ...]) -> Insert:
    statement = upsert(dialect, table)
    return statement.on_conflict_do_update(
        index_elements=list(names), set_={"leads": table.__table__.c.leads + statement.excluded.leads}
    )


def _show_stages(roots: list[int], wanted: dict[int, dict[str, LiveEntry]]) -> None:
    rows = []
    for root in roots:
        stages = wanted.get(root, {})
        last = furthest(stages)
        rows.append({"root": root, "shown": last.value if last else "", "shown_on": stages[last].day if last else None})
    writer().execute(_SHOW, rows)


def rebuild() -> None:
    """Writes the projections anew from the ledger alone, for the whole base."""
    for table in (LeadStage, FunnelDay, MemberDay):
        db.session.execute(delete(table))
    db.session.flush()
    ids = list(db.session.scalars(select(Lead.id)))
    project(ids)


def differences() -> list[str]:
    """Where the projections and the ledger disagree; empty when all is well. Reads the whole ledger."""
    teams: Counter[tuple[object, ...]] = Counter()
    members: Counter[tuple[object, ...]] = Counter()
    removed = set(db.session.scalars(select(Lead.id).where(Lead.removed_at.is_not(None))))
    expected: dict[tuple[int, str], int] = {}
    for root, entries in live_entries(true()).items():
        if root in removed:
            continue
        for stage, entry in counting(entries).items():
            expected[root, stage] = entry.id
            teams[entry.campaign_id, entry.day, entry.team_id or 0, entry.district_id or 0, stage] += 1
            members[entry.campaign_id, entry.day, entry.credited_id or 0, entry.team_id or 0, stage] += 1
    projected = select(LeadStage.lead_id, LeadStage.stage, LeadStage.entry_id)
    actual = {(row.lead_id, row.stage): row.entry_id for row in db.session.execute(projected)}
    found = [
        f"lead_stage {key}: {actual.get(key)} instead of {expected.get(key)}"
        for key in expected.keys() | actual.keys()
        if actual.get(key) != expected.get(key)
    ]
    found += _rollup_differences(
        "funnel_day", _rows(FunnelDay, ("campaign_id", "day", "team_id", "district_id", "stage")), teams
    )
    return found + _rollup_differences(
        "member_day", _rows(MemberDay, ("campaign_id", "day", "member_id", "team_id", "stage")), members
    )


def _rows(table: type[FunnelDay] | type[MemberDay], names: tuple[str, ...]) -> dict[tuple[object, ...], int]:
    columns = [getattr(table, name) for name in names]
    return {tuple(row[:-1]): row[-1] for row in db.session.execute(select(*columns, table.leads)) if row[-1]}


def _rollup_differences(
    name: str, actual: dict[tuple[object, ...], int], expected: Counter[tuple[object, ...]]
) -> list[str]:
    return [
        f"{name} {key}: {actual.get(key, 0)} instead of {expected[key]}"
        for key in expected.keys() | actual.keys()
        if actual.get(key, 0) != expected[key]
    ]


__all__ = [
    "Clocks",
    "Credit",
    "add_to_rollups",
    "append",
    "begin",
    "case_number_of",
    "differences",
    "imply_missing",
    "live_entries",
    "project",
    "rebuild",
    "recredit",
    "recredit_intents",
    "stage_row",
    "void",
]
