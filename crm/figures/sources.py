"""The rows that figures are counted from: the rollups where they suffice, else one row for each lead and stage.

Whatever the source, it answers in the same columns, so that filters, groups and sums are written once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from crm.campaigns.models import Campaign
from crm.districts.queries import within
from crm.figures.asking import FunnelQuery
from crm.kernel.db import db
from crm.leads.ledger_models import FunnelDay, LeadMerge, LeadStage, MemberDay, StageEntry
from crm.leads.models import Lead

Scope = frozenset[int] | None
ON_CARD = frozenset({"trade", "approach"})
_IN_TEAM_ROLLUP = frozenset({"campaign", "day", "team", "district", "model"})
_IN_MEMBER_ROLLUP = frozenset({"campaign", "day", "team", "member", "model"})


@dataclass(frozen=True)
class Source:
    """Rows to count: `columns` by dimension (0 for none), the stage, the number of leads in a row, and where it all stands."""

    columns: dict[str, ColumnElement[Any]]
    stage: ColumnElement[str]
    leads: ColumnElement[int]
    rows: FromClause
    condition: ColumnElement[bool] | None = None
    lead_id: ColumnElement[int] | None = None


def source_for(query: FunnelQuery, dimensions: Iterable[str]) -> Source:
    """The cheapest source that knows every dimension that the question filters or groups by."""
    needed = set(dimensions) | filtered_by(query)
    if query.view == "cohort":
        source = _cohort(query)
    elif query.as_of is None and needed <= _IN_TEAM_ROLLUP:
        source = _rollup(FunnelDay, "district")
    elif query.as_of is None and needed <= _IN_MEMBER_ROLLUP:
        source = _rollup(MemberDay, "member")
    else:
        source = marks(query)
    return _joined(source, needed)


def filtered_by(query: FunnelQuery) -> set[str]:
    """The dimensions that the question narrows."""
    asked = {
        "team": query.team_id, "district": query.district_id, "member": query.member_id,
        "model": query.model, "trade": query.trade, "approach": query.approach,
    }  # fmt: skip
    return {name for name, value in asked.items() if value is not None}


def conditions(query: FunnelQuery, source: Source, scope: Scope) -> list[ColumnElement[bool]]:
    """The filters of the question on the columns of a source. A team outside the scope simply counts nothing."""
    columns = source.columns
    found: list[ColumnElement[bool]] = [] if source.condition is None else [source.condition]
    if scope is not None:
        found.append(columns["team"].in_(sorted(scope)))
    if query.campaign_ids is not None:
        found.append(columns["campaign"].in_(query.campaign_ids))
    if query.from_day is not None:
        found.append(columns["day"] >= query.from_day)
    if query.to_day is not None:
        found.append(columns["day"] <= query.to_day)
    for name, value in (
        ("team", query.team_id), ("member", query.member_id),
        ("model", query.model), ("trade", query.trade), ("approach", query.approach),
    ):  # fmt: skip
        if value is not None:
            found.append(columns[name] == value)
    if query.district_id is not None:
        found.append(_in_district(columns["district"], query))
    return found


def counted(query: FunnelQuery, scope: Scope, dimensions: tuple[str, ...]) -> Select[Any]:
    """SELECT dimensions, stage, leads: the counts of the question, grouped."""
    source = source_for(query, dimensions)
    groups = [source.columns[name] for name in dimensions]
    statement = select(*groups, source.stage, source.leads).select_from(source.rows)
    return statement.where(*conditions(query, source, scope)).group_by(*groups, source.stage)


def _in_district(column: ColumnElement[Any], query: FunnelQuery) -> ColumnElement[bool]:
    if query.district_only or not query.district_id:
        return column == query.district_id
    return within(column, query.district_id)


def _rollup(table: type[FunnelDay] | type[MemberDay], third: str) -> Source:
    columns: dict[str, ColumnElement[Any]] = {
        "campaign": table.__table__.c.campaign_id,
        "day": table.__table__.c.day,
        "team": table.__table__.c.team_id,
        third: table.__table__.c[f"{third}_id"],
    }
    return Source(columns, table.__table__.c.stage, func.sum(table.__table__.c.leads), table.__table__)


def marks(query: FunnelQuery) -> Source:
    """One row for each lead and stage that counts: the projection, or with `as_of` the ledger as the server knew it then."""
    live = LeadStage.__table__.alias("marks")
    table = live if query.as_of is None else _as_known_at(query.as_of, query.campaign_ids).subquery("marks")
    return Source(_columns(table), table.c.stage, func.count(), table, lead_id=table.c.lead_id)


def _columns(table: FromClause) -> dict[str, ColumnElement[Any]]:
    return {
        "campaign": table.c.campaign_id,
        "day": table.c.day,
        "team": func.coalesce(table.c.team_id, 0),
        "district": func.coalesce(table.c.district_id, 0),
        "member": func.coalesce(table.c.credited_id, 0),
    }


def _cohort(query: FunnelQuery) -> Source:
    """The stages reached by the leads whose counting consult is filtered and grouped: days, team, district of the consult."""
    if query.as_of is not None:
        return _cohort_as_known(query.as_of, query)
    first, reached = LeadStage.__table__.alias("first"), LeadStage.__table__.alias("reached")
    condition = and_(first.c.stage == "consult", *_in_time(query, first.c.day, reached.c.day))
    rows = first.join(reached, reached.c.lead_id == first.c.lead_id)
    return Source(_columns(first), reached.c.stage, func.count(), rows, condition, first.c.lead_id)


def _cohort_as_known(as_of: datetime, query: FunnelQuery) -> Source:
    """The same from the ledger. The consult is put beside each stage by a window: joining two such readings of the ledger
    has no index to stand on and takes minutes where this takes part of a second."""
    known = _as_known_at(as_of, query.campaign_ids).subquery("known")
    of_consult = [
        func.max(case((known.c.stage == "consult", known.c[name]))).over(partition_by=known.c.lead_id).label(name)
        for name in ("campaign_id", "day", "team_id", "district_id", "credited_id")
    ]
    table = select(known.c.lead_id, known.c.stage, known.c.day.label("reached_on"), *of_consult).subquery("cohort")
    condition = and_(table.c.day.is_not(None), *_in_time(query, table.c.day, table.c.reached_on))
    return Source(_columns(table), table.c.stage, func.count(), table, condition, table.c.lead_id)


def _in_time(query: FunnelQuery, consult: ColumnElement[Any], reached: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    return [] if query.within_days is None else [_days_between(consult, reached) <= query.within_days]


def _days_between(earlier: ColumnElement[Any], later: ColumnElement[Any]) -> ColumnElement[Any]:
    if db.engine.dialect.name == "sqlite":
        return func.julianday(later) - func.julianday(earlier)
    return later - earlier


def _joined(source: Source, needed: set[str]) -> Source:
    """Adds the campaign's model and what stands on the lead's card, where they are asked for."""
    columns, rows = dict(source.columns), source.rows
    if "model" in needed:
        campaign = Campaign.__table__.alias("drive")
        rows = rows.join(campaign, campaign.c.id == columns["campaign"])
        columns["model"] = campaign.c.model
    if needed & ON_CARD:
        card = Lead.__table__.alias("card")
        rows = rows.join(card, card.c.id == source.lead_id)
        columns |= {"trade": card.c.trade, "approach": card.c.approach}
    return replace(source, columns=columns, rows=rows)


def _as_known_at(as_of: datetime, campaign_ids: tuple[int, ...] | None) -> Select[Any]:
    """The ledger's own choice (leads.rules.counting), made on what had been received by then: entries, voids and merges.

    The earliest occurred entry of each stage counts, then the first received, then the lower id.
    """
    undone, merge, root = aliased(StageEntry), aliased(LeadMerge), aliased(Lead)
    root_id = func.coalesce(merge.root_id, StageEntry.lead_id)
    order = func.row_number().over(
        partition_by=(root_id, StageEntry.stage),
        order_by=(StageEntry.occurred_at, StageEntry.received_at, StageEntry.id),
    )
    known = (
        select(
            root_id.label("lead_id"), StageEntry.stage, StageEntry.campaign_id, StageEntry.day,
            StageEntry.district_id, StageEntry.team_id, StageEntry.credited_id, order.label("place"),
        )
        .outerjoin(undone, and_(undone.voids_id == StageEntry.id, undone.received_at <= as_of))
        .outerjoin(
            merge,
            and_(
                merge.lead_id == StageEntry.lead_id,
                merge.started_at <= as_of,
                or_(merge.ended_at.is_(None), merge.ended_at > as_of),
            ),
        )
        .join(root, root.id == root_id)
        .where(
            StageEntry.voids_id.is_(None),
            undone.id.is_(None),
            StageEntry.received_at <= as_of,
            or_(root.removed_at.is_(None), root.removed_at > as_of),
        )
    )  # fmt: skip
    if campaign_ids is not None:
        known = known.where(StageEntry.campaign_id.in_(campaign_ids))
    ranked = known.subquery()
    return select(*(column for column in ranked.c if column.name != "place")).where(ranked.c.place == 1)
