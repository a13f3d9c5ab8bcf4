"""What is written down of a contest: its card, the versions of its rules, its adjustments, and a mark that moves with any of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import InstrumentedAttribute

from crm.contest.models import Adjustment, Contest, ContestCampaign, ContestTeam, RuleVersion
from crm.contest.policy import visible_to
from crm.contest.rules import RuleSet
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.installation import zone_name
from crm.leads.ledger_models import FunnelDay, IntentEntry, LeadMerge, StageEntry
from crm.leads.models import Consent
from crm.outreach.models import Attendance, Visit
from crm.people.models import Membership, Team, User

FROM_THE_START = datetime(1970, 1, 1, tzinfo=UTC)
"""Since when the rules of a contest hold that had not begun when they were written: all of it."""

LARGEST_CODE = 2**31


@dataclass(frozen=True)
class ContestCard:
    """A contest as it is announced. `status` is draft, running or closed."""

    id: int
    code: str
    name: str
    starts_on: date
    ends_on: date
    bell: time
    status: str
    version: int
    campaign_ids: tuple[int, ...]
    team_ids: tuple[int, ...]

    def last_day(self, today: date) -> date:
        """The newest day that a board can show: today inside the window, else the nearer end of it."""
        return max(self.starts_on, min(self.ends_on, today))


def list_contests(actor: Actor) -> list[ContestCard]:
    """The contests that the actor may see, the newest first."""
    return _cards(select(Contest).where(visible_to(actor)).order_by(Contest.starts_on.desc(), Contest.id.desc()))


def get_contest(actor: Actor, contest_id: int) -> ContestCard:
    """One contest that the actor may see; raises NotFound."""
    found = _cards(select(Contest).where(visible_to(actor), Contest.id == contest_id))
    if not found:
        raise NotFound("contest.not_found")
    return found[0]


def find_contest(actor: Actor, code: str) -> ContestCard:
    """A contest by its code, or by its id written as a number; raises NotFound."""
    by_code = _cards(select(Contest).where(visible_to(actor), Contest.code == code))
    if by_code:
        return by_code[0]
    number = int(code) if code.isascii() and code.isdigit() else 0
    return get_contest(actor, number if number < LARGEST_CODE else 0)


def contests_of_campaign(actor: Actor, campaign_id: int, *, as_of: datetime | None = None) -> list[ContestCard]:
    """The contests, begun or closed, in which a campaign counts, the newest first; with `as_of` those that had begun by then."""
    ids = select(ContestCampaign.contest_id).where(ContestCampaign.campaign_id == campaign_id)
    query = select(Contest).where(visible_to(actor), Contest.status != "draft", Contest.id.in_(ids))
    if as_of is not None:
        query = query.where(Contest.started_at <= as_of)
    return _cards(query.order_by(Contest.starts_on.desc(), Contest.id.desc()))


def _cards(query: Select[Any]) -> list[ContestCard]:
    rows: list[Contest] = list(db.session.scalars(query))
    ids = [row.id for row in rows]
    campaigns = _pairs(ContestCampaign, ContestCampaign.campaign_id, ids)
    teams = _pairs(ContestTeam, ContestTeam.team_id, ids)
    return [
        ContestCard(
            id=row.id,
            code=row.code,
            name=row.name,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            bell=row.bell,
            status=row.status,
            version=row.version,
            campaign_ids=campaigns.get(row.id, ()),
            team_ids=teams.get(row.id, ()),
        )
        for row in rows
    ]


def _pairs(
    table: type[ContestCampaign] | type[ContestTeam], other: InstrumentedAttribute[int], ids: list[int]
) -> dict[int, tuple[int, ...]]:
    """What belongs to each contest, in the order of ids."""
    found: dict[int, tuple[int, ...]] = {}
    if ids:
        query = select(table.contest_id, other).where(table.contest_id.in_(ids)).order_by(table.contest_id, other)
        for contest_id, value in db.session.execute(query):
            found[contest_id] = (*found.get(contest_id, ()), value)
    return found


# --- versions of the rules ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Version:
    """One version of the rules. `starts`: the moment from which it holds; None while a second person has yet to confirm it."""

    number: int
    rules: RuleSet
    asked_from: datetime
    starts: datetime | None
    reason: str
    author_id: int | None
    created_at: datetime
    confirmed_by_id: int | None
    confirmed_at: datetime | None

    @property
    def from_the_start(self) -> bool:
        """Whether it was written before the contest began."""
        return self.asked_from == FROM_THE_START


def versions_of(contest_id: int, as_of: datetime | None = None) -> list[Version]:
    """All versions by number; with `as_of` as they were known then."""
    query = select(RuleVersion).where(RuleVersion.contest_id == contest_id).order_by(RuleVersion.number)
    found = [_version(row) for row in db.session.scalars(query)]
    if as_of is None:
        return found
    return [one for one in found if one.from_the_start or (one.confirmed_at is not None and one.confirmed_at <= as_of)]


def _version(row: RuleVersion) -> Version:
    starts: datetime | None = None
    if row.in_force_from == FROM_THE_START:
        starts = FROM_THE_START
    elif row.confirmed_at is not None:
        # What was scored before the second person agreed stays scored as it was.
        starts = max(row.in_force_from, row.confirmed_at)
    return Version(
        number=row.number,
        rules=RuleSet.from_body(row.rules),
        asked_from=row.in_force_from,
        starts=starts,
        reason=row.reason,
        author_id=row.created_by_id,
        created_at=row.created_at,
        confirmed_by_id=row.confirmed_by_id,
        confirmed_at=row.confirmed_at,
    )


def in_force(versions: Sequence[Version], at: datetime) -> Version:
    """The version that holds at a moment: the last to begin, of two that begin together the later written."""
    holding = [(one.starts, one.number, one) for one in versions if one.starts is not None and one.starts <= at]
    return max(holding, key=lambda item: item[:2])[2]


# --- adjustments -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AdjustmentRow:
    """A bonus or penalty. `counts`: whether it is on the board; a penalty is once a second person has confirmed it."""

    id: int
    team_id: int
    member_id: int | None
    day: date
    kind: str
    points: Decimal
    reason: str
    author_id: int | None
    second_id: int | None
    created_at: datetime
    confirmed_at: datetime | None
    dropped_by_id: int | None
    dropped_at: datetime | None

    @property
    def waits(self) -> bool:
        """Whether it is yet to be confirmed or dropped."""
        return not self.counts and self.dropped_at is None

    @property
    def counts(self) -> bool:
        """A bonus does at once, a penalty after the second person."""
        return self.points > 0 or self.confirmed_at is not None

    @property
    def since(self) -> datetime:
        """The moment from which it counts, or was written."""
        return self.confirmed_at or self.created_at


def adjustments_of(contest_id: int, as_of: datetime | None = None) -> list[AdjustmentRow]:
    """All adjustments of a contest, the oldest first; with `as_of` those that counted then."""
    columns: tuple[Any, ...] = (
        Adjustment.id, Adjustment.team_id, Adjustment.member_id, Adjustment.day, Adjustment.kind, Adjustment.points,
        Adjustment.reason, Adjustment.author_id, Adjustment.second_id, Adjustment.created_at, Adjustment.confirmed_at,
        Adjustment.dropped_by_id, Adjustment.dropped_at,
    )  # fmt: skip
    query = select(*columns).where(Adjustment.contest_id == contest_id).order_by(Adjustment.id)
    rows = [AdjustmentRow(*row) for row in db.session.execute(query)]
    return rows if as_of is None else [row for row in rows if row.counts and row.since <= as_of]


# --- the mark of a board -----------------------------------------------------------------------------------------


def etag(contest_id: int, *, at: datetime | None = None) -> str:
    """A short mark that changes with whatever can move the contest's boards; one statement, no ledger is read.

    Ledgers only grow, so their newest ids tell; what may change in place (a voided visit, a membership, a merge)
    is counted; names move with their card's version. The business day belongs to it because a new day brings person-days.
    """
    at = at or now()
    campaigns = select(ContestCampaign.campaign_id).where(ContestCampaign.contest_id == contest_id)
    parts = (
        select(Contest.version).where(Contest.id == contest_id),
        select(Contest.created_at).where(Contest.id == contest_id),
        select(func.max(StageEntry.id)),
        select(func.max(IntentEntry.id)),
        select(func.max(Consent.id)),
        select(func.max(Visit.id)),
        select(func.count()).where(Visit.campaign_id.in_(campaigns), Visit.voided_at.is_not(None)),
        select(func.max(LeadMerge.id)),
        select(func.count()).where(LeadMerge.ended_at.is_not(None)),
        select(func.sum(FunnelDay.leads)).where(FunnelDay.campaign_id.in_(campaigns)),
        select(func.max(Attendance.id)).where(Attendance.campaign_id.in_(campaigns)),
        select(func.max(Adjustment.id)).where(Adjustment.contest_id == contest_id),
        select(func.count()).where(Adjustment.contest_id == contest_id, Adjustment.confirmed_at.is_not(None)),
        select(func.max(RuleVersion.number)).where(
            and_(RuleVersion.contest_id == contest_id, RuleVersion.in_force_from <= at)
        ),
        select(func.count()).where(RuleVersion.contest_id == contest_id, RuleVersion.confirmed_at.is_not(None)),
        select(func.max(Membership.id)),
        select(func.count()).select_from(Membership),
        select(func.max(Membership.valid_to)),
        select(func.count(Membership.valid_to)),
        select(func.sum(Team.version)),
        select(func.sum(User.version)),
    )
    row = db.session.execute(select(*(part.scalar_subquery() for part in parts))).one()
    text = "|".join(str(value) for value in (business_day(at, zone_name()), *row))
    return hashlib.sha256(text.encode()).hexdigest()[:20]
