"""What phones brought along goes when its time is over, and only then; a second night finds nothing more to do."""

from datetime import date, datetime, timedelta

import pytest

from crm.campaigns.models import Campaign
from crm.field import keeping
from crm.field.models import FieldPhoto, FieldRecord, VisitPosition
from crm.field.tasks import JOBS, old_traces
from crm.jobs.run import run_slot
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from tests import make
from tests.meetings import setting
from tests.moments import DAY_2, DAY_6, NOON

DAY = timedelta(days=1)


def night(day: date) -> datetime:
    return at_local(day, 3)


def clean(day: date) -> str:
    with unit_of_work():
        return old_traces(night(day))


def count(table) -> int:
    return db.session.scalar(db.select(db.func.count()).select_from(table)) or 0


def test_a_place_is_kept_for_thirty_days_and_the_visit_stays(cast, actor):
    visit = setting.visit(actor, cast, "bob").id
    with unit_of_work():
        db.session.add(
            VisitPosition(visit_id=visit, latitude=31.2, longitude=121.4, accuracy_m=80, weak=False, taken_at=NOON)
        )
    assert clean(DAY_2 + 30 * DAY).startswith("0 places")
    assert clean(DAY_2 + 31 * DAY).startswith("1 places")
    assert clean(DAY_2 + 31 * DAY).startswith("0 places")
    assert count(VisitPosition) == 0


@pytest.fixture
def folder(home):
    """Where sealed photos lie."""
    return home / "photos"


def on_disk(folder, photo: FieldPhoto):
    path = folder / photo.content_hash[:2] / f"{photo.content_hash}.jpg.sealed"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"sealed")
    return path


def test_a_photo_is_kept_until_ninety_days_after_its_campaign_and_goes_with_its_file(cast, actor, folder):
    visit = setting.visit(actor, cast, "bob").id
    with unit_of_work():
        path = on_disk(folder, make.photo(visit, cast.users["bob"]))
        foreign = on_disk(folder, make.photo(None, cast.users["bob"], at=NOON + 200 * DAY))
    assert "0 photos" in clean(DAY_6 + 90 * DAY)
    assert path.exists()
    assert "1 photos" in clean(DAY_6 + 91 * DAY)
    assert not path.exists()
    assert foreign.exists()
    assert "0 photos" in clean(DAY_6 + 91 * DAY)
    assert count(FieldPhoto) == 1


def test_a_photo_of_a_walk_in_visit_counts_from_the_visit_and_one_of_none_from_its_arrival(cast, actor):
    visit = setting.visit(actor, cast, "bob")
    with unit_of_work():
        db.session.merge(visit).campaign_id = cast.campaigns["walk_in"]
        make.photo(visit.id, cast.users["bob"])
        make.photo(None, cast.users["bob"])
    assert db.session.get_one(Campaign, cast.campaigns["walk_in"]).ends_on > DAY_2 + 200 * DAY
    assert "0 photos" in clean(DAY_2 + 90 * DAY)
    assert "2 photos" in clean(DAY_2 + 91 * DAY)


def test_a_photo_whose_file_is_gone_already_goes_all_the_same(cast, actor):
    visit = setting.visit(actor, cast, "bob").id
    with unit_of_work():
        make.photo(visit, cast.users["bob"])
    assert "1 photos" in clean(DAY_6 + 91 * DAY)


def test_one_night_takes_no_more_than_a_unit_of_work_can_bear(cast, actor, monkeypatch):
    monkeypatch.setattr(keeping, "AT_A_TIME", 2)
    with unit_of_work():
        for _number in range(3):
            make.photo(None, cast.users["bob"])
    assert "2 photos" in clean(DAY_2 + 91 * DAY)
    assert "1 photos" in clean(DAY_2 + 92 * DAY)


def record(cast, number: int, state: str, *, settled_at: datetime | None = None) -> FieldRecord:
    row = FieldRecord(
        uid=f"{number:036d}", content_hash=f"{number:064d}", user_id=cast.users["bob"], device="d", seq=number, kind="visit",
        form_version=1, state=state, skew_ms=0, flags=[], occurred_raw=NOON, recorded_raw=NOON, received_at=NOON,
        answer={"status": state}, body_sealed=b"word for word", settled_at=settled_at,
    )  # fmt: skip
    db.session.add(row)
    return row


def test_words_go_after_ninety_days_once_nobody_has_to_decide_any_more(cast):
    with unit_of_work():
        for number, state in enumerate(("accepted", "contested", "conflict", "held")):
            record(cast, number, state)
        record(cast, 10, "held", settled_at=NOON + DAY)
    assert clean(DAY_2 + 90 * DAY).endswith("0 bodies")
    assert clean(DAY_2 + 91 * DAY).endswith("2 bodies")
    assert clean(DAY_2 + 91 * DAY).endswith("0 bodies")
    assert clean(DAY_2 + 92 * DAY).endswith("1 bodies")
    left = {row.seq: (row.state, row.body_sealed) for row in db.session.scalars(db.select(FieldRecord))}
    assert {seq for seq, (_state, body) in left.items() if body} == {2, 3}
    assert len(left) == 5


def test_the_clock_knows_the_job_and_does_it_once(app, cast, actor):
    (job,) = JOBS
    assert job in app.extensions["crm.jobs"]
    (slot,) = job.slots(DAY_2)
    done = run_slot(job, slot)
    assert done is not None
    assert done.result == "0 places, 0 photos, 0 bodies"
    assert run_slot(job, slot) is None
