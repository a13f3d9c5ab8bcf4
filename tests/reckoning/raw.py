"""The raw rows, read once, and what counts of them at a moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import SimpleNamespace as Row
from typing import Any

from sqlalchemy import select

from crm.kernel.db import db

STAGES = ("consult", "application", "accepted", "approved", "disbursed")
THERE = ("present", "late")
IN_THE_FIELD = ("consult", "application", "accepted")
TABLES = (
    "adjustment", "attendance", "campaign", "campaign_district", "campaign_team", "consent", "contest", "contest_campaign", "contest_team",
    "daily_log", "district", "intent_entry", "lead", "lead_merge", "membership", "pledge", "rule_version", "stage_entry",
    "target", "team", "user_account", "visit",
)  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """A lead (after merges) at a stage: the one entry that counts. `historical`: the entry is of a lead that nobody can be asked about."""

    lead: int
    stage: str
    campaign: int
    day: date
    team: int
    district: int
    member: int
    at: datetime
    trade: str
    approach: str
    historical: bool


@dataclass
class Raw:
    """All rows by table; the marks of each moment and the boards that were asked for are kept, the rows do not change."""

    tables: dict[str, list[Row]]
    known: dict[datetime | None, list[Mark]] = field(default_factory=dict)
    boards: dict[tuple[Any, ...], list[Any]] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Raw:
        """What the database holds now."""
        return cls({name: _rows(name) for name in TABLES})

    def __getitem__(self, name: str) -> list[Row]:
        return self.tables[name]

    def names(self, table: str) -> dict[int, str]:
        """Names by id."""
        return {row.id: row.name for row in self[table]}

    def one(self, table: str, number: int) -> Row:
        """The row with that id."""
        return next(row for row in self[table] if row.id == number)

    def marks(self, as_of: datetime | None = None) -> list[Mark]:
        """Each lead once per stage: its earliest entry that is not undone, as the server knew it at that moment (None: now)."""
        if as_of not in self.known:
            self.known[as_of] = list(_marks(self, as_of))
        return self.known[as_of]

    def visits(self, as_of: datetime | None = None) -> list[Row]:
        """Visits that stood at that moment."""
        return [
            row
            for row in self["visit"]
            if by(row.received_at, as_of) and (row.voided_at is None or not by(row.voided_at, as_of))
        ]

    def ancestors(self, district: int) -> list[int]:
        """The district and what lies above it, from the top."""
        parents = {row.id: row.parent_id for row in self["district"]}
        steps: list[int] = []
        at: int | None = district or None
        while at is not None:
            steps.insert(0, at)
            at = parents[at]
        return steps


def by(moment: datetime, as_of: datetime | None) -> bool:
    """Whether that had happened by then."""
    return as_of is None or moment <= as_of


def _rows(name: str) -> list[Row]:
    table: Any = db.metadata.tables[name]
    return [Row(**row) for row in db.session.execute(select(table).order_by(*table.primary_key)).mappings()]


def roots(raw: Raw, as_of: datetime | None) -> dict[int, int]:
    """The lead that each merged lead stands for at that moment."""
    return {
        row.lead_id: row.root_id
        for row in raw["lead_merge"]
        if by(row.started_at, as_of) and (row.ended_at is None or not by(row.ended_at, as_of))
    }


def removed(raw: Raw, as_of: datetime | None) -> set[int]:
    """Leads whose import was undone by then."""
    return {row.id for row in raw["lead"] if row.removed_at is not None and by(row.removed_at, as_of)}


def _marks(raw: Raw, as_of: datetime | None) -> Iterator[Mark]:
    entries = [row for row in raw["stage_entry"] if by(row.received_at, as_of)]
    undone = {row.voids_id for row in entries}
    root_of, gone = roots(raw, as_of), removed(raw, as_of)
    cards = {row.id: row for row in raw["lead"]}
    seen: set[tuple[int, str]] = set()
    for row in sorted(entries, key=lambda one: (one.occurred_at, one.received_at, one.id)):
        lead = root_of.get(row.lead_id, row.lead_id)
        if row.voids_id is not None or row.id in undone or lead in gone or (lead, row.stage) in seen:
            continue
        seen.add((lead, row.stage))
        card = cards[lead]
        yield Mark(
            lead, row.stage, row.campaign_id, row.day, row.team_id or 0, row.district_id or 0, row.credited_id or 0,
            row.occurred_at, card.trade, card.approach, cards[row.lead_id].historical,
        )  # fmt: skip


# --- who was there ---------------------------------------------------------------------------------------------------


def attended(
    raw: Raw, campaigns: set[int], first: date, last: date, as_of: datetime | None = None
) -> dict[tuple[int, date], set[int]]:
    """Members present or late by (team, day). Where nobody called the roll on a day with work, the roster of that day."""
    here = [row for row in raw["attendance"] if row.campaign_id in campaigns and first <= row.day <= last]
    newest: dict[tuple[int, date, int], Row] = {}
    for row in sorted(here, key=lambda one: (one.received_at, one.id)):
        if by(row.received_at, as_of):
            newest[row.campaign_id, row.day, row.member_id] = row
    found: dict[tuple[int, date], set[int]] = {}
    for row in newest.values():
        there = found.setdefault((row.team_id, row.day), set())
        if row.state in THERE:
            there.add(row.member_id)
    for team, day in _worked(raw, campaigns, first, last, as_of) - found.keys():
        roster = on_roster(raw, team, day)
        if roster:
            found[team, day] = roster
    return found


def on_roster(raw: Raw, team: int, day: date) -> set[int]:
    """Who belonged to the team on that day."""
    return {
        row.user_id
        for row in raw["membership"]
        if row.team_id == team and row.valid_from <= day and (row.valid_to is None or day <= row.valid_to)
    }


def _worked(raw: Raw, campaigns: set[int], first: date, last: date, as_of: datetime | None) -> set[tuple[int, date]]:
    return {
        (row.team_id, row.day)
        for name in ("visit", "stage_entry")
        for row in raw[name]
        if row.campaign_id in campaigns and row.team_id and first <= row.day <= last and by(row.received_at, as_of)
        if name == "visit" or row.stage in IN_THE_FIELD
    }


def days(first: date, last: date) -> list[date]:
    """Every day, both ends included."""
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]
