"""The records behind a count: as many rows as the count says, each shown as far as the reader may see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import case, func, select

from crm.campaigns.models import Campaign
from crm.districts.models import District
from crm.figures.asking import FunnelQuery
from crm.figures.funnels import settled
from crm.figures.rules import FUNNEL_STAGES
from crm.figures.sources import Source, conditions, source_for
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import Forbidden, Invalid
from crm.kernel.paging import PER_PAGE, Page
from crm.kernel.values import mask_name
from crm.leads.models import Lead
from crm.leads.policy import LeadPermission, visible_to
from crm.people.models import Team, User
from crm.people.policy import team_scope

_ONE_BY_ONE = ("lead",)
"""A dimension that no rollup has: asks for one row for each lead and stage."""


@dataclass(frozen=True, slots=True)
class Record:
    """A lead that counts. `lead_id` is None when it now belongs to a team that the reader does not see: then no name is given."""

    lead_id: int | None
    name: str
    shop: str
    trade: str
    stage: str
    day: date
    campaign: str
    team: str | None
    district: str | None
    member: str | None
    historical: bool


def records_behind(actor: Actor, query: FunnelQuery, stage: str, key: str | None = None, page: int = 1) -> Page[Record]:
    """The leads behind one count: of the row `key`, or of the whole question. Names are masked.

    Days, team, district and officer are those of the count (in the cohort view those of the consult).
    Raises Forbidden without the right to see leads, Invalid for a stage that does not exist.
    """
    if not actor.may(LeadPermission.VIEW):
        raise Forbidden("figures.no_records")
    if stage not in FUNNEL_STAGES:
        raise Invalid("figures.bad_choice", field="stage", text=stage[:40])
    query = settled(actor, query if key is None else query.narrowed(key))
    source = source_for(query, _ONE_BY_ONE)
    where = [*conditions(query, source, team_scope(actor)), source.stage == stage]
    total = db.session.scalar(select(func.count()).select_from(source.rows).where(*where)) or 0
    rows = db.session.execute(
        _rows(actor, source)
        .where(*where)
        .order_by(source.columns["day"].desc(), source.lead_id)
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )
    return Page([_record(*row) for row in rows], page, total)


def _rows(actor: Actor, source: Source) -> Any:
    columns = source.columns
    joined = (
        source.rows.join(Lead, Lead.id == source.lead_id)
        .join(Campaign, Campaign.id == columns["campaign"])
        .outerjoin(Team, Team.id == columns["team"])
        .outerjoin(District, District.id == columns["district"])
        .outerjoin(User, User.id == columns["member"])
    )
    shown = case((visible_to(actor), Lead.id), else_=None)
    lead = (shown, Lead.name, Lead.shop, Lead.trade, Lead.stage)
    count = (columns["day"], Campaign.name, Team.name, District.name, User.name)
    return select(*lead, *count, Lead.historical).select_from(joined)


def _record(lead_id: int | None, name: str, shop: str, trade: str, *rest: Any) -> Record:
    if lead_id is None:
        return Record(None, "", "", "", *rest)
    return Record(lead_id, mask_name(name), shop, trade, *rest)
