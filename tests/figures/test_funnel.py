"""The funnel equals an independent count of the raw ledger, in every view, group and filter."""

from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from crm.campaigns.models import Campaign
from crm.figures.asking import FunnelQuery, key_of
from crm.figures.queries import daily, funnel, funnel_as_of, matrix, records_behind
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.errors import Forbidden, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.models import Lead
from tests import make
from tests.figures.making import LAST, random_story, recount, tally, tally_cohort
from tests.moments import DAY_1, DAY_2, DAY_3

GROUP = {
    "campaign": lambda mark: key_of("campaign", mark.campaign),
    "team": lambda mark: key_of("team", mark.team),
    "place": lambda mark: key_of("place", mark.district),
    "district": lambda mark: key_of("district", mark.path[0] if mark.path else 0),
    "model": lambda mark: mark.model,
    "trade": lambda mark: key_of("trade", mark.trade),
    "approach": lambda mark: key_of("approach", mark.approach),
    "member": lambda mark: key_of("member", mark.member),
    "day": lambda mark: mark.day.isoformat(),
}


@pytest.fixture
def story(cast, actor, once):
    return once("story", lambda: random_story(cast, actor, leads=120))


def as_dict(found):
    return {row.key: asdict(row.counts) for row in found.rows}


def test_period_and_cohort_equal_an_independent_count_in_every_group(story, actor):
    olga, marks = actor("olga"), recount()
    assert len(marks) > 180
    for by, group in GROUP.items():
        found = funnel(olga, FunnelQuery(by=by))
        assert as_dict(found) == tally(marks, group), by
        for within in (None, 0, 2):
            cohort = funnel(olga, FunnelQuery(by=by, view="cohort", within_days=within))
            assert as_dict(cohort) == tally_cohort(marks, group, within=within), (by, within)


def test_every_filter_equals_an_independent_count_and_parts_add_up(story, cast, actor):
    olga, marks = actor("olga"), recount()
    window = {"from_day": DAY_2, "to_day": DAY_1 + timedelta(days=5)}
    filters = [
        ({"team_id": cast.teams["red"]}, lambda mark: mark.team == cast.teams["red"]),
        ({"team_id": 0}, lambda mark: mark.team == 0),
        ({"district_id": cast.districts["town"]}, lambda mark: cast.districts["town"] in mark.path),
        (
            {"district_id": cast.districts["town"], "district_only": True},
            lambda mark: mark.district == cast.districts["town"],
        ),
        ({"model": "salon"}, lambda mark: mark.model == "salon"),
        ({"trade": "catering"}, lambda mark: mark.trade == "catering"),
        ({"approach": ""}, lambda mark: mark.approach == ""),
        ({"member_id": cast.users["bob"]}, lambda mark: mark.member == cast.users["bob"]),
        ({"campaign_ids": (cast.campaigns["roadshow"],)}, lambda mark: mark.campaign == cast.campaigns["roadshow"]),
    ]
    for given, holds in filters:
        for view in ("period", "cohort"):
            chosen = [mark for mark in marks if holds(mark) and window["from_day"] <= mark.day <= window["to_day"]]
            query = FunnelQuery(view=view, **window, **given)
            count = (
                tally_cohort(marks, lambda _: "", chosen=chosen.__contains__)
                if view == "cohort"
                else tally(chosen, lambda _: "")
            )
            total = funnel(olga, query).total
            assert asdict(total) == (count.get("") or dict.fromkeys(asdict(total), 0)), (given, view)
            for by in GROUP:
                grouped = funnel(olga, replace(query, by=by))
                assert grouped.total == total, (given, view, by)
                assert sum((row.counts.consult for row in grouped.rows), 0) == total.consult


