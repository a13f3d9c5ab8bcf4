"""The demo bank: as large and as varied as it is said to be, and each of its numbers the same wherever it is shown.

It is made once, on an empty database of its own, at a moment that stands still. What is compared against is counted here in plain
Python from the raw rows.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import func, select

from crm import create_app
from crm.campaigns.models import Campaign
from crm.campaigns.rules import CampaignModel
from crm.contest.queries import standings_of
from crm.demo import making
from crm.demo.bank import FIELD_DAYS, Bank
from crm.demo.making import make_demo, sign_ins
from crm.figures.queries import FunnelCounts, FunnelQuery, funnel, funnel_as_of, matrix, visit_matrix
from crm.kernel import audit
from crm.kernel.actor import SYSTEM
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.schema import migrate
from crm.leads import ledger
from crm.leads.ledger_models import IntentEntry
from crm.meetings.models import StoredReport
from crm.meetings.storing import verify_reports
from crm.outreach.models import Attendance, DailyLog, Tally, Visit
from crm.reports.rules import WorkbookQuery
from crm.reports.workbook import made_workbook
from crm.settings import Settings
from tests.conftest import KEYS
from tests.figures.making import recount

pytestmark = pytest.mark.slow

SEED = 7
TODAY = date(2026, 11, 24)
MOMENT = at_local(TODAY, 7, 30)
LAST_DAY = TODAY - timedelta(days=1)
BELL = at_local(LAST_DAY, 17, 30)
STAGES = ("consult", "application", "accepted")
POINTS = {"visit": 1, "consult": 2, "intent": 3, "application": 8, "accepted": 15}


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


def test_funnel_board_and_stored_report_of_the_last_day_agree(bank, sprint):
    """As of the bell: what came in later is in none of the three."""
    query = select(StoredReport).where(StoredReport.team_id.is_(None), StoredReport.day == LAST_DAY)
    report = db.session.scalars(query).one().body
    for name, first in (("day", LAST_DAY), ("cumulative", bank.first_day)):
        known = funnel_as_of(SYSTEM, sprint, None, first, LAST_DAY, BELL, by="team")
        expected = {int(row.key): shown(row.counts) for row in known.rows}
        assert {one["id"]: tuple(one[name][stage] for stage in STAGES) for one in report["teams"]} == expected
        assert tuple(report["funnel"][name][stage] for stage in STAGES) == shown(known.total)
        board = standings_of(SYSTEM, bank.contest_id, day=LAST_DAY, cumulative=name != "day", as_of=BELL)
        assert {row.team_id: shown(row.funnel) for row in board.rows} == expected
        (printed,) = report["standings"]
        told = printed["cumulative" if name == "cumulative" else "daily"]
        assert [(one["rank"], one["team_id"], one["points"], one["score"], one["person_days"]) for one in told] == [
            (row.rank, row.team_id, row.points_shown, row.score_shown, row.person_days) for row in board.rows
        ]
        rates = [(one["application_rate"]["percent"], one["acceptance_rate"]["percent"]) for one in told]
        assert rates == [(row.application_rate.percent(), row.acceptance_rate.percent()) for row in board.rows]


def points_of(sprint: int, team_id: int) -> Fraction:
    """A team's points by the written rules, from the raw rows: no cap is reached in the demo, a companion gets 0.3 of a visit."""
    visits = db.session.scalars(
        select(Visit).where(
            Visit.campaign_id == sprint, Visit.team_id == team_id, Visit.valid, Visit.voided_at.is_(None)
        )
    ).all()
    busiest = Counter((one.member_id, one.day) for one in visits)
    busiest.update((one.companion_id, one.day) for one in visits if one.companion_id)
    assert max(busiest.values()) <= 30
    stages = Counter(one.stage for one in recount() if (one.campaign, one.team) == (sprint, team_id))
    intents = db.session.scalars(
        select(IntentEntry.lead_id).where(
            IntentEntry.campaign_id == sprint, IntentEntry.team_id == team_id, IntentEntry.intent.in_(("A", "B"))
        )
    )
    total = Fraction(len(visits)) + Fraction(3, 10) * sum(1 for one in visits if one.companion_id)
    total += POINTS["intent"] * len(set(intents))
    return total + sum(POINTS[stage] * stages[stage] for stage in STAGES)


def test_the_board_is_what_the_raw_rows_say(bank, sprint):
    board = standings_of(SYSTEM, bank.contest_id, day=LAST_DAY, cumulative=True)
    counts = recounted(sprint)
    for row in board.rows:
        roll = select(func.count()).where(
            Attendance.campaign_id == sprint,
            Attendance.team_id == row.team_id,
            Attendance.state.in_(("present", "late")),
        )
        assert shown(row.funnel) == counts[row.team_id]
        assert row.points == points_of(sprint, row.team_id)
        assert row.person_days == db.session.scalar(roll)
        assert row.score == row.points / row.person_days
    assert [row.score for row in board.rows] == sorted((row.score for row in board.rows), reverse=True)


def test_the_workbook_says_the_same(bank, sprint, tmp_path):
    """The cached values, as a program without a calculator reads them."""
    with made_workbook(SYSTEM, WorkbookQuery(sprint), bank="清江农商银行", folder=tmp_path, at=MOMENT) as made:
        sheets = load_workbook(made.path, data_only=True)
        board = table(sheets["团队PK"])
        days = table(sheets["每日战况"])
    expected = {team: recounted(sprint)[team_id] for team_id, team in names(bank).items()}
    found = {
        row["小组"]: tuple(row[head] for head in ("咨询数", "申请数", "受理进件数")) for row in board if row["小组"]
    }
    assert found == expected
    walked = visit_matrix(SYSTEM, FunnelQuery(campaign_ids=(sprint,)), ("team",))
    visits = {row["小组"]: row["有效走访"] for row in board if row["小组"]}
    assert visits == {team: walked[(str(team_id),)].valid for team_id, team in names(bank).items()}
    of_day = {row["日期"].date(): row["咨询数"] for row in days if hasattr(row["日期"], "date")}
    for day in (bank.first_day, LAST_DAY):
        assert of_day[day] == sum(counts[0] for counts in recounted(sprint, day).values())
    total = next(row for row in days if row["日期"] == "合计")
    assert total["咨询数"] == sum(counts[0] for counts in expected.values())


def table(sheet) -> list[dict]:
    """Rows by their lower heading; of headings that come again (one block for each team) the first stands."""
    upper, lower, *rows = list(sheet.iter_rows(min_row=3, values_only=True))
    heads = [below or above for above, below in zip(upper, lower, strict=True)]
    return [{head: row[heads.index(head)] for head in heads if head} for row in rows]


def names(bank: Bank) -> dict[int, str]:
    found = funnel(SYSTEM, FunnelQuery(campaign_ids=(bank.campaigns[CampaignModel.ROADSHOW],), by="team"))
    return {int(row.key): str(row.label) for row in found.rows}


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
