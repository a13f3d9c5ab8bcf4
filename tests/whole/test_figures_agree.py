"""The same figures, to the digit, wherever they are shown: each is reckoned once more from the raw rows, then compared.

One hard story is told once for all of these tests; none of them changes it for good.
"""

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import select, text

import crm.kernel.terminal as terminal
import tests.reckoning
from crm.contest.console import standings_command
from crm.figures.console import funnel_command
from crm.kernel.clock import at_local, business_day, now
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.meetings.console import evening
from crm.meetings.models import StoredReport
from crm.people.models import User
from crm.people.queries import actor_of
from crm.wiring import GRANTS
from tests.cast import Cast
from tests.moments import DAY_1, DAY_2, DAY_3, DAY_6
from tests.reckoning import reading
from tests.reckoning.boards import FIELD, board
from tests.reckoning.comparing import GROUPS, Reader, compare_boards, compare_funnel, figures_of
from tests.reckoning.evening import Evening, without_words
from tests.reckoning.raw import Raw
from tests.reckoning.sheets import Book
from tests.reckoning.story import EVENING, tell
from tests.reckoning.sums import Asked, Figures, total
from tests.reports.filling import workbook
from tests.reports.reading import calculated, opened

DAYS = (DAY_1, DAY_2, DAY_3, DAY_6)
FIRST, LAST = DAY_1, date(2026, 12, 31)
COUNTERS = ("crm.figures", "crm.contest", "crm.meetings", "crm.reports", "crm.leads", "crm.outreach")


@dataclass
class Told:
    """The story in its app, its two contests, its raw rows, and Olga who reads."""

    cast: Cast
    contests: dict[str, int]
    raw: Raw
    olga: Reader

    def actor(self, name: str):
        """That person with the rights of this moment."""
        return actor_of(db.session.get_one(User, self.cast.users[name]), on=business_day(now()), grants=GRANTS)


@pytest.fixture(scope="module")
def told(stage) -> Iterator[Told]:
    app, cast, reset = stage
    with app.test_request_context(), time_machine.travel(EVENING, tick=False), pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "application", lambda: app)
        reset()
        found = Told(deepcopy(cast), {}, Raw({}), Reader(app, cast.users["olga"]))
        found.contests = tell(found.cast, found.actor)
        found.raw = Raw.read()
        yield found
        db.session.remove()


def reckoned(told: Told, by: str, view: str = "period", parent: int | None = None, **more) -> dict[str, Figures]:
    return figures_of(told.raw, by, view, Asked(FIRST, LAST, **more), parent)