def test_districts_below_a_parent_are_its_children_and_itself(story, cast, actor):
    found = funnel(actor("olga"), FunnelQuery(by="district", district_id=cast.districts["town"]))
    town, market, estate = (str(cast.districts[name]) for name in ("town", "market", "estate"))
    assert [row.key for row in found.rows] == [f"only:{town}", market, estate]
    marks = [mark for mark in recount() if int(town) in mark.path]
    expected = tally(marks, lambda mark: str(mark.path[1]) if len(mark.path) > 1 else f"only:{town}")
    assert as_dict(found) == expected


def test_the_figures_of_a_past_moment_are_what_the_server_knew_then(story, cast, actor):
    olga = actor("olga")
    road = cast.campaigns["roadshow"]
    different = 0
    for moment in [at_local(DAY_1 + timedelta(days=step), 18) for step in range(1, 12)]:
        marks = recount(moment)
        for by, group in GROUP.items():
            assert as_dict(funnel(olga, FunnelQuery(by=by, as_of=moment))) == tally(marks, group), (moment, by)
        cohort = funnel(olga, FunnelQuery(by="team", view="cohort", within_days=1, as_of=moment))
        assert as_dict(cohort) == tally_cohort(marks, GROUP["team"], within=1)
        known = funnel_as_of(olga, road, cast.teams["red"], DAY_1, LAST, moment)
        live = funnel(olga, FunnelQuery(campaign_ids=(road,), team_id=cast.teams["red"], from_day=DAY_1, to_day=LAST))
        different += known.total != live.total
    assert different > 3


def test_as_of_now_equals_live(story, actor):
    later = max(story) + timedelta(days=40)
    for view in ("period", "cohort"):
        for by in GROUP:
            query = FunnelQuery(view=view, by=by, within_days=3 if view == "cohort" else None)
            assert as_dict(funnel(actor("olga"), replace(query, as_of=later))) == as_dict(funnel(actor("olga"), query))


def test_alice_sees_the_red_team_only(story, cast, actor):
    alice = actor("alice")
    red = [mark for mark in recount() if mark.team == cast.teams["red"]]
    for by, group in GROUP.items():
        assert as_dict(funnel(alice, FunnelQuery(by=by))) == tally(red, group)
    hidden = (
        {"team_id": cast.teams["blue"]},
        {"team_id": 999},
        {"campaign_ids": (999,)},
        {"member_id": cast.users["dora"]},
    )
    for given in hidden:
        with pytest.raises(NotFound):
            funnel(alice, FunnelQuery(**given))
    assert funnel(alice, FunnelQuery(team_id=0)).total.consult == 0


def test_the_rows_behind_a_count_are_as_many_as_it_says(story, cast, actor):
    olga = actor("olga")
    for view in ("period", "cohort"):
        for by in GROUP:
            query = FunnelQuery(
                view=view,
                by=by,
                from_day=DAY_2,
                to_day=DAY_1 + timedelta(days=6),
                within_days=2 if view == "cohort" else None,
            )
            for row in funnel(olga, query).rows:
                for stage, count in asdict(row.counts).items():
                    page = records_behind(olga, query, stage, row.key)
                    assert page.total == count, (view, by, row.key, stage)
                    assert len(page.items) == min(count, page.per_page)


