"""Strangers' headings are matched by what they say, and where they leave a doubt nothing is guessed."""

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from crm.kernel.errors import Invalid
from crm.sheets.cells import Refused, Row
from crm.sheets.contracts import Contract, find_header_row, heading_key, join_header_rows, load_contract, match_headers
from crm.sheets.reader import read_rows
from crm.sheets.records import read_records

IMPORTS = Path(__file__).parents[2] / "imports"
SHARED = Path(os.environ.get("CRM_SHARED", Path(__file__).parents[3] / "shared"))
CONTRACTS = {kind: load_contract(IMPORTS / kind / "columns.toml") for kind in ("leads", "roster", "districts")}
LEADS, ROSTER, DISTRICTS = CONTRACTS["leads"], CONTRACTS["roster"], CONTRACTS["districts"]

HEADER_SETS = SHARED / "data" / "cn_headers" / "header_sets.json"
# (header set, contract) -> heading: key; a key with "?" stands for two headings between which nothing was guessed.
# Sets and contracts that are not here match nothing.
EXPECTED: dict[tuple[str, str], dict[str, str]] = {
    ("aicrm_huinong_loan", "leads"): {
        "客户ID (关联 grid_customer)": "external_id",
        "客户姓名": "name",
        "手机号码": "phone",
        "经营地址": "address",
        "经营年限": "years_in_business",
        "客户来源 (关联字典 aicrm_customer_source: 行内客户/外拓客户)": "source_basis",
        "是否进件": "accepted",
        "进件时间": "accepted_on",
        "贷款金额 (元)": "amount_wan",
    },
    ("aicrm_huinong_loan", "roster"): {"手机号码": "phone"},
    ("aicrm_zerodai", "leads"): {"客户ID": "external_id", "年营业额 (元)": "turnover_band", "是否进件": "accepted"},
    ("aicrm_tingtang", "leads"): {"客户ID": "external_id?", "CRM客户号": "external_id?"},
    ("aicrm_market", "districts"): {"网格ID": "code", "市场名称": "name", "市场类型": "kind", "市场地址": "address"},
    ("cmms_visit_ranking", "leads"): {"客户经理": "officer"},
    ("cmms_tablet_home", "leads"): {"客户经理": "officer"},
    ("cmms_grid_merchant_rating", "leads"): {"归属网格": "district", "商户名称": "name"},
    ("cmms_company_list", "leads"): {
        "企业名称": "shop",
        "统一社会信用代码": "licence_number",
        "负责人": "name",
        "联系电话": "phone",
        "地址": "address",
        "客户经理": "officer",
    },
    ("cmms_company_list", "roster"): {"联系电话": "phone"},
    ("cmms_company_list", "districts"): {"类型": "kind", "地址": "address"},
    ("cmms_household_roster", "leads"): {"客户名称": "name"},
    ("crm_php_export", "leads"): {
        "客户名称": "shop",
        "联系人": "name",
        "地址": "address",
        "备注": "note",
        "来源": "source_basis",
        "客户行业": "trade",
        "归属人": "officer",
        "手机": "phone?",
        "电话": "phone?",
    },
    ("crm_php_export", "roster"): {"手机": "phone?", "电话": "phone?"},
    ("crm_php_export", "districts"): {"地址": "address", "备注": "note"},
    ("store_export_gb18030", "leads"): {"客户名称": "shop", "联系人": "name", "地址": "address"},
    ("store_export_gb18030", "districts"): {"地址": "address"},
    ("merchant_export_gbk", "leads"): {"商户名称": "shop", "负责人": "name", "手机号码": "phone"},
    ("merchant_export_gbk", "roster"): {"手机号码": "phone"},
    ("loan_overdue_gb18030", "leads"): {"商户名称": "name", "商户号": "external_id"},
    ("merchant_export_utf8_bom", "leads"): {"商户名称": "name", "行业": "trade", "商户号": "external_id"},
    ("unionpay_statement", "leads"): {"商户名称": "name", "备注": "note"},
    ("unionpay_statement", "districts"): {"备注": "note"},
    ("customer_template_yiwu", "leads"): {
        "客户代码": "external_id",
        "客户名称": "shop",
        "联系人": "name",
        "电话": "phone",
        "地址": "address",
    },
    ("customer_template_yiwu", "roster"): {"电话": "phone"},
    ("customer_template_yiwu", "districts"): {"地址": "address"},
    ("aicustomer_template", "leads"): {
        "客户名称": "shop",
        "联系人": "name",
        "电话": "phone",
        "地址": "address",
        "备注": "note",
    },
    ("aicustomer_template", "roster"): {"电话": "phone", "邮箱": "email"},
    ("aicustomer_template", "districts"): {"地址": "address", "备注": "note"},
    ("rank_screen", "leads"): {"姓名": "name"},
    ("rank_screen", "roster"): {"姓名": "name", "帐号": "login"},
    ("poi_22742_contacts_header_only", "leads"): {
        "姓名": "name",
        "地址": "address",
        "电话": "phone?",
        "手机": "phone?",
    },
    ("poi_22742_contacts_header_only", "roster"): {"姓名": "name", "邮件": "email", "电话": "phone?", "手机": "phone?"},
    ("poi_22742_contacts_header_only", "districts"): {"地址": "address"},
}