def test_the_reckoning_asks_no_room_that_counts():
    folder = Path(tests.reckoning.__file__).parent
    asked = {
        name
        for path in folder.glob("*.py") if path.name not in ("story.py", "comparing.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in getattr(node, "names", [])])
    }  # fmt: skip
    assert "crm.kernel.db" in asked
    assert [name for name in asked if name.startswith(COUNTERS)] == []


def test_the_story_holds_what_makes_numbers_differ(told):
    rows = told.raw
    assert any(row.voids_id for row in rows["stage_entry"])
    assert any(row.implied_by_id for row in rows["stage_entry"])
    assert {row.ended_at is None for row in rows["lead_merge"]} == {True, False}
    assert {row.state for row in rows["attendance"]} == {"present", "late", "leave", "absent"}
    assert {row.intent for row in rows["intent_entry"]} == {"A", "B", "C"}
    assert any(row.late for row in rows["daily_log"])
    assert any(row.companion_id for row in rows["visit"])
    assert len({row.team_id for row in rows["membership"] if row.user_id == told.cast.users["bob"]}) == 2
    assert any((row.received_at - row.occurred_at).days for row in rows["stage_entry"])
    ranks = [one.rank for one in board(rows, told.contests["ties"], DAY_1, cumulative=True, at=EVENING)]
    assert ranks == [1, 2, 3, 3, 5, 6]


# --- the funnel ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", GROUPS)
@pytest.mark.parametrize("view", ["period", "cohort"])
def test_command_page_and_file_say_what_the_raw_rows_say(told, by, view):
    compare_funnel(told.olga, told.raw, by, view, FIRST, LAST)


@pytest.mark.parametrize("view", ["period", "cohort"])
def test_the_bars_of_the_page_say_the_same(told, view):
    one = total(reckoned(told, "team", view).values())
    steps = reading.tables(told.olga.page(f"/funnel?view={view}&from={FIRST}&to={LAST}"))[0][1:]
    assert [reading.numbers(row[2]) for row in steps] == [[f"{count:,}"] for count in one.stages]
    least = (0, 10, 5, 0, 0)
    rates = [reading.rate_cell(*pair, few) for *pair, few in zip(one.stages[1:], one.stages, least[1:], strict=False)]
    assert [reading.numbers(row[3]) for row in steps[1:]] == rates


@pytest.mark.parametrize("place", ["town", "market", "row"])
def test_a_district_counts_what_lies_below_it(told, place):
    number = told.cast.districts[place]
    of = {
        "chosen": lambda one: (
            number in told.raw.ancestors(getattr(one, "district", None) or getattr(one, "district_id", 0))
        )
    }
    wanted = reckoned(told, "district", parent=number, **of)
    said = told.olga.run(
        funnel_command,
        "--by",
        "district",
        "--district",
        str(number),
        "--from",
        FIRST.isoformat(),
        "--to",
        LAST.isoformat(),
    )
    assert {row["key"]: (row["consult"], row["visits_valid"]) for row in said} == {
        key: (one.consult, one.valid) for key, one in wanted.items()
    }
    tree = told.olga.run(funnel_command, "--by", "district", "--from", FIRST.isoformat(), "--to", LAST.isoformat())
    above = {row["key"]: row for row in tree}
    if place == "town":
        assert sum(row["consult"] for row in said) == above[str(number)]["consult"] > 0


def test_small_samples_say_so_everywhere(told):
    wanted = reckoned(told, "approach", campaigns=frozenset({told.cast.campaigns["ties"]})) | reckoned(
        told, "team", campaigns=frozenset({told.cast.campaigns["ties"]})
    )
    assert any(0 < one.consult < 10 for one in wanted.values())
    printed = CliRunner().invoke(funnel_command, ["--campaign", "C-TIE", "--by", "team"], catch_exceptions=False).output
    lines = {line.split()[0]: line for line in printed.splitlines() if line.strip()}
    assert "样本不足" in lines["case队"]
    assert "100.0%" not in lines["case队"]


def test_a_changed_total_would_be_noticed(told):
    change = "UPDATE funnel_day SET leads = leads {} 1 WHERE stage = 'consult'"
    with unit_of_work():
        db.session.execute(text(change.format("+")))
    try:
        with pytest.raises(AssertionError):
            test_command_page_and_file_say_what_the_raw_rows_say(told, "team", "period")
    finally:
        with unit_of_work():
            db.session.execute(text(change.format("-")))


# --- the PK ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("per", ["team", "member"])
@pytest.mark.parametrize("day", DAYS)
def test_the_boards_are_what_the_raw_rows_say(told, day, per):
    compare_boards(told.olga, told.raw, told.contests["pk"], day, per, at=EVENING)


def test_ties_fall_as_the_rules_say(told):
    said = told.olga.run(standings_command, "--contest", "PK-T", "--day", DAY_1.isoformat())["cumulative"]
    assert [(row["rank"], row["team"], row["score"]) for row in said] == [
        (1, "case队", 20.0), (2, "form队", 20.0), (3, "same队", 20.0), (3, "twin队", 20.0), (5, "later队", 20.0), (6, "none队", 0.0),
    ]  # fmt: skip


# --- the evening report ----------------------------------------------------------------------------------------------


def test_the_stored_reports_are_what_the_raw_rows_say(told):
    stored = db.session.scalars(select(StoredReport).order_by(StoredReport.id)).all()
    assert len(stored) == 7
    for one in stored:
        words_as_of = one.composed_at
        wanted = Evening(told.raw, one.campaign_id, one.team_id, one.day, one.as_of, words_as_of).body()
        assert without_words(one.body) == wanted, (one.day, one.team_id, one.revision)


def test_the_report_command_and_its_page_say_the_same(told):
    said = told.olga.run(evening, "--campaign", "C-ROAD", "--day", DAY_3.isoformat())
    stored = db.session.scalars(
        select(StoredReport).where(StoredReport.day == DAY_3, StoredReport.team_id.is_(None))
    ).one()
    assert {key: said[key] for key in stored.body} == stored.body
    body = Evening(told.raw, stored.campaign_id, None, DAY_3, stored.as_of, stored.composed_at).body()
    page = reading.tables(told.olga.page(f"/meetings/reports/{stored.id}"))
    said_of_teams = [[reading.numbers(cell) for cell in row[1:6]] for row in page[0][1:-1]]
    assert said_of_teams == [team_cells(team) for team in body["teams"]]
    boards = [table for table in page if any("积分" in cell for cell in table[0])][:2]
    for table, span in zip(boards, ("daily", "cumulative"), strict=True):
        places = [[reading.numbers(cell) for cell in row[:1] + row[2:]] for row in table[1:]]
        assert places == [place_cells(one) for one in body["standings"][0][span]]


def team_cells(team: dict[str, Any]) -> list[list[str]]:
    """A row of the report's table of teams: what was done, of what was promised."""
    counts = (("consults", "consult"), ("applications", "application"), ("accepted", "accepted"))
    walked = [_promised(team, "visits", team["visits"]["valid"]), [str(team["visits"]["touched"])]]
    return [*walked, *(_promised(team, metric, team["day"][count]) for metric, count in counts)]


def place_cells(one: dict[str, Any]) -> list[list[str]]:
    """A row of the report's board."""
    counts = [[f"{one[name]:,}"] for name in ("person_days", *FIELD)]
    return [[str(one["rank"])], [one["score"]], [one["points"]], *counts, [one["gap"] or "—"]]


def _promised(team: dict[str, Any], metric: str, done: int) -> list[str]:
    return sorted([f"{done:,}", *(f"{one['pledged']:,}" for one in team["pledges"] if one["metric"] == metric)])


def test_a_report_that_was_not_stored_counts_what_was_known_at_its_bell(told):
    said = told.olga.run(evening, "--campaign", "C-ROAD", "--day", DAY_1.isoformat(), "--team", "红队")
    bell, campaign, team = at_local(DAY_1, 17, 30), told.cast.campaigns["roadshow"], told.cast.teams["red"]
    wanted = Evening(told.raw, campaign, team, DAY_1, bell, EVENING).body()
    asked = {key: said[key] for key in said if key not in ("stored", "revision", "sha256")}
    assert (said["stored"], without_words(asked)) == (False, wanted)


# --- the workbook ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def book(told, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("book")
    return workbook(told.actor("olga"), folder, campaign_id=told.cast.campaigns["roadshow"])


def expected_sheets(told: Told) -> dict[str, list[list[Any]]]:
    made = Book(told.raw, told.cast.campaigns["roadshow"], EVENING, business_day(EVENING))
    return made.sheets(told.contests["pk"])


def test_every_cell_of_the_workbook_is_what_the_raw_rows_say(told, book):
    found = opened(book, values=True)
    for name, wanted in expected_sheets(told).items():
        assert reading.sheet_rows(found[name], reading.first_row(found[name])) == wanted, name


@pytest.mark.office
@pytest.mark.filterwarnings("ignore:.*extension is not supported")  # LibreOffice's own data bars
@pytest.mark.filterwarnings("ignore:Unable to read chart")  # and its own way to write charts
def test_its_formulas_give_the_same_when_they_are_calculated(told, book, tmp_path):
    cached, found = opened(book, values=True), calculated(book, tmp_path)
    for name, wanted in expected_sheets(told).items():
        said = reading.sheet_rows(found[name], reading.first_row(cached[name]))[: len(wanted)]
        assert [[near(cell) for cell in row[: len(wanted[0])]] for row in said] == [
            [near(cell) for cell in row] for row in wanted
        ]


def near(cell: Any) -> Any:
    return round(cell, 12) if isinstance(cell, float) else cell


def test_the_definitions_name_the_rules_the_locks_and_the_adjustments(told, book):
    sheet = opened(book, values=True)["口径说明"]
    rows = reading.sheet_rows(sheet, reading.first_row(sheet))
    rules = [row for row in told.raw["rule_version"] if row.contest_id == told.contests["pk"]]
    said = [row[2] for row in rows if row[0] == "PK 规则" and "计分：" in row[2]]
    assert len(said) == len(rules) == 2
    for words, row in zip(said, rules, strict=True):
        counts = [*row.rules["points"].values(), *row.rules["caps"].values()]
        assert [str(count) for count in counts if str(count) not in reading.numbers(words)] == []
    moves = [row for row in told.raw["adjustment"] if row.contest_id == told.contests["pk"]]
    lines = [(row[1][:10], row[2]) for row in rows if row[0] == "奖惩调整"]
    assert len(lines) == len(moves)
    for (day, words), row in zip(lines, moves, strict=True):
        assert (day, f"{row.points.normalize():+f}" in words) == (row.day.isoformat(), True)
    locked = [row[2] for row in rows if row[0] == "外拓日报" and "锁定" in row[2] and str(DAY_2) in row[1]]
    days = [row for row in told.raw["daily_log"] if row.day == DAY_2 and row.locked_at]
    shown = {f"{row.locked_at + timedelta(hours=8):%Y-%m-%d %H:%M:%S}" for row in days}
    assert shown
    assert {moment for moment in shown if any(moment in words for words in locked)} == shown
