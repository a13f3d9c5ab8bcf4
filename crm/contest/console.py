"""The PK at the terminal."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import click

from crm.contest.queries import Board, BoardRow, find_contest, standings_of
from crm.figures.queries import rate_words
from crm.figures.rules import Rate, round_half_up
from crm.kernel.actor import SYSTEM
from crm.kernel.clock import now
from crm.kernel.terminal import in_application, json_option, print_json, print_table


@click.command("standings")
@click.option("--contest", required=True, metavar="C", help="Code or id of the contest.")
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Business day; without it the newest one."
)
@click.option("--per", type=click.Choice(("team", "member")), default="team", show_default=True)
@json_option
@in_application
def standings_command(contest: str, day: Any, per: str, as_json: bool) -> None:
    """The board of a day and the cumulative board through it."""
    card, at = find_contest(SYSTEM, contest), now()
    wanted: date | None = day.date() if day else None
    boards = {
        name: standings_of(
            SYSTEM, card.id, day=wanted, cumulative=cumulative, per="member" if per == "member" else "team", at=at
        )
        for name, cumulative in (("daily", False), ("cumulative", True))
    }
    shown = boards["cumulative"].day.isoformat()
    if as_json:
        print_json({"contest": card.code, "day": shown, **{name: as_rows(board) for name, board in boards.items()}})
        return
    for name, board in boards.items():
        click.echo(f"{card.code} {card.name}, {name}, {shown}, rules version {board.rules_number}")
        print_table([_printed(row, board.rules.minimum_bases) for row in board.rows])


def as_rows(board: Board) -> list[dict[str, Any]]:
    """The board as plain rows: points to two decimals, the score to one as boards show it, rates as numbers (None without a base)."""
    return [_row(row) for row in board.rows]


def _row(row: BoardRow) -> dict[str, Any]:
    party = {"team": row.name} if row.member_id is None else {"member": row.name, "team": row.team_name}
    points = round_half_up(row.points, 2)
    return {
        "rank": row.rank,
        **party,
        "points": int(points) if points == int(points) else float(points),
        "score": float(row.score_shown),
        "person_days": row.person_days,
        "visits": row.visits,
        "consult": row.consult,
        "intent": row.intent,
        "application": row.application,
        "accepted": row.accepted,
        "application_rate": _number(row.application_rate),
        "acceptance_rate": _number(row.acceptance_rate),
    }


def _printed(row: BoardRow, minimum: Mapping[str, int]) -> dict[str, Any]:
    words = {
        "points": row.points_shown,
        "score": row.score_shown,
        "application_rate": rate_words(row.application_rate, minimum.get("consult", 0)),
        "acceptance_rate": rate_words(row.acceptance_rate, minimum.get("application", 0)),
    }
    return _row(row) | words


def _number(rate: Rate) -> float | None:
    return rate.k / rate.n if rate.n else None


GROUPS: dict[str, list[click.Command]] = {"figures": [standings_command]}
HELP = {"figures": "Funnel, standings and what the numbers mean."}
