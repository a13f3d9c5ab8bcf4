"""A sheet of leads means what capturing its rows one by one would mean, and coming twice it changes nothing."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from crm.campaigns.models import Campaign
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import ledger
from crm.leads.commands import note_event, record_stage
from crm.leads.contact import do_not_contact
from crm.leads.ledger_models import FunnelDay, LeadStage, StageEntry
from crm.leads.merging import merge
from crm.leads.models import Clash, Consent, Lead, LeadEvent
from crm.leads.party import open_phone
from crm.leads.rules import Stage
from tests import make
from tests.conftest import counting_queries
from tests.intake.sheets import HEAD, apply, bring_in, check, counts, csv_bytes, line, undo, upload, xlsx_bytes
from tests.moments import DAY_1, NOON


def leads() -> list[Lead]:
    return list(db.session.scalars(select(Lead).where(Lead.removed_at.is_(None)).order_by(Lead.id)))


def one(content: dict[str, str], actor) -> Lead:
    batch = bring_in(actor("olga"), csv_bytes([content]))
    assert counts(batch) == (1, 1, 0, 0, 0), batch.preview
    return leads()[-1]


def test_a_row_becomes_a_lead_with_consent_stages_and_counts(actor, cast):
    row = line(
        1,
        是否申请="是",
        申请日期="2026-11-17",
        意向="A",
        金额="20",
        地址="东大街 1 号",
        客户经理="bob",
        外拓区域="城关镇/东大街商区",
    )
    lead = one(row, actor)
    assert (lead.name, open_phone(lead), lead.trade, lead.intent, str(lead.amount_wan)) == (
        "客户1",
        "13700000001",
        "catering",
        "A",
        "20.00",
    )
    assert (lead.team_id, lead.owner_id, lead.district_id) == (
        cast.teams["red"],
        cast.users["bob"],
        cast.districts["market"],
    )
    assert (lead.stage, lead.stage_on, lead.historical) == ("application", date(2026, 11, 17), False)
    assert lead.follow_up_on == DAY_1 + timedelta(days=1)
    consent = db.session.scalars(select(Consent).where(Consent.lead_id == lead.id)).one()
    assert (consent.enquiry, consent.marketing, consent.how, consent.basis) == (True, [], "imported", "现场登记")
    assert ledger.differences() == []


def test_the_same_sheet_again_changes_nothing(actor):
    content = csv_bytes([line(number) for number in range(1, 41)])
    first, before = bring_in(actor("olga"), content), fingerprint()
    second = bring_in(actor("olga"), content)
    assert (counts(first), counts(second)) == ((40, 40, 0, 0, 0), (40, 0, 0, 40, 0))
    assert fingerprint() == before


def test_blanks_of_the_own_team_are_filled_and_nothing_is_overwritten(actor, cast):
    with unit_of_work():
        known = make.lead(
            actor("alice"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            phone="13700000001",
            name="老名字",
        )
    batch = bring_in(actor("alice"), csv_bytes([line(1)]))
    lead = db.session.get_one(Lead, known.lead_id)
    assert counts(batch) == (1, 0, 1, 0, 0)
    assert (lead.name, lead.shop) == ("老名字", "1 号店")
    assert "1 号店" in lead.search_text


ACCEPTED = {"咨询日期": "2026-11-16", "是否进件": "是", "进件日期": "2026-11-17", "受理编号": "SL-9"}


def standing(lead: Lead) -> dict[str, tuple[date, str | None, bool]]:
    """The entries that count for a lead: day, case number and whether a later one implied them."""
    query = select(StageEntry).join(LeadStage, LeadStage.entry_id == StageEntry.id).where(LeadStage.lead_id == lead.id)
    return {
        entry.stage: (entry.day, entry.case_number, entry.implied_by_id is not None)
        for entry in db.session.scalars(query)
    }


def at_consult(actor, cast, **given) -> Lead:
    """Alice's own customer of row 1, who has every fact of the row and stands at the consult."""
    bring_in(actor("alice"), csv_bytes([line(1, **given)]))
    return leads()[-1]


