"""The demo bank: as large and as varied as it is said to be, and each of its numbers the same wherever it is shown.

It is made once, on an empty database of its own, at a moment that stands still. What is compared against is counted here in plain
Python from the raw rows.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask, current_app
from openpyxl import load_workbook
from sqlalchemy import func, select

import crm.kernel.terminal as terminal
from crm import create_app
from crm.campaigns.models import Campaign
from crm.campaigns.rules import CampaignModel
from crm.contest.contests import adjustments_of
from crm.demo import making
from crm.demo.bank import FIELD_DAYS, Bank
from crm.demo.making import make_demo, sign_ins
from crm.figures.queries import FunnelCounts, FunnelQuery, funnel, matrix, visit_matrix
from crm.kernel import audit
from crm.kernel.actor import SYSTEM
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.schema import migrate
from crm.leads import ledger
from crm.meetings.models import StoredReport
from crm.meetings.storing import verify_reports
from crm.outreach.models import DailyLog, Tally, Visit
from crm.reports.rules import WorkbookQuery
from crm.reports.workbook import made_workbook
from crm.settings import Settings
from tests.conftest import KEYS
from tests.figures.making import recount
from tests.reckoning.comparing import GROUPS, Reader, compare_boards, compare_funnel
from tests.reckoning.evening import Evening, without_words
from tests.reckoning.raw import Raw
from tests.reckoning.reading import first_row, sheet_rows
from tests.reckoning.sheets import Book

pytestmark = pytest.mark.slow

SEED = 7
TODAY = date(2026, 11, 24)
MOMENT = at_local(TODAY, 7, 30)
LAST_DAY = TODAY - timedelta(days=1)
STAGES = ("consult", "application", "accepted")


def bare_app(home: Path) -> Flask:
    """An app on an empty, migrated SQLite file in that folder; the demo never lives in another database."""
    settings = Settings(
        home=home, database_url=f"sqlite:///{home / 'demo.db'}", keys=KEYS, bank="清江农商银行", testing=True,
        secure_cookies=False,
    )  # fmt: skip
    app = create_app(settings)
    with app.app_context():
        migrate(settings.migrations)
    return app


def closed(app: Flask) -> None:
    """Gives the app's connections back."""
    db.session.remove()
    db.engine.dispose()


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """The whole demo, in the context of its app."""
    app = bare_app(tmp_path_factory.mktemp("demo"))
    with app.test_request_context(), time_machine.travel(MOMENT, tick=False):
        yield make_demo(seed=SEED, at=MOMENT, bank_name="清江农商银行")
        closed(app)


@pytest.fixture
def sprint(bank: Bank) -> int:
    """The id of the campaign that all six teams walk for."""
    return bank.campaigns[CampaignModel.ROADSHOW]


def shown(counts: FunnelCounts) -> tuple[int, ...]:
    return tuple(getattr(counts, stage) for stage in STAGES)


def by_team(campaign_id: int) -> dict[int, tuple[int, ...]]:
    """Counts per stage by team, as the funnel page asks for them."""
    found = funnel(SYSTEM, FunnelQuery(campaign_ids=(campaign_id,), by="team"))
    return {int(row.key): shown(row.counts) for row in found.rows}


def recounted(campaign_id: int, day: date | None = None) -> dict[int, tuple[int, ...]]:
    """The same, counted from the raw entries."""
    marks = [one for one in recount() if one.campaign == campaign_id and day in (None, one.day)]
    found = Counter((one.team, one.stage) for one in marks)
    return {team: tuple(found[team, stage] for stage in STAGES) for team in {one.team for one in marks}}


def test_the_bank_is_as_large_as_it_is_said_to_be(bank, sprint):
    assert len(bank.teams) == 6
    made = db.session.scalars(select(Campaign.model).where(Campaign.walk_in.is_(False))).all()
    assert sorted(made) == sorted(CampaignModel)
    days = select(func.count(func.distinct(Visit.day))).where(Visit.campaign_id == sprint)
    assert db.session.scalar(days) == FIELD_DAYS == 6
    assert db.session.scalar(select(func.count(Visit.id))) > 3000
    assert db.session.scalar(select(func.count(Tally.id))) > 400
    teams_and_days = select(DailyLog.team_id, DailyLog.day).where(DailyLog.campaign_id == sprint)
    assert len(set(db.session.execute(teams_and_days).all())) == 6 * FIELD_DAYS
    assert {one.role for one in sign_ins()} == {"admin", "auditor", "manager", "member", "organiser", "team_lead"}


