"""Messages in the house: told once, read by whom they are for, forgotten after ninety days."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from crm.jobs.run import catch_up
from crm.kernel.actor import Role
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.people import commands as people
from crm.people import inbox
from crm.people.inbox import Link
from crm.people.inbox_models import InboxMessage
from crm.people.tasks import JOBS
from crm.web import wording
from tests.moments import NOON

CODES = ("clash.kept", "clash.refused", "leads.due", "leads.due_of_team", "leads.waits")


def told(cast, *names, key="once", code="leads.waits", at=NOON, **facts):
    values = {"lead": 7, "officer": "鲍勃"} | facts
    with unit_of_work():
        inbox.tell([cast.users[name] for name in names], code, at=at, key=key, link=Link("leads.listing"), **values)


def rows():
    return db.session.scalar(select(func.count()).select_from(InboxMessage))


def test_the_same_occasion_is_told_once_and_another_person_still_hears_of_it(cast):
    told(cast, "bob")
    told(cast, "bob", "alice", lead=8)
    assert rows() == 2
    assert db.session.scalar(select(InboxMessage.facts).where(InboxMessage.user_id == cast.users["bob"]))["lead"] == 7


def test_a_closed_account_is_told_nothing(cast, actor):
    with unit_of_work():
        user = people.create_user(actor("adam"), login="gone", name="离职", role=Role.MEMBER, external=False)
        user.active = False
        cast.users["gone"] = user.id
    told(cast, "gone")
    assert rows() == 0


def test_unread_is_one_question_and_knows_the_newest(cast, actor, queries):
    for number in range(5):
        told(cast, "bob", key=f"k{number}", lead=number)
    with queries() as seen:
        found = inbox.unread(actor("bob"))
    assert [statement for statement in seen.statements if "inbox_message" in statement][1:] == []
    assert (found.total, [one.facts["lead"] for one in found.newest]) == (5, [4, 3, 2])
    assert inbox.unread(actor("alice")).total == 0


def test_another_s_message_is_not_there(cast, actor, client_of):
    told(cast, "bob")
    one = inbox.unread(actor("bob")).newest[0].id
    with pytest.raises(NotFound), unit_of_work():
        inbox.mark_read(actor("alice"), one, at=NOON)
    assert client_of("alice").post(f"/messages/{one}/read").status_code == 404
    assert inbox.unread(actor("bob")).total == 1


def test_all_that_was_seen_is_marked_and_not_what_came_meanwhile(cast, actor, client_of):
    told(cast, "bob", key="a")
    seen = inbox.unread(actor("bob")).newest[0].id
    told(cast, "bob", key="b")
    assert client_of("bob").post("/messages/read", data={"upto": seen}).location == "/messages"
    client_of("bob").post("/messages/read", data={"upto": "922337203685477580799"})
    assert inbox.unread(actor("bob")).total == 1


def test_the_page_shows_words_and_filters(cast, client_of):
    bob = client_of("bob")
    assert "还没有消息" in bob.get("/messages").text
    told(cast, "bob")
    assert "A类线索 7 超过24小时未联系" in bob.get("/messages?show=unread").text
    bob.post("/messages/read", data={"upto": "99999"})
    assert "全部已读" in bob.get("/messages?show=unread").text
    assert "A类线索 7" in bob.get("/messages").text


def test_a_message_leads_only_where_its_reader_may_go(cast, actor, client_of):
    told(cast, "bob", "audrey")
    assert (
        client_of("bob").post(f"/messages/{inbox.unread(actor('bob')).newest[0].id}/read", data={"open": "1"}).location
        == "/leads"
    )
    mine = inbox.unread(actor("audrey")).newest[0].id
    assert client_of("audrey").post(f"/messages/{mine}/read", data={"open": "1"}).location == "/messages"


def test_a_code_that_no_room_words_any_more_breaks_nothing(cast, client_of):
    told(cast, "bob", code="gone.code")
    told(cast, "bob", code="leads.due", key="other")  # its facts are missing
    assert client_of("bob").get("/messages").status_code == 200
    assert client_of("bob").get("/today").status_code == 200
    assert set(CODES) <= wording.known_messages()


def test_messages_are_kept_for_ninety_days(cast):
    told(cast, "bob", key="old", at=NOON - inbox.KEPT - timedelta(days=2))
    told(cast, "bob", key="new")
    catch_up(JOBS, NOON)
    assert list(db.session.scalars(select(InboxMessage.key))) == ["new"]
    with time_machine.travel(NOON + timedelta(days=92)):
        catch_up(JOBS, NOON + timedelta(days=92))
    assert rows() == 0