def test_a_known_lead_goes_on_to_the_stage_of_the_sheet_and_is_taken_back(actor, cast):
    lead, content = at_consult(actor, cast), csv_bytes([line(1, **ACCEPTED)])
    before = standing(lead)
    preview = check(actor("alice"), upload(actor("alice"), content))
    batch = bring_in(actor("alice"), content)
    db.session.expire_all()
    assert counts(preview) == counts(batch) == (1, 0, 1, 0, 0)
    assert standing(lead) == before | {
        "application": (date(2026, 11, 17), None, True),
        "accepted": (date(2026, 11, 17), "SL-9", False),
    }
    assert (lead.stage, lead.stage_on, ledger.differences()) == ("accepted", date(2026, 11, 17), [])
    entry = db.session.scalars(select(StageEntry).where(StageEntry.stage == "accepted")).one()
    assert (entry.team_id, entry.recorded_id) == (cast.teams["red"], cast.users["alice"])
    kept = db.session.scalar(select(func.count()).select_from(StageEntry))
    assert undo(actor("alice"), batch) == 1
    assert (standing(lead), lead.stage, ledger.differences()) == (before, "consult", [])
    voids = db.session.scalars(select(StageEntry.reason).where(StageEntry.voids_id.is_not(None))).all()
    assert voids == [f"import:{batch.id}"] * 2
    assert db.session.scalar(select(func.count()).select_from(StageEntry)) == kept + 2
    assert counts(bring_in(actor("alice"), content)) == (1, 0, 1, 0, 0)
    assert lead.stage == "accepted"


def test_a_sheet_never_pulls_a_lead_back_nor_says_a_stage_twice(actor, cast):
    lead = at_consult(actor, cast, **ACCEPTED)
    before = fingerprint()
    again = bring_in(actor("alice"), csv_bytes([line(1, **ACCEPTED)]))
    earlier = bring_in(actor("alice"), csv_bytes([line(1, 是否申请="是", 申请日期="2026-11-16")]))
    assert (counts(again), counts(earlier)) == ((1, 0, 0, 1, 0), (1, 0, 0, 1, 0))
    assert (fingerprint(), db.session.get_one(Lead, lead.id).stage) == (before, "accepted")


def test_two_rows_of_one_known_lead_go_on_from_each_other(actor, cast):
    lead = at_consult(actor, cast)
    rows = [line(1, 客户编号="", 是否申请="是", 申请日期="2026-11-17"), line(1, 手机="") | ACCEPTED]
    batch = bring_in(actor("alice"), csv_bytes(rows, head=list(dict.fromkeys([*rows[0], *rows[1]]))))
    db.session.expire_all()
    assert (counts(batch), lead.stage, ledger.differences()) == ((2, 0, 2, 0, 0), "accepted", [])
    undo(actor("alice"), batch)
    assert (lead.stage, ledger.differences()) == ("consult", [])


@pytest.mark.parametrize(
    ("change", "row", "code", "result"),
    [
        ({"exit_code": "gave_up"}, ACCEPTED, "lead.has_left", (1, 0, 0, 1, 0)),
        ({"no_contact": True}, ACCEPTED, "import.no_contact", (1, 0, 0, 1, 0)),
        ({}, ACCEPTED | {"受理编号": ""}, "stage.case_number", (1, 0, 0, 0, 1)),
    ],
)
def test_stages_that_no_page_would_record_are_left_out_with_the_reason(actor, cast, change, row, code, result):
    lead = at_consult(actor, cast)
    with unit_of_work():
        for name, value in change.items():
            setattr(db.session.get_one(Lead, lead.id), name, value)
    batch = bring_in(actor("alice"), csv_bytes([line(1, **row)]))
    assert (counts(batch), batch.preview["problems"][0]["code"]) == (result, code)
    assert list(standing(lead)) == ["consult"]


