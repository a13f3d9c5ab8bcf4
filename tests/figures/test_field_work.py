"""Visits beside the funnel, and targets against what was reached."""

import pytest

from crm.campaigns.models import Target
from crm.figures.asking import FunnelQuery
from crm.figures.queries import VisitCounts, completion, visit_matrix, visits
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.rules import Stage
from tests import make
from tests.figures.making import visit
from tests.moments import DAY_1, DAY_2, DAY_3


@pytest.fixture
def walked(cast):
    with unit_of_work():
        visit(cast, who="bob")
        visit(cast, who="bob", day=DAY_2, valid=False, district="estate")
        visit(cast, who="alice", day=DAY_2, voided_at=at_local(DAY_3, 9), void_reason="重复")
        visit(cast, who="dora", team="blue", district="village", campaign="walk_in")


def test_valid_and_touched_visits_stand_side_by_side_and_undone_ones_leave(walked, cast, actor):
    red, blue = str(cast.teams["red"]), str(cast.teams["blue"])
    found = visits(actor("olga"), FunnelQuery(by="team"))
    assert found.by_key == {red: VisitCounts(1, 1), blue: VisitCounts(1, 0)}
    assert found.total == VisitCounts(2, 1)
    assert visits(actor("alice"), FunnelQuery()).total == VisitCounts(1, 1)
    assert visits(actor("olga"), FunnelQuery(by="model", model="roadshow")).by_key == {"roadshow": VisitCounts(1, 1)}
    town = visits(actor("olga"), FunnelQuery(by="district", district_id=cast.districts["town"]))
    assert town.by_key == {
        str(cast.districts["market"]): VisitCounts(1, 0),
        str(cast.districts["estate"]): VisitCounts(0, 1),
    }
    assert visit_matrix(actor("olga"), FunnelQuery(), ("team", "day"))[red, DAY_2.isoformat()] == VisitCounts(0, 1)


def test_a_visit_undone_later_counted_then(walked, actor):
    assert visits(actor("olga"), FunnelQuery(as_of=at_local(DAY_3, 8))).total == VisitCounts(3, 1)
    assert visits(actor("olga"), FunnelQuery(as_of=at_local(DAY_1, 8))).total == VisitCounts()


TARGETS = (
    (None, "consults", 4),
    ("red", "consults", 2),
    ("red", "accepted", 0),
    ("blue", "visits", 3),
    ("red", "visits", 3),
)


def test_completion_sets_targets_against_the_campaigns_own_days(walked, cast, actor):
    road = cast.campaigns["roadshow"]
    with unit_of_work():
        for team, metric, value in TARGETS:
            db.session.add(Target(campaign_id=road, team_id=cast.teams.get(team), metric=metric, value=value))
        for name, stage in (("bob", Stage.ACCEPTED), ("dora", Stage.CONSULT), ("bob", Stage.CONSULT)):
            team = "blue" if name == "dora" else "red"
            make.lead(actor(name), campaign_id=road, team_id=cast.teams[team], stage=stage)
    found = {(one.team, one.metric): (one.actual, one.target, one.percent()) for one in completion(actor("olga"), road)}
    assert found == {
        (None, "consults"): (3, 4, "75.0%"),
        ("红队", "consults"): (2, 2, "100.0%"),
        ("红队", "accepted"): (1, 0, "—"),
        ("红队", "visits"): (1, 3, "33.3%"),
        ("蓝队", "visits"): (0, 3, "0.0%"),
    }
    assert {one.team for one in completion(actor("alice"), road)} == {"红队"}
    early = {(one.team, one.metric): one.actual for one in completion(actor("olga"), road, through=DAY_1)}
    assert (early[None, "consults"], early["红队", "visits"]) == (0, 1)
    with pytest.raises(NotFound):
        completion(actor("alice"), 999)
