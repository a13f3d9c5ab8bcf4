"""Questions about codes, posters and what came in. Those of the desk are scoped by the actor; the public page's need a token."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Select, and_, func, literal_column, or_, select

from crm.campaigns.models import Campaign, CampaignSession, CampaignTeam
from crm.campaigns.queries import get_campaign, open_campaigns, sessions_of, teams_of
from crm.enquiries.models import Enquiry, PosterCode, PosterText
from crm.enquiries.policy import EnquiryPermission, may_make, visible_to
from crm.enquiries.rules import Closed, Standing, State, TextState, closed
from crm.kernel.actor import Actor
from crm.kernel.audit import AuditEntry
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.installation import zone_name
from crm.kernel.paging import PER_PAGE, Page
from crm.kernel.values import fold
from crm.leads.models import Lead
from crm.leads.policy import LeadPermission
from crm.leads.policy import visible_to as leads_visible_to
from crm.people.models import Membership, User
from crm.people.queries import in_force, members, team_names, user_names

# As the index has it, not as a parameter: else the planner cannot know that it fits.
_BY_QR: ColumnElement[bool] = literal_column("lead.source = 'qr'", Boolean)


@dataclass(frozen=True)
class Code:
    """A code with what it stands for. `closed` tells why it takes nothing at that moment, None when it does."""

    id: int
    token: str
    campaign_id: int
    campaign: str
    starts_on: date
    ends_on: date
    place: str
    session_id: int | None
    session: str
    session_place: str
    session_district_id: int | None
    session_starts_at: datetime | None
    session_ends_at: datetime | None
    member_id: int | None
    member: str
    created_at: datetime
    revoked_at: datetime | None
    closed: Closed | None


@dataclass(frozen=True)
class Target:
    """What a code may be made for: the campaign (no session, no member), one of its sessions or one of its members.

    `code_id` is its living code, None while there is none; `enquiries` came in by all of its codes; `may` make or revoke one.
    """

    session_id: int | None
    member_id: int | None
    name: str
    detail: str
    code_id: int | None
    since: datetime | None
    enquiries: int
    may: bool


@dataclass(frozen=True)
class Targets:
    """The campaign's codes: its own, those of its sessions, and those of its members by team."""

    campaign: Campaign
    takes: bool
    own: tuple[Target, ...]
    sessions: tuple[Target, ...]
    teams: tuple[tuple[str, tuple[Target, ...]], ...]


@dataclass(frozen=True)
class Mine:
    """The actor's own place in a campaign, with the living code if there is one."""

    campaign_id: int
    campaign: str
    ends_on: date
    code: Code | None


@dataclass(frozen=True)
class Received:
    """An enquiry in the organiser's list. What the person wrote stands on the lead and nowhere else."""

    id: int
    at: datetime
    campaign: str
    session: str
    member: str
    state: str
    outcome: str
    suspicion: str
    staff_device: bool
    lead_id: int | None
    stage: str
    no_contact: bool


def code_of_token(token: str, at: datetime) -> Code:
    """The code of a public address; raises NotFound for one that was never made."""
    row = db.session.execute(_codes().where(PosterCode.token == token)).one_or_none()
    if row is None:
        raise NotFound("enquiry.no_code")
    return _code(row, at)


def get_code(actor: Actor, code_id: int, at: datetime) -> Code:
    """A code that the actor may see; hidden and missing answer alike."""
    row = db.session.execute(_codes().where(PosterCode.id == code_id, visible_to(actor))).one_or_none()
    if row is None:
        raise NotFound("enquiry.no_code")
    return _code(row, at)


def living_code(campaign_id: int, session_id: int | None, member_id: int | None) -> PosterCode | None:
    """The one code of a combination that is not revoked."""
    return db.session.scalar(
        select(PosterCode).where(
            PosterCode.campaign_id == campaign_id,
            PosterCode.session_id.is_not_distinct_from(session_id),
            PosterCode.member_id.is_not_distinct_from(member_id),
            PosterCode.revoked_at.is_(None),
        )
    )


def _codes() -> Select[*tuple[object, ...]]:
    return (
        select(
            PosterCode,
            Campaign,
            CampaignSession,
            func.coalesce(User.name, "").label("member"),
        )
        .join(Campaign, Campaign.id == PosterCode.campaign_id)
        .outerjoin(CampaignSession, CampaignSession.id == PosterCode.session_id)
        .outerjoin(User, User.id == PosterCode.member_id)
    )


