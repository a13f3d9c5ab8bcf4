"""The same figures, to the digit, wherever they are shown: counted once more here from the raw entries, then compared."""

import csv
import io
import json
import re
from collections import Counter
from fractions import Fraction

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

import crm.kernel.terminal as terminal
from crm.contest.console import standings_command
from crm.figures.console import funnel_command
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.ledger_models import IntentEntry
from crm.outreach.models import Visit
from crm.people.models import Membership
from tests.figures.making import recount, tally, tally_cohort
from tests.moments import DAY_1, DAY_2
from tests.reports.filling import fill

FIELD = ("consult", "application", "accepted")
POINTS = {"visit": 1, "consult": 2, "intent": 3, "application": 8, "accepted": 15}
KEYS = {
    "team": lambda one: str(one.team),
    "member": lambda one: str(one.member),
    "day": lambda one: one.day.isoformat(),
    "campaign": lambda one: str(one.campaign),
    "model": lambda one: str(one.model),
}


@pytest.fixture
def contest(cast, actor, once):
    return once("agree", lambda: fill(cast, actor, leads=240))


@pytest.fixture
def run(app, monkeypatch):
    monkeypatch.setattr(terminal, "application", lambda: app)

    def ask(command, *arguments):
        return json.loads(CliRunner().invoke(command, ["--json", *arguments], catch_exceptions=False).output)

    return ask


def expected(by: str, view: str = "period") -> Counter:
    """How often each triple of counts stands in the funnel by that group."""
    marks = recount()
    found = tally(marks, KEYS[by]) if view == "period" else tally_cohort(marks, KEYS[by])
    return Counter(tuple(counts[stage] for stage in FIELD) for counts in found.values() if any(counts.values()))


def printed(rows) -> Counter:
    return Counter(tuple(row[stage] for stage in FIELD) for row in rows if any(row[stage] for stage in FIELD))


@pytest.mark.parametrize("by", KEYS)
@pytest.mark.parametrize("view", ["period", "cohort"])
def test_the_terminal_says_what_the_raw_entries_say(contest, run, by, view):
    rows = run(funnel_command, "--by", by, "--view", view, "--from", DAY_1.isoformat(), "--to", "2026-12-31")
    assert printed(rows) == expected(by, view)
    for row in rows:
        assert row["application_rate"] == (row["application"] / row["consult"] if row["consult"] else None)
        assert row["acceptance_rate"] == (row["accepted"] / row["application"] if row["application"] else None)


def test_a_changed_total_would_be_noticed(contest, run):
    with unit_of_work():
        db.session.execute(text("UPDATE funnel_day SET leads = leads + 1 WHERE stage = 'consult'"))
    rows = run(funnel_command, "--by", "team", "--from", DAY_1.isoformat(), "--to", "2026-12-31")
    assert printed(rows) != expected("team")


@pytest.mark.parametrize("by", ["team", "member", "day"])
def test_page_and_file_say_the_same(contest, client_of, by):
    asked = f"by={by}&view=period&from={DAY_1}&to=2026-12-31"
    olga = client_of("olga")
    rows = list(csv.reader(io.StringIO(olga.get(f"/funnel.csv?{asked}").get_data(as_text=True).lstrip("\ufeff"))))
    total = Counter(mark.stage for mark in recount())
    wanted = [*expected(by).elements(), tuple(total[stage] for stage in FIELD)]
    page = re.sub(r"<[^>]+>", " ", olga.get(f"/funnel?{asked}").text)
    for counts in wanted:
        assert any(in_order(map(str, counts), row) for row in rows), counts
        assert in_order(map(str, counts), page.split()), counts


def in_order(words, row) -> bool:
    """Whether the words stand in the row, in this order."""
    cells = iter(row)
    return all(word in cells for word in words)


def points_by_team(cast) -> dict[str, tuple[Fraction, int]]:
    """Points and attended person-days per team through DAY_2, in domain.md's numbers; red has 3 for a shared case."""
    road, found = cast.campaigns["roadshow"], {}
    intents = db.session.scalars(select(IntentEntry)).all()
    assert intents == []  # none was stated in this story
    for name, team in cast.teams.items():
        marks = [one for one in recount() if (one.team, one.campaign) == (team, road) and DAY_1 <= one.day <= DAY_2]
        points = Fraction(sum(POINTS.get(one.stage, 0) for one in marks))
        walks = select(Visit).where(Visit.team_id == team, Visit.campaign_id == road, Visit.day <= DAY_2, Visit.valid)
        points += len([one for one in db.session.scalars(walks) if one.voided_at is None]) * POINTS["visit"]
        points += 3 if name == "red" else 0
        held = db.session.scalars(select(Membership).where(Membership.team_id == team)).all()
        days = [(one.user_id, day) for one in held for day in (DAY_1, DAY_2) if stands(one, day)]
        found[name] = (points, len(set(days)))
    return found


def stands(membership: Membership, day) -> bool:
    return membership.valid_from <= day and (membership.valid_to is None or day <= membership.valid_to)


def test_the_board_says_what_the_raw_rows_say(contest, cast, client_of, run):
    said = run(standings_command, "--contest", "PK-1", "--day", DAY_2.isoformat())["cumulative"]
    wanted = points_by_team(cast)
    names = {"red": "红队", "blue": "蓝队"}
    rows = {row["team"]: row for row in said}
    for key, (points, days) in wanted.items():
        assert (rows[names[key]]["points"], rows[names[key]]["person_days"]) == (points, days), key
    scores = {row["team"]: Fraction(row["points"]) / row["person_days"] for row in said}
    assert [row["team"] for row in said] == sorted(scores, key=lambda team: -scores[team])
    page = client_of("olga").get(f"/contests/{contest}?day={DAY_2}").text
    for row in said:
        assert f"{row['score']:.1f}" in page
