"""Questions about campaigns. Every one is scoped by the actor; the answers are frozen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, case, func, or_, select

from crm.campaigns.models import BudgetLine, Campaign, CampaignDistrict, CampaignSession, CampaignTeam, Target
from crm.campaigns.policy import visible_to
from crm.campaigns.rules import OPEN, Status
from crm.districts.models import District
from crm.districts.queries import full_names
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.paging import PER_PAGE, Page
from crm.people.models import Team
from crm.people.policy import team_scope


@dataclass(frozen=True)
class CampaignRow:
    """A line of the list: the card and how many teams, districts and sessions (not cancelled) belong to it."""

    id: int
    code: str
    name: str
    model: str
    status: str
    walk_in: bool
    starts_on: date
    ends_on: date
    place: str
    teams: int
    districts: int
    sessions: int


@dataclass(frozen=True)
class CampaignOption:
    """A campaign in a select."""

    id: int
    code: str
    name: str
    status: str
    walk_in: bool
    starts_on: date
    ends_on: date


@dataclass(frozen=True)
class TeamRow:
    """A team that takes part, and the district that it works."""

    team_id: int
    name: str
    district_id: int | None
    district: str | None


@dataclass(frozen=True)
class DistrictRow:
    """A district of the campaign, and the place that it lies in: a name alone may stand for several."""

    id: int
    name: str
    kind: str
    place: str


@dataclass(frozen=True)
class SessionRow:
    """An occasion of the campaign."""

    id: int
    name: str
    place: str
    district: str | None
    starts_at: datetime
    ends_at: datetime
    note: str
    cancelled: bool


@dataclass(frozen=True)
class BudgetRow:
    """One item of the budget, in fen; `actual_fen` is None while it is not known."""

    id: int
    item: str
    planned_fen: int
    actual_fen: int | None
    note: str


@dataclass(frozen=True)
class Budget:
    """All items and their sums, in fen. `actual_fen` sums what is known, None when nothing is."""

    lines: tuple[BudgetRow, ...]

    @property
    def planned_fen(self) -> int:
        """What was planned."""
        return sum(line.planned_fen for line in self.lines)

    @property
    def actual_fen(self) -> int | None:
        """What was spent as far as it is known."""
        known = [line.actual_fen for line in self.lines if line.actual_fen is not None]
        return sum(known) if known else None


def get_campaign(actor: Actor, campaign_id: int) -> Campaign:
    """One campaign that the actor may see; hidden and missing answer alike."""
    campaign = db.session.scalar(select(Campaign).where(Campaign.id == campaign_id, visible_to(actor)))
    if campaign is None:
        raise NotFound("campaign.not_found")
    return campaign


def find_campaign(actor: Actor, key: str) -> Campaign:
    """One visible campaign by its code, or by its id in digits."""
    found = db.session.scalar(select(Campaign).where(Campaign.code == key, visible_to(actor)))
    if found is None and key.isascii() and key.isdigit() and len(key) < 10:
        return get_campaign(actor, int(key))
    if found is None:
        raise NotFound("campaign.not_found")
    return found


def list_campaigns(
    actor: Actor, *, status: str = "", model: str = "", text: str = "", page: int = 1
) -> Page[CampaignRow]:
    """Campaigns in scope: those that run first, then by first day, newest on top; the walk-in one last."""
    wanted = [visible_to(actor)]
    if status:
        wanted.append(Campaign.status == status)
    if model:
        wanted.append(Campaign.model == model)
    if text:
        wanted.append(
            or_(*(column.contains(text, autoescape=True) for column in (Campaign.name, Campaign.code, Campaign.place)))
        )
    total = db.session.scalar(select(func.count(Campaign.id)).where(*wanted)) or 0
    rows = db.session.execute(_rows().where(*wanted).limit(PER_PAGE).offset((page - 1) * PER_PAGE))
    return Page([CampaignRow(*row) for row in rows], page, total)


def campaigns_between(actor: Actor, first: date, last: date) -> tuple[CampaignRow, ...]:
    """Campaigns in scope, not the walk-in one, with at least one day in the window: the calendar's rows, by first day."""
    query = _rows().where(
        visible_to(actor), Campaign.walk_in.is_(False), Campaign.starts_on <= last, Campaign.ends_on >= first
    )
    rows = db.session.execute(query.order_by(None).order_by(Campaign.starts_on, Campaign.id).limit(PER_PAGE))
    return tuple(CampaignRow(*row) for row in rows)


def open_campaigns(actor: Actor, *, closed_too: bool = False) -> tuple[CampaignOption, ...]:
    """Campaigns in which something may be recorded, for selects; with `closed_too` all but drafts, for reports."""
    statuses = set(Status) - {Status.DRAFT} if closed_too else OPEN
    query = _options(actor).where(Campaign.status.in_(statuses)).limit(500)
    return tuple(CampaignOption(*row) for row in db.session.execute(query))


def campaign_for_day(actor: Actor, day: date) -> CampaignOption | None:
    """The campaign that a person most likely means on that day: running before others, the one begun last; never the walk-in one."""
    query = _options(actor).where(
        Campaign.walk_in.is_(False), Campaign.status != Status.DRAFT, Campaign.starts_on <= day, Campaign.ends_on >= day
    )
    row = db.session.execute(query.limit(1)).first()
    return CampaignOption(*row) if row else None


def campaign_names() -> dict[int, str]:
    """Names of all campaigns by id, for labels."""
    return dict(db.session.execute(select(Campaign.id, Campaign.name)).all())


