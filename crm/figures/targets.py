"""What was to be reached and what was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction

from sqlalchemy import select

from crm.campaigns.models import Target
from crm.campaigns.rules import Metric
from crm.figures.asking import FunnelQuery
from crm.figures.field_work import VisitCounts, visits
from crm.figures.funnels import funnel, settled
from crm.figures.rules import NO_VALUE, FunnelCounts, round_half_up
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.people.policy import team_scope
from crm.people.queries import team_names

METRICS: dict[str, str] = {
    Metric.VISITS: "visits_valid",
    Metric.CONSULTS: "consult",
    Metric.APPLICATIONS: "application",
    Metric.ACCEPTED: "accepted",
    Metric.APPROVED: "approved",
    Metric.DISBURSED: "disbursed",
}
"""The metric of a target -> the figure that answers it."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One target beside what was reached. `team_id` None is the whole campaign; `figure` is a code of the definitions."""

    metric: str
    figure: str
    team_id: int | None
    team: str | None
    target: int
    actual: int

    @property
    def share(self) -> Fraction | None:
        """Reached of the target; None for a target of 0."""
        return Fraction(self.actual, self.target) if self.target else None

    def percent(self, digits: int = 1) -> str:
        """The share as people read it, — for a target of 0. Halves round up."""
        share = self.share
        return NO_VALUE if share is None else f"{round_half_up(share * 100, digits)}%"


def completion(
    actor: Actor, campaign_id: int, *, through: date | None = None, as_of: datetime | None = None
) -> tuple[Completion, ...]:
    """The targets of a campaign against its own days, or those through a day: first the whole campaign's, then the teams' in scope.

    The whole campaign's are given only to those who see all teams: others would set them against their own team's counts.
    Raises NotFound for a campaign that the actor may not see. Targets in a metric that no figure answers are left out.
    """
    query = settled(actor, FunnelQuery(campaign_ids=(campaign_id,), window="campaign", by="team", as_of=as_of))
    if through is not None and query.to_day is not None:
        query = replace(query, to_day=min(query.to_day, through), window="")
    reached, walked = funnel(actor, query), visits(actor, query)
    counts = {row.key: row.counts for row in reached.rows}
    scope, names = team_scope(actor), team_names()
    order = (Target.team_id.is_not(None), Target.team_id, Target.id)
    rows = db.session.execute(
        select(Target.team_id, Target.metric, Target.value).where(Target.campaign_id == campaign_id).order_by(*order)
    )
    found = []
    for team_id, metric, value in rows:
        if metric not in METRICS or (scope is not None and team_id not in scope):
            continue
        key = str(team_id)
        funnel_counts = reached.total if team_id is None else counts.get(key, FunnelCounts())
        visit_counts = walked.total if team_id is None else walked.at(key)
        figure = METRICS[metric]
        found.append(
            Completion(
                metric, figure, team_id, names.get(team_id or 0), value, _actual(figure, funnel_counts, visit_counts)
            )
        )
    return tuple(found)


def _actual(figure: str, counts: FunnelCounts, walked: VisitCounts) -> int:
    return walked.valid if figure == "visits_valid" else int(getattr(counts, figure))
