"""What a job is: a name, the moments at which it is due, and what it does for one of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True)
class Job:
    """One kind of work by the clock.

    `slots(day)` are the moments of a business day that it is done for; `task(slot)` does it inside an open unit of work and
    says in a few words what it did. It is due `delay` after its slot. The task knows the slot and not the hour at which it
    happens to run, so that work made up for after downtime comes out the same.
    """

    name: str
    slots: Callable[[date], Iterable[datetime]]
    task: Callable[[datetime], str]
    delay: timedelta = timedelta(0)
