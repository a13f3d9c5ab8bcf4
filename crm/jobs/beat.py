"""A sign of life of the process that keeps the time, for those who ask whether it still does."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from crm.kernel.notes import read_note, write_note

NAME = "scheduler.json"
OVERDUE = timedelta(minutes=15)
"""A slot that is still undone so long after it was due has failed, perhaps several times."""


@dataclass(frozen=True)
class Beat:
    """When the process last looked, and how many slots were overdue and undone after that."""

    at: datetime
    undone: int


def beat(home: Path, at: datetime, undone: int) -> None:
    """Leaves the sign in the data folder."""
    write_note(home / NAME, {"at": at.isoformat(), "undone": undone})


def last_beat(home: Path) -> Beat | None:
    """The last sign, or None when there never was one."""
    note = read_note(home / NAME)
    return Beat(datetime.fromisoformat(note["at"]), int(note["undone"])) if note else None
