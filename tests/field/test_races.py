"""Several processes take the same in at the same moment: one row, one answer, and one holder of each customer."""

import random
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from crm.field.models import FieldRecord
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import ledger
from crm.leads.models import Clash, Consent, Lead
from crm.outreach.models import Visit
from crm.people.models import User
from tests.field import careless
from tests.field.crowd import Posted, at_once

pytestmark = pytest.mark.slow

SPELLINGS = (
    "{0}", "+86{0}", "+86 {0}", "0086{0}", "0086-{0}", "{1} {2} {3}", "{1}-{2}-{3}", "(+86){1} {2}{3}", "（{0}）",
    "86{0}", "0{0}", "{wide}",
)  # fmt: skip
"""How people write one and the same mobile: in parts of 3, 4 and 4 digits, and in full-width ones."""
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
SENDERS = ("alice", "bob", "charlie", "dora", "bob", "dora")
"""Whose phone is in each process: two teams, and two people with two phones."""


def spelled(number: str, way: int) -> str:
    text = SPELLINGS[way % len(SPELLINGS)]
    return text.format(number, number[:3], number[3:7], number[7:], wide=number.translate(WIDE))


@pytest.fixture
def session_of(cast):
    """What the cookie of a person's session says."""

    def find(name: str) -> str:
        user = db.session.get_one(User, cast.users[name])
        return f"{user.id}|{user.session_version}"

    return find


@pytest.fixture
def crowd(app, home: Path, database_url: str):
    """crowd(posts) sends them at once, those of each list from a process of its own."""

    def send(posts, **more):
        db.session.rollback()
        answers = at_once(home, database_url, posts, **more)
        db.session.rollback()
        return answers

    return send


def count(model, *where) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*where)) or 0


def same_record(phone_of, session_of, posts: int) -> list[list[Posted]]:
    """One visit, posted so often from each of four processes."""
    phone = phone_of("bob")
    made = phone.visit(note="同一条")
    return [[(session_of("bob"), phone.parcel([made])) for _ in range(posts)] for _ in range(4)]


def test_200_posts_of_one_record_leave_one_row_and_one_answer(phone_of, session_of, crowd):
    answers = crowd(same_record(phone_of, session_of, 50))
    assert len(answers) == 200
    assert {status for status, _ in answers} == {200}
    results = [body["results"] for _, body in answers]
    assert results == [results[0]] * 200
    assert (results[0][0]["status"], bool(results[0][0]["receipt"])) == ("accepted", True)
    assert (count(FieldRecord), count(Visit)) == (1, 1)


def test_a_server_that_knows_no_record_again_doubles_it(phone_of, session_of, crowd):
    answers = crowd(same_record(phone_of, session_of, 2), without=["no record again"])
    assert len({body["results"][0]["receipt"] for _, body in answers}) == 8
    assert (count(FieldRecord), count(Visit)) == (8, 8)


def test_of_50_contents_under_one_id_one_is_taken_in_and_all_are_kept(phone_of, session_of, crowd):
    phone = phone_of("bob")
    first = phone.visit(note="0")
    records = [first, *(phone.visit(note=str(number), uid=first.uid) for number in range(1, 50))]
    posts = [(session_of("bob"), phone.parcel([one])) for one in records]
    answers = crowd([posts[start::4] for start in range(4)])
    told = Counter((status, body["results"][0]["status"]) for status, body in answers)
    assert told == {(200, "accepted"): 1, (409, "conflict"): 49}
    assert len({body["results"][0]["receipt"] for _, body in answers}) == 50
    assert (count(FieldRecord), count(FieldRecord, FieldRecord.state == "conflict"), count(Visit)) == (50, 49, 1)


def same_customers(phone_of, session_of, customers: int) -> list[list[Posted]]:
    """From six processes each of the customers, in another order and spelled otherwise."""
    numbers = [f"137{number:08d}" for number in range(customers)]
    posts = []
    for process, name in enumerate(SENDERS):
        phone = phone_of(name)
        for place, number in enumerate(random.Random(process).sample(numbers, customers)):
            phone.lead(spelled(number, int(number[-3:]) + process * 2 + place % 2))
        batches = [phone.queue[start : start + 25] for start in range(0, customers, 25)]
        posts.append([(session_of(name), phone.parcel(batch)) for batch in batches])
    return posts


def deadlocks() -> int:
    """How often PostgreSQL had to end one of two that waited for each other; on SQLite nobody can."""
    if db.engine.dialect.name != "postgresql":
        return 0
    query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return db.session.scalar(query) or 0


def test_each_of_300_customers_in_twelve_spellings_has_one_holder(phone_of, session_of, crowd):
    before = deadlocks()
    answers = crowd(same_customers(phone_of, session_of, 300))
    assert {status for status, _ in answers} == {200}
    results = [one for _, body in answers for one in body["results"]]
    told = Counter((one["status"], one["code"]) for one in results)
    assert set(told) == {("accepted", ""), ("contested", "field.contested"), ("rejected", "lead.own_duplicate")}, told
    assert (len(results), told["accepted", ""], count(Lead), count(Consent)) == (1800, 300, 300, 300)
    assert db.session.scalar(select(func.count(func.distinct(Lead.person_key)))) == 300
    assert count(Clash) == told["contested", "field.contested"]
    assert deadlocks() == before
    assert all(one["message"] for one in results if one["status"] != "accepted")
    assert ledger.differences() == []


def test_without_the_claim_customers_are_held_twice(phone_of, session_of, crowd):
    with unit_of_work():
        careless.drop_claims()
    crowd(same_customers(phone_of, session_of, 25), without=["no customer again"])
    assert count(Lead) > 25
    assert db.session.scalar(select(func.count(func.distinct(Lead.person_key)))) == 25
