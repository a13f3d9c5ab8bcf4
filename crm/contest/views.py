"""Desk pages of the PK: the list, a contest's board, a score opened, and the projector's board."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Blueprint, make_response, render_template, request, url_for
from werkzeug.wrappers import Response

from crm.contest import queries
from crm.contest.contests import ContestCard
from crm.contest.facts import days_between
from crm.contest.policy import ContestPermission
from crm.contest.queries import Board, BoardRow, LineRow, OpenedScore, Per
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, now
from crm.kernel.errors import NotFound
from crm.people.queries import team_names
from crm.web.forms import query_day, query_id
from crm.web.guards import on_the_wall, requires, unattended
from crm.web.identity import settings, the_actor
from crm.web.locale import day as worded_day
from crm.web.locale import language
from crm.web.paging import Paging, requested_page

blueprint = Blueprint("contest", __name__)
Answer = str | tuple[str, int] | Response

MOST_LINES = 8
"""Up to so many teams have a line each in the picture of the days."""
POLLED = "private, no-cache"
"""A browser may keep a polled board, and asks each time whether it still holds."""


@dataclass(frozen=True)
class IndexPage:
    """The contests, with the names of their teams."""

    contests: list[ContestCard]
    teams: dict[int, str]
    may_edit: bool


@dataclass(frozen=True)
class BoardPage:
    """A board with what one may do about it. `live`: whether its figures still move, so that the page asks for them again."""

    board: Board
    days: list[date]
    live: bool
    fragment_url: str
    my_teams: frozenset[int]
    my_id: int | None
    may_edit: bool
    may_adjust: bool

    @property
    def contest(self) -> ContestCard:
        """The contest that is shown."""
        return self.board.contest

    @property
    def day_choices(self) -> list[tuple[str, str]]:
        """The days that can be shown, the newest first."""
        return [(one.isoformat(), worded_day(one)) for one in self.days]

    @property
    def scores(self) -> list[float]:
        """The scores as the picture needs them, in the board's order."""
        return [float(row.score_shown) for row in self.board.rows]

    @property
    def trend_ends(self) -> tuple[float, float]:
        """The highest and the lowest score of a day: the scale that the small lines of the rows share."""
        every = [score for row in self.board.rows for score in row.trend]
        return max(every, default=0), min(every, default=0)

    @property
    def day_lines(self) -> list[tuple[str, list[float]]]:
        """A line for each team, where there are few enough to tell them apart and days enough to draw one."""
        few = self.board.per == "team" and len(self.board.rows) <= MOST_LINES and len(self.board.days) > 1
        return [(row.name, row.trend) for row in self.board.rows] if few else []

    def mine(self, row: BoardRow) -> bool:
        """Whether the row is the reader's own: their team's, or on a board of persons their own."""
        return row.member_id == self.my_id if row.member_id is not None else row.team_id in self.my_teams

    def score_url(self, row: BoardRow) -> str:
        """Where this row's score is opened, for the same days."""
        party = {"team": row.team_id} if row.member_id is None else {"member": row.member_id}
        return url_for("contest.score", contest_id=self.contest.id, **party, **_state(self.board))


@dataclass(frozen=True)
class ScorePage:
    """One score with its formula and a page of its lines."""

    opened: OpenedScore
    paging: Paging
    back_url: str

    @property
    def lines(self) -> list[LineRow]:
        """The lines of this page."""
        return list(self.opened.lines.items)


@blueprint.get("/contests")
@requires(ContestPermission.VIEW)
def index() -> str:
    """The contests that one may see."""
    actor = the_actor()
    page = IndexPage(queries.list_contests(actor), team_names(), actor.may(ContestPermission.EDIT))
    return render_template("contest/index.html", page=page)


@blueprint.get("/contests/<int:contest_id>")
@requires(ContestPermission.VIEW)
def board(contest_id: int) -> str:
    """The standings, of a day or through it, of teams or of persons."""
    return render_template("contest/board.html", page=_board_page(the_actor(), contest_id, now(), "contest.standings"))


