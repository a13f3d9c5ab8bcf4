"""What the pages of the funnel show, put together before the template sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from crm.districts.queries import district_options
from crm.figures import words
from crm.figures.asking import FunnelQuery
from crm.figures.definitions import FIGURES, NOTES, Figure
from crm.figures.field_work import VisitCounts, Visits, visits
from crm.figures.funnels import Funnel, campaign_choices, daily, funnel, widened
from crm.figures.labels import MODELS, WITHOUT, code_label
from crm.figures.rules import FUNNEL_STAGES, MINIMUM_BASE, FunnelCounts, Rate
from crm.kernel.actor import Actor
from crm.kernel.clock import zone
from crm.leads.policy import LeadPermission
from crm.leads.rules import Approach, Trade
from crm.people.policy import team_scope
from crm.people.queries import list_teams, team_names, user_names

NEXT_GROUP = {
    "campaign": "team", "team": "member", "district": "district", "place": "team", "model": "campaign",
    "trade": "team", "approach": "team", "member": "day", "day": "team",
}  # fmt: skip
"""Clicking a row narrows the question to it and groups by the next thing that people ask."""
MOST_BARS = 20
NOT_IN_COHORT = frozenset({"visits_valid", "visits_touched"})
SHOWN_FIGURES = frozenset(
    {"visits_valid", "visits_touched", *FUNNEL_STAGES, "application_rate", "acceptance_rate", "overall_rate"}
)

Choices = list[tuple[Any, Any]]


@dataclass(frozen=True)
class Step:
    """One bar of the funnel: its count, the rate from the step before and what was lost on the way (None where nothing can be said)."""

    code: str
    label: Any
    count: int
    rate: Rate | None
    lost: Rate | None
    url: str | None


@dataclass(frozen=True)
class ShownRow:
    """A line of the table. `urls` open the records behind each stage, "" where the reader may not see them."""

    label: Any
    counts: FunnelCounts
    visits: VisitCounts
    url: str | None
    urls: dict[str, str]


@dataclass(frozen=True)
class Picture:
    """The chart over the rows."""

    kind: str
    names: list[str]
    series: list[tuple[str, list[int]]]
    left_out: int


@dataclass(frozen=True)
class FunnelPage:
    """Everything the funnel page shows."""

    query: FunnelQuery
    by: str
    steps: list[Step]
    rows: list[ShownRow]
    total: ShownRow
    picture: Picture
    filters: list[tuple[str, Any, Any]]
    choices: dict[str, Choices]
    chosen: dict[str, str]
    minimum: dict[str, int]
    definitions: list[Figure]
    with_visits: bool
    description: str
    csv_url: str
    as_of: datetime


def funnel_page(actor: Actor, query: FunnelQuery, *, at: datetime, zone_name: str) -> FunnelPage:
    """The page for that question; `at` is the moment of asking."""
    found = answer(actor, query)
    period = query.view == "period"
    walked = visits(actor, query) if period else Visits({}, VisitCounts())
    found = widened(found, walked.by_key)
    may_open = actor.may(LeadPermission.VIEW)
    links = _Links(found.query, zone_name, may_open)
    choices = _choices(actor, found.query)
    filters = _filters(found.query, choices, zone_name)
    chosen = _chosen(found.query, zone_name)
    return FunnelPage(
        query=found.query,
        by=query.by or "team",
        steps=_steps(found.total, links.records(None)),
        rows=[
            ShownRow(row.label, row.counts, walked.at(row.key), links.narrower(row.key), links.records(row.key))
            for row in found.rows
        ],
        total=ShownRow(_("Total"), found.total, walked.total, None, links.records(None)),
        picture=_picture(found),
        filters=filters,
        choices=_with_chosen(choices, chosen, filters),
        chosen=chosen,
        minimum=dict(MINIMUM_BASE),
        definitions=definitions(query),
        with_visits=period,
        description=description(actor, found.query, filters),
        csv_url=address("figures.funnel_csv", found.query, zone_name),
        as_of=(found.as_of or at).astimezone(zone(zone_name)),
    )


def answer(actor: Actor, query: FunnelQuery) -> Funnel:
    """The funnel of the page: a line of days has no holes."""
    return daily(actor, query) if query.by == "day" else funnel(actor, query)


def definitions(query: FunnelQuery) -> list[Figure]:
    """The definitions of what the page shows, in its view."""
    left_out = NOT_IN_COHORT if query.view == "cohort" else frozenset()
    other = "view_period" if query.view == "cohort" else "view_cohort"
    shown = [figure for figure in FIGURES if figure.code in SHOWN_FIGURES - left_out]
    return shown + [note for note in NOTES if note.code != other]


def description(actor: Actor, query: FunnelQuery, filters: Sequence[tuple[str, Any, Any]]) -> str:
    """The view, the days, whose teams are counted where it is not all of them, and the filters, in one line."""
    parts = [str(words.VIEWS[query.view]), days_text(query)]
    scope, names = team_scope(actor), team_names()
    if scope is not None:
        own = "、".join(names.get(one, "") for one in sorted(scope)) or _("No team")
        parts.append(_("Only: %(teams)s", teams=own))
    parts += [f"{label}: {shown}" for key, label, shown in filters if key not in ("from", "to")]
    return " · ".join(parts)


def address(endpoint: str, query: FunnelQuery, zone_name: str, **more: str) -> str:
    """Where a page answers that question."""
    values: dict[str, Any] = {**query.to_args(zone_name), **more}
    return url_for(endpoint, **values)


def described(actor: Actor, query: FunnelQuery, zone_name: str) -> str:
    """What a page of records says of its question: view, days, filters."""
    return description(actor, query, _filters(query, _choices(actor, query), zone_name))


def days_text(query: FunnelQuery) -> str:
    """The days of the question in words."""
    if query.from_day and query.to_day:
        first, last = query.from_day.isoformat(), query.to_day.isoformat()
        return first if first == last else _("%(first)s to %(last)s", first=first, last=last)
    if query.from_day:
        return str(_("from %(first)s", first=query.from_day.isoformat()))
    if query.to_day:
        return str(_("until %(last)s", last=query.to_day.isoformat()))
    return str(words.WINDOWS["all"])


class _Links:
    """Addresses that ask about one row."""

    def __init__(self, query: FunnelQuery, zone_name: str, may_open: bool) -> None:
        self.query = query
        self.zone_name = zone_name
        self.may_open = may_open

    def records(self, key: str | None) -> dict[str, str]:
        if not self.may_open:
            return {}
        query = replace(self.query, by=None) if key is None else self.query.narrowed(key)
        return {stage: address("figures.records", query, self.zone_name, stage=stage) for stage in FUNNEL_STAGES}

    def narrower(self, key: str) -> str:
        query = self.query.narrowed(key)
        by = "team" if self.query.by == "district" and query.district_only else NEXT_GROUP[self.query.by or "team"]
        return address("figures.funnel", replace(query, by=by), self.zone_name)


def _steps(total: FunnelCounts, urls: dict[str, str]) -> list[Step]:
    steps: list[Step] = []
    before: int | None = None
    for code in FUNNEL_STAGES:
        count = int(getattr(total, code))
        rate = None if before is None else Rate(count, before)
        # In the period view a stage can hold more than the one before; then nothing was lost that could be named.
        lost = Rate(rate.n - rate.k, rate.n) if rate and rate.n and rate.k <= rate.n else None
        steps.append(Step(code, words.STAGES[code], count, rate, lost, urls.get(code)))
        before = count
    return steps


def _picture(found: Funnel) -> Picture:
    lines = found.query.by == "day"
    rows = found.rows if lines else found.rows[:MOST_BARS]
    series = [(str(words.STAGES[code]), [int(getattr(row.counts, code)) for row in rows]) for code in FUNNEL_STAGES[:3]]
    return Picture("line" if lines else "bar", [str(row.label) for row in rows], series, len(found.rows) - len(rows))


def _choices(actor: Actor, query: FunnelQuery) -> dict[str, Choices]:
    chosen = query.district_id or None
    return {
        "campaign": [(row.id, row.name) for row in campaign_choices(actor)],
        "team": [(team.id, team.name) for team in list_teams(actor, active_only=False)],
        "district": [(number, name) for number, name in district_options(actor, chosen=chosen)],
        "model": [(code, code_label("model", code)) for code in MODELS],
        "trade": [(code.value, code_label("trade", code.value)) for code in Trade],
        "approach": [(code.value, code_label("approach", code.value)) for code in Approach],
    }


def _chosen(query: FunnelQuery, zone_name: str) -> dict[str, str]:
    """The filters in force as one value each, so that a form with one field for each sends back all that was asked."""
    given = query.to_args(zone_name)
    return {key: value if isinstance(value, str) else ",".join(value) for key, value in given.items()}


def _with_chosen(
    choices: dict[str, Choices], chosen: dict[str, str], filters: Sequence[tuple[str, Any, Any]]
) -> dict[str, Choices]:
    """The choices with those in force that are none of the usual ones: several campaigns, a district without what lies in it, none."""
    within = [(1, _("1 day")), (3, _("3 days")), (7, _("7 days")), (30, _("30 days")), (90, _("90 days"))]
    found: dict[str, Choices] = choices | {"within": list(within)}
    for key, _label, shown in filters:
        if key in found and chosen[key] not in {str(value) for value, _words in found[key]}:
            found[key] = [*found[key], (chosen[key], shown)]
    return found


def _filters(query: FunnelQuery, choices: dict[str, Choices], zone_name: str) -> list[tuple[str, Any, Any]]:
    """Filters in force as (name in the address, label, shown value)."""
    given = query.to_args(zone_name)
    found: list[tuple[str, Any, Any]] = []
    for key in ("from", "to"):
        if key in given:
            found.append((key, _("First day") if key == "from" else _("Last day"), given[key]))
    for key in ("campaign", "team", "district", "model", "trade", "approach", "member"):
        if key in given:
            found.append((key, words.GROUPS["place" if key == "district" else key], _shown(query, key, choices)))
    if query.within_days is not None:
        found.append(("within", _("Within"), _("%(days)s days", days=query.within_days)))
    if query.as_of is not None:
        found.append(("as_of", _("As known at"), str(given["as_of"]).replace("T", " ")))
    return found


def _shown(query: FunnelQuery, key: str, choices: dict[str, Choices]) -> str:
    if key == "campaign":
        titles = dict(choices[key])
        return "、".join(str(titles.get(one, one)) for one in query.campaign_ids or ())
    value = {
        "team": query.team_id, "district": query.district_id, "member": query.member_id,
        "model": query.model, "trade": query.trade, "approach": query.approach,
    }[key]  # fmt: skip
    if value in (0, ""):
        return str(WITHOUT[key])
    names: dict[Any, Any] = dict(user_names()) if key == "member" else dict(choices[key])
    text = str(names.get(value, value))
    return _("%(name)s itself", name=text) if key == "district" and query.district_only else text
