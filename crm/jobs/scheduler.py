"""The process that keeps the time. It holds no schedule of its own: every minute it asks what is due and undone."""

import logging
from collections.abc import Sequence

from apscheduler.schedulers.blocking import BlockingScheduler
from flask import Flask

from crm.jobs.beat import OVERDUE, beat
from crm.jobs.run import catch_up, missed
from crm.jobs.table import Job
from crm.kernel.clock import now
from crm.kernel.db import db

log = logging.getLogger("crm.jobs")

EVERY = 60
"""Seconds between two looks at the table."""


def run_forever(app: Flask, jobs: Sequence[Job]) -> None:
    """Blocks until it is interrupted. Several such processes do no harm: the claims keep them apart."""
    scheduler = BlockingScheduler(timezone="UTC")
    # One look at a time, none lost: APScheduler's own grace of one second would silently skip a late one.
    options = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
    scheduler.add_job(lambda: look(app, jobs), "interval", seconds=EVERY, next_run_time=now(), **options)
    scheduler.start()


def look(app: Flask, jobs: Sequence[Job]) -> None:
    """One round: what is due and undone is done, and a sign of life is left."""
    with app.test_request_context():
        try:
            for done in catch_up(jobs, now()):
                log.info("%s %s %s", done.job, done.slot.isoformat(), done.error or done.result)
            beat(app.extensions["crm.settings"].home, now(), len(missed(jobs, now() - OVERDUE)))
        finally:
            db.session.remove()
