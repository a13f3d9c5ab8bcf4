"""Plans: their life, four eyes, and what may still change when."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from crm.campaigns import commands, plan_commands, queries
from crm.campaigns.models import Campaign, CampaignTeam
from crm.campaigns.plan_commands import BudgetItem
from crm.campaigns.rules import CampaignModel, Status, fen_of
from crm.districts.commands import create_district
from crm.districts.rules import Kind
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from tests.moments import DAY_1, DAY_2, DAY_6, NOON


def draft(actor, **facts):
    values = {"name": "幸福社区沙龙", "model": "salon", "starts_on": DAY_1, "ends_on": DAY_6, "at": NOON} | facts
    with unit_of_work():
        return commands.create_campaign(actor("olga"), **values)


def plain(campaign, **changes):
    values = {
        "name": campaign.name,
        "model": campaign.model,
        "starts_on": campaign.starts_on,
        "ends_on": campaign.ends_on,
    }
    return values | {"version": campaign.version} | changes


@pytest.mark.parametrize("model", list(CampaignModel))
def test_every_model_can_be_planned(actor, cast, model):
    assert draft(actor, model=model.value).model == model


def test_an_empty_code_becomes_the_next_free_one_of_the_month(actor, cast):
    assert [draft(actor).code, draft(actor, code="202611-02").code, draft(actor).code] == [
        "202611-01",
        "202611-02",
        "202611-03",
    ]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"name": "长" * 300}, "campaign.name_long"),
        ({"name": ""}, "campaign.name"),
        ({"ends_on": DAY_1 - timedelta(days=1)}, "campaign.dates"),
        ({"model": "circus"}, "campaign.model"),
        ({"valid_outcomes": ["magic"]}, "campaign.outcomes"),
        ({"valid_outcomes": []}, "campaign.outcomes"),
        ({"code": "../etc"}, "campaign.code_form"),
        ({"code": "C-ROAD"}, "campaign.code_taken"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(actor, cast, facts, code):
    with pytest.raises(Invalid) as caught:
        draft(actor, **facts)
    assert caught.value.code == code


def test_the_life_of_a_campaign(actor, cast):
    plan = draft(actor)
    for who, to in (
        ("mona", Status.APPROVED), ("olga", Status.DRAFT), ("mona", Status.APPROVED), ("olga", Status.RUNNING),
        ("olga", Status.CLOSED), ("olga", Status.ARCHIVED),
    ):  # fmt: skip
        with unit_of_work():
            commands.set_status(actor(who), plan.id, to)
    assert queries.get_campaign(actor("olga"), plan.id).status == "archived"


def test_who_planned_it_does_not_approve_it_and_the_organiser_never_does(actor, cast):
    plan = draft(actor)
    with pytest.raises(Forbidden), unit_of_work():
        commands.set_status(actor("olga"), plan.id, Status.APPROVED)
    with unit_of_work():
        db.session.get_one(Campaign, plan.id).created_by_id = cast.users["mona"]
    with pytest.raises(Invalid, match="own_approval"), unit_of_work():
        commands.set_status(actor("mona"), plan.id, Status.APPROVED)


def test_a_step_that_leaves_one_out_is_refused(actor, cast):
    plan = draft(actor)
    with pytest.raises(Invalid, match="step"), unit_of_work():
        commands.set_status(actor("olga"), plan.id, Status.RUNNING)


def test_the_walk_in_campaign_cannot_be_edited_away(actor, cast):
    walk_in = db.session.get_one(Campaign, cast.campaigns["walk_in"])
    for act in (
        lambda: commands.change_campaign(actor("olga"), walk_in.id, **plain(walk_in, name="其他")),
        lambda: commands.set_status(actor("olga"), walk_in.id, Status.CLOSED),
        lambda: plan_commands.set_teams(actor("olga"), walk_in.id, {}),
    ):
        with pytest.raises(Invalid, match="walk_in"), unit_of_work():
            act()


def test_a_running_campaign_keeps_its_rule_of_validity_and_its_teams(actor, cast):
    road = db.session.get_one(Campaign, cast.campaigns["roadshow"])
    with pytest.raises(Invalid, match="fixed"), unit_of_work():
        commands.change_campaign(actor("olga"), road.id, **plain(road, valid_outcomes=["applied"]))
    with pytest.raises(Invalid, match="team_stays"), unit_of_work():
        plan_commands.set_teams(actor("olga"), road.id, {cast.teams["red"]: None})
    db.session.expire_all()
    with unit_of_work():
        plan_commands.set_teams(
            actor("olga"), road.id, {cast.teams["red"]: cast.districts["estate"], cast.teams["blue"]: None}
        )
    rows = {row.team_id: row.district_id for row in db.session.scalars(select(CampaignTeam))}
    assert rows == {cast.teams["red"]: cast.districts["estate"], cast.teams["blue"]: None}


def test_what_was_approved_changes_only_after_a_step_back_to_the_desk(actor, cast):
    plan = draft(actor)
    with unit_of_work():
        commands.set_status(actor("mona"), plan.id, Status.APPROVED)
    for change in ({"model": "lecture"}, {"ends_on": DAY_2}, {"valid_outcomes": ["applied"]}, {"valid_rule": "另一条"}):
        with pytest.raises(Invalid, match="approved"), unit_of_work():
            commands.change_campaign(actor("olga"), plan.id, **plain(plan, **change))
        db.session.expire_all()
    with unit_of_work():
        commands.change_campaign(actor("olga"), plan.id, **plain(plan, name="换个名字"))
        commands.set_status(actor("olga"), plan.id, Status.DRAFT)
        commands.change_campaign(actor("olga"), plan.id, **plain(plan, model="lecture"))
    assert (plan.status, plan.approved_by_id, plan.model) == ("draft", None, "lecture")


def test_a_stale_version_changes_nothing(actor, cast):
    plan = draft(actor)
    with unit_of_work():
        commands.change_campaign(actor("olga"), plan.id, **plain(plan, name="第一次"))
    with pytest.raises(Conflict), unit_of_work():
        commands.change_campaign(actor("olga"), plan.id, **plain(plan, name="第二次", version=1))
    assert queries.get_campaign(actor("olga"), plan.id).name == "第一次"


def test_sessions_lie_within_the_campaign_and_are_cancelled_not_deleted(actor, cast):
    road = cast.campaigns["roadshow"]
    with unit_of_work():
        session = plan_commands.add_session(
            actor("olga"), road, name="东门摊位", starts_at=at_local(DAY_2, 9), ends_at=at_local(DAY_2, 15)
        )
    with pytest.raises(Invalid, match="outside"), unit_of_work():
        plan_commands.add_session(
            actor("olga"),
            road,
            name="早了",
            starts_at=at_local(DAY_1 - timedelta(days=1), 9),
            ends_at=at_local(DAY_1, 9),
        )
    with pytest.raises(Invalid, match="times"), unit_of_work():
        plan_commands.change_session(
            actor("olga"), session.id, name="东门摊位", starts_at=at_local(DAY_2, 9), ends_at=at_local(DAY_2, 8)
        )
    with pytest.raises(Invalid, match="long"), unit_of_work():
        plan_commands.change_session(
            actor("olga"), session.id, name="东门摊位", starts_at=at_local(DAY_2, 9), ends_at=at_local(DAY_6, 8)
        )
    campaign = queries.get_campaign(actor("olga"), road)
    with pytest.raises(Invalid, match="session_outside"), unit_of_work():
        commands.change_campaign(actor("olga"), road, **plain(campaign, ends_on=DAY_1))
    with unit_of_work():
        plan_commands.cancel_session(actor("olga"), session.id)
    assert [row.cancelled for row in queries.sessions_of(road)] == [True]


def test_a_district_of_the_plan_is_told_from_its_namesake_by_its_place(actor, cast):
    with unit_of_work():
        for parent, code in (("town", "CG-1"), ("village", "LS-1")):
            create_district(
                actor("olga"), name="老街", kind=Kind.COMMERCIAL, parent_id=cast.districts[parent], code=code
            )
    assert [(row.name, row.place) for row in queries.find_districts("老街")] == [("老街", "城关镇"), ("老街", "柳树村")]
    assert [row.place for row in queries.find_districts("LS-1")] == ["柳树村"]
    with unit_of_work():
        plan_commands.add_district(actor("olga"), cast.campaigns["roadshow"], queries.find_districts("LS-1")[0].id)
    assert ("老街", "柳树村") in [(row.name, row.place) for row in queries.districts_of(cast.campaigns["roadshow"])]


def test_targets_by_team_and_metric_are_seen_by_their_team(actor, cast):
    road, red, blue = cast.campaigns["roadshow"], cast.teams["red"], cast.teams["blue"]
    with unit_of_work():
        plan_commands.set_targets(
            actor("olga"), road, {(None, "accepted"): 40, (red, "consults"): 90, (blue, "consults"): 60}
        )
        plan_commands.set_targets(actor("olga"), road, {(red, "consults"): 100, (blue, "accepted"): None})
    assert queries.targets_of(actor("olga"), road) == {
        (None, "accepted"): 40,
        (red, "consults"): 100,
        (blue, "consults"): 60,
    }
    assert queries.targets_of(actor("bob"), road) == {(None, "accepted"): 40, (red, "consults"): 100}
    for values, error in (
        ({(None, "happiness"): 1}, Invalid),
        ({(None, "visits"): -1}, Invalid),
        ({(999, "visits"): 1}, NotFound),
    ):
        with pytest.raises(error), unit_of_work():
            plan_commands.set_targets(actor("olga"), road, values)


def test_a_closed_campaign_still_takes_its_actual_costs(actor, cast):
    road = cast.campaigns["roadshow"]
    with unit_of_work():
        plan_commands.set_budget(actor("olga"), road, [BudgetItem("帐篷", 120_000), BudgetItem("传单", 30_050)])
        commands.set_status(actor("olga"), road, Status.CLOSED)
    tent, flyers = queries.budget_of(road).lines
    with unit_of_work():
        plan_commands.set_budget(actor("olga"), road, [BudgetItem("帐篷", 120_000, 99_999, id=tent.id)])
    budget = queries.budget_of(road)
    assert (budget.planned_fen, budget.actual_fen, len(budget.lines)) == (120_000, 99_999, 1)
    with pytest.raises(NotFound), unit_of_work():
        plan_commands.set_budget(actor("olga"), road, [BudgetItem("传单", 1, id=flyers.id)])
    with pytest.raises(Invalid, match="closed"), unit_of_work():
        plan_commands.set_targets(actor("olga"), road, {(None, "visits"): 1})


def test_members_may_not_plan(actor, cast):
    with pytest.raises(Forbidden), unit_of_work():
        commands.create_campaign(actor("alice"), name="私活", model="event", starts_on=DAY_1, ends_on=DAY_1, at=NOON)


def test_a_district_that_a_team_works_stays(actor, cast):
    road = cast.campaigns["roadshow"]
    with pytest.raises(Invalid, match="district_worked"), unit_of_work():
        plan_commands.remove_district(actor("olga"), road, cast.districts["market"])
    with unit_of_work():
        plan_commands.add_district(actor("olga"), road, cast.districts["estate"])
        plan_commands.add_district(actor("olga"), road, cast.districts["estate"])
    assert len(queries.districts_of(road)) == 3
    with unit_of_work():
        plan_commands.remove_district(actor("olga"), road, cast.districts["estate"])
    assert len(queries.districts_of(road)) == 2


def test_a_district_with_a_session_stays(actor, cast):
    road, estate = cast.campaigns["roadshow"], cast.districts["estate"]
    occasion = {"name": "摆摊", "starts_at": NOON, "ends_at": NOON + timedelta(hours=1)}
    with unit_of_work():
        plan_commands.add_district(actor("olga"), road, estate)
        stall = plan_commands.add_session(actor("olga"), road, district_id=estate, **occasion)
    with pytest.raises(Invalid, match="district_session"), unit_of_work():
        plan_commands.remove_district(actor("olga"), road, estate)
    with unit_of_work():
        plan_commands.change_session(actor("olga"), stall.id, district_id=None, **occasion)
        plan_commands.remove_district(actor("olga"), road, estate)


def test_the_campaign_of_a_day_is_the_running_one(actor, cast):
    draft(actor, name="草案")
    assert queries.campaign_for_day(actor("alice"), DAY_2).id == cast.campaigns["roadshow"]
    assert queries.campaign_for_day(actor("alice"), DAY_6 + timedelta(days=1)) is None
    assert [row.walk_in for row in queries.open_campaigns(actor("bob"))] == [False, True]


def test_a_campaign_of_other_teams_is_missing(actor, cast):
    plan = draft(actor)
    with pytest.raises(NotFound):
        queries.get_campaign(actor("alice"), plan.id)
    assert plan.id not in {row.id for row in queries.list_campaigns(actor("alice")).items}
    assert plan.id in {
        row.id for row in queries.list_campaigns(actor("olga"), status="draft", model="salon", text="幸福").items
    }


@pytest.mark.parametrize(
    ("typed", "fen"), [("", None), ("12", 1200), ("1，200.5", 120050), ("１２.３４", 1234), ("0", 0)]
)
def test_amounts_as_people_type_them(typed, fen):
    assert fen_of(typed) == fen


@pytest.mark.parametrize("typed", ["-1", "1e9", "NaN", "1.234", "一百", "99999999999", "1.2.3", "1" * 400])
def test_amounts_that_are_none(typed):
    with pytest.raises(Invalid):
        fen_of(typed)
