"""Claim, then work: a job's slot is done at most once, however many processes ask, and a missed one is made up for."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from crm.jobs.models import JobRun
from crm.jobs.table import Job
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.errors import traced
from crm.kernel.installation import zone_name
from crm.kernel.unit_of_work import unit_of_work

log = logging.getLogger("crm.jobs")

LOOK_BACK = timedelta(days=7)
"""How far back a slot that nobody ran is made up for."""


@dataclass(frozen=True)
class Done:
    """A slot that this call has done, or failed to do: `error` is then the name of what went wrong."""

    job: str
    slot: datetime
    result: str
    error: str = ""


def run_slot(job: Job, slot: datetime) -> Done | None:
    """Does the job for one slot, or answers None when somebody else has it.

    The claim is a row that is unique by job and slot, in the same transaction as the work: both are there or neither.
    """
    if _is_done(job, slot):
        return None
    prepared = job.prepare(slot) if job.prepare else None
    try:
        with unit_of_work() as session:
            claim = JobRun(job=job.name, slot=slot, claimed_at=now())
            session.add(claim)
            session.flush()
            claim.result = job.task(slot, prepared)[:300]
            claim.finished_at = now()
            return Done(job.name, slot, claim.result)
    except IntegrityError:
        # Most likely the claim of another process; if it was the work itself the slot is still open and must be heard of.
        if _is_done(job, slot):
            return None
        raise


def missed(jobs: Iterable[Job], at: datetime) -> list[tuple[Job, datetime]]:
    """Slots that are due at `at`, lie within LOOK_BACK and have no run, the oldest first."""
    zone = zone_name()
    first, last = business_day(at - LOOK_BACK, zone), business_day(at, zone)
    days = [first + timedelta(days=step) for step in range((last - first).days + 1)]
    due = [(job, slot) for job in jobs for day in days for slot in job.slots(day) if slot + job.delay <= at]
    done = set(
        db.session.execute(select(JobRun.job, JobRun.slot).where(JobRun.slot >= at - LOOK_BACK - timedelta(days=1)))
    )
    return sorted(
        ((job, slot) for job, slot in due if (job.name, slot) not in done), key=lambda one: (one[1], one[0].name)
    )


def catch_up(jobs: Sequence[Job], at: datetime) -> list[Done]:
    """Does what is due and undone. One job's failure is written down and does not keep the others from running."""
    found: list[Done] = []
    for job, slot in missed(jobs, at):
        try:
            done = run_slot(job, slot)
        except Exception as error:  # whatever went wrong, the slot stays open and the next round tries again
            db.session.rollback()  # PostgreSQL answers nothing more in a transaction that failed
            log.error("job %s for %s failed: %s", job.name, slot.isoformat(), traced(error))
            done = Done(job.name, slot, "", type(error).__name__)
        if done is not None:
            found.append(done)
    return found


def recent_runs(limit: int = 50) -> Sequence[JobRun]:
    """The newest runs, by slot."""
    return db.session.scalars(select(JobRun).order_by(JobRun.slot.desc(), JobRun.job).limit(limit)).all()


def _is_done(job: Job, slot: datetime) -> bool:
    return db.session.scalar(select(JobRun.id).where(JobRun.job == job.name, JobRun.slot == slot)) is not None
