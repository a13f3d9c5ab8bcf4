"""Phones that were away for long: what they recorded in earlier versions of the forms is read, or kept until somebody looks.

`payloads/` holds what phones of each version sent, word for word. A file of a version that was released is never changed: a later
release reads it, two versions back.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from crm.field import rules
from crm.field.models import FieldRecord
from crm.kernel.db import db
from crm.leads.models import Lead
from crm.outreach.models import Tally, Visit
from tests.field.phone import Phone, Record, seal

PAYLOADS = Path(__file__).parent / "payloads"


def recorded(version: int) -> list[dict[str, Any]]:
    """The bodies that phones of that version sent."""
    return [json.loads(line) for line in (PAYLOADS / f"v{version}.jsonl").read_text("utf-8").splitlines()]


def replay(phone: Phone, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sends them as this phone's: the ids of person and campaign are the bank's own, all else is as it was recorded."""
    records = []
    for body in bodies:
        own = body | {"user": phone.session["user"]["id"], "campaign": phone.campaign}
        text = json.dumps(own, ensure_ascii=False)
        envelope = seal(phone.session["key"], text, f"waituo|{own['uuid']}|{own['user']}")
        records.append(Record(own["uuid"], text, own["kind"], own["user"], envelope))
    return phone.send(records)[1]


def count(model) -> int:
    db.session.rollback()
    return db.session.scalar(db.select(db.func.count()).select_from(model)) or 0


def wrapped(data: dict[str, Any]) -> dict[str, Any]:
    """A change of form that nothing else can read."""
    return {"inside": data}


def unwrapped(data: dict[str, Any]) -> dict[str, Any]:
    return data["inside"]


@pytest.fixture
def newest(monkeypatch):
    """newest(5) makes 5 the newest version of every kind: each second step wraps the data, the one after unwraps it."""

    def make(version: int, *, oldest_step: int = 1) -> None:
        monkeypatch.setattr(rules, "FORM_VERSIONS", dict.fromkeys(rules.FORM_VERSIONS, version))
        for step in range(oldest_step, version):
            for kind in rules.FORM_VERSIONS:
                change = (wrapped, unwrapped)[(step - oldest_step) % 2]
                monkeypatch.setitem(rules.UPGRADES, (kind, step), change)

    return make


def test_there_is_a_recorded_body_of_each_kind():
    bodies = recorded(1)
    assert sorted(body["kind"] for body in bodies) == sorted(rules.FORM_VERSIONS)
    assert {body["form"] for body in bodies} == {1}


def test_what_version_1_recorded_is_taken_in(phone_of):
    assert [one["status"] for one in replay(phone_of("bob"), recorded(1))] == ["accepted"] * 6
    assert (count(Visit), count(Lead), count(Tally)) == (1, 1, 1)
    lead = db.session.scalar(db.select(Lead))
    assert (lead.name, lead.shop, lead.stage, lead.intent) == ("王秀英", "老王面馆", "application", "B")
    assert db.session.scalar(db.select(Visit.void_reason)) == "点错了"


def test_two_releases_later_it_still_is_by_one_change_after_the_other(phone_of, newest):
    newest(3)
    results = replay(phone_of("bob"), recorded(1))
    assert [(one["status"], one["code"]) for one in results] == [("accepted", "")] * 6
    assert (count(Visit), count(Lead), count(Tally)) == (1, 1, 1)


def test_a_change_that_is_left_out_is_noticed(phone_of, newest, monkeypatch):
    newest(3)
    for kind in rules.FORM_VERSIONS:
        monkeypatch.setitem(rules.UPGRADES, (kind, 2), dict)
    assert {one["status"] for one in replay(phone_of("bob"), recorded(1))} == {"rejected"}


@pytest.mark.parametrize("form", [2, 6])
def test_three_versions_back_and_one_ahead_are_kept_unread(phone_of, newest, form):
    newest(5, oldest_step=3)
    phone = phone_of("bob")
    results = replay(phone, [body | {"form": form} for body in recorded(1)])
    assert [(one["status"], bool(one["receipt"])) for one in results] == [("held", True)] * 6
    assert (count(Visit), count(Lead), count(Tally)) == (0, 0, 0)
    assert {row.form_version for row in db.session.scalars(db.select(FieldRecord))} == {form}
    assert replay(phone, [recorded(1)[0] | {"form": 3}])[0]["status"] == "conflict"


def test_two_versions_back_is_read(phone_of, newest):
    newest(5, oldest_step=3)
    results = replay(phone_of("bob"), [body | {"form": 3} for body in recorded(1)])
    assert {one["status"] for one in results} == {"accepted"}
