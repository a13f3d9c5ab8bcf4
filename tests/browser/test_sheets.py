"""A sheet comes in through mapping and preview and goes out again; the workbook and the PK's scores are opened."""

import re
import secrets
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, Visit

SIZES = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])


def sheet(path: Path) -> Path:
    """Three customers with a heading that must be chosen by hand; the third one's number is too short."""
    book = openpyxl.Workbook()
    book.active.append(["称呼", "联系号", "行业", "咨询日期", "是否同意", "同意方式", "来源"])
    for name, digits in (("导入甲", 8), ("导入乙", 8), ("导入丙", 3)):
        number = "137" + "".join(secrets.choice("0123456789") for _ in range(digits))
        book.active.append([name, number, "餐饮", "2026-11-20", "是", "纸质", "现场登记"])
    book.save(path)
    book.close()
    return path


@SIZES
def test_a_sheet_is_mapped_looked_at_brought_in_and_taken_back(visit: Visit, tmp_path: Path, size: dict) -> None:
    page = visit("organiser", size=size)
    page.goto("/imports/new/leads")
    page.locator("input[type=file]").set_input_files(sheet(tmp_path / "名单.xlsx"))
    page.get_by_role("button", name="上传").click()
    expect(page).to_have_url(re.compile("/columns$"))
    page.locator("#column-B").select_option(label="手机")
    page.locator("main form button[type=submit]").last.click()
    expect(page.get_by_role("heading", name="需核对的行").or_(page.locator("table")).first).to_be_visible()
    expect(page.locator("main tbody tr").first).to_contain_text("4")
    page.locator("form[action$='/confirm'] button[type=submit]").click()
    # The work is done aside: the page shows how far it is, and is looked at again until it is done.
    undo = page.get_by_role("button", name="撤销导入").first
    again = page.locator("p a.btn", has=page.locator("svg"))
    for _ in range(60):
        expect(undo.or_(again).first).to_be_visible()
        if undo.is_visible():
            break
        page.reload()
    undo.click()
    page.get_by_role("dialog").locator("button[type=submit]").click()
    expect(page.locator(".wt-lead")).to_contain_text("撤销")


@SIZES
def test_the_workbook_opens(visit: Visit, tmp_path: Path, size: dict) -> None:
    page = visit("manager", size=size)
    page.goto("/exports")
    campaign = page.get_by_label("外拓活动", exact=True)
    campaign.select_option(label="六天大会战·街面路演")
    figures = page.request.get(f"/funnel.csv?by=team&campaign={campaign.input_value()}").text().splitlines()
    total = dict(zip(figures[0].split(","), figures[-1].split(","), strict=True))
    accepted = next(int(number) for heading, number in total.items() if heading.startswith("受理进件"))
    page.get_by_role("button", name="生成汇总表").click()
    with page.expect_download() as waiting:
        page.locator("a[download]").first.click()
    target = tmp_path / "book.xlsx"
    waiting.value.save_as(target)
    assert waiting.value.suggested_filename.endswith(".xlsx")
    book = openpyxl.load_workbook(target, data_only=True)
    assert {"总览", "团队PK", "口径说明"} <= set(book.sheetnames)
    assert any(cell == accepted for row in book["总览"].iter_rows(values_only=True) for cell in row)
    book.close()


@SIZES
def test_a_score_of_the_board_opens_to_its_lines(visit: Visit, size: dict) -> None:
    page = visit("m401", size=size)
    page.goto("/contests")
    page.locator("tbody th a").first.click()
    row = page.locator("tbody tr", has=page.get_by_role("rowheader", name="破浪队")).first
    expect(row).to_have_class(re.compile("wt-mine"))
    score = row.locator(".wt-strong").inner_text()
    row.locator(".wt-strong a").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("破浪队")
    expect(page.locator("main")).to_contain_text(score)
    expect(page.locator("main table tbody tr").first).to_be_visible()


def test_the_board_keeps_its_figures_while_the_network_is_away(visit: Visit) -> None:
    page = visit("lead1")
    page.watch.allow("ERR_INTERNET_DISCONNECTED", "htmx:sendError", "htmx:afterRequest")
    page.goto("/contests")
    page.locator("tbody th a").first.click()
    expect(page.locator("[data-poll] tbody tr")).to_have_count(6)
    page.context.set_offline(True)
    page.evaluate("htmx.trigger(document.querySelector('[data-poll]'), 'refresh')")
    expect(page.locator("#wt-toasts")).to_contain_text("网络中断")
    expect(page.locator("[data-poll] tbody tr")).to_have_count(6)
    page.context.set_offline(False)
    page.evaluate("htmx.trigger(document.querySelector('[data-poll]'), 'refresh')")
    expect(page.locator("body.wt-lost")).to_have_count(0)
