"""The evening report: composed once from the figures and the PK as the server knew them at a moment, then only shown.

The body is plain: whole numbers, texts and exact decimal texts. It depends on campaign, team, day and moment alone, never on who
asks or when, so that a report made after a night without power equals the one that the bell would have made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select

from crm.campaigns.models import Campaign
from crm.campaigns.queries import TeamRow, get_campaign, takes_part, teams_of
from crm.campaigns.rules import METRICS as TARGET_METRICS
from crm.contest.queries import Board, BoardRow, ContestCard, both_boards, contests_of_campaign
from crm.figures.queries import (
    DEFINITIONS_VERSION,
    METRICS,
    MINIMUM_BASE,
    FunnelCounts,
    FunnelQuery,
    Rate,
    VisitCounts,
    completion,
    funnel_as_of,
    matrix,
    visit_matrix,
)
from crm.kernel.actor import SYSTEM, Actor
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.installation import zone_name
from crm.meetings.policy import check_scope
from crm.meetings.queries import Pledges, cases_of, find_meeting, notes_of, pledges_of, todos_of
from crm.meetings.rules import LISTS, PLEDGED, SCHEMA_VERSION, Kind
from crm.outreach.models import DailyLog
from crm.outreach.roll import calls
from crm.outreach.rules import Presence
from crm.people.queries import members, user_names

Body = dict[str, Any]

_NO_COUNTS, _NO_VISITS = FunnelCounts(), VisitCounts()


def compose_evening(
    actor: Actor,
    campaign_id: int,
    team_id: int | None,
    day: date,
    as_of: datetime,
    *,
    words_as_of: datetime | None = None,
    standings: "Standings | None" = None,
) -> Body:
    """The body of the evening report of a team, or with no team of the whole campaign.

    Figures count what the server had received at `as_of`; words (minutes, cases, to-dos, locked logs) are those of
    `words_as_of`, by default the same moment. Who composes several reports of a day passes one `standings` to all.
    Raises NotFound for a campaign or team that the actor may not see, ValueError for standings of another day or moment.
    """
    standings = standings or Standings(day, as_of)
    if (standings.day, standings.as_of) != (day, as_of):
        raise ValueError("these standings are of another day or moment")
    campaign = get_campaign(actor, campaign_id)
    check_scope(actor, team_id)
    if team_id is not None and not takes_part(campaign_id, team_id):
        raise NotFound("meeting.not_found")
    frame = _Frame(campaign, team_id, day, as_of, words_as_of or as_of)
    field = _Field.read(frame)
    daily = _funnel(frame, day)
    summed = _funnel(frame, campaign.starts_on)
    named = {one.team_id: one.name for one in frame.teams}
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": Kind.EVENING.value,
        "definitions_version": DEFINITIONS_VERSION,
        "campaign": {"id": campaign.id, "code": campaign.code, "name": campaign.name, "model": campaign.model},
        "team": None if team_id is None else {"id": team_id, "name": named[team_id]},
        "day": day.isoformat(),
        "as_of": as_of.astimezone(UTC).isoformat(),
        "zone": zone_name(),
        "funnel": {"day": _counts(daily.total), "cumulative": _counts(summed.total)},
        "visits": {"day": _visits(field.total), "cumulative": _visits(field.total_so_far)},
        "targets": _targets(field, None) if team_id is None else [],
        "teams": [_team(frame, field, one, daily.at(one.team_id), summed.at(one.team_id)) for one in frame.teams],
        "standings": standings.of_campaign(campaign_id),
        **_words(frame),
    }


@dataclass(frozen=True)
class _Frame:
    """What the report is about."""

    campaign: Campaign
    team_id: int | None
    day: date
    as_of: datetime
    words_as_of: datetime

    @property
    def teams(self) -> list[TeamRow]:
        """The one team, or all that take part."""
        return [one for one in teams_of(self.campaign.id) if self.team_id in (None, one.team_id)]

    def query(self, first: date) -> FunnelQuery:
        """The question to the figures, from a day through the report's."""
        return FunnelQuery(
            campaign_ids=(self.campaign.id,), from_day=first, to_day=self.day, team_id=self.team_id, as_of=self.as_of
        )


