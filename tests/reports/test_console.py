"""`crm export workbook`: a file, its answer for programs, and refusals in one sentence."""

import hashlib
import json

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook
from sqlalchemy import select

import crm.kernel.terminal as terminal
from crm.kernel.db import db
from crm.kernel.errors import Forbidden, NotFound
from crm.reports.console import workbook
from crm.reports.models import ExportRecord
from tests.reports.filling import fill


@pytest.fixture
def run(app, monkeypatch):
    monkeypatch.setattr(terminal, "application", lambda: app)
    return lambda *arguments: CliRunner().invoke(workbook, list(arguments), catch_exceptions=True)


def test_the_file_is_written_and_told_of(run, cast, actor, tmp_path):
    fill(cast, actor, leads=10)
    out = tmp_path / "汇总.xlsx"
    answer = json.loads(run("--campaign", "C-ROAD", "--out", str(out), "--json").output)
    assert answer["file"] == str(out)
    assert answer["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert answer["rows"] > 10
    record = db.session.get_one(ExportRecord, answer["export"])
    assert (record.actor_id, record.file_name, record.stored_name, record.rows) == (
        None,
        "汇总.xlsx",
        "",
        answer["rows"],
    )
    assert load_workbook(out, read_only=False).sheetnames[0] == "总览"
    again = json.loads(run("--campaign", "C-ROAD", "--out", str(out), "--json").output)
    assert again["figures"] == answer["figures"]


def test_it_acts_as_a_user_with_that_user_s_scope_and_language(run, cast, tmp_path):
    out = tmp_path / "a.xlsx"
    assert run("--as", "alice", "--lang", "en", "--out", str(out)).exit_code == 0
    assert load_workbook(out).sheetnames[0] == "Overview"
    record = db.session.scalar(select(ExportRecord))
    assert (record.actor_id, record.filters["teams"]) == (cast.users["alice"], ["红队"])


def test_refusals_leave_no_file(run, cast, tmp_path):
    out = str(tmp_path / "a.xlsx")
    assert isinstance(run("--as", "bob", "--out", out).exception, Forbidden)
    assert isinstance(run("--as", "nobody", "--out", out).exception, NotFound)
    assert isinstance(run("--campaign", "nowhere", "--out", out).exception, NotFound)
    assert run("--out", str(tmp_path / "missing" / "a.xlsx")).exit_code == 2
    assert run("--out", out, "--from", "yesterday").exit_code == 2
    assert list(tmp_path.iterdir()) == []
