"""What a management workbook shows, asked once of the figures and of the PK; nothing is counted here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select

from crm.campaigns.queries import districts_of, get_campaign, teams_of
from crm.contest.queries import (
    AdjustmentRow,
    Board,
    ContestCard,
    Version,
    contests_of_campaign,
    list_adjustments,
    list_contests,
    standings_of,
    versions_of,
)
from crm.districts.queries import lineage
from crm.figures.asking import NONE
from crm.figures.funnels import MOST_DAYS
from crm.figures.labels import named
from crm.figures.queries import (
    Completion,
    FunnelCounts,
    FunnelQuery,
    Matrix,
    VisitCounts,
    completion,
    funnel,
    matrix,
    settled,
    visits,
)
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db, writing
from crm.kernel.installation import zone_name
from crm.outreach.models import DailyLog
from crm.people.policy import team_scope
from crm.people.queries import team_names, user_names
from crm.reports.rules import WorkbookQuery

MOST_CONTESTS = 20
MOST_LOGS = 1000


@dataclass(frozen=True, slots=True)
class Pk:
    """One contest as the workbook shows it: both boards through the last day of the window, its rules and its adjustments."""

    contest: ContestCard
    teams: Board
    members: Board
    versions: tuple[Version, ...]
    adjustments: tuple[AdjustmentRow, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a group: its leads by stage and its visits. A group that was only visited has a row as well."""

    key: str
    label: str
    counts: FunnelCounts
    visits: VisitCounts


@dataclass(frozen=True, slots=True)
class LogTime:
    """When a team's day was handed in and locked."""

    day: date
    team: str
    status: str
    submitted_at: datetime | None
    late: bool
    locked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything in the workbook. `campaign` "" is all of them; `scope` names the reader's teams, None for all.

    `last_day` is the newest day of the window that has begun, for the columns "that day" and "the day before". `day_before` is
    the day before that, in the window or not.
    """

    asked: WorkbookQuery
    campaign: str
    scope: tuple[str, ...] | None
    query: FunnelQuery
    as_of: datetime
    last_day: date
    total: FunnelCounts
    walked: VisitCounts
    days: tuple[Line, ...]
    day_before: Line
    team_days: Matrix
    places: tuple[Line, ...]
    teams: tuple[Line, ...]
    members: tuple[Line, ...]
    campaigns: tuple[Line, ...] | None
    targets: Mapping[str, tuple[int, int]]
    contests: tuple[Pk, ...]
    logs: tuple[LogTime, ...]
    people: Mapping[int, str]
    team_names: Mapping[int, str]


def gather(actor: Actor, asked: WorkbookQuery, *, at: datetime) -> Contents:
    """Asks for everything in the actor's scope. Raises NotFound for a campaign that the actor may not see, Invalid for days
    that are reversed."""
    asked = asked.checked()
    _one_moment()
    campaign = None if asked.campaign_id is None else get_campaign(actor, asked.campaign_id)
    query = settled(actor, _funnel_query(asked))
    today = business_day(at, zone_name())
    last_day = _last_day(query, today)
    scope, names = team_scope(actor), team_names()
    return Contents(
        asked=asked,
        campaign="" if campaign is None else campaign.name,
        scope=None if scope is None else tuple(names[one] for one in sorted(scope)),
        query=query,
        as_of=at,
        last_day=last_day,
        total=funnel(actor, replace(query, by=None)).total,
        walked=visits(actor, replace(query, by=None)).total,
        days=_days(actor, query),
        day_before=_day(actor, query, last_day - timedelta(days=1)),
        team_days=matrix(actor, query, "day", "team"),
        places=_places(lines_of(actor, query, "place"), () if campaign is None else _planned(actor, campaign.id)),
        teams=lines_of(actor, query, "team"),
        members=lines_of(actor, query, "member"),
        campaigns=lines_of(actor, query, "campaign") if campaign is None else None,
        targets={} if campaign is None else _targets(completion(actor, campaign.id), whole=scope is None),
        contests=_contests(actor, asked, query, today, at),
        logs=() if campaign is None else _logs(actor, campaign.id, query, names),
        people=user_names(),
        team_names=names,
    )


def _one_moment() -> None:
    """All questions see one state of the ledger. SQLite's readers do anyway; PostgreSQL has to be told."""
    if db.engine.dialect.name == "postgresql" and not writing.get():
        db.session.rollback()
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _funnel_query(asked: WorkbookQuery) -> FunnelQuery:
    if asked.campaign_id is None:
        return FunnelQuery(from_day=asked.from_day, to_day=asked.to_day)
    window = "" if asked.from_day or asked.to_day else "campaign"
    return FunnelQuery(campaign_ids=(asked.campaign_id,), from_day=asked.from_day, to_day=asked.to_day, window=window)


def _last_day(query: FunnelQuery, today: date) -> date:
    last = today if query.to_day is None else min(today, query.to_day)
    return last if query.from_day is None else max(last, query.from_day)


