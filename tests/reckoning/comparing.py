"""Command, page and file asked the same question; each answer held against the reckoning."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from click.testing import CliRunner
from flask import Flask

from crm.contest.console import standings_command
from crm.figures.console import funnel_command
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.people.models import User
from tests.conftest import FreshClient
from tests.reckoning import reading
from tests.reckoning.boards import FIELD, Contest, Place, board, rules_on
from tests.reckoning.raw import Raw
from tests.reckoning.sums import Asked, Figures, cohort, keys, period, rounded, total

GROUPS = ("team", "campaign", "district", "place", "model", "trade", "approach", "member", "day")


class Reader:
    """Somebody who may see it all, at a browser and at the terminal."""

    def __init__(self, app: Flask, user_id: int) -> None:
        self.app, self.user_id = app, user_id

    def page(self, address: str) -> str:
        """What the person sees there."""
        client = FreshClient(self.app, self.app.response_class, use_cookies=True)
        user = db.session.get_one(User, self.user_id)
        with client.session_transaction() as session:
            session["_user_id"] = f"{user.id}|{user.session_version}"
            session["since"] = now().timestamp()
        answer = client.get(address)
        assert answer.status_code == 200, address
        return answer.text

    def run(self, command: Any, *arguments: str) -> Any:
        """What the command says as JSON."""
        return json.loads(CliRunner().invoke(command, ["--json", *arguments], catch_exceptions=False).output)


def figures_of(raw: Raw, by: str, view: str, asked: Asked, parent: int | None = None) -> dict[str, Figures]:
    """The groups with a figure."""
    key = keys(raw, by, parent)
    found = period(raw, asked, key) if view == "period" else cohort(raw, asked, key)
    return {name: one for name, one in found.items() if any(vars(one).values())}


def compare_funnel(reader: Reader, raw: Raw, by: str, view: str, first: date, last: date) -> None:
    """Every number of the funnel by that group: as JSON, as CSV and on the page, with the total."""
    wanted, visits = figures_of(raw, by, view, Asked(first, last)), view == "period"
    said = reader.run(funnel_command, "--by", by, "--view", view, "--from", first.isoformat(), "--to", last.isoformat())
    plain = {row["key"]: {name: row[name] for name in row if name not in ("key", "code", "label")} for row in said}
    assert plain == {key: reading.json_row(one, visits=visits) for key, one in wanted.items()}
    labels = {row["key"]: row["label"] for row in said}
    every = {labels[key]: one for key, one in wanted.items()} | {"合计": total(wanted.values())}
    assert len(every) == len(wanted) + 1
    asked = f"by={by}&view={view}&from={first}&to={last}"
    rows = [row[:-2] for row in reading.csv_rows(reader.page(f"/funnel.csv?{asked}"))]
    filled = {row[0]: row[1:] for row in rows if row[0] in every or any(cell not in ("0", "—", "") for cell in row[1:])}
    assert filled == {label: reading.csv_row(one, visits=visits) for label, one in every.items()}
    table = reading.tables(reader.page(f"/funnel?{asked}"))[-1][1:]
    cells = {row[0]: [reading.numbers(cell) for cell in row[1:]] for row in table if row[0] in every}
    assert cells == {label: reading.funnel_row(one, visits=visits) for label, one in every.items()}


def compare_boards(reader: Reader, raw: Raw, contest_id: int, day: date, per: str, *, at: datetime) -> None:
    """Every number of the day's board and of the cumulative one: as JSON and on the page."""
    contest = Contest.of(raw, contest_id, None)
    least = rules_on(contest, day, at)["minimum_bases"]
    said = reader.run(standings_command, "--contest", contest.row.code, "--day", day.isoformat(), "--per", per)
    for span, cumulative in (("daily", False), ("cumulative", True)):
        places = board(raw, contest_id, day, cumulative=cumulative, per=per, at=at)
        assert said[span] == [_told_place(raw, one, per) for one in places]
        if not any(one.points or one.person_days for one in places):
            continue  # the page says in words that nothing has scored
        page = reader.page(f"/contests/{contest_id}?day={day}&per={per}&span={'total' if cumulative else 'day'}")
        heads, *table = reading.tables(page)[0]
        pictures = [
            at for at, head in enumerate(heads) if head == "逐日走势"
        ]  # a small line, whose words are its label
        rows = [[reading.numbers(cell) for at, cell in enumerate(row) if at not in pictures] for row in table]
        names = [row.pop(2) for row in rows]
        assert len(names) == len(places)
        assert rows == [_board_row(one, least) for one in places]


def _told_place(raw: Raw, one: Place, per: str) -> dict[str, Any]:
    """A place as the command's JSON has it."""
    teams, people = raw.names("team"), raw.names("user_account")
    who = {"team": teams[one.party]} if per == "team" else {"member": people[one.party], "team": teams[one.team]}
    consult, application, accepted = (one.counts[name] for name in FIELD)
    return {
        "rank": one.rank, **who, "points": float(rounded(one.points, 2)), "score": float(rounded(one.score)),
        "person_days": one.person_days, "visits": one.counts["visit"], "consult": consult, "intent": one.counts["intent"],
        "application": application, "accepted": accepted, "application_rate": application / consult if consult else None,
        "acceptance_rate": accepted / application if application else None,
    }  # fmt: skip


def _board_row(one: Place, least: dict[str, int]) -> list[list[str]]:
    """A row of the board's page, cell by cell."""
    climbed = "—" if one.before is None else f"{one.before - one.rank:+,}".lstrip("+")
    gap = "—" if one.gap is None else rounded(one.gap)
    consult, application, accepted = (one.counts[name] for name in FIELD)
    counts = [one.person_days, one.counts["visit"], consult, one.counts["intent"], application, accepted]
    return [
        [str(one.rank)], [climbed], [rounded(one.score)], [gap], [one.told_points], *([f"{count:,}"] for count in counts),
        reading.rate_tokens(application, consult, least["consult"]),
        reading.rate_tokens(accepted, application, least["application"]),
    ]  # fmt: skip