def test_a_lead_that_moved_on_counts_for_the_old_team_but_shows_nothing(cast, actor):
    with unit_of_work():
        lead = make.lead(
            actor("bob"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            name="<b>赵钱孙",
            shop="老店",
        )
    query = FunnelQuery()
    assert records_behind(actor("alice"), query, "consult").items[0].name == "<**"
    with unit_of_work():
        db.session.get_one(Lead, lead.lead_id).team_id = cast.teams["blue"]
    page = records_behind(actor("alice"), query, "consult")
    assert (page.total, page.items[0].lead_id, page.items[0].name, page.items[0].shop) == (1, None, "", "")
    assert records_behind(actor("charlie"), query, "consult").total == 0


def test_who_may_not_see_leads_sees_no_records(cast, actor):
    for name in ("tim", "audrey"):
        with pytest.raises(Forbidden):
            records_behind(actor(name), FunnelQuery(), "consult")
    with pytest.raises(Invalid):
        records_behind(actor("olga"), FunnelQuery(), "coffee")


def test_days_and_teams_cross_to_the_same_total(story, actor):
    olga = actor("olga")
    crossed = matrix(olga, FunnelQuery(), "team", "day")
    marks = recount()
    expected = tally(marks, lambda mark: (GROUP["team"](mark), GROUP["day"](mark)))
    assert {key: asdict(counts) for key, counts in crossed.cells.items()} == expected
    assert (
        sum((crossed.at(row.key, column.key).accepted for row in crossed.rows for column in crossed.columns), 0)
        == funnel(olga, FunnelQuery()).total.accepted
    )


def test_a_day_line_has_no_holes(cast, actor):
    with unit_of_work():
        for day in (DAY_1, DAY_3):
            make.lead(
                actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], at=at_local(day, 9)
            )
    found = daily(actor("bob"), FunnelQuery())
    assert [(row.key, row.counts.consult) for row in found.rows] == [
        (DAY_1.isoformat(), 1),
        (DAY_2.isoformat(), 0),
        (DAY_3.isoformat(), 1),
    ]


def test_a_minute_around_midnight_decides_the_day_in_the_banks_zone(cast, actor):
    with unit_of_work():
        for at in (at_local(DAY_2, 0, 1), at_local(DAY_1, 23, 59)):
            make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], at=at)
    assert at_local(DAY_2, 0, 1).date() == DAY_1  # in UTC both are of the day before
    for day in (DAY_1, DAY_2):
        assert funnel(actor("olga"), FunnelQuery(from_day=day, to_day=day)).total.consult == 1


def test_without_leads_every_rate_is_a_dash(actor):
    total = funnel(actor("olga"), FunnelQuery()).total
    assert [rate.percent() for rate in (total.application_rate, total.acceptance_rate, total.overall_rate)] == ["—"] * 3


def test_the_window_of_a_campaign_is_its_own_days(cast, actor):
    road = cast.campaigns["roadshow"]
    with unit_of_work():
        # What was recorded before the first day was moved to a later one.
        db.session.get_one(Campaign, road).starts_on = DAY_1 - timedelta(days=1)
        for day in (DAY_1 - timedelta(days=1), DAY_1, DAY_2):
            make.lead(actor("bob"), campaign_id=road, team_id=cast.teams["red"], at=at_local(day, 9))
        db.session.get_one(Campaign, road).starts_on = DAY_1
    found = funnel(actor("olga"), FunnelQuery(campaign_ids=(road,), window="campaign"))
    assert (found.query.from_day, found.query.to_day, found.total.consult) == (DAY_1, DAY_1 + timedelta(days=5), 2)


def test_the_period_view_reads_rollups_only(story, cast, actor, queries):
    olga = actor("olga")
    for by in ("campaign", "team", "district", "place", "model", "day", "member", None):
        with queries() as seen:
            funnel(olga, FunnelQuery(by=by, from_day=DAY_1, to_day=DAY_3))
        assert seen.count <= 3
        statements = " ".join(seen.statements)
        assert "stage_entry" not in statements
        assert "lead_stage" not in statements


def test_a_filtered_period_is_found_by_its_key(story, cast, actor, queries):
    if db.engine.dialect.name != "sqlite":
        return
    with queries() as seen:
        funnel(
            actor("olga"),
            FunnelQuery(by="team", campaign_ids=(cast.campaigns["roadshow"],), from_day=DAY_1, to_day=DAY_3),
        )
    counting = next(one for one in seen.statements if "funnel_day" in one)
    plan = db.session.execute(text("EXPLAIN QUERY PLAN " + counting.replace("?", "1"))).all()
    steps = " / ".join(row[-1] for row in plan)
    assert "SEARCH funnel_day USING PRIMARY KEY" in steps, steps
    assert "SCAN" not in steps, steps
