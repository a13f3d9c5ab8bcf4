"""What the rooms' clock does here: uploads that nobody confirms are given up, and no file of customers outlives its time."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from crm.intake import commands, files
from crm.jobs.table import Job
from crm.kernel.actor import SYSTEM
from crm.kernel.clock import at_local
from crm.kernel.installation import zone_name

HOUR = 3
"""An hour of the night at which nobody uploads."""


def nights(day: date) -> Iterable[datetime]:
    """The slots of a business day: one, at night."""
    return (at_local(day, HOUR, zone_name=zone_name()),)


def old_uploads(slot: datetime, prepared: Any = None) -> str:
    """Gives up what would be older than its time by the next night. Answers how many."""
    return str(commands.cancel_old(SYSTEM, before=slot + timedelta(days=1) - files.KEPT, at=slot))


JOBS = (Job("old_uploads", nights, old_uploads),)
