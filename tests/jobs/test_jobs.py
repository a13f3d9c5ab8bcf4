"""Jobs: a slot is done once, a missed one is made up for, and work made up for equals work in time."""

import threading
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from crm.jobs.models import JobRun
from crm.jobs.run import catch_up, missed, run_slot
from crm.jobs.scheduler import look
from crm.jobs.table import Job
from crm.kernel.actor import SYSTEM
from crm.kernel.audit import AuditEntry, record
from crm.kernel.clock import at_local
from crm.kernel.db import db, writing
from crm.kernel.unit_of_work import unit_of_work
from crm.meetings.models import StoredReport
from crm.meetings.rules import canonical
from crm.meetings.tasks import JOBS
from tests.meetings.setting import LATER, a_day, lead
from tests.moments import BELL, DAY_1, DAY_2, NOON

MINUTE = timedelta(minutes=1)


def noted(slot, _prepared=None):
    """A task whose effect can be counted."""
    record(SYSTEM, "test.ran", "slot", detail_of=slot.isoformat())
    return "ran"


def daily(name="noted", task=noted, delay=timedelta(0)):
    return Job(name, lambda day: (at_local(day, 9),), task, delay)


def effects():
    return db.session.scalar(select(db.func.count(AuditEntry.id)).where(AuditEntry.action == "test.ran"))


def test_a_slot_is_done_once(app):
    job = daily()
    assert run_slot(job, NOON).result == "ran"
    assert run_slot(job, NOON) is None
    assert effects() == 1


def test_a_task_that_fails_leaves_neither_claim_nor_effect_and_is_tried_again(app):
    calls = []

    def shaky(slot, _prepared):
        calls.append(slot)
        noted(slot)
        if len(calls) == 1:
            raise RuntimeError("no power")
        return "ran"

    job = daily(task=shaky)
    first = catch_up([job], at_local(DAY_1, 10))
    assert {one.error for one in first[:1]} == {"RuntimeError"}
    assert db.session.scalar(select(JobRun.id).where(JobRun.slot == first[0].slot)) is None
    again = catch_up([job], at_local(DAY_1, 10))
    assert [(one.slot, one.error) for one in again] == [(first[0].slot, "")]
    assert effects() == len(first)


def test_one_failure_does_not_keep_other_jobs_from_running(app):
    def broken(slot, _prepared):
        raise RuntimeError("never")

    done = catch_up([daily("a", broken), daily("b")], NOON)
    assert {one.job for one in done if not one.error} == {"b"}


def test_slots_are_due_after_their_delay_and_for_a_week(app):
    job = daily(delay=MINUTE)
    slot = at_local(DAY_2, 9)
    assert slot not in [one for _, one in missed([job], slot + MINUTE - timedelta(seconds=1))]
    due = [one for _, one in missed([job], slot + MINUTE)]
    assert due[-1] == slot
    assert len(due) == 8


def threads_of(act, count=4):
    """Runs `act` in several threads that begin together; whatever one raises is raised here."""
    barrier, wrong = threading.Barrier(count), []

    def body():
        barrier.wait()
        try:
            act()
        except BaseException as error:
            wrong.append(error)

    crowd = [threading.Thread(target=body) for _ in range(count)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    if wrong:
        raise wrong[0]


SLOTS = [at_local(DAY_1, hour) for hour in range(8, 18)]


def in_app(app, act):
    def inside():
        with app.app_context():
            try:
                act()
            finally:
                db.session.remove()

    return inside


def test_four_schedulers_and_ten_slots_make_ten_runs(app):
    job = daily()
    threads_of(in_app(app, lambda: [run_slot(job, slot) for slot in SLOTS]))
    assert effects() == 10
    assert db.session.scalar(select(db.func.count(JobRun.id))) == 10


def test_without_the_claim_they_would_make_forty(app):
    """The control: the same crowd without a claim repeats every slot, so the test above can see it."""

    def unclaimed(slot):
        with unit_of_work():
            noted(slot)

    threads_of(in_app(app, lambda: [unclaimed(slot) for slot in SLOTS]))
    assert effects() == 40


def bodies():
    return {(row.team_id, row.day): canonical(row.body) for row in db.session.scalars(select(StoredReport))}


def test_down_at_the_bell_and_up_in_the_morning_gives_the_same_reports(app, actor, cast, stage):
    def a_whole_day():
        with time_machine.travel(NOON, tick=True):
            for row in (("bob", "red"), ("dora", "blue")):
                lead(actor, cast, *row)

    a_whole_day()
    with time_machine.travel(BELL + MINUTE, tick=True):
        catch_up(JOBS, BELL + MINUTE)
    timely = bodies()
    assert len(timely) == 6
    stage[2]()
    a_whole_day()
    lead(actor, cast, "bob", "red", received=BELL + MINUTE)
    with time_machine.travel(LATER, tick=True):
        catch_up(JOBS, LATER)
    assert bodies() == timely
    assert {row.as_of for row in db.session.scalars(select(StoredReport).where(StoredReport.day == DAY_2))} == {BELL}


def test_a_report_that_somebody_stored_at_the_bell_is_left_alone(app, actor, cast):
    from crm.meetings.storing import store_evening_report

    a_day(actor, cast)
    with unit_of_work():
        store_evening_report(
            actor("alice"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            day=DAY_2,
            as_of=BELL,
            at=BELL,
        )
    with time_machine.travel(LATER, tick=True):
        catch_up(JOBS, LATER)
    reds = select(StoredReport).where(StoredReport.team_id == cast.teams["red"], StoredReport.day == DAY_2)
    assert [row.revision for row in db.session.scalars(reds)] == [1]


def test_the_scheduler_runs_what_the_app_names(app, cast):
    with time_machine.travel(BELL + MINUTE, tick=True):
        look(app, app.extensions["crm.jobs"])
        look(app, app.extensions["crm.jobs"])
    assert len(bodies()) == 6


@pytest.mark.parametrize("minutes", [0, 0.5])
def test_nothing_runs_before_its_time(app, cast, minutes):
    with time_machine.travel(BELL, tick=True):
        catch_up(JOBS, BELL + minutes * MINUTE)
    assert all(row.day < DAY_2 for row in db.session.scalars(select(StoredReport)))


def test_what_is_reckoned_is_reckoned_before_the_unit_opens(app):
    seen = []

    def prepare(slot):
        seen.append(writing.get())
        return slot.hour

    def task(slot, prepared):
        seen.append((writing.get(), prepared))
        return "ran"

    run_slot(Job("apart", lambda day: (), task, prepare=prepare), NOON)
    assert seen == [False, (True, NOON.hour)]
