"""What a search finds: two characters, initials, a phone's tail; what it must not find; and lists sorted and filtered."""

from datetime import timedelta

import pytest

from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.models import Lead
from crm.leads.queries import ANY_EXIT, NO_STAGE, OPEN, LeadFilter, list_leads, search, stage_counts
from crm.leads.rules import Stage
from tests import make
from tests.moments import DAY_1, DAY_2, NOON, YESTERDAY_NOON


@pytest.fixture
def found(cast, actor):
    """Six leads of Bob's, one of Dora's; found(text, who, inside) gives the names that a search finds."""
    rows = (
        ("张三", "13800138000", "张记面馆", "东大街 5 号"),
        ("张伟", "13911118000", "ABC 五金", ""),
        ("李䶮", "13911112222", "100%纯棉_家纺", "西街"),
        ("𠮷田堃", "13911113333", "", "东大街 7 号"),
        ("王五", "13911114444", "8000 便利店", ""),
        ("欧阳娜", "13911115555", "Ａｂｃ　超市", ""),
    )
    with unit_of_work():
        for name, phone, shop, address in rows:
            make.lead(
                actor("bob"),
                campaign_id=cast.campaigns["roadshow"],
                team_id=cast.teams["red"],
                name=name,
                phone=phone,
                shop=shop,
                address=address,
            )
        make.lead(
            actor("dora"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["blue"],
            name="张三",
            phone="13922228000",
        )

    def names(text, who="bob", *, inside=False):
        campaign = cast.campaigns["roadshow"] if inside else None
        return sorted(row.name for row in search(actor(who), text, campaign_id=campaign))

    return names


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("张三", ["张三"]),
        ("张", ["张三", "张伟"]),
        ("zs", ["张三"]),
        ("ZS", ["张三"]),
        ("oyn", ["欧阳娜"]),
        ("8000", ["张三", "张伟", "王五"]),
        ("13800138000", ["张三"]),
        ("+86 138-0013-8000", ["张三"]),
        ("139****2222", ["李䶮"]),
        ("东大街", ["张三", "𠮷田堃"]),
        ("张 面馆", ["张三"]),
        ("面馆 张", ["张三"]),
        ("abc", ["张伟", "欧阳娜"]),
        ("𠮷田", ["𠮷田堃"]),
        ("䶮", ["李䶮"]),
        ("%", ["李䶮"]),
        ("100%纯", ["李䶮"]),
        ("_", ["李䶮"]),
        ("三张", []),
        ("%%", []),
        ("|", []),
        ("'; DROP TABLE lead; --", []),
        ("", []),
        ("   ", []),
    ],
)
def test_a_text_finds_these_customers(found, text, names, inside):
    assert found(text, inside=inside) == names


def test_nobody_finds_another_teams_customers(found):
    assert found("13922228000") == found("dora张三") == []
    assert found("张三", "dora") == ["张三"]
    assert len(found("张三", "olga")) == 2
    assert found("张三", "tim") == found("张三", "audrey") == []


def test_who_reads_masked_names_cannot_find_by_them(found):
    assert found("张三", "mona") == found("zs", "mona") == []
    assert found("面馆", "mona") == ["张*"]
    assert found("8000", "mona") == ["张*", "张*", "张*", "王*"]


def test_a_full_phone_is_a_question_only_for_those_who_may_see_one(found, actor, cast):
    blind = actor("bob").__class__(**{**vars(actor("bob")), "permissions": frozenset({"leads.view", "leads.record"})})
    assert search(blind, "13800138000") == ()
    assert [row.name for row in search(blind, "8000") if row.phone == "138****8000"] == ["张三"]


def test_the_text_of_an_edited_lead_is_found_anew(found, actor):
    from crm.leads.commands import LeadCard
    from crm.leads.editing import edit_lead

    lead = search(actor("bob"), "张三")[0].id
    with unit_of_work():
        edit_lead(actor("bob"), lead, version=1, card=LeadCard(name="陈大文", phone="", trade="catering"), at=NOON)
    assert found("张三") == []
    assert found("cdw") == ["陈大文"]


@pytest.fixture
def listed(cast, actor):
    """Leads of several kinds; listed(**filter) gives their names in the list's order."""
    kinds = (
        {"name": "一", "stage": Stage.CONSULT, "intent": "A", "at": YESTERDAY_NOON},
        {"name": "二", "stage": Stage.APPLICATION, "intent": "B", "trade": "manufacturing"},
        {"name": "三", "stage": Stage.ACCEPTED, "approach": "referral", "segment": "farm"},
        {"name": "四", "stage": None},
    )
    with unit_of_work():
        for kind in kinds:
            make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], **kind)
        four = db.session.query(Lead).filter_by(name="四").one()
        four.exit_code, four.district_id = "refused", cast.districts["village"]

    def names(who="alice", sort="created", **values):
        filters = LeadFilter(**values)
        page = list_leads(actor(who), filters, today=DAY_2, sort=sort)
        assert page.total == len(page.items)
        assert sum(stage_counts(actor(who), filters, today=DAY_2).values()) >= page.total
        return "".join(row.name for row in page.items)

    return names


def test_a_list_shows_what_its_filters_name(listed, cast):
    assert listed() == "一二三四"
    assert listed(stage="application") == "二"
    assert listed(stage=NO_STAGE) == "四"
    assert listed(intent="A") == "一"
    assert listed(trade="manufacturing") == "二"
    assert listed(approach="referral") == listed(segment="farm") == "三"
    assert listed(exit=OPEN) == "一二三"
    assert listed(exit=ANY_EXIT) == listed(exit="refused") == "四"
    assert listed(exit="rejected") == ""
    assert listed(created_to=DAY_1) == "一"
    assert listed(created_from=DAY_2) == "二三四"
    assert listed(due="overdue") == ""
    assert listed(due="due") == "一二"
    assert listed(text="三") == "三"
    assert listed(text="|") == ""


def test_a_filter_by_a_parent_district_includes_its_children(listed, cast):
    assert listed(district_id=cast.districts["town"]) == "一二三"
    assert listed(district_id=cast.districts["market"]) == "一二三"
    assert listed(district_id=cast.districts["village"]) == "四"
    assert listed(district_id=cast.districts["estate"]) == listed(district_id=9_999) == ""


def test_a_list_is_sorted_by_what_is_allowed(listed):
    assert listed(sort="-stage")[0] == "三"
    assert listed(sort="follow_up")[0] == "一"
    assert listed(sort="phone") == listed(sort="-created") == listed(sort="'; --")
    assert listed("mona", sort="name") == listed("mona", sort="-created")


def test_other_scopes_list_nothing(listed, cast):
    assert listed("charlie") == listed("tim") == listed("audrey") == ""
    assert listed("charlie", team_id=cast.teams["red"]) == ""


def test_a_page_costs_two_statements(actor, cast, queries):
    with unit_of_work():
        for minute in range(120):
            make.lead(
                actor("bob"),
                campaign_id=cast.campaigns["roadshow"],
                team_id=cast.teams["red"],
                at=NOON + timedelta(seconds=minute),
            )
    olga = actor("olga")
    with queries() as seen:
        counts = stage_counts(olga, LeadFilter(), today=DAY_2)
        page = list_leads(olga, LeadFilter(), today=DAY_2, page=3, total=sum(counts.values()))
    assert (page.total, page.pages, len(page.items), seen.count) == (120, 3, 20, 2)
