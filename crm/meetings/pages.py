"""What the pages of this room show, loaded before the template asks for anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from crm.campaigns.queries import DistrictRow, districts_of, get_campaign, teams_of
from crm.kernel.actor import Actor
from crm.meetings import queries, rules, storing
from crm.meetings.models import Meeting, StoredReport
from crm.meetings.policy import MeetingPermission, leads
from crm.meetings.queries import CampaignDay, CaseRow, Note, TodoRow
from crm.meetings.reports import compose_evening
from crm.meetings.rules import AGENDAS, PLEDGED, Kind, listed
from crm.outreach.queries import roll_of_day
from crm.people.queries import members, team_names


@dataclass(frozen=True)
class Step:
    """An item of the agenda: when it begins and how long it may take, in minutes."""

    key: str
    start: int
    minutes: int


@dataclass(frozen=True)
class Refused:
    """What was typed into one section of the page and why it was not taken. `moved`: somebody else has written meanwhile."""

    section: str
    sentence: str
    typed: Mapping[str, Any]
    moved: bool = False


@dataclass(frozen=True)
class MemberLine:
    """A member of the morning page."""

    id: int
    name: str
    is_lead: bool
    state: str
    reason: str
    pledges: Mapping[str, int]
    may_pledge: bool
    passed: bool
    district_id: int | None
    partner_id: int | None


@dataclass(frozen=True)
class TeamPart:
    """A team of the morning page; `own` are promises of the team itself, `promised` what it comes to in all."""

    id: int
    name: str
    members: tuple[MemberLine, ...]
    own: Mapping[str, int]
    promised: Mapping[str, int]
    locked_at: datetime | None
    may_lead: bool

    @property
    def called(self) -> bool:
        """Whether somebody has called the roll."""
        return any(member.state for member in self.members)


@dataclass(frozen=True)
class Room:
    """What both meetings show."""

    meeting: Meeting
    campaign: str
    team: str | None
    steps: tuple[Step, ...]
    length: int
    may_lead: bool
    notes: Mapping[str, Note]
    todos: Sequence[TodoRow]
    people: Sequence[tuple[int, str]]
    refused: Refused | None
    today: date

    @property
    def writable(self) -> bool:
        """Whether this reader may write into it now."""
        return self.may_lead and self.meeting.status == "open"

    def error(self, section: str) -> str | None:
        """Why what was typed into that section was not taken."""
        return self.refused.sentence if self.refused and self.refused.section == section else None

    def typed(self, section: str, name: str, otherwise: Any = "") -> Any:
        """What was typed into a field of a refused section, else what stands there."""
        if self.refused is None or self.refused.section != section:
            return otherwise
        return self.refused.typed.get(name, otherwise)

    def cell(self, section: str, name: str, now: Any, untouched: str = "") -> tuple[str, str]:
        """(what stands in the field, what its writer has seen). A table that was refused comes back as it was sent.

        Where somebody else has written meanwhile, the writer sees it now: the own typing stays, and a field that was left alone,
        at what was seen or at `untouched`, becomes the newest. Saving again then overwrites nobody unseen.
        """
        here, typed = str(now), self.typed(section, name, None)
        if self.refused is None or typed is None:
            return here or untouched, here
        seen = self.typed(section, f"was-{name}")
        if not self.refused.moved:
            return typed, seen
        return (here or untouched if typed == (seen or untouched) else typed), here

    def ticked(self, section: str, name: str, value: int, otherwise: bool) -> bool:
        """Whether a box of a list is ticked: as it was sent when that was refused, else as it stands there."""
        if self.error(section) is None:
            return otherwise
        return str(value) in self.typed(section, name, ())


@dataclass(frozen=True)
class MorningPage(Room):
    """The morning: roll, yesterday, pledges, drill, routes, notices."""

    teams: tuple[TeamPart, ...] = ()
    yesterday: StoredReport | None = None
    yesterday_intact: bool = True
    districts: Sequence[DistrictRow] = ()
    metrics: tuple[str, ...] = tuple(PLEDGED)
    objections: str = ""

    @property
    def passed(self) -> list[str]:
        """Who passed the drill."""
        return [member.name for team in self.teams for member in team.members if member.passed]


@dataclass(frozen=True)
class EveningPage(Room):
    """The evening. `body` is what a report stored now would say; `report` the newest that is stored."""

    body: Mapping[str, Any] = field(default_factory=dict)
    report: StoredReport | None = None
    rung: bool = False
    next_day: str = ""
    cases: Sequence[CaseRow] = ()
    segments: tuple[str, ...] = ()
    may_store: bool = False

    @property
    def unlocked(self) -> list[str]:
        """Teams whose log is not locked yet."""
        return [team["name"] for team in self.body["teams"] if team["log"]["locked_at"] is None]

    @property
    def late(self) -> list[str]:
        """Teams whose log is late or missing."""
        return [team["name"] for team in self.body["teams"] if team["log"]["status"] != "submitted"]

    @property
    def outdated(self) -> bool:
        """Whether a report stored now would differ from the stored one."""
        return self.report is not None and rules.fingerprint(self.body) != self.report.sha256


@dataclass(frozen=True)
class IndexPage:
    """Who meets on a day."""

    day: date
    before: date
    after: date
    today: date
    campaigns: Sequence[CampaignDay]
    lead_of: Mapping[int | None, bool]


def index_page(actor: Actor, day: date, today: date) -> IndexPage:
    """The meetings of a day."""
    campaigns = queries.meetings_on(actor, day)
    teams = {slot.team_id for campaign in campaigns for slot in campaign.slots}
    step = timedelta(days=1)
    return IndexPage(day, day - step, day + step, today, campaigns, {team: leads(actor, team) for team in teams})


def room_page(
    actor: Actor, meeting_id: int, *, at: datetime, today: date, zone: str, refused: Refused | None = None
) -> MorningPage | EveningPage:
    """The page of one meeting. Raises NotFound."""
    meeting = queries.get_meeting(actor, meeting_id)
    if meeting.kind == Kind.MORNING:
        return _morning(actor, meeting, today, refused)
    return _evening(actor, meeting, at, today, zone, refused)


def _room(actor: Actor, meeting: Meeting, today: date, refused: Refused | None) -> dict[str, Any]:
    items = AGENDAS[Kind(meeting.kind)]
    people = members(actor, on=meeting.day, team_id=meeting.team_id)
    taking_part = {team.team_id for team in teams_of(meeting.campaign_id)}
    return {
        "meeting": meeting,
        "campaign": get_campaign(actor, meeting.campaign_id).name,
        "team": team_names().get(meeting.team_id or 0),
        "steps": tuple(
            Step(item.key, start, item.minutes) for item, start in zip(items, rules.starts(meeting.kind), strict=True)
        ),
        "length": rules.length(meeting.kind),
        "may_lead": leads(actor, meeting.team_id),
        "notes": queries.all_notes(meeting),
        "people": [(one.user_id, one.name) for one in people if one.team_id in taking_part],
        "refused": refused,
        "today": today,
    }


def _morning(actor: Actor, meeting: Meeting, today: date, refused: Refused | None) -> MorningPage:
    room = _room(actor, meeting, today, refused)
    yesterday = storing.report_before(actor, meeting.campaign_id, meeting.team_id, meeting.day)
    return MorningPage(
        **room,
        todos=queries.open_todos(actor, meeting.campaign_id, meeting.team_id, before=meeting.day),
        teams=_team_parts(actor, meeting, room["notes"]),
        yesterday=yesterday,
        yesterday_intact=yesterday is None or storing.is_intact(yesterday),
        districts=districts_of(meeting.campaign_id),
        objections=_objections(meeting),
    )


def _objections(meeting: Meeting) -> str:
    """What the last evening has heard: it feeds today's drill."""
    evening = queries.evening_before(meeting.campaign_id, meeting.team_id, meeting.day)
    notes = queries.notes_of(evening.id) if evening is not None else {}
    return notes["objections"].text if "objections" in notes else ""


