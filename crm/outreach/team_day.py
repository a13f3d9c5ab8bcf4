"""A team's day at a glance, for whoever leads it: counts per member, what came in late, who wrote last, and the notes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, literal, null, or_, select, type_coerce, union_all

from crm.campaigns.queries import get_campaign
from crm.kernel.actor import Actor
from crm.kernel.clock import day_bounds
from crm.kernel.db import UTCDateTime, db
from crm.kernel.errors import NotFound
from crm.kernel.installation import zone_name
from crm.kernel.values import without_numbers
from crm.leads.ledger_models import LeadStage, StageEntry
from crm.leads.models import Lead, LeadEvent
from crm.leads.policy import LeadPermission, visible_to
from crm.outreach.models import Tally, Visit
from crm.outreach.policy import oversees_team
from crm.outreach.queries import METRIC_OF, counted_stages, counted_visits, declared_sums, kept_log, visits_on
from crm.outreach.rules import Recorded, closed_at
from crm.people.models import Membership, User
from crm.people.queries import in_force

MOST_NOTES = 50
NOTED = ("note", "follow_up")
"""Events of a lead that carry what somebody wrote."""


@dataclass(frozen=True)
class Counts:
    """What is recorded of a day: visits that count and those merely touched, and leads that reached each stage."""

    valid: int = 0
    touched: int = 0
    consults: int = 0
    applications: int = 0
    accepted: int = 0

    @property
    def visits(self) -> int:
        """Every visit."""
        return self.valid + self.touched


@dataclass(frozen=True)
class MemberToday:
    """A member's day. `late` are those of `counts` that came in after the day had closed (补录).

    `tallies` holds what was declared, by metric; `last_at` is when the newest entry of the day was made. Who is not
    `on_roster` recorded for the team all the same; member 0 stands for counts that are credited to nobody.
    """

    member_id: int
    name: str
    is_lead: bool = False
    on_roster: bool = True
    counts: Counts = Counts()
    late: Counts = Counts()
    tallies: Mapping[str, int] = field(default_factory=dict)
    last_at: datetime | None = None


@dataclass(frozen=True)
class DayNote:
    """What somebody wrote on that day, long numbers cut out; of which customer is not said."""

    at: datetime
    member: str
    text: str


@dataclass(frozen=True)
class TeamToday:
    """A team's day. `closed_at` is from when on entries are late ones; `locked_at` is None while nobody locked the day."""

    campaign_id: int
    campaign: str
    team_id: int
    day: date
    rows: tuple[MemberToday, ...]
    total: MemberToday
    notes: tuple[DayNote, ...]
    closed_at: datetime
    locked_at: datetime | None

    @property
    def late_rows(self) -> tuple[MemberToday, ...]:
        """Who has late entries."""
        return tuple(row for row in self.rows if row.late != Counts())


def team_today(actor: Actor, campaign_id: int, team_id: int, day: date) -> TeamToday:
    """The day of one team, the roster first and then whoever else recorded for it.

    Notes are empty for who may not see customers. Raises NotFound for a team that is not the actor's to oversee.
    """
    campaign = get_campaign(actor, campaign_id)
    if not oversees_team(actor, team_id):
        raise NotFound("people.no_team")
    locked_at = kept_log(campaign_id, team_id, day).locked_at
    found = _Gathered(campaign_id, team_id, day, closed_at(day, locked_at, zone_name()))
    people = _people(team_id, day, found.counted)
    rows = tuple(found.row(*person) for person in people)
    return TeamToday(
        campaign_id, campaign.name, team_id, day, rows, _total(rows),
        _notes(actor, campaign_id, team_id, day), found.closed, locked_at,
    )  # fmt: skip


