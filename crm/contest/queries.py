"""Questions about the PK: boards, and a score opened to the records that it stands on.

Everyone who may see a contest sees the counts of all its teams; the customer behind a line only whoever may see that lead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, Literal

from sqlalchemy import Select, select

from crm.contest.contests import (
    AdjustmentRow,
    ContestCard,
    Version,
    adjustments_of,
    contests_of_campaign,
    etag,
    find_contest,
    get_contest,
    in_force,
    list_contests,
    versions_of,
)
from crm.contest.engine import (
    NOTHING,
    day_scores,
    explain_versions,
    lines_of,
    score_lines,
    shown_points,
    shown_score,
    standings,
)
from crm.contest.facts import Attended, Window, attended, facts_of
from crm.contest.rules import Adjustment, Explanation, Fact, Line, RuleSet, Standing
from crm.figures.rules import FunnelCounts, Rate
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, day_bounds, now
from crm.kernel.db import db, writing
from crm.kernel.errors import Invalid, NotFound
from crm.kernel.installation import zone_name
from crm.kernel.paging import PER_PAGE, Page
from crm.leads.ledger_models import IntentEntry, StageEntry
from crm.leads.models import Lead
from crm.leads.policy import visible_to as lead_visible_to
from crm.outreach.models import Visit
from crm.people.queries import team_names, user_names

Per = Literal["team", "member"]

TREND_DAYS = 14
"""How many days a board shows one by one."""


@dataclass(frozen=True)
class BoardRow:
    """A place on a board. `rank_before`: the place on the board of the day before, None where there was none.

    team_id: of a member the team of the newest line or day. gap_to_next: in score; None for the first. by_day: the score of
    each of the board's `days` alone.
    """

    rank: int
    rank_before: int | None
    team_id: int | None
    member_id: int | None
    name: str
    team_name: str
    points: Fraction
    score: Fraction
    person_days: int
    visits: int
    consult: int
    intent: int
    application: int
    accepted: int
    gap_to_next: Fraction | None
    reached_at: datetime | None
    attendance_missing: bool
    by_day: tuple[Fraction, ...]

    @property
    def trend(self) -> list[float]:
        """The scores of the days as pictures need them, rounded as boards print them."""
        return [float(shown_score(score)) for score in self.by_day]

    @property
    def funnel(self) -> FunnelCounts:
        """The counts as a funnel."""
        return FunnelCounts(consult=self.consult, application=self.application, accepted=self.accepted)

    @property
    def application_rate(self) -> Rate:
        """申请率, with its base."""
        return self.funnel.application_rate

    @property
    def acceptance_rate(self) -> Rate:
        """进件率, with its base."""
        return self.funnel.acceptance_rate

    @property
    def climbed(self) -> int | None:
        """Places gained since the day before; negative for places lost."""
        return None if self.rank_before is None else self.rank_before - self.rank

    @property
    def points_shown(self) -> str:
        """Points as boards print them."""
        return shown_points(self.points)

    @property
    def score_shown(self) -> str:
        """The score as boards print it; the rank comes from the exact value."""
        return shown_score(self.score)

    @property
    def gap_shown(self) -> str | None:
        """The gap to the next better place as boards print it."""
        return None if self.gap_to_next is None else shown_score(self.gap_to_next)


@dataclass(frozen=True)
class Board:
    """Standings of one business day, or of all days through it. `rules` are those in force at the end of that day.

    days: the newest days of a cumulative board, for each row's `by_day`; none on the board of one day.
    """

    contest: ContestCard
    day: date
    cumulative: bool
    per: Per
    rows: tuple[BoardRow, ...]
    rules: RuleSet
    rules_number: int
    as_of: datetime
    etag: str
    days: tuple[date, ...]

    @property
    def empty(self) -> bool:
        """Whether nobody has a point or a person-day yet."""
        return not any(row.points or row.person_days for row in self.rows)


def standings_of(
    actor: Actor,
    contest_id: int,
    *,
    day: date | None = None,
    cumulative: bool = True,
    per: Per = "team",
    as_of: datetime | None = None,
    at: datetime | None = None,
) -> Board:
    """The board through a business day, or of that day alone; without a day the newest one of the contest.

    as_of: what the server knew at that moment, for reports; None is everything known now. at: the present moment.
    Raises NotFound for a contest that the actor may not see, Invalid("contest.day") for a day outside its window.
    """
    contest = get_contest(actor, contest_id)
    asked = _asked(contest, day, cumulative, per, as_of, at)
    mark = etag(contest.id, at=asked.moment)
    if as_of is not None or writing.get():
        return _board(contest, asked, _ledger(contest, asked), mark)
    key = (contest.id, mark, asked.day, cumulative, per)
    found = _recent.get(key)
    if found is None:
        found = _board(contest, asked, _ledger(contest, asked), mark)
        _keep(key, found)
    return found


def both_boards(actor: Actor, contest_id: int, *, day: date, as_of: datetime) -> tuple[Board, Board]:
    """The board of a day alone and the one of all days through it, as the server knew them, from one reading of the records.

    The same as asking `standings_of` twice, and raises the same.
    """
    contest = get_contest(actor, contest_id)
    through = _asked(contest, day, True, "team", as_of, None)
    ledger, mark = _ledger(contest, through), etag(contest.id, at=through.moment)
    return _board(contest, replace(through, cumulative=False), ledger, mark), _board(contest, through, ledger, mark)


_recent: dict[tuple[Any, ...], Board] = {}
"""The last boards of this process by the mark of all that they stand on: fifty phones that look at one board reckon it once.

