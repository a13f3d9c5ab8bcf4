"""Setting up, serving and copying as an operator does, each command in a process of its own."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROKEN = """
import crm.serving as serving
serving._run = lambda *_: 1 / 0
serving._watch(None, None, 1, {serving._child(None, None, 1)})
"""
Crm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder that an installation without a bank's name was made in."""
    place = tmp_path_factory.mktemp("installation")
    assert _crm(place, "init").returncode == 0
    return place


def _crm(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")} | {"CRM_HOME": str(place)}
    command = [sys.executable, "-c", "from crm.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def rows(database: Path, statement: str) -> list[tuple]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(statement).fetchall()


def test_a_bank_that_gave_no_name_is_not_named_to_its_customers(place):
    ((notice,),) = rows(place / "crm.db", "SELECT body FROM notice_version")
    assert notice.startswith("本行为答复")
    assert "示例" not in notice


def test_a_copy_is_whole_and_for_its_owner_alone(place, tmp_path):
    copy = tmp_path / "monday.db"
    assert _crm(place, "backup", str(copy)).returncode == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert rows(copy, "SELECT login FROM user_account") == [("admin",)]
    assert [one.name for one in tmp_path.iterdir()] == ["monday.db"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("backup", "/no/such/folder/crm.db"), "there is no folder"),
        (("migrate", "--to", "base"), "make a backup, then add --yes"),
        (("migrate", "--to", "0042", "--yes"), "0042"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_changes_nothing(place, arguments, said):
    done = _crm(place, *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert rows(place / "crm.db", "SELECT count(*) FROM user_account") == [(1,)]


def test_a_server_whose_processes_cannot_start_says_why_and_gives_up():
    done = subprocess.run(
        [sys.executable, "-c", BROKEN], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "die as soon as they start" in done.stderr
    assert done.stderr.count("ZeroDivisionError") < 20
