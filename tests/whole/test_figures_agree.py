"""The same figures, to the digit, wherever they are shown: each is reckoned once more from the raw rows, then compared.

One hard story is told once for all of these tests; none of them changes it for good.
"""

import ast
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select, text

import crm.kernel.terminal as terminal
import tests.reckoning
from crm.contest.console import standings_command
from crm.figures.console import funnel_command
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.meetings.console import evening
from crm.meetings.models import StoredReport
from crm.people.models import User
from crm.people.queries import actor_of
from crm.wiring import GRANTS
from tests.cast import Cast
from tests.conftest import FreshClient
from tests.moments import DAY_1, DAY_2, DAY_3, DAY_6
from tests.reckoning import reading
from tests.reckoning.boards import FIELD, Place, board
from tests.reckoning.evening import Evening, without_words
from tests.reckoning.raw import Raw
from tests.reckoning.sheets import Book
from tests.reckoning.story import EVENING, tell
from tests.reckoning.sums import Asked, Figures, cohort, keys, period, rounded, total
from tests.reports.filling import workbook
from tests.reports.reading import calculated, opened

GROUPS = ("team", "campaign", "district", "place", "model", "trade", "approach", "member", "day")
DAYS = (DAY_1, DAY_2, DAY_3, DAY_6)
FIRST, LAST = DAY_1, date(2026, 12, 31)
COUNTERS = ("crm.figures", "crm.contest", "crm.meetings", "crm.reports", "crm.leads", "crm.outreach")


@dataclass
class Told:
    """The story in its app, its two contests and its raw rows."""

    app: Flask
    cast: Cast
    contests: dict[str, int]
    raw: Raw = field(default_factory=Raw.read)

    def actor(self, name: str):
        """That person with the rights of this moment."""
        return actor_of(db.session.get_one(User, self.cast.users[name]), on=business_day(now()), grants=GRANTS)

    def page(self, address: str) -> str:
        """What Olga sees there."""
        client = FreshClient(self.app, self.app.response_class, use_cookies=True)
        user = db.session.get_one(User, self.cast.users["olga"])
        with client.session_transaction() as session:
            session["_user_id"] = f"{user.id}|{user.session_version}"
            session["since"] = now().timestamp()
        answer = client.get(address)
        assert answer.status_code == 200, address
        return answer.text

    def run(self, command, *arguments: str) -> Any:
        """What the command says as JSON."""
        return json.loads(CliRunner().invoke(command, ["--json", *arguments], catch_exceptions=False).output)


@pytest.fixture(scope="module")
def told(stage) -> Iterator[Told]:
    app, cast, reset = stage
    with app.test_request_context(), time_machine.travel(EVENING, tick=False), pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "application", lambda: app)
        reset()
        found = Told(app, deepcopy(cast), {}, Raw({}))
        found.contests = tell(found.cast, found.actor)
        found.raw = Raw.read()
        yield found
        db.session.remove()


def reckoned(told: Told, by: str, view: str = "period", parent: int | None = None, **more) -> dict[str, Figures]:
    asked, key = Asked(FIRST, LAST, **more), keys(told.raw, by, parent)
    found = period(told.raw, asked, key) if view == "period" else cohort(told.raw, asked, key)
    return {name: one for name, one in found.items() if any(vars(one).values())}


