"""Questions about leads. Every one is scoped by the actor, and every name and phone comes masked (see `cards`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, UnaryExpression, and_, case, func, or_, select

from crm.campaigns.models import Campaign
from crm.districts.models import District
from crm.kernel.actor import Actor
from crm.kernel.clock import day_bounds
from crm.kernel.db import db
from crm.kernel.errors import Invalid, NotFound
from crm.kernel.installation import zone_name
from crm.kernel.locking import held
from crm.kernel.paging import PER_PAGE, Page
from crm.leads.cards import names_for, phones
from crm.leads.models import Consent, Lead, NoticeVersion
from crm.leads.policy import sees_names, visible_to
from crm.leads.rules import STAGES
from crm.leads.search import matches
from crm.people.models import Team, User

MOST_FOUND = 20
NO_STAGE = "none"
OPEN = "open"
ANY_EXIT = "any"


def get_lead(actor: Actor, lead_id: int) -> Lead:
    """One lead that the actor may see; hidden and missing answer alike."""
    lead = db.session.scalar(select(Lead).where(Lead.id == lead_id, visible_to(actor)))
    if lead is None:
        raise NotFound("lead.not_found")
    return lead


def lead_for_change(actor: Actor, lead_id: int) -> Lead:
    """A visible lead, locked until the unit of work ends, that is not merged into another. NotFound or Invalid("lead.merged")."""
    lead = held(select(Lead).where(Lead.id == lead_id, visible_to(actor)))
    if lead is None:
        raise NotFound("lead.not_found")
    if lead.merged_into_id is not None:
        raise Invalid("lead.merged")
    return lead


@dataclass(frozen=True)
class LeadFilter:
    """What a list of leads shows. Empty values filter nothing.

    `stage` is a stage's code or NO_STAGE; `exit` a code of rules.Exit, OPEN (has not left) or ANY_EXIT; `due` "due" (a day is
    set), "today" or "overdue"; `district_id` includes the children; the days of creation are business days, both included.
    """

    campaign_id: int | None = None
    team_id: int | None = None
    owner_id: int | None = None
    district_id: int | None = None
    stage: str = ""
    intent: str = ""
    trade: str = ""
    segment: str = ""
    approach: str = ""
    exit: str = ""
    due: Literal["", "due", "today", "overdue"] = ""
    created_from: date | None = None
    created_to: date | None = None
    text: str = ""
    source: str = ""
    with_merged: bool = False


class LeadRow(NamedTuple):
    """A lead in a list: name as the actor may read it, phone masked."""

    id: int
    name: str
    phone: str
    shop: str
    trade: str
    stage: str
    stage_on: date | None
    intent: str
    follow_up_on: date | None
    owner_id: int | None
    owner: str
    team_id: int | None
    team: str
    campaign_id: int
    campaign: str
    district: str
    exit_code: str
    historical: bool
    no_contact: bool
    merged_into_id: int | None
    created_at: datetime
    source: str

    @property
    def asked_by_qr(self) -> bool:
        """Whether the customer came by a QR code and nobody has talked to them yet."""
        return self.source == "qr" and not self.stage


_COLUMNS = (
    Lead.id, Lead.name, Lead.phone_sealed, Lead.uid, Lead.shop, Lead.trade, Lead.stage, Lead.stage_on, Lead.intent,
    Lead.follow_up_on, Lead.owner_id, func.coalesce(User.name, "").label("owner"),
    Lead.team_id, func.coalesce(Team.name, "").label("team"), Lead.campaign_id,
    Campaign.name.label("campaign"), func.coalesce(District.name, "").label("district"), Lead.exit_code, Lead.historical, Lead.no_contact,
    Lead.merged_into_id, Lead.created_at, Lead.source,
)  # fmt: skip
_ROWS = (
    select(*_COLUMNS)
    .select_from(Lead)
    .join(Campaign, Campaign.id == Lead.campaign_id)
    .outerjoin(User, User.id == Lead.owner_id)
    .outerjoin(Team, Team.id == Lead.team_id)
    .outerjoin(District, District.id == Lead.district_id)
)
_BY_STAGE = case({stage.value: place for place, stage in enumerate(STAGES, 1)}, value=Lead.stage, else_=0)
SORTS: Mapping[str, ColumnElement[Any]] = {
    "created": Lead.created_at.expression,
    "name": Lead.name.expression,
    "shop": Lead.shop.expression,
    "stage": _BY_STAGE,
    "stage_on": Lead.stage_on.expression,
    "intent": Lead.intent.expression,
    "follow_up": Lead.follow_up_on.expression,
    "owner": User.name.expression,
    "district": District.name.expression,
}
"""What a list can be sorted by. A phone is no such thing, and a name only for those who read names in full."""
DEFAULT_SORT = "-created"
_NEVER_NULL = frozenset({"created", "name", "shop", "stage", "intent"})


def list_leads(
    actor: Actor, filters: LeadFilter, *, today: date, sort: str = DEFAULT_SORT, page: int = 1, total: int | None = None
) -> Page[LeadRow]:
    """One page of PER_PAGE leads. `sort` is a key of SORTS, with a minus for descending; an unknown one is the default.

    `total` when the caller knows it already (see `stage_counts`), else it is counted.
    """
    where = _conditions(actor, filters, today)
    if total is None:
        total = db.session.scalar(select(func.count()).select_from(Lead).where(*where)) or 0
    query = _ROWS.where(*where).order_by(*_order(actor, sort)).limit(PER_PAGE).offset((page - 1) * PER_PAGE)
    return Page(_read(actor, query), page, total)


def stage_counts(actor: Actor, filters: LeadFilter, *, today: date) -> dict[str, int]:
    """How many leads stand at each stage (NO_STAGE for none) under the filters, whatever stage the filters name."""
    unstaged = LeadFilter(**{**vars(filters), "stage": ""})
    query = select(Lead.stage, func.count()).where(*_conditions(actor, unstaged, today)).group_by(Lead.stage)
    counts = {stage or NO_STAGE: number for stage, number in db.session.execute(query)}
    return {stage: counts.get(stage, 0) for stage in (*STAGES, NO_STAGE)}


def search(actor: Actor, text: str, *, campaign_id: int | None = None, limit: int = MOST_FOUND) -> tuple[LeadRow, ...]:
    """The first leads that a text finds (see `search.matches`), newest first; merged ones are left out."""
    found = matches(actor, text, campaign_id=campaign_id)
    if found is None:
        return ()
    where = [visible_to(actor), Lead.merged_into_id.is_(None), found]
    if campaign_id is not None:
        where.append(Lead.campaign_id == campaign_id)
    return _read(actor, _ROWS.where(*where).order_by(*_order(actor, DEFAULT_SORT)).limit(limit))


@dataclass(frozen=True)
class DueCounts:
    """How many leads wait to be contacted, by urgency."""

    overdue: int = 0
    today: int = 0
    coming: int = 0


@dataclass(frozen=True)
class FollowUps:
    """Leads to be contacted, by urgency: the first of each, and how many there are. Who must not be contacted, left or is
    historical never appears."""

    overdue: tuple[LeadRow, ...] = ()
    today: tuple[LeadRow, ...] = ()
    coming: tuple[LeadRow, ...] = ()
    counts: DueCounts = DueCounts()


def follow_ups(actor: Actor, *, today: date, mine: bool = True, days: int = 7, most: int = PER_PAGE) -> FollowUps:
    """Who is due: overdue, today, and in the next `days` days, the first `most` of each; the actor's own leads, or all that
    the actor may see."""
    where = _waiting(actor, mine=mine)
    # A classes first on each day: they wait the shortest (intents sort A, B, C, and "" after them).
    order = (Lead.follow_up_on, case((Lead.intent == "", "Z"), else_=Lead.intent), Lead.id)
    overdue, due, coming = (
        _read(actor, _ROWS.where(*where, span).order_by(*order).limit(most)) for span in _spans(today, days)
    )
    return FollowUps(overdue, due, coming, _count_due(where, today, days))


def count_due(actor: Actor, *, today: date, mine: bool = True, team_id: int | None = None, days: int = 7) -> DueCounts:
    """How many are due, of the actor's own leads or of all that the actor may see, or of a team's; one statement."""
    where = _waiting(actor, mine=mine)
    return _count_due(where if team_id is None else [*where, Lead.team_id == team_id], today, days)


def _count_due(where: list[ColumnElement[bool]], today: date, days: int) -> DueCounts:
    spans = _spans(today, days)
    query = select(*(func.count().filter(span) for span in spans)).select_from(Lead).where(*where, or_(*spans))
    return DueCounts(*(number for number in db.session.execute(query).one()))


@dataclass(frozen=True)
class DueRow:
    """How many leads wait, of a team or of an officer (None: nobody looks after them)."""

    id: int | None
    name: str
    overdue: int
    today: int
    coming: int


DUE_SORTS = ("name", "overdue", "today", "coming")


def due_by(
    actor: Actor,
    per: Literal["team", "officer"],
    *,
    today: date,
    team_id: int | None = None,
    days: int = 7,
    sort: str = "",
) -> list[DueRow]:
    """Who is due by team, or by officer (of one team, when it is named), of all that the actor may see; one statement.

    `sort` is a key of DUE_SORTS, with a minus for descending; else most overdue first.
    """
    table, key = (Team, Lead.team_id) if per == "team" else (User, Lead.owner_id)
    spans = _spans(today, days)
    counts = [func.count().filter(span) for span in spans]
    query = (
        select(table.id, func.coalesce(table.name, ""), *counts)
        .select_from(Lead)
        .outerjoin(table, table.id == key)
        .where(*_waiting(actor, mine=False), or_(*spans))
        .group_by(table.id, table.name)
    )
    if team_id is not None:
        query = query.where(Lead.team_id == team_id)
    rows = [DueRow(one, called, *numbers) for one, called, *numbers in db.session.execute(query)]
    name, down = sort.removeprefix("-"), sort.startswith("-")
    rows.sort(key=lambda row: (-row.overdue, -row.today, -row.coming, row.id or 0))
    if name in DUE_SORTS:
        rows.sort(key=lambda row: getattr(row, name), reverse=down)
    return rows


def waits() -> list[ColumnElement[bool]]:
    """The leads that somebody is to contact on a planned day: none that must not be contacted, left, was merged, is
    historical or was removed. Whoever asks adds the scope."""
    return [
        Lead.removed_at.is_(None),
        Lead.follow_up_on.is_not(None),
        Lead.no_contact.is_(False),
        Lead.historical.is_(False),
        Lead.exit_code == "",
        Lead.merged_into_id.is_(None),
    ]


def _waiting(actor: Actor, *, mine: bool) -> list[ColumnElement[bool]]:
    where = [visible_to(actor), *waits()]
    return [*where, Lead.owner_id == actor.user_id] if mine else where


def _spans(today: date, days: int) -> tuple[ColumnElement[bool], ...]:
    last = today + timedelta(days=days)
    return (
        Lead.follow_up_on < today,
        Lead.follow_up_on == today,
        and_(Lead.follow_up_on > today, Lead.follow_up_on <= last),
    )


def latest_consent(lead_id: int) -> tuple[Consent, NoticeVersion] | None:
    """The consent that holds for a lead (whose visibility the caller has checked), with its notice."""
    query = select(Consent, NoticeVersion).join(NoticeVersion, NoticeVersion.id == Consent.notice_id)
    row = db.session.execute(query.where(Consent.lead_id == lead_id).order_by(Consent.id.desc()).limit(1)).first()
    return None if row is None else (row[0], row[1])


def notice_in_force() -> NoticeVersion | None:
    """The newest privacy notice."""
    return db.session.scalar(select(NoticeVersion).order_by(NoticeVersion.number.desc()).limit(1))


def _read(actor: Actor, query: Select[*tuple[Any, ...]]) -> tuple[LeadRow, ...]:
    show_name, show_phone = names_for(actor), phones()
    return tuple(
        LeadRow(lead_id, show_name(name), show_phone(sealed, uid), *rest)
        for lead_id, name, sealed, uid, *rest in db.session.execute(query)
    )


def _order(actor: Actor, sort: str) -> tuple[UnaryExpression[Any], UnaryExpression[Any]]:
    key, down = sort.removeprefix("-"), sort.startswith("-")
    if key not in SORTS or (key == "name" and not sees_names(actor)):
        key, down = "created", True
    column = SORTS[key]
    if key in _NEVER_NULL:  # plain, so that an index may serve the order
        return (column.desc(), Lead.id.desc()) if down else (column.asc(), Lead.id.asc())
    if down:
        return column.desc().nulls_last(), Lead.id.desc()
    return column.asc().nulls_last(), Lead.id.asc()


def _conditions(actor: Actor, filters: LeadFilter, today: date) -> list[ColumnElement[bool]]:
    where = [visible_to(actor)]
    for column, value in (
        (Lead.campaign_id, filters.campaign_id),
        (Lead.team_id, filters.team_id),
        (Lead.owner_id, filters.owner_id),
        (Lead.intent, filters.intent),
        (Lead.trade, filters.trade),
        (Lead.segment, filters.segment),
        (Lead.approach, filters.approach),
        (Lead.source, filters.source),
    ):
        if value not in (None, ""):
            where.append(column == value)
    if filters.stage:
        where.append(Lead.stage == ("" if filters.stage == NO_STAGE else filters.stage))
    if filters.district_id is not None:
        where.append(Lead.district_id.in_(_below(filters.district_id)))
    if not filters.with_merged:
        where.append(Lead.merged_into_id.is_(None))
    found = matches(actor, filters.text, campaign_id=filters.campaign_id)
    if found is not None:
        where.append(found)
    return [*where, *_exit(filters.exit), *_due(filters.due, today), *_created(filters)]


def _below(district_id: int) -> Select[int]:
    """Ids of the district and of all below it."""
    return select(District.id).where(or_(District.id == district_id, District.path.contains(f"/{district_id}/")))


def _exit(code: str) -> list[ColumnElement[bool]]:
    if not code:
        return []
    if code == OPEN:
        return [Lead.exit_code == ""]
    return [Lead.exit_code != ""] if code == ANY_EXIT else [Lead.exit_code == code]


def _due(due: str, today: date) -> list[ColumnElement[bool]]:
    if not due:
        return []
    open_ones = [Lead.exit_code == "", Lead.no_contact.is_(False), Lead.historical.is_(False)]
    spans = {"overdue": Lead.follow_up_on < today, "today": Lead.follow_up_on == today}
    return [spans.get(due, Lead.follow_up_on.is_not(None)), *open_ones]


def _created(filters: LeadFilter) -> list[ColumnElement[bool]]:
    found = []
    if filters.created_from is not None:
        found.append(Lead.created_at >= day_bounds(filters.created_from, zone_name())[0])
    if filters.created_to is not None:
        found.append(Lead.created_at < day_bounds(filters.created_to, zone_name())[1])
    return found