@blueprint.get("/contests/<int:contest_id>/standings")
@requires(ContestPermission.VIEW)
@unattended
def standings(contest_id: int) -> Response:
    """The table of the board alone, asked for again and again; 304 while nothing moved."""
    return _polled(contest_id, "contest/_standings.html", "contest.standings")


@blueprint.get("/contests/<int:contest_id>/projector")
@requires(ContestPermission.VIEW)
def projector(contest_id: int) -> str:
    """The board for the wall."""
    return render_template(
        "contest/projector.html", page=_board_page(the_actor(), contest_id, now(), "contest.projected")
    )


@blueprint.get("/contests/<int:contest_id>/projected")
@requires(ContestPermission.VIEW)
@on_the_wall
def projected(contest_id: int) -> Response:
    """The table of the board for the wall; 304 while nothing moved."""
    return _polled(contest_id, "contest/_projected.html", "contest.projected")


@blueprint.get("/contests/<int:contest_id>/score")
@requires(ContestPermission.VIEW)
def score(contest_id: int) -> str:
    """A team's (?team=) or a person's (?member=) score, opened."""
    team_id, member_id = query_id("team"), query_id("member")
    if (team_id is None) == (member_id is None):
        raise NotFound("contest.no_score")
    opened = queries.open_score(
        the_actor(),
        contest_id,
        team_id=team_id,
        member_id=member_id,
        day=query_day("day"),
        cumulative=_cumulative(),
        page=requested_page(),
        at=now(),
    )
    back = url_for("contest.board", contest_id=contest_id, **_state(opened.board))
    return render_template("contest/score.html", page=ScorePage(opened, Paging.of(opened.lines), back))


def _polled(contest_id: int, template: str, endpoint: str) -> Response:
    """A fragment with the mark of everything that can change it; the board is computed only when the mark moved."""
    actor, at = the_actor(), now()
    contest = queries.get_contest(actor, contest_id)
    mark = queries.etag(contest.id, at=at)
    text = "|".join(
        (
            mark,
            template,
            request.query_string.decode("latin-1"),
            language(),
            str(actor.user_id),
            str(sorted(actor.team_ids)),
        )
    )
    tag = hashlib.sha256(text.encode()).hexdigest()[:24]
    if tag in request.if_none_match:
        answer = make_response("", 304)
    else:
        answer = make_response(render_template(template, page=_board_page(actor, contest_id, at, endpoint)))
    answer.set_etag(tag)
    answer.headers["Cache-Control"] = POLLED
    return answer


def _board_page(actor: Actor, contest_id: int, at: datetime, fragment: str) -> BoardPage:
    board = queries.standings_of(actor, contest_id, day=query_day("day"), cumulative=_cumulative(), per=_per(), at=at)
    contest, today = board.contest, business_day(at, settings().zone)
    return BoardPage(
        board=board,
        days=list(days_between(contest.starts_on, contest.last_day(today)))[::-1],
        live=contest.status == "running" and board.day >= contest.last_day(today),
        fragment_url=url_for(fragment, contest_id=contest_id, **_asked(board)),
        my_teams=actor.team_ids,
        my_id=actor.user_id,
        may_edit=actor.may(ContestPermission.EDIT),
        may_adjust=actor.may(ContestPermission.ADJUST) or actor.may(ContestPermission.CONFIRM),
    )


def _asked(board: Board) -> dict[str, Any]:
    """What the address asks for, so that a board left open overnight goes on with the new day."""
    asked = {"span": request.args.get("span"), "per": request.args.get("per"), "day": request.args.get("day")}
    state = {**_state(board), "per": board.per}
    return {name: state[name] for name, value in asked.items() if value}


def _state(board: Board) -> dict[str, Any]:
    return {"day": board.day.isoformat(), "span": "total" if board.cumulative else "day"}


def _cumulative() -> bool:
    return request.args.get("span") != "day"


def _per() -> Per:
    return "member" if request.args.get("per") == "member" else "team"


from crm.contest import views_clashes, views_plan  # noqa: E402, F401  # its routes belong to the same blueprint
