"""Health for machines, and the state of the installation for the administrator."""

import shutil
from collections import namedtuple
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from crm.intake.models import ImportBatch
from crm.jobs.beat import NAME, beat, last_beat
from crm.jobs.scheduler import look
from crm.jobs.table import Job
from crm.kernel.db import db
from crm.kernel.errors import Forbidden
from crm.kernel.unit_of_work import unit_of_work
from crm.status import queries as status
from tests.moments import NOON

Disk = namedtuple("Disk", "total used free")


@pytest.fixture(autouse=True)
def no_notes(home):
    """Each test begins in a data folder without notes, and leaves none."""
    for name in (NAME, status.BACKUP):
        (home / name).unlink(missing_ok=True)
    yield
    for name in (NAME, status.BACKUP):
        (home / name).unlink(missing_ok=True)


def health(client_of):
    answer = client_of(None).get("/healthz")
    return answer.status_code, answer.json


WELL, NOT_WELL = (200, {"ok": True}), (503, {"ok": False})


def failed_import(**changes) -> None:
    with unit_of_work() as session:
        session.add(
            ImportBatch(
                kind="roster", file_name="r.csv", file_sha256="0" * 64, stored_name="x", mapping={}, preset={}, preview={},
                status="failed", error="import.broken", created_at=NOON, **changes,
            )
        )  # fmt: skip


def test_all_is_well_where_the_jobs_never_ran_or_ran_just_now(client_of, home):
    assert health(client_of) == WELL
    beat(home, NOON - timedelta(minutes=4), 0)
    assert health(client_of) == WELL


def test_a_full_disk_is_not_well(client_of, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Disk(10**12, 0, status.LEAST_FREE - 1))
    assert health(client_of) == NOT_WELL


def test_jobs_that_died_or_fail_are_not_well_except_in_the_demo(app, client_of, home, monkeypatch):
    beat(home, NOON - timedelta(minutes=6), 0)
    assert health(client_of) == NOT_WELL
    beat(home, NOON, 1)
    assert health(client_of) == NOT_WELL
    monkeypatch.setitem(app.extensions, "crm.settings", app.extensions["crm.settings"].for_tests(demo=True))
    assert health(client_of) == WELL


def test_another_schema_is_not_well(app, client_of, home, tmp_path, monkeypatch):
    (tmp_path / "HEAD").write_text("9999_from_tomorrow")
    monkeypatch.setitem(app.extensions, "crm.settings", app.extensions["crm.settings"].for_tests(migrations=tmp_path))
    assert health(client_of) == NOT_WELL
    assert "9999_from_tomorrow" in client_of("adam").get("/status").text


def test_a_database_that_does_not_answer_is_not_well_and_its_words_stay_inside(client_of, monkeypatch, caplog):
    def broken(*_args, **_kwargs):
        raise OperationalError("SELECT 1", {}, Exception("password=secret"))

    monkeypatch.setattr(db.session, "execute", broken)
    assert health(client_of) == NOT_WELL
    assert "OperationalError" in caplog.text
    assert "secret" not in caplog.text


def test_health_costs_few_questions(client_of, queries, home):
    beat(home, NOON, 0)
    client = client_of(None)
    with queries() as seen:
        client.get("/healthz")
    assert seen.count <= 4


def test_the_scheduler_leaves_a_sign_and_counts_what_it_could_not_do(app, home):
    def broken(_slot, _prepared):
        raise RuntimeError("never")

    job = Job("broken", lambda day: [NOON - timedelta(hours=1)] if day == NOON.date() else [], broken)
    look(app, [job])
    sign = last_beat(home)
    assert (sign.undone, sign.at - NOON < timedelta(minutes=1)) == (1, True)
    (home / NAME).write_text("half a no")
    assert last_beat(home) is None


def test_the_state_is_for_the_administrator_alone(client_of, actor, app):
    statuses = {name: client_of(name).get("/status").status_code for name in ("adam", "olga", "audrey", "bob", "mona")}
    assert statuses.pop("adam") == 200
    assert set(statuses.values()) == {403}
    with pytest.raises(Forbidden):
        status.state(actor("olga"), app.extensions["crm.settings"], at=NOON)


def test_the_page_says_what_there_is_and_what_needs_a_hand(client_of, home):
    page = client_of("adam").get("/status").text
    assert db.session.scalar(text("SELECT version_num FROM alembic_version")) in page
    for words in ("从未运行", "还没有用 crm backup", "磁盘剩余空间"):
        assert words in page
    beat(home, NOON - timedelta(minutes=6), 2)
    status.note_backup(home, "crm-2026-11-16.db", NOON - timedelta(days=1))
    failed_import()
    page = client_of("adam").get("/status").text
    for words in ("没有响应", "2 项定时任务逾期未完成", "crm-2026-11-16.db", "近七天有 1 次导入失败"):
        assert words in page
    assert "还没有用" not in page


def test_the_administrator_s_first_page_tells_of_failures(client_of, home):
    assert "失败" not in client_of("adam").get("/today").text
    failed_import()
    beat(home, NOON, 2)
    page = client_of("adam").get("/today").text
    assert "1 次导入失败" in page
    assert page.count("2 项定时任务逾期未完成") == 2