def test_a_sheet_tells_what_the_branch_answered_to_who_must_not_be_contacted_and_nothing_else(actor, cast):
    lead = at_consult(actor, cast, 是否申请="是", 申请日期="2026-11-17")
    with unit_of_work():
        do_not_contact(actor("alice"), lead.id, reason="不要再打", at=NOON)
    told = bring_in(actor("alice"), csv_bytes([line(1, 备注="又来过一次")]))
    answered = bring_in(actor("alice"), csv_bytes([line(1, 备注="又来过一次", **ACCEPTED)]))
    db.session.expire_all()
    assert (counts(told), counts(answered)) == ((1, 0, 0, 1, 0), (1, 0, 1, 0, 0))
    assert (lead.stage, lead.note, lead.no_contact) == ("accepted", "", True)


def test_stages_of_a_sheet_need_the_right_to_record_them(actor, cast):
    at_consult(actor, cast)
    alice = actor("alice")
    without = replace(alice, permissions=alice.permissions - {"leads.record"})
    found = check(without, upload(alice, csv_bytes([line(1, **ACCEPTED)])))
    assert (counts(found), found.problems[0]["code"]) == ((1, 0, 0, 1, 0), "import.no_stage_right")


def test_a_later_stage_on_an_imported_one_stops_the_undo(actor, cast):
    lead = at_consult(actor, cast)
    batch = bring_in(actor("alice"), csv_bytes([line(1, **ACCEPTED)]))
    with unit_of_work():
        record_stage(actor("olga"), lead.id, Stage.APPROVED, clocks=ledger.Clocks.at(now()))
    with pytest.raises(Conflict, match=r"import\.later_work"):
        undo(actor("alice"), batch)


def test_a_historical_customer_goes_on_by_sheets(actor, cast):
    lead = at_consult(actor, cast, 来源="")
    assert lead.historical
    batch = bring_in(actor("alice"), csv_bytes([line(1, **ACCEPTED | {"来源": "", "受理编号": ""})]))
    db.session.expire_all()
    assert (counts(batch), lead.stage, ledger.differences()) == ((1, 0, 1, 0, 0), "accepted", [])


