"""Setting up, serving and copying as an operator does, each command in a process of its own."""

import json
import os
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from crm.kernel.crypto import new_keys, save_keys

ROOT = Path(__file__).resolve().parents[2]
BROKEN = """
import crm.serving as serving
serving._run = lambda *_: 1 / 0
serving._watch(None, None, 1, {serving._child(None, None, 1)})
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder that an installation without a bank's name was made in."""
    place = tmp_path_factory.mktemp("installation")
    assert _crm(place, "init").returncode == 0
    return place


def _crm(place: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    env |= {"CRM_HOME": str(place)} | settings
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
    refused(_crm(place, *arguments), said)
    assert rows(place / "crm.db", "SELECT count(*) FROM user_account") == [(1,)]


def refused(done: subprocess.CompletedProcess[str], said: str) -> None:
    """One line that says why, and no traceback."""
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize("command", [("teams", "list"), ("serve", "--port", "0"), ("jobs", "run"), ("init",)])
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "CRM_DATABASE_URL must be of the form"),
        ("mysql://waituo:secret@db.example/waituo", "not mysql://"),
        ("postgresql+psycopg://waituo:secret@127.0.0.1:1/waituo", "Connection refused"),
        ("sqlite:////no/such/folder/crm.db", "unable to open database file"),
    ],
)
def test_a_wrong_address_of_the_database_is_one_line_without_its_password(place, command, address, said):
    done = _crm(place, *command, CRM_DATABASE_URL=address)
    refused(done, said)
    assert "secret" not in done.stderr


@pytest.mark.parametrize("command", [("teams", "list"), ("import", "list"), ("serve", "--port", "0"), ("jobs", "run")])
def test_an_empty_database_is_told_before_anything_is_asked_of_it(place, tmp_path, command):
    refused(_crm(place, *command, CRM_DATABASE_URL=f"sqlite:///{tmp_path / 'new.db'}"), "run `crm init`")


def test_what_is_no_database_is_neither_opened_nor_copied(place, tmp_path):
    file = tmp_path / "crm.db"
    file.write_text("a letter, and no database")
    for command in (("teams", "list"), ("init",), ("backup", str(tmp_path / "copy.db"))):
        refused(_crm(place, *command, CRM_DATABASE_URL=f"sqlite:///{file}"), "not a database")
    assert [one.name for one in tmp_path.iterdir() if one.suffix == ".db"] == ["crm.db"]


def test_keys_of_another_installation_are_refused_and_none_are_made_where_they_are_missing(place, tmp_path):
    home = tmp_path / "restored"
    shutil.copytree(place, home)
    sheet = tmp_path / "leads.csv"
    sheet.write_text("称呼,手机,行业,同意本次咨询,同意方式,咨询日期\n赵一,14000000001,餐饮,是,签字,2026-01-05\n")
    done = _crm(home, "import", "leads", str(sheet), "--set", "campaign=WALK-IN", "--json")
    assert json.loads(done.stdout)["new"] == 1, done
    kept = (home / "keys.json").rename(home / "kept.json")
    refused(_crm(home, "init"), "put its own keys.json back")
    assert not (home / "keys.json").exists()
    save_keys(new_keys(), home / "keys.json")
    refused(_crm(home, "serve", "--port", "0"), "put its own keys.json back")
    kept.rename(home / "keys.json")
    assert _crm(home, "init").returncode == 0


def test_a_port_that_is_taken_is_said_before_the_demo_is_made(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = _crm(tmp_path, "demo", "--serve", "--port", str(taken.getsockname()[1]))
    refused(done, "cannot listen on 127.0.0.1")
    assert list(tmp_path.iterdir()) == []


def test_no_command_starts_with_alembic_that_may_not_need_it():
    found = [
        path.name
        for path in (ROOT / "crm").rglob("*.py")
        if re.search("^(from|import) alembic", path.read_text("utf-8"), re.M)
    ]
    assert found == []


def test_a_server_whose_processes_cannot_start_says_why_and_gives_up():
    done = subprocess.run(
        [sys.executable, "-c", BROKEN], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "die as soon as they start" in done.stderr
    assert done.stderr.count("ZeroDivisionError") < 20