def _code(row: Sequence[object], at: datetime) -> Code:
    code, campaign, session, member = row
    assert isinstance(code, PosterCode)
    assert isinstance(campaign, Campaign)
    held = session if isinstance(session, CampaignSession) else None
    standing = Standing(
        revoked=code.revoked_at is not None,
        status=campaign.status,
        starts_on=campaign.starts_on,
        ends_on=campaign.ends_on,
        walk_in=campaign.walk_in,
        called_off=held is not None and held.cancelled,
    )
    return Code(
        id=code.id,
        token=code.token,
        campaign_id=campaign.id,
        campaign=campaign.name,
        starts_on=campaign.starts_on,
        ends_on=campaign.ends_on,
        place=campaign.place,
        session_id=code.session_id,
        session=held.name if held else "",
        session_place=held.place if held else "",
        session_district_id=held.district_id if held else None,
        session_starts_at=held.starts_at if held else None,
        session_ends_at=held.ends_at if held else None,
        member_id=code.member_id,
        member=str(member),
        created_at=code.created_at,
        revoked_at=code.revoked_at,
        closed=closed(standing, business_day(at, zone_name())),
    )


def teams_of_member(user_id: int, campaign_id: int, on: date) -> frozenset[int]:
    """The teams of an active person on that day that work in the campaign (any, in the walk-in one)."""
    works = or_(
        select(Campaign.walk_in).where(Campaign.id == campaign_id).scalar_subquery(),
        Membership.team_id.in_(select(CampaignTeam.team_id).where(CampaignTeam.campaign_id == campaign_id)),
    )
    query = (
        select(Membership.team_id)
        .join(User, User.id == Membership.user_id)
        .where(Membership.user_id == user_id, in_force(on), User.active, works)
    )
    return frozenset(db.session.scalars(query))


def targets(actor: Actor, campaign_id: int, *, at: datetime, wanted: str = "") -> Targets:
    """What codes a campaign has and may have, as far as the actor sees them; `wanted` is looked for in names and places."""
    campaign = get_campaign(actor, campaign_id)
    today = business_day(at, zone_name())
    living = _living(campaign_id)
    counts = _counts(campaign_id)
    sought = fold(wanted)

    def target(session_id: int | None, member_id: int | None, name: str, detail: str, may: bool) -> Target:
        code_id, since = living.get((session_id, member_id), (None, None))
        came = counts.get((session_id, member_id), 0)
        return Target(session_id, member_id, name, detail, code_id, since, came, may)

    def found(one: Target) -> bool:
        return sought in fold(f"{one.name} {one.detail}")

    any_may = may_make(actor, None, frozenset())
    own = (target(None, None, campaign.name, campaign.place, any_may),)
    sessions = (
        target(one.id, None, one.name, one.place, any_may) for one in sessions_of(campaign_id) if not one.cancelled
    )
    return Targets(
        campaign=campaign,
        takes=closed(Standing(False, campaign.status, today, campaign.ends_on, campaign.walk_in, False), today) is None,
        own=tuple(filter(found, own)),
        sessions=tuple(filter(found, sessions)),
        teams=tuple(
            (name, tuple(filter(found, (target(None, user_id, who, name, True) for user_id, who in people))))
            for name, people in _rosters(actor, campaign, today)
        ),
    )


def _rosters(actor: Actor, campaign: Campaign, today: date) -> list[tuple[str, list[tuple[int, str]]]]:
    """The members for whom the actor may make codes, by team."""
    names = team_names()
    taking_part = {team.team_id for team in teams_of(campaign.id)}
    found: dict[int, list[tuple[int, str]]] = {}
    for row in members(actor, on=today):
        if (campaign.walk_in or row.team_id in taking_part) and may_make(actor, row.user_id, frozenset({row.team_id})):
            found.setdefault(row.team_id, []).append((row.user_id, row.name))
    return [(names[team_id], people) for team_id, people in found.items()]


def _living(campaign_id: int) -> dict[tuple[int | None, int | None], tuple[int, datetime]]:
    query = select(PosterCode).where(PosterCode.campaign_id == campaign_id, PosterCode.revoked_at.is_(None))
    return {(one.session_id, one.member_id): (one.id, one.created_at) for one in db.session.scalars(query)}


def _counts(campaign_id: int) -> dict[tuple[int | None, int | None], int]:
    query = (
        select(PosterCode.session_id, PosterCode.member_id, func.count())
        .join(Enquiry, Enquiry.code_id == PosterCode.id)
        .where(PosterCode.campaign_id == campaign_id, Enquiry.state.in_((State.TAKEN, State.WITHDRAWN)))
        .group_by(PosterCode.session_id, PosterCode.member_id)
    )
    return {(session_id, member_id): number for session_id, member_id, number in db.session.execute(query)}