# --- figures: every number is asked of the rooms that define it ----------------------------------------------------


@dataclass(frozen=True)
class _ByTeam:
    total: FunnelCounts
    teams: Mapping[str, FunnelCounts]

    def at(self, team_id: int) -> FunnelCounts:
        return self.teams.get(str(team_id), _NO_COUNTS)


def _funnel(frame: _Frame, first: date) -> _ByTeam:
    found = funnel_as_of(SYSTEM, frame.campaign.id, frame.team_id, first, frame.day, frame.as_of, by="team")
    return _ByTeam(found.total, {row.key: row.counts for row in found.rows})


@dataclass(frozen=True)
class _Field:
    """Of the day: counts and visits by (team, member); of all days so far visits by team; promises, targets, roll and logs."""

    counts: Mapping[tuple[str, str], FunnelCounts]
    visits: Mapping[tuple[str, ...], VisitCounts]
    so_far: Mapping[tuple[str, ...], VisitCounts]
    pledges: Pledges
    targets: Mapping[tuple[int | None, str], tuple[int, int]]
    roll: Mapping[int, list[dict[str, Any]]]
    logs: Mapping[int, dict[str, Any]]
    names: Mapping[int, str]

    @classmethod
    def read(cls, frame: _Frame) -> "_Field":
        day, so_far = frame.query(frame.day), frame.query(frame.campaign.starts_on)
        names = user_names()
        return cls(
            counts=matrix(SYSTEM, day, "team", "member").cells,
            visits=visit_matrix(SYSTEM, day, ("team", "member")),
            so_far=visit_matrix(SYSTEM, so_far, ("team",)),
            pledges=pledges_of(frame.campaign.id, frame.day, team_id=frame.team_id, as_of=frame.as_of),
            targets={
                (one.team_id, one.metric): (one.target, one.actual)
                for one in completion(SYSTEM, frame.campaign.id, through=frame.day, as_of=frame.as_of)
            },
            roll=_roll(frame, names),
            logs=_logs(frame),
            names=names,
        )

    @property
    def total(self) -> VisitCounts:
        return sum(self.visits.values(), _NO_VISITS)

    @property
    def total_so_far(self) -> VisitCounts:
        return sum(self.so_far.values(), _NO_VISITS)

    def walked(self, team_id: int) -> VisitCounts:
        return sum((one for (team, _), one in self.visits.items() if team == str(team_id)), _NO_VISITS)


def _team(frame: _Frame, field: _Field, team: TeamRow, daily: FunnelCounts, summed: FunnelCounts) -> Body:
    walked = field.walked(team.team_id)
    return {
        "id": team.team_id,
        "name": team.name,
        "district": team.district,
        "visits": _visits(walked),
        "visits_cumulative": _visits(field.so_far.get((str(team.team_id),), _NO_VISITS)),
        "day": _counts(daily),
        "cumulative": _counts(summed),
        "pledges": _kept(_promised(field.pledges, team.team_id), daily, walked),
        "targets": _targets(field, team.team_id),
        "attendance": field.roll.get(team.team_id, []),
        "log": field.logs.get(
            team.team_id, {"status": "missing", "submitted_at": None, "locked_at": None, "words": None}
        ),
        "members": _members(frame, field, team.team_id),
    }


def _targets(field: _Field, team_id: int | None) -> list[Body]:
    return [
        {"metric": metric.value, "target": field.targets[team_id, metric][0], "done": field.targets[team_id, metric][1]}
        for metric in TARGET_METRICS
        if (team_id, metric) in field.targets
    ]


