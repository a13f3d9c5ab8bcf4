"""The agendas of the two meetings, what can be pledged, when the bell rings, and the form of a stored report. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from crm.campaigns.rules import Metric
from crm.kernel.clock import at_local
from crm.kernel.errors import Invalid


class Kind(StrEnum):
    """A morning (晨会) or an evening (夕会) meeting."""

    MORNING = "morning"
    EVENING = "evening"


@dataclass(frozen=True)
class Item:
    """One item of an agenda: how many minutes it has, and the keys of what may be written down under it."""

    key: str
    minutes: int
    notes: tuple[str, ...] = ()


AGENDAS: Mapping[Kind, tuple[Item, ...]] = {
    Kind.MORNING: (
        Item("roll_call", 3),
        Item("yesterday", 5),
        Item("pledges", 5),
        Item("drill", 9, ("drill", "passed")),
        Item("routes", 5, ("routes",)),
        Item("notices", 3, ("notices",)),
    ),
    Kind.EVENING: (
        Item("lock", 5),
        Item("teams", 20, ("points", "objections")),
        Item("ranking", 8, ("settlement",)),
        Item("cases", 10),
        Item("summary", 9, ("summary", "key_points")),
        Item("tomorrow", 8, ("tomorrow",)),
    ),
}
"""domain.md §5: 30 minutes in the morning, 60 in the evening; what an item leaves behind besides its notes has tables of its own."""

NOTES: Mapping[Kind, tuple[str, ...]] = {
    kind: tuple(key for item in items for key in item.notes) for kind, items in AGENDAS.items()
}
LISTS = frozenset({"passed", "routes"})
"""Notes that are kept as lists of ids: who passed the drill; member, district and partner of each route."""

PLEDGED: tuple[Metric, ...] = (Metric.VISITS, Metric.CONSULTS, Metric.APPLICATIONS, Metric.ACCEPTED)
MOST_PLEDGED = 1000
LONGEST_NOTE = 4000
LONGEST_TODO = 300
LONGEST_REASON = 200

BELL = time(17, 30)
"""When the field day ends and the evening report is taken, where the bank is."""

SCHEMA_VERSION = 1


def length(kind: str) -> int:
    """Minutes of the whole meeting."""
    return sum(item.minutes for item in AGENDAS[Kind(kind)])


def starts(kind: str) -> tuple[int, ...]:
    """The minute at which each item of the agenda begins."""
    items = AGENDAS[Kind(kind)]
    return tuple(sum(item.minutes for item in items[:place]) for place in range(len(items)))


def bell_of(day: date, zone_name: str) -> datetime:
    """The moment of the bell on that business day, in UTC."""
    return at_local(day, BELL.hour, BELL.minute, zone_name=zone_name)


def report_moment(day: date, at: datetime, zone_name: str) -> datetime:
    """What an evening report counts: everything received until the bell, or until now while it has not rung."""
    return min(at, bell_of(day, zone_name))


def checked_ids(key: str, rows: Sequence[Sequence[int | None]]) -> str:
    """A list note as it is kept: canonical JSON of `passed` [[member]] or `routes` [[member, district, partner]]."""
    width = {"passed": 1, "routes": 3}[key]
    if any(len(row) != width or row[0] is None for row in rows):
        raise Invalid("meeting.bad_list")
    if key == "routes" and any(row[0] == row[2] for row in rows):
        raise Invalid("meeting.own_partner")
    return json.dumps(sorted([list(row) for row in rows], key=lambda row: row[0] or 0), separators=(",", ":"))


def listed(text: str) -> list[list[int | None]]:
    """What `checked_ids` kept; an empty note is an empty list."""
    found: list[list[int | None]] = json.loads(text) if text else []
    return found


def canonical(body: Mapping[str, Any]) -> str:
    """The one spelling of a body: keys sorted, no blanks, Chinese as it is. Raises ValueError for a float, which has no one spelling."""
    _refuse_floats(body)
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def fingerprint(body: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical spelling, in hex."""
    return hashlib.sha256(canonical(body).encode()).hexdigest()


def _refuse_floats(value: Any) -> None:
    if isinstance(value, Mapping):
        for part in value.values():
            _refuse_floats(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _refuse_floats(part)
    elif isinstance(value, float):
        raise ValueError(f"{value!r} is a float; a report holds whole numbers and exact decimal texts")


@dataclass(frozen=True)
class Difference:
    """One place in which two bodies differ: its path, and the two values as text ("" where there is none)."""

    path: str
    before: str
    after: str


def differences(before: Any, after: Any, path: str = "") -> list[Difference]:
    """Where two bodies differ, in the order of their paths."""
    if before == after:
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = sorted({*before, *after})
        return [one for key in keys for one in differences(before.get(key), after.get(key), _joined(path, key))]
    if isinstance(before, list) and isinstance(after, list):
        places = range(max(len(before), len(after)))
        return [
            one
            for place in places
            for one in differences(_at(before, place), _at(after, place), _joined(path, str(place + 1)))
        ]
    return [Difference(path, _shown(before), _shown(after))]


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else None


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
