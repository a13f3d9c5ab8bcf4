"""The funnel: counts per stage, grouped and summed.

Scope: who sees only some teams gets the counts that were earned for those teams; counts without a team are shown to those who see all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from crm.campaigns.models import Campaign
from crm.campaigns.policy import visible_to as campaigns_visible_to
from crm.districts.models import District
from crm.figures.asking import FunnelQuery
from crm.figures.labels import Named, Tree, named, value_of
from crm.figures.rules import FunnelCounts
from crm.figures.sources import counted
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.people.policy import team_scope
from crm.people.queries import get_team, get_user

MOST_DAYS = 400
"""The longest run of days that a day line is filled up to; beyond it only the days with figures are given."""


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """One group of the answer. `key` narrows the question to it (`FunnelQuery.narrowed`); `label` may be a lazy text."""

    key: str
    label: Any
    counts: FunnelCounts


@dataclass(frozen=True, slots=True)
class Funnel:
    """An answer. `query` is the question with its days filled in; `as_of` None means live."""

    rows: tuple[FunnelRow, ...]
    total: FunnelCounts
    query: FunnelQuery
    as_of: datetime | None
    view: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """Counts by two groups at once: `cells[row key, column key]`; a pair without figures is missing."""

    rows: tuple[Named, ...]
    columns: tuple[Named, ...]
    cells: dict[tuple[str, str], FunnelCounts]

    def at(self, row: str, column: str) -> FunnelCounts:
        """The counts of that pair; zeros when there are none."""
        return self.cells.get((row, column), FunnelCounts())


def funnel(actor: Actor, query: FunnelQuery) -> Funnel:
    """Counts per stage, grouped by `query.by`, and their total. Raises NotFound for a filter on what the actor may not see."""
    query = settled(actor, query)
    if query.by is None:
        total = _total(_counts(actor, query, ()).values())
        return Funnel((), total, query, query.as_of, query.view)
    counts = {key: value for (key,), value in _counts(actor, query, (query.by,)).items()}
    rows = tuple(FunnelRow(one.key, one.label, counts[value]) for value, one in _rows(query, query.by, list(counts)))
    return Funnel(rows, _total(counts.values()), query, query.as_of, query.view)


def widened(found: Funnel, keys: Iterable[str]) -> Funnel:
    """The answer with a row of zeros for each further group, such as one that was visited and left no lead.

    Without it a column of visits beside the counts would not add up to its total.
    """
    by = found.query.by
    counts = {row.key: row.counts for row in found.rows}
    further = set(keys) - counts.keys()
    if by is None or not further:
        return found
    every = counts.keys() | further
    values = list(every) if by == "district" else [value_of(by, key) for key in every]
    rows = [
        FunnelRow(one.key, one.label, counts.get(one.key, FunnelCounts())) for _, one in _rows(found.query, by, values)
    ]
    return replace(found, rows=tuple(rows))


def funnel_as_of(
    actor: Actor,
    campaign_id: int,
    team_id: int | None,
    from_day: date | None,
    to_day: date | None,
    as_of: datetime,
    *,
    by: str | None = None,
) -> Funnel:
    """The period funnel of a campaign as the server knew it at `as_of`: the same however late it is asked for."""
    query = FunnelQuery(
        campaign_ids=(campaign_id,), from_day=from_day, to_day=to_day, team_id=team_id, by=by, as_of=as_of
    )
    return funnel(actor, query)


def matrix(actor: Actor, query: FunnelQuery, rows: str, columns: str) -> Matrix:
    """Counts by two of GROUPS, such as team by day. The sum of all cells is the funnel's total."""
    query = settled(actor, replace(query, by=None))
    counts = _counts(actor, query, (rows, columns))
    across = _rows(query, rows, list({row for row, _ in counts}))
    down = _rows(query, columns, list({column for _, column in counts}))
    keys = {value: one.key for value, one in across}, {value: one.key for value, one in down}
    cells = {(keys[0][row], keys[1][column]): value for (row, column), value in counts.items()}
    return Matrix(tuple(one for _, one in across), tuple(one for _, one in down), cells)


