"""What the clock does here: what phones brought along goes when its time is over."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from crm.field import keeping
from crm.jobs.table import Job
from crm.kernel.clock import at_local
from crm.kernel.installation import zone_name

HOUR = 3
"""An hour of the night at which nobody is in the field."""


def nights(day: date) -> Iterable[datetime]:
    """The slots of a business day: one, at night."""
    return (at_local(day, HOUR, zone_name=zone_name()),)


def old_traces(slot: datetime, prepared: Any = None) -> str:
    """Deletes places and photos, and empties the words of records, that are over their time. Answers how many of each."""
    places = keeping.drop_positions(at=slot)
    photos = keeping.drop_photos(at=slot)
    bodies = keeping.empty_bodies(at=slot)
    return f"{places} places, {photos} photos, {bodies} bodies"


JOBS = (Job("old_traces", nights, old_traces),)
