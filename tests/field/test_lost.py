"""A lost phone clears itself at its next contact, with or without a session; what was not sent yet is not lost with it."""

import uuid

import pytest

from crm.field.models import FieldDevice
from crm.kernel.audit import AuditEntry
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.people import commands
from crm.people.models import User

DEVICE = "3b7f5f0c-3f3e-4a0a-9a3e-0d7f6f1f2a01"


@pytest.fixture
def bobs_phone(client_of, cast):
    """Bob's session, in which his phone has spoken."""
    client = client_of("bob")
    assert client.get(f"/m/api/session?device={DEVICE}").get_json()["wipe"] is False
    return client


def told(client, cast, *, device=DEVICE, name="bob"):
    return client.get(f"/m/api/phone?device={device}&user={cast.users[name]}").get_json()


def report(client, cast, what, *, name="bob", device=DEVICE):
    return client.post(f"/field/phones/{cast.users[name]}/{what}", data={"device": device}).status_code


def test_a_lost_phone_is_told_to_clear_itself_and_its_sessions_end(bobs_phone, client_of, cast):
    nobody = client_of(None)
    assert told(nobody, cast) == {"wipe": False}
    assert report(client_of("olga"), cast, "lost") == 302
    assert bobs_phone.get(f"/m/api/session?device={DEVICE}").status_code == 401
    assert told(nobody, cast) == {"wipe": True}
    page = client_of("olga").get(f"/field/phones/{cast.users['bob']}").get_data(as_text=True)
    assert "已清除" in page
    assert DEVICE[:8] in page
    # Whoever signs in on it again is told the same, until it is found.
    assert client_of("bob").get(f"/m/api/session?device={DEVICE}").get_json()["wipe"] is True
    assert report(client_of("olga"), cast, "found") == 302
    assert client_of("bob").get(f"/m/api/session?device={DEVICE}").get_json()["wipe"] is False
    assert told(nobody, cast) == {"wipe": False}
    assert select_acts() == ["people.end_sessions", "field.phone_lost", "field.phone_found"]


def select_acts():
    wanted = ("field.phone_lost", "field.phone_found", "people.end_sessions")
    query = db.select(AuditEntry.action).where(AuditEntry.action.in_(wanted)).order_by(AuditEntry.id)
    return list(db.session.scalars(query))


def test_another_phone_of_the_same_person_and_another_person_on_the_same_phone_keep_what_they_have(
    bobs_phone, client_of, cast
):
    other = str(uuid.uuid4())
    bobs_phone.get(f"/m/api/session?device={other}")
    client_of("alice").get(f"/m/api/session?device={DEVICE}")
    report(client_of("olga"), cast, "lost")
    nobody = client_of(None)
    assert told(nobody, cast, device=other) == {"wipe": False}
    assert told(nobody, cast, name="alice") == {"wipe": False}


def test_the_phones_of_a_person_who_is_shut_out_clear_themselves(bobs_phone, client_of, actor, cast):
    with unit_of_work():
        version = db.session.get_one(User, cast.users["bob"]).version
        commands.set_active(actor("adam"), cast.users["bob"], version=version, active=False)
    assert told(client_of(None), cast) == {"wipe": True}
    with unit_of_work():
        version = db.session.get_one(User, cast.users["bob"]).version
        commands.set_active(actor("adam"), cast.users["bob"], version=version, active=True)
    assert told(client_of(None), cast) == {"wipe": False}


@pytest.mark.parametrize(
    "asked", ["", "device=x&user=1", "device=5d2f7c0a-0f4e-4f6c-9a2b-6a1c2f3e4d50&user=1", f"device={DEVICE}", "user=5"]
)
def test_strangers_hear_no_and_write_nothing(bobs_phone, client_of, asked):
    before = [(one.device, one.cleared_at) for one in db.session.scalars(db.select(FieldDevice))]
    assert client_of(None).get(f"/m/api/phone?{asked}").get_json() == {"wipe": False}
    db.session.expire_all()
    assert [(one.device, one.cleared_at) for one in db.session.scalars(db.select(FieldDevice))] == before


def test_people_report_their_own_and_organisers_anybodys(bobs_phone, client_of, cast):
    assert report(client_of("dora"), cast, "lost") == 404
    assert report(client_of("alice"), cast, "lost") == 404  # who leads the team records, and looks after no phones
    assert report(client_of("mona"), cast, "lost") == 403
    assert report(client_of("tim"), cast, "lost") == 404  # hired: no customers, and nobody's sessions
    assert report(client_of("bob"), cast, "lost", device=str(uuid.uuid4())) == 404
    assert client_of("dora").get(f"/field/phones/{cast.users['bob']}").status_code == 404
    page = client_of("bob").get(f"/field/phones/{cast.users['bob']}").get_data(as_text=True)
    assert "我的手机" in page
    assert "使用中" in page
    assert report(client_of("bob"), cast, "lost") == 302
    db.session.rollback()
    phone = db.session.get_one(FieldDevice, (DEVICE, cast.users["bob"]))
    assert (phone.lost_at is not None, phone.lost_by_id) == (True, cast.users["bob"])


def test_a_phone_is_reported_once(bobs_phone, client_of, cast):
    olga = client_of("olga")
    assert [report(olga, cast, "lost") for _ in range(2)] == [302, 302]
    assert [report(olga, cast, "found") for _ in range(2)] == [302, 302]
    assert len(select_acts()) == 3
