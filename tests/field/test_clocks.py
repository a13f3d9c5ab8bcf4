"""Wherever the server and the phone believe to be, and however wrong the phone's clock is: a record is of its business day."""

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from crm.field.models import FieldRecord
from crm.kernel.clock import at_local, now
from crm.kernel.db import db
from crm.leads.ledger_models import StageEntry
from crm.outreach.models import Tally, Visit
from tests.moments import DAY_1, DAY_2, NOON

ZONES = ("Asia/Shanghai", "Asia/Urumqi", "UTC", "America/New_York")
RIGHT, A_DAY, TEN_YEARS = timedelta(0), timedelta(days=1), timedelta(days=3653)


@pytest.fixture(params=ZONES)
def _host_zone(request, monkeypatch):
    """The zone that the server's machine is set to."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


def rows(model):
    db.session.rollback()
    return list(db.session.scalars(db.select(model).order_by(model.id)))


@pytest.mark.usefixtures("_host_zone")
@pytest.mark.parametrize("wrong", [RIGHT, A_DAY, -A_DAY, TEN_YEARS, -TEN_YEARS], ids=str)
def test_the_day_is_the_business_day_and_a_wrong_clock_is_flagged(phone_of, wrong):
    """At a minute after midnight, the last minute of the day before, and now: on four phones, each in a zone of its own."""
    moments = (at_local(DAY_2, 0, 1), at_local(DAY_1, 23, 59), NOON)
    for zone, name in zip(ZONES, ("alice", "bob", "charlie", "dora"), strict=True):

        def clock(zone: str = zone) -> datetime:
            return (now() + wrong).astimezone(ZoneInfo(zone))

        phone = phone_of(name, clock=clock)
        for at in moments:
            shown = (at + wrong).astimezone(ZoneInfo(zone))
            phone.visit(at=shown, body={"tz": zone})
            phone.record("tally", metric="doors", delta=1, at=shown, body={"tz": zone})
        phone.lead(f"1380013800{ZONES.index(zone)}", at=(moments[0] + wrong).astimezone(ZoneInfo(zone)))
        status, results = phone.send()
        assert (status, {one["status"] for one in results}) == (200, {"accepted"}), results
    days = [DAY_2, DAY_1, DAY_2] * 4
    assert [one.day for one in rows(Visit)] == days
    assert [one.day for one in rows(Tally)] == days
    assert [one.day for one in rows(StageEntry)] == [DAY_2] * 4
    assert {tuple(one.flags) for one in rows(FieldRecord)} == {("clock",) if wrong else ()}
    for one, at in zip(rows(Visit), moments * 4, strict=True):
        assert abs(one.occurred_at - at) < timedelta(seconds=30)


@pytest.mark.usefixtures("_host_zone")
def test_a_clock_set_right_before_sending_is_corrected_by_what_was_measured(phone_of):
    for zone, name, wrong in zip(
        ZONES, ("alice", "bob", "charlie", "dora"), (A_DAY, -A_DAY, TEN_YEARS, -TEN_YEARS), strict=True
    ):
        phone = phone_of(name)
        made = (at_local(DAY_2, 0, 1) + wrong).astimezone(ZoneInfo(zone))
        phone.visit(at=made, body={"tz": zone, "offset": -wrong.total_seconds() * 1000})
        assert phone.send()[1][0]["status"] == "accepted"
    assert [one.day for one in rows(Visit)] == [DAY_2] * 4
    assert [one.flags for one in rows(FieldRecord)] == [["clock"]] * 4
