"""Reminders by the clock: who is due in the morning, which A-class customer waits too long, each told once."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from crm.jobs.run import catch_up, run_slot
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import contact, editing
from crm.leads.models import Lead
from crm.leads.queries import due_by
from crm.outreach.reminding import tell_due
from crm.outreach.tasks import JOBS
from crm.people.inbox_models import InboxMessage
from tests import make
from tests.meetings import setting
from tests.moments import DAY_1, DAY_2, DAY_3, NOON, YESTERDAY_NOON

DUE, LONG = JOBS
MORNING = at_local(DAY_3, 8)


def lead(cast, actor, who="bob", team="red", *, on=None, **more):
    with unit_of_work():
        made = make.lead(actor(who), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams[team], **more).lead_id
        if on is not None:
            db.session.execute(update(Lead).where(Lead.id == made).values(follow_up_on=on))
    return made


def told(cast, name, code="leads."):
    query = select(InboxMessage).where(InboxMessage.user_id == cast.users[name]).order_by(InboxMessage.id)
    return [one for one in db.session.scalars(query) if one.code.startswith(code)]


def ran(job, slot):
    with time_machine.travel(slot + timedelta(minutes=2), tick=True):
        return run_slot(job, slot)


def test_in_the_morning_each_officer_is_told_once_and_each_lead_of_the_team(cast, actor):
    for on in (DAY_1, DAY_2, DAY_3):
        lead(cast, actor, on=on)
    lead(cast, actor, "alice", on=DAY_2)
    lead(cast, actor, "dora", "blue", on=DAY_3)
    assert ran(DUE, MORNING).result == "5 due"
    (mine,) = told(cast, "bob")
    assert (mine.code, mine.facts) == ("leads.due", {"today": 1, "overdue": 2})
    own, team = told(cast, "alice")
    assert own.facts == {"today": 0, "overdue": 1}
    assert team.facts == {"team": "红队", "today": 1, "overdue": 3, "officers": [["鲍勃", 2], ["爱丽", 1]]}
    assert [one.facts["overdue"] for one in told(cast, "charlie")] == [0]
    assert told(cast, "olga") == []


def test_the_scheduler_runs_twice_and_tells_once(cast, actor):
    lead(cast, actor, on=DAY_2)
    assert ran(DUE, MORNING) is not None
    assert ran(DUE, MORNING) is None
    with unit_of_work():  # even if the claim were lost
        tell_due(DAY_3, at=MORNING)
    assert len(told(cast, "bob")) == 1


def test_after_a_downtime_only_today_is_told(cast, actor):
    lead(cast, actor, on=DAY_1)
    late = at_local(DAY_3, 11)
    with time_machine.travel(late, tick=True):
        done = catch_up(JOBS, late)
        assert catch_up(JOBS, late) == []
    assert {one.result for one in done if one.job == "follow_ups_due"} == {"past", "1 due"}
    assert [one.key for one in told(cast, "bob")] == [f"due:{DAY_3}"]


def test_an_a_class_customer_who_waits_for_a_day_is_told_once_at_the_next_full_hour(cast, actor):
    waiting = lead(cast, actor, intent="A", at=NOON)
    assert db.session.get_one(Lead, waiting).follow_up_on == DAY_3
    assert ran(LONG, at_local(DAY_3, 11)).result == "0 wait"
    assert ran(LONG, at_local(DAY_3, 12)).result == "1 wait"
    ran(LONG, at_local(DAY_3, 13))
    for name in ("bob", "alice"):
        (one,) = told(cast, name)
        assert (one.code, one.facts, one.args) == (
            "leads.waits", {"lead": waiting, "officer": "鲍勃"}, {"lead_id": waiting},
        )  # fmt: skip
    with time_machine.travel(at_local(DAY_3, 13, 30)), unit_of_work():
        editing.set_follow_up(actor("bob"), waiting, DAY_3, at=at_local(DAY_3, 13, 30), note="打过电话")
    ran(LONG, at_local(DAY_3, 14))
    assert len(told(cast, "bob")) == 1


@pytest.mark.parametrize("by", ["note", "visit", "reveal"])
def test_a_contact_begins_the_day_anew(cast, actor, by):
    waiting = lead(cast, actor, intent="A", at=YESTERDAY_NOON, on=DAY_2)
    if by == "visit":
        one = setting.visit(actor, cast, "bob")
        with unit_of_work():
            db.session.merge(one).lead_id = waiting
    else:
        with unit_of_work():
            if by == "note":
                editing.add_note(actor("bob"), waiting, "已电话联系", at=NOON)
            else:
                contact.reveal_phone(actor("bob"), waiting, reason="follow_up", at=NOON)
    assert ran(LONG, at_local(DAY_2, 18)).result == "0 wait"
    assert ran(LONG, at_local(DAY_3, 12)).result == "1 wait"


@pytest.mark.parametrize("why", ["no_contact", "left", "historical", "merged", "removed", "class B"])
def test_who_is_to_be_left_alone_is_in_no_reminder(cast, actor, why):
    one = lead(cast, actor, intent="B" if why == "class B" else "A", at=YESTERDAY_NOON, on=DAY_2)
    other = lead(cast, actor)
    values = {
        "no_contact": {"no_contact": True}, "left": {"exit_code": "refused"}, "historical": {"historical": True},
        "merged": {"merged_into_id": other}, "removed": {"removed_at": NOON}, "class B": {},
    }[why]  # fmt: skip
    if values:
        with unit_of_work():
            db.session.execute(update(Lead).where(Lead.id == one).values(**values))
        assert ran(DUE, MORNING).result == "0 due"
    assert ran(LONG, at_local(DAY_3, 18)).result == "0 wait"
    assert told(cast, "bob", "leads.waits") == []


def test_overdue_lists_by_team_and_by_officer(cast, actor, client_of, queries):
    for on in (DAY_1, DAY_2, DAY_3):
        lead(cast, actor, on=on)
    lead(cast, actor, "dora", "blue", on=DAY_1)
    with queries() as seen:
        found = due_by(actor("olga"), "team", today=DAY_2)
    assert sum("FROM lead" in statement for statement in seen.statements) == 1
    assert [(row.name, row.overdue, row.today, row.coming) for row in found] == [("红队", 1, 1, 1), ("蓝队", 1, 0, 0)]
    assert [row.today for row in due_by(actor("olga"), "team", today=DAY_2, sort="today")] == [0, 1]
    assert [row.name for row in due_by(actor("olga"), "team", today=DAY_2, sort="coming")] == ["蓝队", "红队"]
    assert [row.name for row in due_by(actor("alice"), "officer", today=DAY_2)] == ["鲍勃"]
    page = client_of("olga").get("/leads/follow-ups/teams").text
    assert f"team={cast.teams['red']}" in page
    assert "鲍勃" in client_of("olga").get(f"/leads/follow-ups/teams?team={cast.teams['red']}&sort=-overdue").text
    own = client_of("alice").get(f"/leads/follow-ups/teams?team={cast.teams['blue']}").text
    assert "朵拉" not in own
    assert "鲍勃" in own
    assert client_of("tim").get("/leads/follow-ups/teams").status_code == 403