def test_a_merged_customers_stage_counts_for_the_kept_one(actor, cast):
    lead = at_consult(actor, cast)
    with unit_of_work():
        kept = make.lead(actor("alice"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"])
        merge(actor("alice"), keep=kept.lead_id, lose=lead.id, reason="同一人", at=now())
    content = csv_bytes([line(1, **ACCEPTED)])
    first, again = bring_in(actor("alice"), content), bring_in(actor("alice"), content)
    db.session.expire_all()
    assert (counts(first), counts(again)) == ((1, 0, 1, 0, 0), (1, 0, 0, 1, 0))
    assert (db.session.get_one(Lead, kept.lead_id).stage, ledger.differences()) == ("accepted", [])


def test_stages_of_many_known_leads_take_no_more_statements(actor, cast):
    def brought(first: int, number: int) -> int:
        rows = range(first, first + number)
        bring_in(actor("alice"), csv_bytes([line(one) for one in rows]))
        with counting_queries() as seen:
            bring_in(actor("alice"), csv_bytes([line(one, **ACCEPTED) for one in rows]))
        return len(seen.statements)

    assert brought(100, 40) == brought(1, 5)


def test_another_teams_customer_is_refused_and_no_second_lead_is_made(actor, cast):
    with unit_of_work():
        make.lead(
            actor("dora"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["blue"], phone="13700000001"
        )
    batch = bring_in(actor("alice"), csv_bytes([line(1), line(2)]))
    assert counts(batch) == (2, 1, 0, 0, 1)
    (problem,) = batch.preview["problems"]
    assert (problem["code"], problem["row"], problem["letter"], problem["facts"]["value"]) == (
        "import.claimed",
        2,
        "C",
        "137****01",
    )


def test_a_customer_twice_in_a_file_is_taken_once(actor):
    rows = [line(1), line(2, 手机="+86 137-0000-0001"), line(1, 手机="13900000009")]
    batch = bring_in(actor("olga"), csv_bytes(rows))
    assert counts(batch) == (3, 1, 0, 2, 0)
    assert [(one["row"], one["code"], one["column"]) for one in batch.preview["problems"]] == [
        (3, "import.twice", "phone"),
        (4, "import.twice", "external_id"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"手机": ""},
        {"来源": ""},
        {"来源": "名单", "是否同意": "否"},
        {"是否进件": "是", "进件日期": "2026-11-17"},
    ],
)
def test_what_may_not_be_contacted_is_historical_and_counts(actor, changes):
    lead = one(line(1, 意向="A") | changes, actor)
    assert (lead.historical, lead.follow_up_on) == (True, None)
    assert db.session.scalar(select(func.sum(FunnelDay.leads)).where(FunnelDay.stage == "consult")) == 1


def test_an_accepted_case_with_its_number_is_a_case(actor):
    lead = one(line(1, 是否进件="是", 受理编号="SL-1"), actor)
    assert (lead.historical, lead.stage) == (False, "accepted")
    entries = db.session.execute(
        select(StageEntry.stage, StageEntry.case_number, StageEntry.implied_by_id.is_not(None))
    ).all()
    assert sorted(map(tuple, entries)) == [
        ("accepted", "SL-1", False),
        ("application", None, True),
        ("consult", None, False),
    ]


def test_rows_without_any_id_are_known_by_their_content_and_their_order(actor):
    rows = [{"姓名": "张三", "店铺名称": "面馆", "咨询日期": "2026-11-16"}] * 2 + [
        {"姓名": "李四", "店铺名称": "", "咨询日期": "2026-11-16"}
    ]
    first, second = bring_in(actor("olga"), csv_bytes(rows)), bring_in(actor("olga"), csv_bytes(rows))
    assert (counts(first), counts(second)) == ((3, 3, 0, 0, 0), (3, 0, 0, 3, 0))


def test_a_phone_column_with_a_blank_cell_and_no_number_is_a_mistake(actor):
    batch = bring_in(actor("olga"), csv_bytes([{"姓名": "张三", "手机": ""}, {"姓名": "李四", "手机": "13700000001"}]))
    assert counts(batch) == (2, 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("changes", "column", "code"),
    [
        ({"姓名": "长" * 300}, "name", "value.long"),
        ({"手机": "1370000000"}, "phone", "phone.invalid"),
        ({"咨询日期": "03/04/2026"}, "consult_on", "value.date_ambiguous"),
        ({"咨询日期": "2026-11-31"}, "consult_on", "value.date"),
        ({"咨询日期": "2026-12-31"}, "consult_on", "stage.future"),
        ({"申请日期": "2026-11-10"}, "application_on", "stage.too_early"),
        ({"进件日期": "2026-11-10"}, "accepted_on", "stage.too_early"),
        ({"活动": "没有的活动"}, "campaign", "lead.no_campaign"),
        ({"小组": "绿队"}, "team", "import.no_team"),
        ({"客户经理": "nobody"}, "officer", "import.no_officer"),
        ({"外拓区域": "不存在"}, "district", "lead.district"),
        ({"金额": "-1"}, "amount_wan", "import.amount"),
        ({"意向": "很高"}, "intent", "value.code"),
        ({"场次": "没有"}, "session", "lead.session"),
        ({"备注": "证件 11010519491231002X"}, "note", "lead.identity"),
    ],
)
def test_a_mistake_is_named_by_row_and_column_and_the_rest_comes_in(actor, changes, column, code):
    row = line(2, **changes)
    content = csv_bytes([line(1), row, line(3)], head=list(row))
    found, batch = check(actor("olga"), upload(actor("olga"), content)), bring_in(actor("olga"), content)
    assert counts(found) == counts(batch) == (3, 2, 0, 0, 1)
    (problem,) = batch.preview["problems"]
    assert (problem["row"], problem["column"], problem["code"]) == (3, column, code)
    assert problem in found.problems


def test_a_team_lead_brings_in_for_the_own_team_only(actor, cast):
    batch = bring_in(
        actor("alice"),
        csv_bytes([line(1, 小组=""), line(2, 小组="蓝队"), line(3, 客户经理="dora")], head=[*HEAD, "客户经理"]),
    )
    assert counts(batch) == (3, 1, 0, 0, 2)
    assert [one["code"] for one in batch.preview["problems"]] == ["lead.other_team", "lead.not_in_team"]
    assert leads()[0].team_id == cast.teams["red"]


def test_the_officer_brings_the_team_of_that_day(actor, cast):
    lead = one(line(1, 小组="", 客户经理="伊芙"), actor)
    assert (lead.team_id, lead.owner_id) == (cast.teams["red"], cast.users["eve"])


def test_somebody_who_must_not_be_contacted_is_left_out(actor, cast):
    with unit_of_work():
        known = make.lead(
            actor("bob"), campaign_id=cast.campaigns["walk_in"], team_id=cast.teams["red"], phone="13700000001"
        )
        do_not_contact(actor("bob"), known.lead_id, reason="要求", at=NOON)
    batch = bring_in(actor("olga"), csv_bytes([line(1)]))
    assert counts(batch) == (1, 0, 0, 1, 0)
    assert batch.preview["problems"][0]["code"] == "import.no_contact"


def test_two_people_on_one_shops_line_stay_two(actor):
    batch = bring_in(actor("olga"), csv_bytes([line(1, 手机="0571-87654321"), line(2, 手机="0571-87654321")]))
    assert counts(batch) == (2, 2, 0, 0, 0)


def test_the_same_name_at_the_same_place_goes_to_the_referee(actor, cast):
    with unit_of_work():
        make.lead(
            actor("dora"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["blue"],
            name="王记",
            address="东大街 1 号",
        )
    one(line(1, 姓名="王记", 店铺名称="", 地址="东大街1号"), actor)
    assert db.session.scalars(select(Clash.matched_by)).all() == ["name_place"]


def test_one_campaign_for_each_month_closed_with_its_days(actor):
    rows = [
        line(number, 活动="", 小组="", 手机="", 咨询日期=day)
        for number, day in enumerate(("2008-05-05", "2008-05-30", "2008-12-31"), 1)
    ]
    content = csv_bytes(rows)
    first = bring_in(actor("olga"), content, campaign_month="老系统", campaign_model="lecture")
    second = bring_in(actor("olga"), content, campaign_month="老系统", campaign_model="lecture")
    made = db.session.execute(
        select(Campaign.name, Campaign.status, Campaign.model, Campaign.starts_on, Campaign.ends_on).where(
            Campaign.starts_on < date(2009, 1, 1)
        )
    ).all()
    assert (counts(first), counts(second)) == ((3, 3, 0, 0, 0), (3, 0, 0, 3, 0))
    assert sorted(map(tuple, made)) == [
        ("老系统 2008-05", "closed", "lecture", date(2008, 5, 1), date(2008, 5, 31)),
        ("老系统 2008-12", "closed", "lecture", date(2008, 12, 1), date(2008, 12, 31)),
    ]
    assert ledger.differences() == []


def test_a_team_lead_makes_no_campaigns(actor):
    batch = bring_in(actor("alice"), csv_bytes([line(1)]), campaign_month="老系统")
    assert counts(batch) == (1, 0, 0, 0, 1)
    assert batch.preview["problems"][0]["code"] == "import.month_right"


def test_a_closed_campaign_takes_historical_rows_only(actor, cast):
    with unit_of_work():
        db.session.get_one(Campaign, cast.campaigns["roadshow"]).status = "closed"
    batch = bring_in(actor("olga"), csv_bytes([line(1), line(2, 来源="")]))
    assert counts(batch) == (2, 1, 0, 0, 1)


def test_cells_that_no_field_takes_are_kept_without_long_numbers(actor):
    lead = one(line(1, 评级="三星", 证件="330106199001011234"), actor)
    assert lead.details == {"sheet": {"评级": "三星", "证件": "330****1234"}}


def test_financial_facts_are_not_kept_without_their_own_consent(actor):
    batch = bring_in(actor("olga"), csv_bytes([line(1, 年营业额="50-100万", 现有贷款行="某行", 经营年限="6年")]))
    assert leads()[0].details == {"years": "6"}
    assert batch.preview["left_out"] == ["turnover_band", "existing_lender"]


def test_markup_and_formulas_stay_text_or_are_refused(actor, client_of):
    lead = one(line(1, 姓名="<script>alert(1)</script>"), actor)
    batch = bring_in(actor("olga"), xlsx_bytes([line(2), line(3, 姓名="=1+1")]))
    assert lead.name == "<script>alert(1)</script>"
    assert counts(batch) == (2, 1, 0, 0, 1)
    assert batch.preview["problems"][0]["code"] == "value.formula"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "xlsx"])
def test_every_encoding_gives_the_same_rows(actor, encoding):
    rows = [line(number, 姓名="龑女士" if number % 2 else "堃叔") for number in range(1, 31)]
    content, name = (xlsx_bytes(rows), "a.xlsx") if encoding == "xlsx" else (csv_bytes(rows, encoding), "a.csv")
    batch = bring_in(actor("olga"), content, name=name)
    assert counts(batch) == (30, 30, 0, 0, 0)
    assert [(lead.name, open_phone(lead)) for lead in leads()] == [(row["姓名"], row["手机"]) for row in rows]


def test_37_bad_rows_of_1000_in_both_modes(actor):
    rows = [
        line(number, 手机="12345") if number % 27 == 1 and number < 1000 else line(number) for number in range(1, 1001)
    ]
    assert sum(row["手机"] == "12345" for row in rows) == 37
    content = csv_bytes(rows)
    nothing = bring_in(actor("olga"), content, mode="all")
    assert (nothing.status, nothing.error, nothing.error_facts, leads()) == (
        "failed",
        "import.has_errors",
        {"failed": 37},
        [],
    )
    good = apply(actor("olga"), nothing)
    assert counts(good) == (1000, 963, 0, 0, 37)
    again = bring_in(actor("olga"), content)
    assert counts(again) == (1000, 0, 0, 963, 37)
    assert ledger.differences() == []


def fingerprint() -> str:
    """What stands in the business tables, without what an undone import leaves of its own."""
    parts = []
    gone = select(Lead.id).where(Lead.removed_at.is_not(None))
    for table in db.metadata.sorted_tables:
        if table.name.startswith(("import_", "audit_", "submission")):
            continue
        query = select(table)
        if table.name == "lead":
            query = query.where(table.c.removed_at.is_(None))
        elif "lead_id" in table.c:
            query = query.where(table.c.lead_id.is_(None) | table.c.lead_id.not_in(gone))
        if table.name in ("funnel_day", "member_day"):
            query = query.where(table.c.leads != 0)
        parts.append(table.name + repr(sorted(map(repr, db.session.execute(query).all()))))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def test_undoing_restores_exactly(actor, cast):
    with unit_of_work():
        make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"])
    before = fingerprint()
    batch = bring_in(actor("olga"), csv_bytes([line(number) for number in range(1, 31)]))
    assert fingerprint() != before
    assert undo(actor("olga"), batch) == 30
    assert (batch.status, fingerprint(), ledger.differences()) == ("undone", before, [])
    assert counts(bring_in(actor("olga"), csv_bytes([line(1)]))) == (1, 1, 0, 0, 0)


def test_undoing_blanks_what_was_filled(actor, cast):
    with unit_of_work():
        known = make.lead(
            actor("alice"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], phone="13700000001"
        )
    batch = bring_in(actor("alice"), csv_bytes([line(1)]))
    undo(actor("alice"), batch)
    lead = db.session.get_one(Lead, known.lead_id)
    assert (lead.shop, "号店" in lead.search_text, lead.removed_at) == ("", False, None)


def test_later_work_stops_the_undo(actor):
    batch = bring_in(actor("olga"), csv_bytes([line(1), line(2)]))
    lead = leads()[0]
    with unit_of_work():
        note_event(actor("olga"), lead.id, "note", at=now() + timedelta(minutes=1), text="回访")
    with pytest.raises(Conflict, match=r"import\.later_work") as refused:
        undo(actor("olga"), batch)
    assert refused.value.facts == {"lead": lead.id}
    assert db.session.scalar(select(func.count()).select_from(LeadStage)) == 2


def test_undone_months_are_put_away_and_come_back(actor):
    content = csv_bytes([line(1, 活动="", 小组="", 手机="", 咨询日期="2008-05-05")])
    batch = bring_in(actor("olga"), content, campaign_month="UCI")
    undo(actor("olga"), batch)
    campaign = db.session.scalars(select(Campaign).where(Campaign.code == "UCI-2008-05")).one()
    assert campaign.status == "archived"
    assert counts(bring_in(actor("olga"), content, campaign_month="UCI")) == (1, 1, 0, 0, 0)
    db.session.expire_all()
    assert campaign.status == "closed"


def test_only_one_undo(actor):
    batch = bring_in(actor("olga"), csv_bytes([line(1)]))
    undo(actor("olga"), batch)
    with pytest.raises(Conflict, match=r"import\.state"):
        undo(actor("olga"), batch)


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "a.csv", "sheet.empty"),
        (b"PK\x03\x04 broken", "a.xlsx", "sheet.unreadable"),
        (b"%PDF-1.7", "a.pdf", "sheet.wrong_kind"),
        ("一,二\n三,四\n".encode(), "a.csv", "sheet.no_header"),
    ],
)
def test_what_is_no_sheet_is_refused_and_not_kept(actor, home, content, name, code):
    before = sorted((home / "uploads").glob("*")) if (home / "uploads").exists() else []
    with pytest.raises(Invalid, match=code):
        upload(actor("olga"), content, name=name)
    assert sorted((home / "uploads").glob("*")) == before


