"""Pages of campaigns: who may open what, what is refused and how, that nothing is sent twice or overwritten."""

import pytest
from sqlalchemy import func, select

from crm.campaigns import plan_commands, queries
from crm.campaigns.commands import create_campaign
from crm.campaigns.models import BudgetLine, Campaign, CampaignDistrict, CampaignSession, CampaignTeam, Target
from crm.campaigns.plan_commands import BudgetItem
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from tests.moments import DAY_1, DAY_2, DAY_6, NOON

MARKUP = "<script>alert(1)</script>"
FACTS = {
    "name": "柳树村大集", "model": "festival", "starts_on": "2026-11-20", "ends_on": "2026-11-21",
    "valid_outcomes": ["consulted", "applied"], "code": "", "place": "", "goal": "", "valid_rule": "",
}  # fmt: skip


def plan(actor, **facts):
    values = {"name": "草案", "model": "salon", "starts_on": DAY_1, "ends_on": DAY_6, "at": NOON} | facts
    with unit_of_work():
        return create_campaign(actor("olga"), **values).id


def count(model):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model))


def test_everybody_sees_the_list_and_members_see_their_own(client_of, actor, cast):
    plan(actor, name="别人的沙龙")
    for who in ("adam", "audrey", "mona", "olga", "tim"):
        assert "别人的沙龙" in client_of(who).get("/campaigns").text
    text = client_of("bob").get("/campaigns").text
    assert "别人的沙龙" not in text
    assert "东大街路演" in text
    assert "自然到访" in text


@pytest.mark.parametrize(
    "query",
    [
        "status=draft",
        "model=salon",
        "q=%25",
        "view=calendar&month=2026-11",
        "view=calendar&month=x",
        "page=99",
    ],
)
def test_the_list_stands_any_filter(client_of, cast, query):
    assert client_of("olga").get(f"/campaigns?{query}", follow_redirects=True).status_code == 200


def test_the_list_asks_the_database_a_bounded_number_of_questions(client_of, actor, cast, queries):
    client = client_of("olga")
    client.get("/campaigns")
    db.session.remove()  # what this test still holds would spare the page a question
    with queries() as few:
        client.get("/campaigns")
    for number in range(20):
        plan(actor, name=f"沙龙 {number}")
    db.session.remove()
    with queries() as many:
        client.get("/campaigns")
    assert many.count == few.count


def test_a_hidden_campaign_and_a_missing_one_answer_alike(client_of, actor, cast):
    hidden = plan(actor)
    pages = [client_of("alice").get(f"/campaigns/{number}") for number in (hidden, 9999, 2**63)]
    assert {page.status_code for page in pages} == {404}
    assert client_of("alice").post(f"/campaigns/{hidden}/status", data={"to": "running"}).status_code == 404


@pytest.mark.parametrize("path", ["edit", "teams", "districts", "targets", "budget", "sessions/new"])
@pytest.mark.parametrize("who", ["alice", "bob", "mona", "audrey", "adam"])
def test_only_organisers_plan(client_of, cast, who, path):
    assert client_of(who).get(f"/campaigns/{cast.campaigns['roadshow']}/{path}").status_code == 403
    assert client_of("olga").get(f"/campaigns/{cast.campaigns['roadshow']}/{path}").status_code == 200


def test_a_campaign_is_planned_approved_and_started(client_of, cast):
    olga, mona = client_of("olga"), client_of("mona")
    answer = olga.post("/campaigns/new", data=FACTS)
    assert answer.status_code == 302
    campaign = db.session.scalar(select(Campaign).where(Campaign.name == "柳树村大集"))
    assert (campaign.valid_outcomes, campaign.code) == (["consulted", "applied"], "202611-01")
    page = mona.get(answer.location).text
    assert "step-approved" in page
    assert "step-running" not in page
    steps = ((mona, "approved"), (olga, "running"))
    for version, (client, to) in enumerate(steps, start=1):
        assert client.post(f"/campaigns/{campaign.id}/status", data={"to": to, "version": version}).status_code == 302
    assert olga.post(f"/campaigns/{campaign.id}/status", data={"to": "closed", "version": 1}).status_code == 409
    assert olga.post(f"/campaigns/{campaign.id}/status", data={"to": "nonsense", "version": 3}).status_code == 404
    assert (
        client_of("tim").post(f"/campaigns/{campaign.id}/status", data={"to": "archived", "version": 3}).status_code
        == 422
    )