def daily(actor: Actor, query: FunnelQuery) -> Funnel:
    """The funnel by day with the days between that have no figures filled in, for lines and tables."""
    found = funnel(actor, replace(query, by="day"))
    if not found.rows:
        return found
    days = {row.key: row for row in found.rows}
    first, last = date.fromisoformat(found.rows[0].key), date.fromisoformat(found.rows[-1].key)
    if (last - first).days > MOST_DAYS:
        return found
    run = [(first + timedelta(days=step)).isoformat() for step in range((last - first).days + 1)]
    return replace(found, rows=tuple(days.get(day) or FunnelRow(day, day, FunnelCounts()) for day in run))


def settled(actor: Actor, query: FunnelQuery) -> FunnelQuery:
    """The question checked against what the actor may see, with the days of the window `campaign` filled in."""
    query = query.checked()
    if query.team_id:
        get_team(actor, query.team_id)
    if query.member_id:
        get_user(actor, query.member_id)
    if query.district_id and db.session.get(District, query.district_id) is None:
        raise NotFound("figures.not_found")
    if query.campaign_ids is None:
        return replace(query, window="all") if query.window == "campaign" else query
    seen = select(Campaign.id, Campaign.starts_on, Campaign.ends_on).where(
        Campaign.id.in_(query.campaign_ids), campaigns_visible_to(actor)
    )
    campaigns = db.session.execute(seen).all()
    if len(campaigns) < len(set(query.campaign_ids)):
        raise NotFound("figures.not_found")
    if query.window != "campaign":
        return query
    return replace(
        query, from_day=min(row.starts_on for row in campaigns), to_day=max(row.ends_on for row in campaigns)
    )


def _counts(actor: Actor, query: FunnelQuery, dimensions: tuple[str, ...]) -> dict[tuple[Any, ...], FunnelCounts]:
    """Counts by the values of the dimensions. A district's value is the key of its row."""
    columns = tuple("district" if name == "place" else name for name in dimensions)
    found: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    fold = _fold(query, dimensions)
    for *values, stage, leads in db.session.execute(counted(query, team_scope(actor), columns)):
        if leads:
            found[fold(values)][stage] += int(leads)
    return {key: FunnelCounts.of(stages) for key, stages in found.items()}


def _fold(query: FunnelQuery, dimensions: tuple[str, ...]) -> Any:
    if "district" not in dimensions:
        return tuple
    row_of = Tree.read().below(query.district_id)
    return lambda values: tuple(
        row_of(value) if name == "district" else value for name, value in zip(dimensions, values, strict=True)
    )


def _rows(query: FunnelQuery, by: str, values: Sequence[Any]) -> list[tuple[Any, Named]]:
    if by == "district":
        return [(one.key, one) for one in Tree.read().rows(values)]
    return named(by, values)


def _total(counts: Iterable[FunnelCounts]) -> FunnelCounts:
    return sum(counts, FunnelCounts())


# --- what a page of the funnel offers to choose from ------------------------------------------------------------


def campaign_choices(actor: Actor) -> Sequence[Any]:
    """(id, code, name, starts_on, ends_on, status, walk_in) of the visible campaigns, the newest first, walk-in last."""
    columns = (
        Campaign.id,
        Campaign.code,
        Campaign.name,
        Campaign.starts_on,
        Campaign.ends_on,
        Campaign.status,
        Campaign.walk_in,
    )
    order = (Campaign.walk_in, Campaign.starts_on.desc(), Campaign.id.desc())
    return db.session.execute(select(*columns).where(campaigns_visible_to(actor)).order_by(*order)).all()


def campaign_named(actor: Actor, text: str) -> int:
    """The id of the visible campaign with that code or id. Raises NotFound."""
    code = select(Campaign.id).where(Campaign.code == text, campaigns_visible_to(actor))
    found = db.session.scalar(code)
    if found is None and text.isascii() and text.isdigit() and len(text) < 10:
        found = db.session.scalar(select(Campaign.id).where(Campaign.id == int(text), campaigns_visible_to(actor)))
    if found is None:
        raise NotFound("figures.not_found")
    return found


def campaign_codes(ids: Iterable[int]) -> dict[int, str]:
    """Codes by id, for keys that people type."""
    return dict(db.session.execute(select(Campaign.id, Campaign.code).where(Campaign.id.in_(list(ids)))).all())