Nothing has to be cleared: what changes a board changes its mark. Boards inside an open unit of work are not kept, because
ids of rows that are rolled back come again.
"""
_RECENT = 32


def forget_boards() -> None:
    """Drops the boards kept: for whoever puts another base under a running process, where the same ids mean other records."""
    _recent.clear()


def _keep(key: tuple[Any, ...], board: Board) -> None:
    while len(_recent) >= _RECENT:
        _recent.pop(next(iter(_recent)), None)
    _recent[key] = board


@dataclass(frozen=True)
class _Asked:
    day: date
    cumulative: bool
    per: Per
    as_of: datetime | None
    moment: datetime
    today: date

    @property
    def upto(self) -> date | None:
        return self.day if self.cumulative else None

    @property
    def alone(self) -> date | None:
        return None if self.cumulative else self.day

    def on(self, day: date) -> _Asked:
        return _Asked(day, self.cumulative, self.per, self.as_of, self.moment, self.today)


def _asked(
    contest: ContestCard, day: date | None, cumulative: bool, per: Per, as_of: datetime | None, at: datetime | None
) -> _Asked:
    moment = as_of or at or now()
    today = business_day(moment, zone_name())
    day = day or contest.last_day(today)
    if not contest.starts_on <= day <= contest.ends_on:
        raise Invalid("contest.day", first=contest.starts_on.isoformat(), last=contest.ends_on.isoformat())
    return _Asked(day, cumulative, per, as_of, moment, today)


@dataclass(frozen=True)
class _Ledger:
    """The lines of a contest by the version that scored them; bonuses and penalties last, under no version."""

    versions: Sequence[Version]
    scored: tuple[tuple[Version, list[Line]], ...]
    adjusted: list[Line]
    attended: Attended

    @property
    def lines(self) -> list[Line]:
        return [*(line for _, lines in self.scored for line in lines), *self.adjusted]

    def rules_on(self, day: date, moment: datetime) -> Version:
        """The version in force at the end of a day, or now if the day is not over."""
        return in_force(self.versions, min(moment, day_bounds(day, zone_name())[1] - timedelta(microseconds=1)))

    def person_days(self, per: Per) -> dict[tuple[int, date], int]:
        """Attended person-days by (team, day), or by (member, day)."""
        if per == "team":
            return {key: len(members) for key, members in self.attended.items()}
        return {(member, day): 1 for (_, day), members in self.attended.items() for member in members}


def _ledger(contest: ContestCard, asked: _Asked) -> _Ledger:
    """Each version scores the facts of its own time, apart from the others."""
    versions = versions_of(contest.id, asked.as_of)
    first = contest.starts_on if asked.cumulative else max(contest.starts_on, asked.day - timedelta(days=1))
    last = min(asked.day, asked.today)
    window = Window(contest.campaign_ids, contest.team_ids, first, last, asked.as_of)
    by_version: dict[int, list[Fact]] = defaultdict(list)
    facts = facts_of(window, lambda moment: in_force(versions, moment).rules.companion_share)
    for fact in facts:
        by_version[in_force(versions, fact.at).number].append(fact)
    scored = tuple(
        (one, score_lines(one.rules, by_version[one.number])) for one in versions if one.number in by_version
    )
    moves = [
        _move(row)
        for row in adjustments_of(contest.id, asked.as_of)
        if row.counts and window.holds(row.day, row.team_id)
    ]
    return _Ledger(versions, scored, score_lines(RuleSet(), (), moves), attended(window))


def _move(row: AdjustmentRow) -> Adjustment:
    return Adjustment(
        day=row.day,
        team_id=row.team_id,
        member_id=row.member_id,
        points=row.points,
        reason=row.reason,
        author=str(row.author_id or ""),
        ref=f"adjustment:{row.id}",
        at=row.since,
    )


def _board(contest: ContestCard, asked: _Asked, ledger: _Ledger, mark: str) -> Board:
    version = ledger.rules_on(asked.day, asked.moment)
    placed = _placed(contest, asked, ledger)
    before: dict[int, int] = {}
    if asked.day > contest.starts_on:
        yesterday = asked.on(asked.day - timedelta(days=1))
        before = {one.party_id: one.rank for one in _placed(contest, yesterday, ledger)}
    teams, people = team_names(), user_names() if asked.per == "member" else {}
    team_of = _team_of(ledger)
    days = _trend_days(asked, ledger)
    trend = day_scores(version.rules, ledger.lines, ledger.person_days(asked.per), days, per=asked.per) if days else {}
    rows = tuple(
        _row(
            one, before.get(one.party_id), teams, people, team_of, tuple(trend.get(one.party_id, [NOTHING] * len(days)))
        )
        for one in placed
    )
    return Board(
        contest, asked.day, asked.cumulative, asked.per, rows, version.rules, version.number, asked.moment, mark, days
    )


def _trend_days(asked: _Asked, ledger: _Ledger) -> tuple[date, ...]:
    """The newest days on which anybody was there or scored: a day off is no fall to nothing."""
    if not asked.cumulative:
        return ()
    days = {day for _, day in ledger.attended} | {line.day for line in ledger.lines}
    return tuple(sorted(days)[-TREND_DAYS:])


def _placed(contest: ContestCard, asked: _Asked, ledger: _Ledger) -> list[Standing]:
    rules = ledger.rules_on(asked.day, asked.moment).rules
    parties = set(contest.team_ids)
    if asked.per == "member":
        parties = set(_team_of(ledger))
    return standings(
        rules,
        ledger.lines,
        ledger.person_days(asked.per),
        teams=parties,
        per=asked.per,
        upto=asked.upto,
        day=asked.alone,
    )


def _team_of(ledger: _Ledger) -> dict[int, int]:
    """Each member's team on the newest day with a line or an attendance."""
    found: dict[int, tuple[date, int]] = {}
    seen = [(day, team_id, member) for (team_id, day), members in ledger.attended.items() for member in members]
    seen += [(line.day, line.team_id, line.member_id) for line in ledger.lines if line.member_id is not None]
    for day, team_id, member in seen:
        found[member] = max(found.get(member, (day, team_id)), (day, team_id))
    return {member: team_id for member, (_, team_id) in found.items()}