def test_a_double_submit_makes_one_campaign(client_of, cast):
    before = count(Campaign)
    client = client_of("olga")
    answers = [client.post("/campaigns/new", data=FACTS | {"client_uid": "one-form"}) for _ in range(2)]
    assert answers[0].location == answers[1].location
    assert count(Campaign) == before + 1


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"name": "长" * 300}, "120"),
        ({"name": ""}, "必填"),
        ({"ends_on": "2026-11-19"}, "结束日期"),
        ({"starts_on": "0001-01-01"}, "2000"),
        ({"ends_on": "99999-01-01"}, None),
        ({"starts_on": "tomorrow"}, None),
        ({"model": "circus"}, None),
        ({"valid_outcomes": []}, None),
        ({"valid_outcomes": ["magic"]}, None),
        ({"code": "C-ROAD"}, "C-ROAD"),
        ({"code": "../../etc"}, None),
    ],
)
def test_a_plan_that_makes_no_sense_comes_back_with_what_was_typed(client_of, cast, facts, words):
    before = count(Campaign)
    answer = client_of("olga").post("/campaigns/new", data=FACTS | {"place": "村口老槐树"} | facts)
    assert answer.status_code == 422
    assert "村口老槐树" in answer.text
    if words:
        assert words in answer.text
    assert count(Campaign) == before


def test_markup_in_every_field_stays_text(client_of, actor, cast):
    road = cast.campaigns["roadshow"]
    number = plan(actor, name=MARKUP, place=MARKUP, goal=MARKUP, valid_rule=MARKUP)
    with unit_of_work():
        plan_commands.add_session(
            actor("olga"),
            number,
            name=MARKUP,
            starts_at=at_local(DAY_2, 9),
            ends_at=at_local(DAY_2, 10),
            place=MARKUP,
            note=MARKUP,
        )
        plan_commands.set_budget(actor("olga"), number, [BudgetItem(MARKUP, 1, 1, MARKUP)])
    client = client_of("olga")
    paths = [
        "/campaigns",
        "/campaigns?view=calendar&month=2026-11",
        f"/campaigns?q={MARKUP}",
        f"/campaigns/{road}/districts?q={MARKUP}",
    ]
    paths += [
        f"/campaigns/{number}{rest}"
        for rest in ("", "/edit", "/teams", "/districts", "/targets", "/budget", "/sessions/new", "/sessions/1")
    ]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200
        assert MARKUP not in answer.text


def test_a_stale_form_overwrites_nothing(client_of, actor, cast):
    number = plan(actor)
    client = client_of("olga")
    assert client.post(f"/campaigns/{number}/edit", data=FACTS | {"version": 1, "name": "甲"}).status_code == 302
    late = client.post(f"/campaigns/{number}/edit", data=FACTS | {"version": 1, "name": "乙"})
    assert late.status_code == 409
    assert "乙" in late.text
    assert db.session.get_one(Campaign, number).name == "甲"
    for path, data in (("teams", {}), ("targets", {"t-0-visits": "5"}), ("budget", {"line": "new0", "item-new0": "x"})):
        assert client.post(f"/campaigns/{number}/{path}", data=data | {"version": 1}).status_code == 409
    assert (count(Target), count(BudgetLine)) == (0, 0)


def test_teams_with_their_districts(client_of, actor, cast):
    number = plan(actor)
    red, market = cast.teams["red"], cast.districts["market"]
    client = client_of("olga")
    client.post(f"/campaigns/{number}/districts", data={"district": market, "act": "add"})
    answer = client.post(f"/campaigns/{number}/teams", data={"version": 2, "team": [red], f"district-{red}": market})
    assert answer.status_code == 302
    assert db.session.get(CampaignTeam, (number, red)).district_id == market
    assert client_of("bob").get(f"/campaigns/{number}").status_code == 200
    assert client_of("dora").get(f"/campaigns/{number}").status_code == 404
    assert client.post(f"/campaigns/{number}/districts", data={"district": market, "act": "remove"}).status_code == 422
    for bad in ("99999", "x", str(2**63)):
        assert client.post(f"/campaigns/{number}/teams", data={"version": 3, "team": [bad]}).status_code in (404, 422)
        assert client.post(f"/campaigns/{number}/districts", data={"district": bad}).status_code == 404
    assert count(CampaignDistrict) == 3


