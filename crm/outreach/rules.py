"""Rules of the day in the field: outcomes, what makes a visit valid, counts that may be typed, when a log is late. Pure."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from crm.campaigns.rules import Outcome as Outcome
from crm.campaigns.rules import count_of as count_of
from crm.kernel.clock import at_local


class Recorded(StrEnum):
    """Counts that are computed from records. A visit is valid (有效走访) or else touched (涉及走访); both stand side by side."""

    VISITS_TOUCHED = "visits_touched"
    VISITS_VALID = "visits_valid"
    CONSULTS = "consults"
    APPLICATIONS = "applications"
    ACCEPTED = "accepted"


class Declared(StrEnum):
    """Tallies: counts without a name. The last three stand beside recorded ones."""

    LEAFLETS = "leaflets"
    DOORS = "doors"
    WECHAT_ADDS = "wechat_adds"
    CONSULTS = "consults"
    APPLICATIONS = "applications"
    ACCEPTED = "accepted"


COMPARED: tuple[str, ...] = ("consults", "applications", "accepted")
"""Metrics that are recorded and declared."""

STAGE_OF = {"consults": "consult", "applications": "application", "accepted": "accepted"}
"""The stage of the ledger that a recorded metric counts."""

MOST_A_DAY: dict[str, int] = {
    Declared.LEAFLETS: 3000,
    Declared.DOORS: 500,
    Declared.WECHAT_ADDS: 500,
    Declared.CONSULTS: 200,
    Declared.APPLICATIONS: 100,
    Declared.ACCEPTED: 100,
}
"""What one person can have done on one day at the most: far above any sprint's figures, it stops slips and jokes."""

CUT_OFF = time(17, 30)
"""A team's log of a day is due by then, where the bank is. A contest's own bell may come later."""

CLOCK_LEEWAY = timedelta(minutes=5)
"""A phone's clock may be that much ahead of the server's."""


class Presence(StrEnum):
    """Attendance of a member on a day."""

    PRESENT = "present"
    LATE = "late"
    LEAVE = "leave"
    ABSENT = "absent"


ATTENDED = frozenset({Presence.PRESENT, Presence.LATE})
"""Who counts as a person-day."""


class LogStatus(StrEnum):
    """A team's daily log: open, handed in, locked at the evening meeting."""

    OPEN = "open"
    SUBMITTED = "submitted"
    LOCKED = "locked"


def is_valid(outcome: str, valid_outcomes: Collection[str]) -> bool:
    """Whether a visit with that outcome meets the campaign's written rule."""
    return outcome in valid_outcomes


def is_late(submitted_at: datetime, day: date, zone: str) -> bool:
    """Whether a log of that day, handed in at that moment, came after the cut-off."""
    return submitted_at > at_local(day, CUT_OFF.hour, CUT_OFF.minute, zone_name=zone)


def closed_at(day: date, locked_at: datetime | None, zone: str) -> datetime:
    """When a team's day closed: at its lock or, while it is not locked, at the cut-off. What comes later is a late entry (补录)."""
    return locked_at or at_local(day, CUT_OFF.hour, CUT_OFF.minute, zone_name=zone)


def is_late_entry(received_at: datetime, closed: datetime) -> bool:
    """补录: the server received it after the team's day had closed (`closed_at`). It counts, and is shown apart."""
    return received_at > closed