def test_the_reckoning_asks_no_room_that_counts():
    folder = Path(tests.reckoning.__file__).parent
    asked = {
        name
        for path in folder.glob("*.py") if path.name != "story.py"
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
    wanted, visits = reckoned(told, by, view), view == "period"
    said = told.run(funnel_command, "--by", by, "--view", view, "--from", FIRST.isoformat(), "--to", LAST.isoformat())
    assert {row["key"] for row in said} == wanted.keys()
    for row in said:
        assert {name: row[name] for name in row if name not in ("key", "code", "label")} == reading.json_row(
            wanted[row["key"]], visits=visits
        )
    labels = {row["key"]: row["label"] for row in said}
    asked = f"by={by}&view={view}&from={FIRST}&to={LAST}"
    rows = reading.csv_rows(told.page(f"/funnel.csv?{asked}"))
    every = {labels[key]: one for key, one in wanted.items()} | {"合计": total(wanted.values())}
    assert len(every) == len(wanted) + 1
    shown = {
        row[0]: row[1:-2] for row in rows if row[0] in every or any(cell not in ("0", "—", "") for cell in row[1:-2])
    }
    assert shown == {label: reading.csv_row(one, visits=visits) for label, one in every.items()}
    table = reading.tables(told.page(f"/funnel?{asked}"))[-1][1:]
    cells = {row[0]: [reading.numbers(cell) for cell in row[1:]] for row in table if row[0] in every}
    assert cells == {label: reading.funnel_row(one, visits=visits) for label, one in every.items()}


@pytest.mark.parametrize("view", ["period", "cohort"])
def test_the_bars_of_the_page_say_the_same(told, view):
    one = total(reckoned(told, "team", view).values())
    steps = reading.tables(told.page(f"/funnel?view={view}&from={FIRST}&to={LAST}"))[0][1:]
    assert [reading.numbers(row[2]) for row in steps] == [[f"{count:,}"] for count in one.stages]
    least = (0, 10, 5, 0, 0)
    rates = [reading.rate_tokens(*pair, few) for *pair, few in zip(one.stages[1:], one.stages, least[1:], strict=False)]
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
    said = told.run(
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
    tree = told.run(funnel_command, "--by", "district", "--from", FIRST.isoformat(), "--to", LAST.isoformat())
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


def told_place(told: Told, one: Place, per: str) -> dict[str, Any]:
    """A place as the command's JSON has it."""
    teams, people = told.raw.names("team"), told.raw.names("user_account")
    who = {"team": teams[one.party]} if per == "team" else {"member": people[one.party], "team": teams[one.team]}
    consult, application, accepted = (one.counts[name] for name in FIELD)
    return {
        "rank": one.rank, **who, "points": float(rounded(one.points, 2)), "score": float(rounded(one.score)),
        "person_days": one.person_days, "visits": one.counts["visit"], "consult": consult, "intent": one.counts["intent"],
        "application": application, "accepted": accepted, "application_rate": application / consult if consult else None,
        "acceptance_rate": accepted / application if application else None,
    }  # fmt: skip


@pytest.mark.parametrize("per", ["team", "member"])
@pytest.mark.parametrize("day", DAYS)
def test_the_boards_are_what_the_raw_rows_say(told, day, per):
    said = told.run(standings_command, "--contest", "PK-1", "--day", day.isoformat(), "--per", per)
    for span, cumulative in (("daily", False), ("cumulative", True)):
        places = board(told.raw, told.contests["pk"], day, cumulative=cumulative, per=per, at=EVENING)
        assert said[span] == [told_place(told, one, per) for one in places]
        shown = "total" if cumulative else "day"
        page = told.page(f"/contests/{told.contests['pk']}?day={day}&per={per}&span={shown}")
        rows = [[reading.numbers(cell) for cell in row] for row in reading.tables(page)[0][1:]]
        assert rows == [board_row(one, day) for one in places] or not any(
            one.points or one.person_days for one in places
        )


def board_row(one: Place, day: date) -> list[list[str]]:
    """A row of the board's page, cell by cell."""
    least = {"consult": 20, "application": 9} if day >= DAY_3 else {"consult": 10, "application": 5}
    climbed = "—" if one.before is None else f"{one.before - one.rank:+,}".lstrip("+")
    gap = "—" if one.gap is None else rounded(one.gap)
    consult, application, accepted = (one.counts[name] for name in FIELD)
    counts = [one.person_days, one.counts["visit"], consult, one.counts["intent"], application, accepted]
    return [
        [str(one.rank)], [climbed], [], [rounded(one.score)], [gap], [one.told_points], *([f"{count:,}"] for count in counts),
        reading.rate_tokens(application, consult, least["consult"]),
        reading.rate_tokens(accepted, application, least["application"]),
    ]  # fmt: skip


def test_ties_fall_as_the_rules_say(told):
    said = told.run(standings_command, "--contest", "PK-T", "--day", DAY_1.isoformat())["cumulative"]
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
    said = told.run(evening, "--campaign", "C-ROAD", "--day", DAY_3.isoformat())
    stored = db.session.scalars(
        select(StoredReport).where(StoredReport.day == DAY_3, StoredReport.team_id.is_(None))
    ).one()
    assert {key: said[key] for key in stored.body} == stored.body
    body = Evening(told.raw, stored.campaign_id, None, DAY_3, stored.as_of, stored.composed_at).body()
    page = reading.tables(told.page(f"/meetings/reports/{stored.id}"))
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


def test_a_report_that_was_not_stored_counts_what_is_known_now(told):
    said = told.run(evening, "--campaign", "C-ROAD", "--day", DAY_1.isoformat(), "--team", "红队")
    wanted = Evening(told.raw, told.cast.campaigns["roadshow"], told.cast.teams["red"], DAY_1, EVENING, EVENING).body()
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
    said = [row[2] for row in rows if row[0] == "PK 规则"]
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
