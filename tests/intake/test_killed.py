"""An import in a process of its own: it works with the installation's settings, and a killed one leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from crm.intake import commands, files, queries, work
from crm.intake.models import ImportBatch
from crm.kernel import terminal
from crm.kernel.clock import now
from crm.kernel.crypto import save_keys
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.models import Lead
from tests.conftest import KEYS
from tests.intake.sheets import csv_bytes, line, upload


@pytest.fixture
def environment(app, home: Path, database_url: str) -> dict[str, str]:
    """What the child needs to find this installation."""
    if not (home / "keys.json").exists():
        save_keys(KEYS, home / "keys.json")
    return {
        **os.environ,
        "CRM_HOME": str(home),
        "CRM_DATABASE_URL": database_url,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }


def released(actor, rows: int) -> int:
    batch = upload(
        actor("olga"),
        csv_bytes([line(number, 小组="", 活动="", 咨询日期="2020-01-01", 来源="") for number in range(rows)]),
    )
    with unit_of_work():
        commands.confirm(actor("olga"), batch.id, mode="good", at=now())
    return batch.id


def begin(batch_id: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-W", "ignore", "-m", "crm.intake.work", str(batch_id)], env=environment)


def state(batch_id: int) -> str:
    db.session.rollback()
    db.session.expire_all()
    return queries.state_of(db.session.get_one(ImportBatch, batch_id), now())


def leads() -> int:
    return db.session.scalar(select(func.count()).select_from(Lead)) or 0


def test_a_child_does_the_work(actor, environment):
    batch_id = released(actor, 30)
    assert begin(batch_id, environment).wait(timeout=60) == 0
    assert (state(batch_id), leads()) == ("applied", 30)


def test_a_killed_child_leaves_nothing_and_can_be_started_again(actor, environment):
    batch_id = released(actor, 6_000)
    child = begin(batch_id, environment)
    deadline = time.monotonic() + 60
    while files.progress_of(batch_id).done < 1_000 and time.monotonic() < deadline and child.poll() is None:
        os.sched_yield()
    assert child.poll() is None, "the child was over before it could be killed"
    child.send_signal(signal.SIGKILL)
    child.wait(timeout=10)
    assert (state(batch_id), leads()) == ("stopped", 0)
    with unit_of_work():
        assert commands.confirm(actor("olga"), batch_id, mode="good", at=now())
    assert begin(batch_id, environment).wait(timeout=120) == 0
    assert (state(batch_id), leads()) == ("applied", 6_000)


def test_what_breaks_an_import_reaches_the_log_and_nothing_that_anybody_typed_does(app, actor, monkeypatch, caplog):
    batch_id, typed = released(actor, 3), f"张三 {138_0013_8000}"

    def broken(*_args, **_kwargs):
        raise ValueError(typed)

    monkeypatch.setattr(commands, "write", broken)
    with pytest.raises(ValueError, match="13800138000"):
        work.run(batch_id)
    assert f"import {batch_id}: ValueError" in caplog.text
    assert "test_killed.py" in caplog.text
    assert "in broken" in caplog.text
    assert "13800138000" not in caplog.text
    assert state(batch_id) == "failed"
    monkeypatch.setattr(work.sys, "argv", ["work", str(released(actor, 2))])
    monkeypatch.setattr(terminal, "application", lambda: app)
    with pytest.raises(SystemExit):
        work.main()


def test_the_process_of_an_import_speaks_where_the_server_does(app, monkeypatch):
    monkeypatch.setitem(app.extensions, "crm.settings", app.extensions["crm.settings"].for_tests(inline_work=False))
    started = []
    monkeypatch.setattr(work.subprocess, "Popen", lambda _command, **how: started.append(how))
    work.start(1)
    assert started[0]["stdout"] == subprocess.DEVNULL
    assert "stderr" not in started[0]