def _members(frame: _Frame, field: _Field, team_id: int) -> list[Body]:
    """Who belongs to the team that day, promised something or earned something for it."""
    roster = {one.user_id for one in members(SYSTEM, on=frame.day, team_id=team_id)}
    pledged = {member for team, member, _ in field.pledges if team == team_id and member is not None}
    earned = {
        int(member) for team, member in (*field.counts, *field.visits) if team == str(team_id) and member.isdigit()
    }
    rows = []
    for member in sorted(roster | pledged | earned):
        key = (str(team_id), str(member))
        counts, walked = field.counts.get(key, _NO_COUNTS), field.visits.get(key, _NO_VISITS)
        promised = {
            metric: value for (team, who, metric), value in field.pledges.items() if (team, who) == (team_id, member)
        }
        rows.append(
            {
                "id": member,
                "name": field.names.get(member, ""),
                "visits": _visits(walked),
                "day": _plain(counts),
                "pledges": _kept(promised, counts, walked),
            }
        )
    return rows


def _promised(pledges: Pledges, team_id: int) -> dict[str, int]:
    """The team's own promise in a metric, or else the sum of its members'."""
    found: dict[str, int] = {}
    for metric in PLEDGED:
        own = pledges.get((team_id, None, metric))
        sums = [value for (team, member, one), value in pledges.items() if (team, one) == (team_id, metric) and member]
        if own is not None or sums:
            found[metric] = sum(sums) if own is None else own
    return found


def _kept(promised: Mapping[str, int], counts: FunnelCounts, walked: VisitCounts) -> list[Body]:
    return [
        {"metric": metric.value, "pledged": promised[metric], "done": _done(metric, counts, walked)}
        for metric in PLEDGED
        if metric in promised
    ]


def _done(metric: str, counts: FunnelCounts, walked: VisitCounts) -> int:
    figure = METRICS[metric]
    return walked.valid if figure == "visits_valid" else int(getattr(counts, figure))


def _plain(counts: FunnelCounts) -> Body:
    return {
        "consult": counts.consult,
        "application": counts.application,
        "accepted": counts.accepted,
        "approved": counts.approved,
        "disbursed": counts.disbursed,
    }


def _counts(counts: FunnelCounts) -> Body:
    return {
        **_plain(counts),
        **_rates(counts, MINIMUM_BASE),
        "overall_rate": _rate(counts.overall_rate, MINIMUM_BASE["consult"]),
    }


def _rates(counts: FunnelCounts, minimum: Mapping[str, int]) -> Body:
    return {
        "application_rate": _rate(counts.application_rate, minimum.get("consult", 0)),
        "acceptance_rate": _rate(counts.acceptance_rate, minimum.get("application", 0)),
    }


def _rate(rate: Rate, minimum: int) -> Body:
    """A rate with its base; `enough` says whether the base carries it (样本不足 if not)."""
    return {"k": rate.k, "n": rate.n, "percent": rate.percent(), "enough": rate.enough(minimum)}


def _visits(counts: VisitCounts) -> Body:
    return {"valid": counts.valid, "touched": counts.touched}


# --- the PK ------------------------------------------------------------------------------------------------------


class Standings:
    """The PK as the reports of one day tell it at one moment: they all show the same boards, so each contest is reckoned once.

    It lives no longer than the composition that made it: nothing has to be cleared.
    """

    def __init__(self, day: date, as_of: datetime) -> None:
        self.day, self.as_of = day, as_of
        self._campaigns: dict[int, list[Body]] = {}
        self._contests: dict[int, Body] = {}

    def of_campaign(self, campaign_id: int) -> list[Body]:
        """The contests in which the campaign counts on that day, each with its daily and its cumulative board."""
        if campaign_id not in self._campaigns:
            begun = contests_of_campaign(SYSTEM, campaign_id, as_of=self.as_of)
            contests = sorted(begun, key=lambda one: one.id)
            self._campaigns[campaign_id] = [
                self._of(one) for one in contests if one.starts_on <= self.day <= one.ends_on
            ]
        return self._campaigns[campaign_id]

    def _of(self, contest: ContestCard) -> Body:
        if contest.id not in self._contests:
            daily, cumulative = both_boards(SYSTEM, contest.id, day=self.day, as_of=self.as_of)
            self._contests[contest.id] = {
                "contest": {"id": contest.id, "code": contest.code, "name": contest.name},
                "rule_version": cumulative.rules_number,
                "basis": cumulative.rules.basis,
                "daily": _board(daily),
                "cumulative": _board(cumulative),
            }
        return self._contests[contest.id]