def lines_of(actor: Actor, query: FunnelQuery, by: str) -> tuple[Line, ...]:
    """Every group with a lead or a visit, so that both columns add up to their totals."""
    query = replace(query, by=by)
    counts, walked = {row.key: row.counts for row in funnel(actor, query).rows}, visits(actor, query)
    values = {0 if key == NONE else int(key) for key in counts.keys() | walked.by_key.keys()}
    return tuple(
        Line(one.key, str(one.label), counts.get(one.key, FunnelCounts()), walked.at(one.key))
        for _value, one in named(by, values)
    )


def _planned(actor: Actor, campaign_id: int) -> tuple[int, ...]:
    """The districts of the plan; for who sees some teams only, those that these teams work."""
    scope = team_scope(actor)
    if scope is None:
        return tuple(one.id for one in districts_of(campaign_id))
    return tuple(one.district_id for one in teams_of(campaign_id) if one.team_id in scope and one.district_id)


def _places(recorded: tuple[Line, ...], planned: Collection[int]) -> tuple[Line, ...]:
    """The districts with a figure, and those of the plan where nobody has been yet, neither there nor below."""
    known = {int(row.key): row for row in recorded if row.key != NONE}
    walked = lineage(known)
    empty = {one for one in planned if one not in walked}
    if not empty:
        return recorded
    rows = [
        known.get(int(one.key)) or Line(one.key, str(one.label), FunnelCounts(), VisitCounts())
        for _value, one in named("place", known.keys() | empty)
    ]
    return (*rows, *(row for row in recorded if row.key == NONE))


def _days(actor: Actor, query: FunnelQuery) -> tuple[Line, ...]:
    """The days from the first to the last figure; those between without figures too, unless the run is very long."""
    query = replace(query, by="day")
    counts, walked = {row.key: row.counts for row in funnel(actor, query).rows}, visits(actor, query)
    days = sorted(date.fromisoformat(key) for key in counts.keys() | walked.by_key.keys())
    if days and (days[-1] - days[0]).days <= MOST_DAYS:
        days = [days[0] + timedelta(days=step) for step in range((days[-1] - days[0]).days + 1)]
    keys = [day.isoformat() for day in days]
    return tuple(Line(key, key, counts.get(key, FunnelCounts()), walked.at(key)) for key in keys)


def _day(actor: Actor, query: FunnelQuery, day: date) -> Line:
    """The figures of one day, also when it lies before the window."""
    query = replace(query, by=None, from_day=day, to_day=day, window="")
    return Line(day.isoformat(), day.isoformat(), funnel(actor, query).total, visits(actor, query).total)


def _targets(rows: tuple[Completion, ...], *, whole: bool) -> dict[str, tuple[int, int]]:
    """(target, reached) by figure: the whole campaign's, or where there is none, or for a smaller scope, the teams' sum."""
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row.team_id is not None:
            target, actual = found.get(row.figure, (0, 0))
            found[row.figure] = (target + row.target, actual + row.actual)
    if whole:
        found |= {row.figure: (row.target, row.actual) for row in rows if row.team_id is None}
    return found


def _contests(actor: Actor, asked: WorkbookQuery, query: FunnelQuery, today: date, at: datetime) -> tuple[Pk, ...]:
    """The contests that had begun by the end of the window, the newest first, each through the last day of the window."""
    if asked.campaign_id is None:
        cards = [one for one in list_contests(actor) if one.status != "draft"]
    else:
        cards = contests_of_campaign(actor, asked.campaign_id)
    found = []
    for card in cards:
        day = min(card.last_day(today), query.to_day or card.ends_on)
        ended_before = asked.from_day is not None and card.ends_on < asked.from_day
        if day < card.starts_on or card.starts_on > today or ended_before:
            continue
        boards = {per: standings_of(actor, card.id, day=day, per=per, at=at) for per in ("team", "member")}
        moves = tuple(one for one in reversed(list_adjustments(actor, card.id)) if one.day <= day)
        found.append(Pk(card, boards["team"], boards["member"], tuple(versions_of(card.id)), moves))
    return tuple(found[:MOST_CONTESTS])


def _logs(actor: Actor, campaign_id: int, query: FunnelQuery, names: Mapping[int, str]) -> tuple[LogTime, ...]:
    columns = (
        DailyLog.day,
        DailyLog.team_id,
        DailyLog.status,
        DailyLog.submitted_at,
        DailyLog.late,
        DailyLog.locked_at,
    )
    wanted = [DailyLog.campaign_id == campaign_id]
    if query.from_day is not None:
        wanted.append(DailyLog.day >= query.from_day)
    if query.to_day is not None:
        wanted.append(DailyLog.day <= query.to_day)
    scope = team_scope(actor)
    if scope is not None:
        wanted.append(DailyLog.team_id.in_(scope))
    rows = db.session.execute(select(*columns).where(*wanted).order_by(DailyLog.day, DailyLog.team_id).limit(MOST_LOGS))
    return tuple(
        LogTime(row.day, names.get(row.team_id, ""), row.status, row.submitted_at, row.late, row.locked_at)
        for row in rows
    )


__all__ = ["Contents", "Line", "LogTime", "Pk", "gather", "lines_of"]