def _row(
    one: Standing,
    before: int | None,
    teams: Mapping[int, str],
    people: Mapping[int, str],
    team_of: Mapping[int, int],
    by_day: tuple[Fraction, ...],
) -> BoardRow:
    team_id = one.team_id if one.member_id is None else team_of.get(one.member_id)
    team_name = teams.get(team_id or 0, "")
    return BoardRow(
        rank=one.rank,
        rank_before=before,
        team_id=team_id,
        member_id=one.member_id,
        name=team_name if one.member_id is None else people.get(one.member_id, ""),
        team_name=team_name,
        points=one.points,
        score=one.score,
        person_days=one.person_days,
        visits=one.counts["visit"],
        consult=one.counts["consult"],
        intent=one.counts["intent"],
        application=one.counts["application"],
        accepted=one.counts["accepted"],
        gap_to_next=one.gap_to_next,
        reached_at=one.reached_at,
        attendance_missing=one.attendance_missing,
        by_day=by_day,
    )


# --- adjustments as the actor may read them -----------------------------------------------------------------------


def list_adjustments(actor: Actor, contest_id: int) -> list[AdjustmentRow]:
    """Adjustments, the newest first. Of other teams the points that count are told; the person, the words and what waits are not."""
    rows = adjustments_of(get_contest(actor, contest_id).id)
    return [
        row if _reads_words(actor, row.team_id) else replace(row, member_id=None, reason="")
        for row in reversed(rows)
        if row.counts or _reads_words(actor, row.team_id)
    ]


def _reads_words(actor: Actor, team_id: int) -> bool:
    return actor.sees_all_teams or team_id in actor.team_ids