class _Gathered:
    """Numbers by member and metric, from a fixed number of questions."""

    def __init__(self, campaign_id: int, team_id: int, day: date, closed: datetime) -> None:
        self.where = (campaign_id, team_id, day)
        self.closed = closed
        self.counts: dict[int, dict[str, int]] = defaultdict(dict)
        self.late: dict[int, dict[str, int]] = defaultdict(dict)
        self.tallies: dict[int, dict[str, int]] = defaultdict(dict)
        self.last: dict[int, datetime] = {}
        self._visits()
        self._stages()
        self._tallies()
        self._written()

    @property
    def counted(self) -> set[int]:
        """Who has any figure."""
        return self.counts.keys() | self.tallies.keys()

    def row(self, member_id: int, name: str, is_lead: bool, on_roster: bool) -> MemberToday:
        """The day of one person."""
        counts, late = self.counts.get(member_id, {}), self.late.get(member_id, {})
        return MemberToday(
            member_id, name, is_lead, on_roster, _counts(counts), _counts(late),
            self.tallies.get(member_id, {}), self.last.get(member_id),
        )  # fmt: skip

    def _visits(self) -> None:
        late = Visit.received_at > self.closed
        query = counted_visits(*self.where).add_columns(
            func.count().filter(and_(late, ~Visit.valid)),
            func.count().filter(and_(late, Visit.valid)),
            func.max(Visit.recorded_at),
        )
        for member_id, touched, valid, late_touched, late_valid, last in db.session.execute(query):
            self.counts[member_id] |= {Recorded.VISITS_TOUCHED: touched, Recorded.VISITS_VALID: valid}
            self.late[member_id] |= {Recorded.VISITS_TOUCHED: late_touched, Recorded.VISITS_VALID: late_valid}
            self._seen(member_id, last)

    def _stages(self) -> None:
        """The counts from the rollup; which of them are late, and when they were recorded, from the entries that count."""
        campaign_id, team_id, day = self.where
        member_id = func.coalesce(LeadStage.credited_id, 0)
        counted = counted_stages(*self.where).add_columns(
            literal(0), type_coerce(null(), UTCDateTime()).label("recorded_at")
        )
        entries = (
            select(
                member_id, LeadStage.stage, literal(0), func.count().filter(StageEntry.received_at > self.closed),
                func.max(StageEntry.recorded_at),
            )
            .join(StageEntry, StageEntry.id == LeadStage.entry_id)
            .where(
                LeadStage.campaign_id == campaign_id, LeadStage.team_id == team_id, LeadStage.day == day,
                LeadStage.stage.in_(METRIC_OF),
            )
            .group_by(member_id, LeadStage.stage)
        )  # fmt: skip
        for who, stage, leads, late, last in db.session.execute(union_all(counted, entries)):
            metric = METRIC_OF[stage]
            self.counts[who][metric] = self.counts[who].get(metric, 0) + leads
            self.late[who][metric] = self.late[who].get(metric, 0) + late
            self._seen(who, last)

    def _tallies(self) -> None:
        query = declared_sums(*self.where).add_columns(func.max(Tally.received_at))
        for member_id, metric, total, last in db.session.execute(query):
            self.tallies[member_id][metric] = int(total)
            self._seen(member_id, last)

    def _written(self) -> None:
        """Notes and new leads count for nothing here, and yet they are entries."""
        written = (
            select(LeadEvent.actor_id, func.max(LeadEvent.at))
            .join(Lead, Lead.id == LeadEvent.lead_id)
            .where(_events_on(*self.where))
            .group_by(LeadEvent.actor_id)
        )
        first, after = day_bounds(self.where[2], zone_name())
        captured = (
            select(Lead.created_by_id, func.max(Lead.created_at))
            .where(
                Lead.campaign_id == self.where[0], Lead.team_id == self.where[1],
                Lead.created_at >= first, Lead.created_at < after,
            )
            .group_by(Lead.created_by_id)
        )  # fmt: skip
        for member_id, last in db.session.execute(union_all(written, captured)):
            self._seen(member_id or 0, last)

    def _seen(self, member_id: int, at: datetime | None) -> None:
        if at is not None and (member_id not in self.last or at > self.last[member_id]):
            self.last[member_id] = at


def _counts(numbers: Mapping[str, int]) -> Counts:
    return Counts(
        numbers.get(Recorded.VISITS_VALID, 0), numbers.get(Recorded.VISITS_TOUCHED, 0),
        *(numbers.get(metric, 0) for metric in (Recorded.CONSULTS, Recorded.APPLICATIONS, Recorded.ACCEPTED)),
    )  # fmt: skip


def _total(rows: Iterable[MemberToday]) -> MemberToday:
    counts: dict[str, int] = defaultdict(int)
    late: dict[str, int] = defaultdict(int)
    tallies: dict[str, int] = defaultdict(int)
    last = None
    for row in rows:
        for name in Counts.__dataclass_fields__:
            counts[name] += getattr(row.counts, name)
            late[name] += getattr(row.late, name)
        for metric, number in row.tallies.items():
            tallies[metric] += number
        last = max(filter(None, (last, row.last_at)), default=None)
    return MemberToday(0, "", counts=Counts(**counts), late=Counts(**late), tallies=dict(tallies), last_at=last)


def _people(team_id: int, day: date, others: Collection[int]) -> list[tuple[int, str, bool, bool]]:
    """(id, name, leads, on the roster), the roster first and leads at its head; then the others, by id."""
    belongs = and_(Membership.user_id == User.id, Membership.team_id == team_id, in_force(day))
    query = (
        select(User.id, User.name, func.coalesce(Membership.is_lead, False), Membership.id.is_not(None))
        .outerjoin(Membership, belongs)
        .where(or_(Membership.id.is_not(None), User.id.in_(sorted(others))))
    )
    found = [(row[0], row[1], bool(row[2]), bool(row[3])) for row in db.session.execute(query)]
    nobody = [(0, "", False, False)] if 0 in others else []
    return sorted(found, key=lambda one: (not one[3], not one[2], one[0])) + nobody


def _events_on(campaign_id: int, team_id: int, day: date) -> ColumnElement[bool]:
    first, after = day_bounds(day, zone_name())
    return and_(
        Lead.campaign_id == campaign_id, Lead.team_id == team_id, LeadEvent.kind.in_(NOTED),
        LeadEvent.at >= first, LeadEvent.at < after,
    )  # fmt: skip


def _notes(actor: Actor, campaign_id: int, team_id: int, day: date) -> tuple[DayNote, ...]:
    """The newest notes on leads of the team and on its visits."""
    if not actor.may(LeadPermission.VIEW):
        return ()
    text = LeadEvent.detail["text"].as_string()
    on_leads = (
        select(LeadEvent.at.label("at"), LeadEvent.actor_id.label("member_id"), text.label("text"))
        .join(Lead, Lead.id == LeadEvent.lead_id)
        .where(_events_on(campaign_id, team_id, day), visible_to(actor), text != "")
    )
    on_visits = select(Visit.occurred_at, Visit.member_id, Visit.note).where(
        visits_on(campaign_id, team_id, day), Visit.voided_at.is_(None), Visit.note != ""
    )
    rows = union_all(on_leads, on_visits).subquery()
    query = (
        select(rows.c.at, func.coalesce(User.name, ""), rows.c.text)
        .outerjoin(User, User.id == rows.c.member_id)
        .order_by(rows.c.at.desc(), rows.c.text)
        .limit(MOST_NOTES)
    )
    return tuple(DayNote(at, member, without_numbers(words)) for at, member, words in db.session.execute(query))