def teams_of(campaign_id: int) -> tuple[TeamRow, ...]:
    """Who takes part in a campaign that the caller has got by `get_campaign`. A team's name is no secret."""
    query = (
        select(Team.id, Team.name, CampaignTeam.district_id, District.name)
        .join(CampaignTeam, CampaignTeam.team_id == Team.id)
        .outerjoin(District, District.id == CampaignTeam.district_id)
        .where(CampaignTeam.campaign_id == campaign_id)
        .order_by(Team.id)
    )
    return tuple(TeamRow(*row) for row in db.session.execute(query))


def takes_part(campaign_id: int, team_id: int) -> bool:
    """Whether the team is one of the campaign's."""
    return db.session.get(CampaignTeam, (campaign_id, team_id)) is not None


def districts_of(campaign_id: int) -> tuple[DistrictRow, ...]:
    """The districts that the campaign works, in the order of the tree."""
    query = (
        select(District.id, District.name, District.kind, District.parent_id)
        .join(CampaignDistrict, CampaignDistrict.district_id == District.id)
        .where(CampaignDistrict.campaign_id == campaign_id)
        .order_by(District.path)
    )
    return _placed(query)


def sessions_of(campaign_id: int) -> tuple[SessionRow, ...]:
    """The occasions of a campaign, by time."""
    query = (
        select(
            CampaignSession.id, CampaignSession.name, CampaignSession.place, District.name,
            CampaignSession.starts_at, CampaignSession.ends_at, CampaignSession.note, CampaignSession.cancelled,
        )
        .outerjoin(District, District.id == CampaignSession.district_id)
        .where(CampaignSession.campaign_id == campaign_id)
        .order_by(CampaignSession.starts_at, CampaignSession.id)
    )  # fmt: skip
    return tuple(SessionRow(*row) for row in db.session.execute(query))


def session_under_way(campaign_id: int, at: datetime) -> int | None:
    """The occasion of a campaign that is held at that moment; None when there is none, or more than one."""
    query = select(CampaignSession.id).where(
        CampaignSession.campaign_id == campaign_id,
        CampaignSession.cancelled.is_(False),
        CampaignSession.starts_at <= at,
        CampaignSession.ends_at >= at,
    )
    found = db.session.scalars(query.limit(2)).all()
    return found[0] if len(found) == 1 else None


def get_session(actor: Actor, campaign_id: int, session_id: int) -> CampaignSession:
    """One occasion of a visible campaign; raises NotFound."""
    campaign = get_campaign(actor, campaign_id)
    session = db.session.get(CampaignSession, session_id)
    if session is None or session.campaign_id != campaign.id:
        raise NotFound("session.not_found")
    return session


def targets_of(actor: Actor, campaign_id: int) -> dict[tuple[int | None, str], int]:
    """Targets by (team id, or None for the whole campaign, and metric). Other teams' targets are left out."""
    query = select(Target.team_id, Target.metric, Target.value).where(Target.campaign_id == campaign_id)
    scope = team_scope(actor)
    if scope is not None:
        query = query.where(or_(Target.team_id.is_(None), Target.team_id.in_(scope)))
    return {(row.team_id, row.metric): row.value for row in db.session.execute(query)}


def budget_of(campaign_id: int) -> Budget:
    """The budget of a campaign; the caller has asked `policy.sees_budget`."""
    query = (
        select(BudgetLine.id, BudgetLine.item, BudgetLine.planned_fen, BudgetLine.actual_fen, BudgetLine.note)
        .where(BudgetLine.campaign_id == campaign_id)
        .order_by(BudgetLine.id)
    )
    return Budget(tuple(BudgetRow(*row) for row in db.session.execute(query)))


def find_districts(text: str, *, without: Sequence[int] = (), most: int = 20) -> tuple[DistrictRow, ...]:
    """Districts to choose from by a part of their name or code, the upper ones first."""
    query = select(District.id, District.name, District.kind, District.parent_id)
    query = query.where(District.active, District.id.not_in(without))
    if text:
        query = query.where(or_(*(column.contains(text, autoescape=True) for column in (District.name, District.code))))
    return _placed(query.order_by(District.depth, District.id).limit(most))


def _placed(query: Select[int, str, str, int | None]) -> tuple[DistrictRow, ...]:
    rows = db.session.execute(query).all()
    places = full_names(row.parent_id for row in rows if row.parent_id is not None)
    return tuple(DistrictRow(row.id, row.name, row.kind, places.get(row.parent_id or 0, "")) for row in rows)


def _rows() -> Select[int, str, str, str, str, bool, date, date, str, int, int, int]:
    teams = select(func.count()).where(CampaignTeam.campaign_id == Campaign.id).scalar_subquery()
    districts = select(func.count()).where(CampaignDistrict.campaign_id == Campaign.id).scalar_subquery()
    sessions = (
        select(func.count(CampaignSession.id))
        .where(CampaignSession.campaign_id == Campaign.id, CampaignSession.cancelled.is_(False))
        .scalar_subquery()
    )
    return select(
        Campaign.id, Campaign.code, Campaign.name, Campaign.model, Campaign.status, Campaign.walk_in,
        Campaign.starts_on, Campaign.ends_on, Campaign.place, teams, districts, sessions,
    ).order_by(Campaign.walk_in, _running_first(), Campaign.starts_on.desc(), Campaign.id.desc())  # fmt: skip


def _options(actor: Actor) -> Select[int, str, str, str, bool, date, date]:
    return (
        select(
            Campaign.id,
            Campaign.code,
            Campaign.name,
            Campaign.status,
            Campaign.walk_in,
            Campaign.starts_on,
            Campaign.ends_on,
        )
        .where(visible_to(actor))
        .order_by(Campaign.walk_in, _running_first(), Campaign.starts_on.desc(), Campaign.id.desc())
    )


def _running_first() -> ColumnElement[int]:
    return case((Campaign.status == Status.RUNNING, 0), else_=1)