def test_the_projections_are_the_ledger_and_the_audit_is_whole(bank):
    assert ledger.differences() == []
    assert list(audit.broken_entries()) == []


def test_the_funnel_is_what_the_raw_entries_say(bank, sprint):
    assert by_team(sprint) == recounted(sprint)
    everything = funnel(SYSTEM, FunnelQuery(by="campaign"))
    marks = Counter(one.stage for one in recount())
    assert shown(everything.total) == tuple(marks[stage] for stage in STAGES)
    assert shown(sum((row.counts for row in everything.rows), FunnelCounts())) == shown(everything.total)


def test_every_day_has_its_stored_reports_and_they_are_untouched(bank, sprint):
    stored = db.session.scalars(select(StoredReport).where(StoredReport.campaign_id == sprint)).all()
    days = [bank.first_day + timedelta(days=number) for number in range(FIELD_DAYS)]
    assert {(one.day, one.team_id) for one in stored} == {(day, team) for day in days for team in (*bank.teams, None)}
    assert list(verify_reports()) == []
    for one in stored:
        text = json.dumps(one.body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == one.sha256


@pytest.fixture(scope="module")
def raw(bank: Bank) -> Raw:
    """The bank's rows, read once."""
    return Raw.read()


@pytest.fixture
def organiser(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> Reader:
    app = current_app._get_current_object()
    monkeypatch.setattr(terminal, "application", lambda: app)
    return Reader(app, bank.users["organiser"])


@pytest.mark.parametrize("by", GROUPS)
def test_the_funnel_says_what_the_raw_rows_say(bank, raw, organiser, by):
    compare_funnel(organiser, raw, by, "period", date(2026, 1, 1), TODAY)


@pytest.mark.parametrize("by", ["team", "district", "trade"])
def test_the_cohorts_are_what_the_raw_rows_say(bank, raw, organiser, by):
    compare_funnel(organiser, raw, by, "cohort", date(2026, 1, 1), TODAY)


def test_the_pk_has_bonuses_penalties_of_two_people_and_one_to_confirm(bank):
    rows = adjustments_of(bank.contest_id)
    assert Counter(row.kind for row in rows)["first_case"] == FIELD_DAYS
    counted = [row for row in rows if row.kind == "late_report"]
    assert counted
    assert all(row.counts and row.second_id not in (None, row.author_id) for row in counted)
    assert [row.kind for row in rows if not row.counts] == ["returned_file"]


@pytest.mark.parametrize("per", ["team", "member"])
def test_the_boards_are_what_the_raw_rows_say(bank, raw, organiser, per):
    for day in (bank.first_day, bank.first_day + timedelta(days=2), LAST_DAY):
        compare_boards(organiser, raw, bank.contest_id, day, per, at=MOMENT)


def test_every_stored_report_is_what_the_raw_rows_say(bank, raw):
    """As of each bell: what came in later is in none of them."""
    for one in db.session.scalars(select(StoredReport)).all():
        wanted = Evening(raw, one.campaign_id, one.team_id, one.day, one.as_of, one.composed_at).body()
        assert without_words(one.body) == wanted, (one.day, one.team_id)


def test_every_cell_of_the_workbook_is_what_the_raw_rows_say(bank, raw, sprint, tmp_path):
    """The cached values, as a program without a calculator reads them."""
    with made_workbook(SYSTEM, WorkbookQuery(sprint), bank="清江农商银行", folder=tmp_path, at=MOMENT) as made:
        sheets = load_workbook(made.path, data_only=True)
    for name, wanted in Book(raw, sprint, MOMENT, TODAY).sheets(bank.contest_id).items():
        assert sheet_rows(sheets[name], first_row(sheets[name])) == wanted, name


def early_figures(bank: Bank) -> dict[object, object]:
    """What had happened by the first field day: it is the same in a demo that stops there."""
    early = FunnelQuery(to_day=bank.first_day)
    counts = matrix(SYSTEM, early, "campaign", "team").cells
    return {"visits": visit_matrix(SYSTEM, early, ("team", "member")), "leads": counts}


def test_the_same_seed_and_moment_give_the_same_figures(bank, tmp_path, monkeypatch):
    """The second demo stops after the first field day, which is enough to draw every kind of thing once."""
    expected = early_figures(bank)
    monkeypatch.setattr(making, "FIELD_DAYS", 1)
    app = bare_app(tmp_path)
    with app.test_request_context():
        again = make_demo(seed=SEED, at=MOMENT, bank_name="清江农商银行")
        assert early_figures(again) == expected
        closed(app)