def test_a_sheet_with_headings_alone_is_empty(actor):
    batch = upload(actor("olga"), csv_bytes([], head=HEAD))
    with pytest.raises(Invalid, match=r"sheet\.empty"):
        check(actor("olga"), batch)


@pytest.mark.parametrize("name", ["bob", "mona", "audrey", "tim", "adam"])
def test_wrong_roles_bring_in_no_leads(actor, name):
    with pytest.raises(Forbidden):
        upload(actor(name), csv_bytes([line(1)]))


def test_a_batch_of_somebody_else_is_missing(actor):
    batch = bring_in(actor("alice"), csv_bytes([line(1)]))
    with pytest.raises(NotFound):
        undo(actor("charlie"), batch)


def test_the_file_is_deleted_once_it_is_applied(actor, home):
    batch = upload(actor("olga"), csv_bytes([line(1)]))
    path = home / "uploads" / f"{batch.stored_name}.upload"
    assert (path.exists(), oct(path.stat().st_mode & 0o777)) == (True, "0o600")
    apply(actor("olga"), batch)
    assert not path.exists()


def test_events_tell_where_a_lead_came_from(actor):
    lead = one(line(1), actor)
    assert db.session.execute(select(LeadEvent.kind, LeadEvent.detail).where(LeadEvent.lead_id == lead.id)).one() == (
        "created",
        {"source": "import"},
    )
    assert business_day(db.session.scalars(select(StageEntry.occurred_at)).one()) == DAY_1