def headings_of(entry: dict[str, list[str] | list[list[str]]]) -> list[str]:
    if "header_rows" in entry:
        top, bottom = entry["header_rows"]
        return list(join_header_rows(list(top), list(bottom)))
    return [str(heading) for heading in entry.get("columns") or entry["lines"]]


def header_sets() -> dict[str, list[str]]:
    if not HEADER_SETS.exists():
        return {}
    return {entry["id"]: headings_of(entry) for entry in json.loads(HEADER_SETS.read_text(encoding="utf-8"))}


def outcome(contract: Contract, headings: list[str]) -> dict[str, str]:
    match = match_headers(contract, headings)
    found = {headings[index].strip(): key for index, key in match.mapped.items()}
    return found | {headings[index]: f"{key}?" for key, indices in match.ambiguous.items() for index in indices}


@pytest.mark.parametrize("kind", CONTRACTS)
def test_headings_of_real_bank_software(kind: str) -> None:
    sets = header_sets()
    found = {(name, kind): outcome(CONTRACTS[kind], headings) for name, headings in sets.items()}
    assert found == {(name, kind): EXPECTED.get((name, kind), {}) for name in sets}


def test_all_header_sets_are_asked() -> None:
    assert len(header_sets()) in (0, 23)
    assert not header_sets() or {name for name, _ in EXPECTED} <= set(header_sets())


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        ("客户ID (关联 grid_customer)", "客户id"), ("性别: 男/女", "性别"), ("贷款金额（元）", "贷款金额"), ("*手机 号码", "手机号码"),
        ("ＰＨＯＮＥ", "phone"), ("External ID", "externalid"), ("客户\n姓名", "客户姓名"), ("金额【必填】(元)", "金额"),
    ],
)  # fmt: skip
def test_heading_key(heading: str, key: str) -> None:
    assert heading_key(heading) == key


def test_an_amount_in_yuan_is_told_from_one_in_ten_thousands() -> None:
    assert match_headers(LEADS, ["贷款金额 (元)", "手机"]).factors == {0: Decimal("0.0001")}
    assert match_headers(LEADS, ["贷款金额（万元）", "手机"]).factors == {}