# --- a score, opened ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LineRow:
    """A line of points and what it stands on. `lead_id` is set only when the actor may see that lead."""

    line: Line
    member_name: str
    team_name: str
    rules_number: int | None
    lead_id: int | None

    @property
    def record(self) -> str:
        """The kind of record: visit, stage, intent or adjustment."""
        return self.line.ref.partition(":")[0]

    @property
    def number(self) -> str:
        """The record's number."""
        return self.line.ref.partition(":")[2]

    @property
    def points_shown(self) -> str:
        """Points as lists print them."""
        return shown_points(self.line.points)


@dataclass(frozen=True)
class OpenedScore:
    """A board's row with its formula, its parts, and a page of its lines, the newest first."""

    board: Board
    row: BoardRow
    explanation: Explanation
    lines: Page[LineRow]


def open_score(
    actor: Actor,
    contest_id: int,
    *,
    team_id: int | None = None,
    member_id: int | None = None,
    day: date | None = None,
    cumulative: bool = True,
    page: int = 1,
    as_of: datetime | None = None,
    at: datetime | None = None,
) -> OpenedScore:
    """What a team's (or, with `member_id`, a person's) score is made of. Raises NotFound for a party that does not compete."""
    contest = get_contest(actor, contest_id)
    asked = _asked(contest, day, cumulative, "team" if member_id is None else "member", as_of, at)
    ledger = _ledger(contest, asked)
    board = _board(contest, asked, ledger, etag(contest.id, at=asked.moment))
    party = team_id if member_id is None else member_id
    standing = next((one for one in _placed(contest, asked, ledger) if one.party_id == party), None)
    if standing is None:
        raise NotFound("contest.no_score")
    row = next(row for row in board.rows if (row.team_id if member_id is None else row.member_id) == party)
    scored = [*((one.rules, lines) for one, lines in ledger.scored), (board.rules, ledger.adjusted)]
    explanation = explain_versions(board.rules, scored, standing, upto=asked.upto, day=asked.alone)
    own = [(None, line) for line in lines_of(ledger.adjusted, standing, upto=asked.upto, day=asked.alone)]
    numbered = [
        (one.number, line)
        for one, lines in ledger.scored
        for line in lines_of(lines, standing, upto=asked.upto, day=asked.alone)
    ]
    return OpenedScore(board, row, explanation, _line_page(actor, [*numbered, *own], page))


def _line_page(actor: Actor, lines: Sequence[tuple[int | None, Line]], page: int) -> Page[LineRow]:
    newest = sorted(lines, key=lambda item: (item[1].at, item[1].ref, item[1].member_id or 0), reverse=True)
    start = (page - 1) * PER_PAGE
    shown = [(number, _readable(actor, line)) for number, line in newest[start : start + PER_PAGE]]
    leads = _visible_leads(actor, [line.ref for _, line in shown])
    teams, people = team_names(), user_names()
    rows = [
        LineRow(line, people.get(line.member_id or 0, ""), teams.get(line.team_id, ""), number, leads.get(line.ref))
        for number, line in shown
    ]
    return Page(rows, page, len(lines))


def _readable(actor: Actor, line: Line) -> Line:
    return line if not line.reason or _reads_words(actor, line.team_id) else replace(line, reason="")


def _visible_leads(actor: Actor, refs: Sequence[str]) -> dict[str, int]:
    """The lead behind each record that the actor may see."""
    by_kind: dict[str, list[int]] = defaultdict(list)
    for ref in refs:
        kind, _, number = ref.partition(":")
        by_kind[kind].append(int(number))
    found: dict[str, int] = {}
    for kind, table in (("stage", StageEntry), ("intent", IntentEntry), ("visit", Visit)):
        if by_kind[kind]:
            rows = db.session.execute(_behind(actor, table, by_kind[kind]))
            found.update({f"{kind}:{record_id}": lead_id for record_id, lead_id in rows})
    return found


def _behind(actor: Actor, table: Any, ids: list[int]) -> Select[Any]:
    root = db.func.coalesce(Lead.merged_into_id, Lead.id)
    return select(table.id, root).join(Lead, Lead.id == table.lead_id).where(table.id.in_(ids), lead_visible_to(actor))


__all__ = [
    "AdjustmentRow",
    "Board",
    "BoardRow",
    "ContestCard",
    "LineRow",
    "OpenedScore",
    "Per",
    "Version",
    "adjustments_of",
    "both_boards",
    "contests_of_campaign",
    "etag",
    "find_contest",
    "get_contest",
    "in_force",
    "list_adjustments",
    "list_contests",
    "open_score",
    "standings_of",
    "versions_of",
]
