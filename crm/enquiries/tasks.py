"""What the rooms' clock does here: once a night what was held back for too long goes, and addresses are forgotten."""

from collections.abc import Iterable
from datetime import date, datetime

from crm.enquiries.rules import ADDRESS_KEPT, QUARANTINE
from crm.enquiries.taking import tidy
from crm.jobs.table import Job
from crm.kernel.clock import at_local
from crm.kernel.installation import zone_name


def nights(day: date) -> Iterable[datetime]:
    """The slots of a business day."""
    return (at_local(day, 3, zone_name=zone_name()),)


def tidy_up(slot: datetime, _prepared: object) -> str:
    """Answers how many enquiries were dropped, and how many addresses forgotten."""
    dropped, forgotten = tidy(slot, quarantine=QUARANTINE, address=ADDRESS_KEPT)
    return f"{dropped} dropped, {forgotten} addresses forgotten"


JOBS = (Job("enquiries_tidy", nights, tidy_up),)