def mine(actor: Actor, at: datetime) -> tuple[Mine, ...]:
    """The campaigns that run today in which the actor is in a team, with the actor's own code; the walk-in one last."""
    today = business_day(at, zone_name())
    if actor.user_id is None or not actor.team_ids:
        return ()
    rows = db.session.execute(
        _codes().where(PosterCode.member_id == actor.user_id, PosterCode.revoked_at.is_(None), visible_to(actor))
    ).all()
    own = {code.campaign_id: code for code in (_code(row, at) for row in rows) if code.session_id is None}
    return tuple(
        Mine(one.id, one.name, one.ends_on, own.get(one.id))
        for one in open_campaigns(actor)
        if one.starts_on <= today <= one.ends_on and teams_of_member(actor.user_id, one.id, today)
    )


def list_texts(actor: Actor) -> tuple[PosterText, ...]:
    """All versions, newest first. They are no secret to who works here."""
    return tuple(db.session.scalars(select(PosterText).order_by(PosterText.number.desc())))


def get_text(actor: Actor, text_id: int) -> PosterText:
    """One version; raises NotFound."""
    found = db.session.get(PosterText, text_id)
    if found is None:
        raise NotFound("enquiry.no_text")
    return found


def approved_texts() -> tuple[PosterText, ...]:
    """What may be printed, newest first."""
    query = select(PosterText).where(PosterText.state == TextState.APPROVED).order_by(PosterText.number.desc())
    return tuple(db.session.scalars(query))


def signed_in_lately(address: str, since: datetime) -> bool:
    """Whether one of ours signed in from that network address since then."""
    query = select(AuditEntry.id).where(
        AuditEntry.action == "people.sign_in", AuditEntry.address == address, AuditEntry.at >= since
    )
    return bool(address) and db.session.scalar(query.limit(1)) is not None


def received(actor: Actor, *, waiting: bool, campaign_id: int | None = None, page: int = 1) -> Page[Received]:
    """What came in, newest first: with `waiting` what was held back and waits for a look, else the rest."""
    if not actor.may(EnquiryPermission.RECEIVED):
        raise NotFound("enquiry.none")
    held_back = Enquiry.state == State.QUARANTINED
    where: list[ColumnElement[bool]] = [visible_to(actor), held_back if waiting else ~held_back]
    if campaign_id is not None:
        where.append(PosterCode.campaign_id == campaign_id)
    query = (
        select(
            Enquiry.id, Enquiry.received_at, Campaign.name, func.coalesce(CampaignSession.name, ""), PosterCode.member_id,
            Enquiry.state, Enquiry.outcome, Enquiry.suspicion, Enquiry.staff_device,
            Lead.id.label("lead_id"), func.coalesce(Lead.stage, ""), func.coalesce(Lead.no_contact, False),
        )
        .join(PosterCode, PosterCode.id == Enquiry.code_id)
        .join(Campaign, Campaign.id == PosterCode.campaign_id)
        .outerjoin(CampaignSession, CampaignSession.id == PosterCode.session_id)
        .outerjoin(Lead, and_(Lead.id == Enquiry.lead_id, Lead.removed_at.is_(None)))
        .where(*where)
    )  # fmt: skip
    total = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = db.session.execute(query.order_by(Enquiry.id.desc()).limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    names = user_names()
    return Page([_received(tuple(row), names) for row in rows], page, total)


def _received(row: tuple[Any, ...], names: dict[int, str]) -> Received:
    values = [*row[:4], names.get(row[4] or 0, ""), *row[5:]]
    return Received(*values)


def waiting_enquiries(actor: Actor) -> int:
    """How many were held back and wait for the organiser's look; 0 for everybody else."""
    if not actor.may(EnquiryPermission.RECEIVED):
        return 0
    query = (
        select(func.count(Enquiry.id))
        .join(PosterCode, PosterCode.id == Enquiry.code_id)
        .where(Enquiry.state == State.QUARANTINED, visible_to(actor))
    )
    return db.session.scalar(query) or 0


def new_enquiries(actor: Actor, *, mine: bool = False) -> int:
    """Customers who came by a QR code and with whom nobody has talked yet: the actor's own, or all that the actor sees."""
    if not actor.may(LeadPermission.VIEW):
        return 0
    where = [
        leads_visible_to(actor), _BY_QR, Lead.stage == "", Lead.exit_code == "", Lead.no_contact.is_(False),
        Lead.merged_into_id.is_(None),
    ]  # fmt: skip
    if mine:
        where.append(Lead.owner_id == actor.user_id)
    return db.session.scalar(select(func.count()).select_from(Lead).where(*where)) or 0


def enquiry_of_token(token: str) -> Enquiry:
    """An enquiry by the person's own token; raises NotFound."""
    found = db.session.scalar(select(Enquiry).where(Enquiry.token == token))
    if found is None:
        raise NotFound("enquiry.none")
    return found
