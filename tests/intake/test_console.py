"""Sheets brought in from the terminal."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from crm.intake.console import GROUPS
from crm.intake.models import ImportBatch
from crm.kernel import terminal
from crm.kernel.audit import AuditEntry
from crm.kernel.db import db
from crm.kernel.errors import Invalid
from crm.leads.models import Lead
from tests.intake.sheets import csv_bytes, leftovers, line

LEADS = next(command for command in GROUPS["import"] if command.name == "leads")


@pytest.fixture
def sheet(app, tmp_path, monkeypatch) -> str:
    """A sheet of three leads, one of them without a phone that could be one."""
    monkeypatch.setattr(terminal, "application", lambda: app)
    path = tmp_path / "leads.csv"
    path.write_bytes(csv_bytes([line(1), line(2), line(3, 手机="12")]))
    return str(path)


def rows() -> list[int]:
    db.session.rollback()
    return [
        db.session.scalar(select(func.count()).select_from(table)) or 0 for table in (ImportBatch, AuditEntry, Lead)
    ]


def test_a_rehearsal_says_what_would_become_of_the_rows_and_leaves_nothing(sheet, home) -> None:
    before, there = rows(), leftovers(home)
    answer = CliRunner().invoke(LEADS, [sheet, "--dry-run", "--json"])
    said = json.loads(answer.stdout)
    assert said == {"rows": 3, "new": 2, "updated": 0, "skipped": 0, "failed": 1, "batch": None}
    assert [json.loads(one)["row"] for one in answer.stderr.splitlines()] == [4]
    assert rows() == before
    assert leftovers(home) == there
    done = json.loads(CliRunner().invoke(LEADS, [sheet, "--json"]).stdout)
    assert {name: done[name] for name in ("rows", "new", "updated", "skipped", "failed")} == {
        name: said[name] for name in ("rows", "new", "updated", "skipped", "failed")
    }
    assert done["batch"] is not None


def test_a_rehearsal_that_is_refused_leaves_nothing_either(sheet, home) -> None:
    before, there = rows(), leftovers(home)
    with pytest.raises(Invalid):
        CliRunner().invoke(LEADS, [sheet, "--dry-run", "--map", "手机=nonsense"], catch_exceptions=False)
    assert rows() == before
    assert leftovers(home) == there
