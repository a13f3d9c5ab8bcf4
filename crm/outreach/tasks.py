"""What the rooms' clock does here: every morning who is due, and through the day the A-class customers who wait too long."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from crm.jobs.table import Job
from crm.kernel.clock import at_local, business_day, now
from crm.kernel.installation import zone_name
from crm.outreach import reminding

MORNING = 8
HOURS = range(9, 19)
"""Hours at which a message disturbs nobody."""
PAST = "past"
"""What a job answers for a slot of an earlier day, which it makes up for after a downtime: nobody needs that day's reminder."""


def mornings(day: date) -> Iterable[datetime]:
    """The slots of a business day: one, before the morning meeting."""
    return (at_local(day, MORNING, zone_name=zone_name()),)


def hours(day: date) -> Iterable[datetime]:
    """The slots of a business day: each full hour of HOURS."""
    return tuple(at_local(day, hour, zone_name=zone_name()) for hour in HOURS)


def follow_ups_due(slot: datetime, prepared: Any = None) -> str:
    """Tells officers and leads what is due on the slot's day. Answers how many leads that are."""
    day = business_day(slot, zone_name())
    return PAST if _is_past(day) else f"{reminding.tell_due(day, at=slot)} due"


def long_waits(slot: datetime, prepared: Any = None) -> str:
    """Tells officers and leads of A-class customers who have waited for a day. Answers how many wait."""
    return PAST if _is_past(business_day(slot, zone_name())) else f"{reminding.tell_waiting(slot)} wait"


def _is_past(day: date) -> bool:
    return day < business_day(now(), zone_name())


JOBS = (
    Job("follow_ups_due", mornings, follow_ups_due),
    Job("long_waits", hours, long_waits, delay=timedelta(minutes=1)),
)