def test_a_session_is_added_once_changed_and_called_off(client_of, cast):
    road = cast.campaigns["roadshow"]
    client = client_of("olga")
    data = {
        "name": "东门摊位",
        "starts_at": "2026-11-17T09:00",
        "ends_at": "2026-11-17T15:00",
        "district": cast.districts["market"],
        "client_uid": "s",
        "version": 1,
    }
    for _ in range(2):
        assert client.post(f"/campaigns/{road}/sessions/new", data=data).status_code == 302
    session = db.session.scalars(select(CampaignSession)).one()
    assert session.starts_at == at_local(DAY_2, 9)
    changed = data | {"client_uid": "t", "name": "西门摊位", "version": db.session.get_one(Campaign, road).version}
    assert client.post(f"/campaigns/{road}/sessions/{session.id}", data=changed).status_code == 302
    stale = changed | {"client_uid": "u", "name": "南门摊位"}
    assert client.post(f"/campaigns/{road}/sessions/{session.id}", data=stale).status_code == 409
    assert client.post(f"/campaigns/{road}/sessions/{session.id}/cancel").status_code == 302
    db.session.rollback()
    assert (session.name, session.cancelled) == ("西门摊位", True)
    for wrong in (
        {"starts_at": "2026-12-17T09:00", "ends_at": "2026-12-17T15:00"},
        {"ends_at": "2026-11-17T08:00"},
        {"starts_at": "0001-01-01T00:00"},
        {"district": "77"},
    ):
        assert client.post(f"/campaigns/{road}/sessions/new", data=data | {"client_uid": ""} | wrong).status_code == 422
    assert client.get(f"/campaigns/{cast.campaigns['walk_in']}/sessions/{session.id}").status_code == 404


def test_targets_are_typed_in_a_grid(client_of, actor, cast):
    road, red = cast.campaigns["roadshow"], cast.teams["red"]
    client = client_of("olga")
    answer = client.post(
        f"/campaigns/{road}/targets", data={"version": 1, f"t-{red}-consults": "１２0", "t-0-accepted": "40"}
    )
    assert answer.status_code == 302
    assert queries.targets_of(actor("olga"), road) == {(red, "consults"): 120, (None, "accepted"): 40}
    for typed in ("-1", "1.5", "1e9", "NaN", "9999999999", "很多"):
        answer = client.post(
            f"/campaigns/{road}/targets", data={"version": 2, "t-0-accepted": typed, "t-0-visits": "77"}
        )
        assert (answer.status_code, "77" in answer.text) == (422, True)
    assert client.get(f"/campaigns/{road}").status_code == 200
    assert queries.targets_of(actor("olga"), road) == {(red, "consults"): 120, (None, "accepted"): 40}


def test_the_budget_is_typed_in_yuan_and_members_do_not_see_it(client_of, cast):
    road = cast.campaigns["roadshow"]
    client = client_of("olga")
    data = {
        "version": 1,
        "line": ["new0", "new1"],
        "item-new0": "帐篷",
        "planned-new0": "1，200.5",
        "item-new1": "",
        "planned-new1": "",
    }
    assert client.post(f"/campaigns/{road}/budget", data=data).status_code == 302
    assert [line.planned_fen for line in queries.budget_of(road).lines] == [120050]
    assert "帐篷" in client.get(f"/campaigns/{road}").text
    assert "帐篷" not in client_of("bob").get(f"/campaigns/{road}").text
    wrong = client.post(f"/campaigns/{road}/budget", data=data | {"version": 2, "planned-new0": "很多"})
    assert (wrong.status_code, "很多" in wrong.text) == (422, True)
    assert (
        client.post(f"/campaigns/{road}/budget", data={"version": 2, "line": "99", "item-99": "x"}).status_code == 404
    )


def test_the_walk_in_campaign_is_shown_and_has_no_buttons(client_of, cast):
    walk_in = cast.campaigns["walk_in"]
    client = client_of("olga")
    page = client.get(f"/campaigns/{walk_in}").text
    assert "自然到访" in page
    assert "step-" not in page
    assert client.post(f"/campaigns/{walk_in}/edit", data=FACTS | {"version": 1}).status_code == 422
    assert client.post(f"/campaigns/{walk_in}/status", data={"to": "closed", "version": 1}).status_code == 422


def test_both_languages(client_of, cast):
    client = client_of("olga")
    assert "新建活动" in client.get("/campaigns").text
    client.set_cookie("crm_lang", "en")
    assert "New campaign" in client.get("/campaigns").text