def _board(board: Board) -> list[Body]:
    return [_place(row, board.rules.minimum_bases) for row in board.rows]


def _place(row: BoardRow, minimum: Mapping[str, int]) -> Body:
    return {
        "rank": row.rank,
        "rank_before": row.rank_before,
        "team_id": row.team_id,
        "team": row.name,
        "points": row.points_shown,
        "score": row.score_shown,
        "gap": row.gap_shown,
        "person_days": row.person_days,
        "visits": row.visits,
        "consult": row.consult,
        "application": row.application,
        "accepted": row.accepted,
        **_rates(row.funnel, minimum),
    }


# --- who was there, and words --------------------------------------------------------------------------------------


def _roll(frame: _Frame, names: Mapping[int, str]) -> dict[int, list[Body]]:
    found: dict[int, list[Body]] = {}
    for one in calls([frame.campaign.id], frame.day, frame.day, as_of=frame.as_of):
        row = {
            "id": one.member_id,
            "name": names.get(one.member_id, ""),
            "state": Presence(one.state).value,
            "reason": one.reason,
        }
        found.setdefault(one.team_id, []).append(row)
    return found


def _logs(frame: _Frame) -> dict[int, Body]:
    """Handed in and locked as it was then. Words only of a locked log: until then they may still change."""
    query = select(DailyLog).where(DailyLog.campaign_id == frame.campaign.id, DailyLog.day == frame.day)
    return {log.team_id: _log(log, frame.words_as_of) for log in db.session.scalars(query)}


def _log(log: DailyLog, at: datetime) -> Body:
    submitted = log.submitted_at is not None and log.submitted_at <= at
    locked = log.locked_at is not None and log.locked_at <= at
    words = {
        "highlights": log.highlights,
        "difficulties": log.difficulties,
        "help_needed": log.help_needed,
        "plan": log.plan,
    }
    return {
        "status": ("late" if log.late else "submitted") if submitted else "missing",
        "submitted_at": _moment(log.submitted_at if submitted else None),
        "locked_at": _moment(log.locked_at if locked else None),
        "words": words if locked and any(words.values()) else None,
    }


def _words(frame: _Frame) -> Body:
    """What the evening meeting of the same team (or campaign) has left until then."""
    meeting = find_meeting(frame.campaign.id, frame.team_id, frame.day, Kind.EVENING)
    if meeting is None:
        return {"minutes": {}, "cases": [], "todos": []}
    notes = notes_of(meeting.id, as_of=frame.words_as_of)
    return {
        "minutes": {key: note.text for key, note in sorted(notes.items()) if note.text and key not in LISTS},
        "cases": [
            {
                "member": case.member,
                "segment": case.segment,
                "opening": case.opening,
                "objection": case.objection,
                "result": case.result,
            }
            for case in cases_of(meeting.id, as_of=frame.words_as_of)
        ],
        "todos": _todos(meeting.id, frame.words_as_of),
    }


def _todos(meeting_id: int, at: datetime) -> Sequence[Body]:
    rows = sorted(todos_of(SYSTEM, meeting_id, as_of=at), key=lambda one: one.id)
    return [
        {"text": row.text, "owner": row.owner, "due_on": None if row.due_on is None else row.due_on.isoformat()}
        for row in rows
    ]


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
