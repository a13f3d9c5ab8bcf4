"""What a job is: a name, the moments at which it is due, and what it does for one of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Job:
    """One kind of work by the clock.

    `slots(day)` are the moments of a business day that it is done for. `prepare(slot)` reads and reckons before any unit of
    work is open, so that long reckoning keeps nobody from writing; `task(slot, prepared)` does the work inside the unit that
    holds the claim and says in a few words what it did. It is due `delay` after its slot. Both know the slot and not the hour
    at which they happen to run, so that work made up for after downtime comes out the same.
    """

    name: str
    slots: Callable[[date], Iterable[datetime]]
    task: Callable[[datetime, Any], str]
    delay: timedelta = timedelta(0)
    prepare: Callable[[datetime], Any] | None = None
