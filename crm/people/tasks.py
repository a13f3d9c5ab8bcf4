"""What the rooms' clock does here: messages that are past their time are deleted."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from crm.jobs.table import Job
from crm.kernel.clock import at_local
from crm.kernel.installation import zone_name
from crm.people import inbox

HOUR = 3
"""An hour of the night at which nobody reads."""


def nights(day: date) -> Iterable[datetime]:
    """The slots of a business day: one, at night."""
    return (at_local(day, HOUR, 20, zone_name=zone_name()),)


def old_messages(slot: datetime, prepared: Any = None) -> str:
    """Deletes what is older than `inbox.KEPT` at the slot. Answers how many."""
    return f"{inbox.forget_old(before=slot - inbox.KEPT)} messages"


JOBS = (Job("old_messages", nights, old_messages),)