def _team_parts(actor: Actor, meeting: Meeting, notes: Mapping[str, Note]) -> tuple[TeamPart, ...]:
    pledges = queries.pledges_of(meeting.campaign_id, meeting.day, team_id=meeting.team_id)
    passed = {row[0] for row in listed(notes["passed"].text)}
    routes = {row[0]: (row[1], row[2]) for row in listed(notes["routes"].text)}
    everybody = members(actor, on=meeting.day, team_id=meeting.team_id)
    locks, rolls = (
        queries.pledge_locks(meeting.campaign_id, meeting.day),
        roll_of_day(actor, meeting.campaign_id, meeting.day),
    )
    parts = []
    for team in teams_of(meeting.campaign_id):
        if meeting.team_id not in (None, team.team_id):
            continue
        locked_at, roll = locks.of(team.team_id), rolls.get(team.team_id, {})
        may_lead = leads(actor, team.team_id)
        lines = tuple(
            MemberLine(
                id=one.user_id, name=one.name, is_lead=one.is_lead,
                state=roll[one.user_id].state if one.user_id in roll else "",
                reason=roll[one.user_id].reason if one.user_id in roll else "",
                pledges=_of(pledges, team.team_id, one.user_id),
                may_pledge=may_lead or (locked_at is None and _own(actor, one.user_id)),
                passed=one.user_id in passed,
                district_id=routes.get(one.user_id, (team.district_id, None))[0],
                partner_id=routes.get(one.user_id, (None, None))[1],
            )
            for one in everybody if one.team_id == team.team_id
        )  # fmt: skip
        own = _of(pledges, team.team_id, None)
        parts.append(TeamPart(team.team_id, team.name, lines, own, _sum(lines, own), locked_at, may_lead))
    return tuple(parts)


def _own(actor: Actor, member_id: int) -> bool:
    return actor.user_id == member_id and actor.may(MeetingPermission.PLEDGE)


def _of(pledges: queries.Pledges, team_id: int, member_id: int | None) -> dict[str, int]:
    return {
        metric: value for (team, member, metric), value in pledges.items() if (team, member) == (team_id, member_id)
    }


def _sum(lines: Sequence[MemberLine], own: Mapping[str, int]) -> dict[str, int]:
    return {metric: own.get(metric, sum(line.pledges.get(metric, 0) for line in lines)) for metric in PLEDGED}


def _evening(
    actor: Actor, meeting: Meeting, at: datetime, today: date, zone: str, refused: Refused | None
) -> EveningPage:
    report = storing.newest_report(actor, meeting.campaign_id, meeting.team_id, meeting.day)
    as_of = storing.coming_moment(report, meeting.day, at, zone)
    return EveningPage(
        **_room(actor, meeting, today, refused),
        todos=queries.todos_of(actor, meeting.id),
        body=compose_evening(actor, meeting.campaign_id, meeting.team_id, meeting.day, as_of, words_as_of=at),
        report=report,
        next_day=(meeting.day + timedelta(days=1)).isoformat(),
        rung=at >= rules.bell_of(meeting.day, zone),
        cases=queries.cases_of(meeting.id),
        segments=("micro", "farm", "consumer"),
        may_store=leads(actor, meeting.team_id) and actor.may(MeetingPermission.STORE_REPORT),
    )
