"""Visits and person-days, asked with the same question as the funnel."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, cast, func, or_, select

from crm.campaigns.models import Campaign
from crm.figures.asking import FunnelQuery, key_of
from crm.figures.funnels import settled
from crm.figures.labels import Tree
from crm.figures.sources import Source, conditions, filtered_by
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.outreach.models import Visit
from crm.people.policy import team_scope


@dataclass(frozen=True, slots=True)
class VisitCounts:
    """Visits that meet the campaign's written rule, and those that do not (涉及走访). They never overlap."""

    valid: int = 0
    touched: int = 0

    @property
    def all(self) -> int:
        """Every visit."""
        return self.valid + self.touched

    def __add__(self, other: VisitCounts) -> VisitCounts:
        return VisitCounts(self.valid + other.valid, self.touched + other.touched)


@dataclass(frozen=True, slots=True)
class Visits:
    """Counts by the row key of the funnel's answer (or pair of keys), and their total."""

    by_key: dict[Any, VisitCounts]
    total: VisitCounts

    def at(self, key: Any) -> VisitCounts:
        """The counts of that row; zeros when there are none."""
        return self.by_key.get(key, VisitCounts())


def visits(actor: Actor, query: FunnelQuery) -> Visits:
    """Visits of the days of the question, grouped by `query.by`; undone ones are left out. Cohorts have no visits of their own."""
    found = visit_matrix(actor, query, (query.by,) if query.by else ())
    return Visits(
        {keys[0] if keys else "": counts for keys, counts in found.items()}, sum(found.values(), VisitCounts())
    )


def visit_matrix(actor: Actor, query: FunnelQuery, dimensions: tuple[str, ...]) -> dict[tuple[str, ...], VisitCounts]:
    """Visits by row keys of several groups, such as ("team", "day")."""
    query = settled(actor, query)
    source = _source(query, dimensions)
    groups = [source.columns["district" if name == "place" else name] for name in dimensions]
    valid = func.sum(cast(Visit.__table__.c.valid, Integer))
    statement = select(*groups, valid, func.count()).select_from(source.rows)
    statement = statement.where(*conditions(query, source, team_scope(actor))).group_by(*groups)
    row_of = Tree.read().below(query.district_id) if "district" in dimensions else None
    found: dict[tuple[str, ...], VisitCounts] = defaultdict(VisitCounts)
    for *values, counted_valid, everything in db.session.execute(statement):
        keys = tuple(
            row_of(value) if name == "district" and row_of else key_of(name, value)
            for name, value in zip(dimensions, values, strict=True)
        )
        if everything:
            found[keys] += VisitCounts(int(counted_valid or 0), int(everything) - int(counted_valid or 0))
    return dict(found)


def _source(query: FunnelQuery, dimensions: tuple[str, ...]) -> Source:
    visit = Visit.__table__
    columns: dict[str, ColumnElement[Any]] = {
        "campaign": visit.c.campaign_id, "day": visit.c.day, "team": func.coalesce(visit.c.team_id, 0), "member": visit.c.member_id,
        "district": func.coalesce(visit.c.district_id, 0), "trade": visit.c.trade, "approach": visit.c.approach,
    }  # fmt: skip
    rows: Any = visit
    if "model" in {*dimensions, *filtered_by(query)}:
        rows = visit.join(Campaign.__table__, Campaign.__table__.c.id == visit.c.campaign_id)
        columns["model"] = Campaign.__table__.c.model
    standing: ColumnElement[bool] = visit.c.voided_at.is_(None)
    if query.as_of is not None:
        standing = and_(visit.c.received_at <= query.as_of, or_(standing, visit.c.voided_at > query.as_of))
    return Source(columns, visit.c.outcome, func.count(), rows, standing)