def test_a_choice_wins_and_a_doubt_is_left_open() -> None:
    headings = ["手机", "电话", "姓名"]
    assert match_headers(LEADS, headings).ambiguous == {"phone": (0, 1)}
    assert match_headers(LEADS, headings).missing_any == (("external_id", "phone"),)
    assert match_headers(LEADS, headings, {"电话": "phone"}).mapped == {1: "phone", 2: "name"}
    assert match_headers(LEADS, headings, {"A": "phone"}).mapped == {0: "phone", 2: "name"}
    assert match_headers(LEADS, headings, {"A": "-"}).mapped == {1: "phone", 2: "name"}


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ({"没有": "phone"}, "sheet.no_such_column"), ({"姓名": "salary"}, "sheet.no_such_field"),
        ({"姓名": "name", "手机": "name"}, "sheet.field_twice"), ({"备注": "note"}, "sheet.column_ambiguous"),
    ],
)  # fmt: skip
def test_a_choice_that_fits_nothing_is_refused(chosen: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        match_headers(LEADS, ["姓名", "手机", "备注（一）", "备注（二）"], chosen)
    assert caught.value.code == code


def test_a_heading_that_two_columns_accept_goes_where_no_other_claims() -> None:
    assert match_headers(LEADS, ["商户名称", "手机"]).mapped == {0: "name", 1: "phone"}
    assert match_headers(LEADS, ["商户名称", "负责人", "手机"]).mapped == {0: "shop", 1: "name", 2: "phone"}


def test_the_headings_shared_by_two_columns_are_known() -> None:
    for contract in CONTRACTS.values():
        owners: dict[str, set[str]] = {}
        for column in contract.columns:
            for heading in column.headings:
                owners.setdefault(heading_key(heading), set()).add(column.key)
        shared = {heading for heading, keys in owners.items() if len(keys) > 1}
        assert shared == ({"客户名称", "商户名称", "企业名称", "单位名称"} if contract is LEADS else set())


def test_titles_above_the_headings_are_passed_over() -> None:
    rows = [
        Row(1, ("某某支行客户清单",)),
        Row(2, ("制表：张三", "", "2026年")),
        Row(5, ("姓名", "手机", "备注")),
        Row(6, ("张三", "1", "备注")),
    ]
    header = find_header_row(rows, LEADS)
    assert (header.number, header.height, header.match.mapped) == (5, 1, {0: "name", 1: "phone", 2: "note"})


def test_a_heading_in_two_rows_is_joined() -> None:
    rows = [Row(1, ("客户", "", "备注")), Row(2, ("姓名", "手机")), Row(3, ("张三", "13900000001", "x"))]
    header = find_header_row(rows, LEADS)
    assert (header.height, header.labels) == (2, ("客户 / 姓名", "客户 / 手机", "备注"))
    assert header.match.mapped == {0: "name", 1: "phone", 2: "note"}


def test_a_sheet_without_headings_is_refused() -> None:
    with pytest.raises(Invalid, match=r"sheet\.no_header"):
        find_header_row([Row(1, ("13900000001", "张三"))], LEADS)


def records(rows: list[tuple[object, ...]], **options: dict[str, str]):  # type: ignore[no-untyped-def]
    numbered: Iterator[Row] = iter([Row(number, cells) for number, cells in enumerate(rows, start=1)])  # type: ignore[arg-type]
    return list(read_records(numbered, LEADS, **options).rows)  # type: ignore[arg-type]


def test_a_row_is_read_as_values_and_each_mistake_is_named() -> None:
    good, bad = records(
        [
            ("手机", "需求金额(元)", "期限", "咨询日期", "行业", "客群"),
            (13800138000.0, "200,000", "12个月", "2026年11月23日", "金属表面处理", "小微"),
            ("138", Refused("formula", "5"), "x", "03/04/2026", "", "大户"),
        ]
    )
    assert good.values["phone"] == "13800138000"
    assert (good.values["amount_wan"], good.values["term_months"]) == (Decimal(20), 12)
    assert (good.values["trade"], good.values["segment"], good.problems) == ("金属表面处理", "micro", ())
    assert [(problem.key, problem.code) for problem in bad.problems] == [
        ("phone", "phone.invalid"), ("amount_wan", "value.formula"), ("term_months", "value.int"),
        ("consult_on", "value.date_ambiguous"), ("segment", "value.code"),
    ]  # fmt: skip
    assert bad.number == 3


def test_no_row_is_lost_between_the_headings_and_the_rest() -> None:
    rows = records([("手机",), *((f"139{number:08}",) for number in range(40))])
    assert [row.number for row in rows] == list(range(2, 42))


def test_a_preset_wins_over_a_column_and_is_itself_checked() -> None:
    (row,) = records([("手机", "意向"), ("13900000001", "C")], preset={"intent": "A", "campaign_month": "2008"})
    assert row.values == {"phone": "13900000001", "intent": "A", "campaign_month": "2008"}
    with pytest.raises(Invalid) as caught:
        records([("手机",)], preset={"intent": "Z"})
    assert caught.value.facts["field"] == "intent"


@pytest.mark.parametrize("kind", CONTRACTS)
def test_our_own_workbooks_say_what_they_should(kind: str) -> None:
    contract: Contract = CONTRACTS[kind]
    for variant, count in (
        ("blank", 0),
        ("example", len(contract.example_rows)),
        ("faulty", len(contract.faulty_rows)),
    ):
        with read_rows(IMPORTS / kind / f"{variant}.xlsx") as sheet:
            read = read_records(sheet.rows, contract)
            found = list(read.rows)
        assert not read.header.match.unknown
        assert len(read.header.match.mapped) == sum(1 for column in contract.columns if column.headings)
        assert len(found) == count
        if variant == "example":
            assert not any(record.problems for record in found)
        elif variant == "faulty":
            assert any(record.problems for record in found)


def test_words_of_the_sheets_are_the_codes_of_the_product() -> None:
    from crm.kernel.actor import Role
    from crm.leads import rules

    for key, codes in [
        ("segment", rules.Segment), ("trade", rules.Trade), ("approach", rules.Approach), ("intent", rules.Intent),
        ("need", rules.Need), ("consent_how", rules.ConsentHow),
    ]:  # fmt: skip
        assert set(LEADS.column(key).codes) == {str(code) for code in codes}
    assert set(ROSTER.column("role").codes) == {str(role) for role in Role}
    assert set(DISTRICTS.column("kind").codes) == {"commercial", "community", "park", "rural"}
