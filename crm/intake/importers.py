"""The kinds of sheets, and the rooms that know what their rows mean. `crm.wiring` puts the rooms in; this room knows none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from types import ModuleType
from typing import Any

from flask import current_app

from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import Invalid, NotFound
from crm.kernel.rows import Change, Outcome, Problem, Verdict
from crm.sheets.contracts import Contract, load_contract

KINDS = ("leads", "roster", "districts")
Row = Mapping[str, Any]

_rooms: dict[str, ModuleType] = {}


def register(rooms: Mapping[str, ModuleType]) -> None:
    """Says which room's `imports` takes which kind of sheet (see crm.kernel.rows for what they offer)."""
    _rooms.clear()
    _rooms.update(rooms)


@dataclass(frozen=True)
class Importer:
    """One kind of sheet: its contract and its room, whether the room takes rows one by one or many at once."""

    kind: str
    contract: Contract
    room: Any

    @property
    def many(self) -> bool:
        """Whether the room takes many rows at once."""
        return hasattr(self.room, "apply_rows")

    @property
    def known_by_content(self) -> bool:
        """Whether rows without any id are taken when the sheet has no column for one."""
        return bool(getattr(self.room, "KNOWN_BY_CONTENT", False))

    @property
    def unknown_cells(self) -> str:
        """The key under which a row carries cells of columns that no field takes; "" when they are left out."""
        return str(getattr(self.room, "UNKNOWN_CELLS", ""))

    @property
    def left_out(self) -> tuple[str, ...]:
        """Fields that are read but never kept."""
        return tuple(getattr(self.room, "LEFT_OUT", ()))

    def open(self, actor: Actor, *, today: date, at: datetime, writes: bool) -> Any:
        """The room's context for one pass over a file."""
        if self.many:
            return self.room.open_context(actor, today=today, at=at, writes=writes)
        return self.room.open_context(actor, today=today)

    def check(self, context: Any, rows: Sequence[Row]) -> list[Verdict]:
        """What would become of these rows."""
        if self.many:
            return list(self.room.check_rows(context, rows))
        return [self.room.check_row(context, row) for row in rows]

    def apply(
        self, actor: Actor, context: Any, rows: Sequence[Row], *, at: datetime, batch_id: int | None
    ) -> list[Outcome]:
        """Writes these rows; a row that is refused after all leaves nothing behind."""
        if self.many:
            return list(self.room.apply_rows(actor, context, rows, at=at, batch_id=batch_id))
        return [self._apply_one(actor, context, row) for row in rows]

    def _apply_one(self, actor: Actor, context: Any, row: Row) -> Outcome:
        try:
            with db.session.begin_nested():
                outcome: Outcome = self.room.apply_row(actor, context, row)
        except Invalid as error:
            return Outcome("failed", problems=(Problem("", error.code, error.facts),))
        return outcome

    def undo(self, actor: Actor, changes: Iterable[Change], *, batch_id: int, at: datetime, since: datetime) -> int:
        """Takes everything back, newest first; raises Conflict when later work stands on it."""
        if self.many:
            return int(self.room.undo(actor, changes, batch_id=batch_id, at=at, since=since))
        return int(self.room.undo(actor, changes))


def importer_of(kind: str) -> Importer:
    """The importer of a kind; raises NotFound("import.kind")."""
    room = _rooms.get(kind)
    if room is None:
        raise NotFound("import.kind")
    return Importer(kind, contract_of(kind), room)


def contract_of(kind: str) -> Contract:
    """The columns of a kind of sheet."""
    return _contract(str(current_app.extensions["crm.settings"].contracts / kind / "columns.toml"))


@lru_cache(maxsize=8)
def _contract(path: str) -> Contract:
    return load_contract(path)
