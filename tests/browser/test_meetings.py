"""The morning leaves pledges; the evening report that was stored is shown, also on paper."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, Visit

SPRINT = "六天大会战·街面路演"


def go_in(page: Page, kind: int) -> None:
    """Begins the meeting of the sprint (0 morning, 1 evening), or enters it when it was begun."""
    page.goto("/meetings")
    card = page.locator("section", has=page.get_by_role("heading", name=SPRINT))
    card.locator("tbody tr").last.locator("td").nth(kind).locator("button, a").first.click()
    expect(page.locator("[data-agenda]")).to_be_visible()


@pytest.mark.parametrize(("login", "size"), [("lead5", DESK), ("lead6", PHONE)], ids=["desk", "phone"])
def test_the_morning_takes_pledges(visit: Visit, login: str, size: dict) -> None:
    page = visit(login, size=size)
    go_in(page, 0)
    expect(page.get_by_role("heading", level=1)).to_have_text("晨会")
    section = page.locator("section", has=page.locator("#pledges"))
    first = section.locator("tbody input.form-control").first
    first.fill("12")
    first.press("Enter")
    page.keyboard.type("9")
    if section.get_by_label("变更原因").count():
        section.get_by_label("变更原因").fill("午后改线")
    section.get_by_role("button", name="保存承诺").or_(section.locator("form button.btn-primary")).first.click()
    section = page.locator("section", has=page.locator("#pledges"))
    expect(section.locator("tbody input.form-control").first).to_have_value("12")
    assert int(section.locator(".wt-total td").first.inner_text()) >= 21


def test_the_report_of_the_day_before_stands_in_the_morning_and_on_paper(visit: Visit) -> None:
    page = visit("lead5")
    go_in(page, 0)
    page.locator("a[href*='/meetings/reports/']").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("夕会报告")
    expect(page.locator("main")).to_contain_text("星火队")
    page.get_by_role("link", name="打印").click()
    expect(page).to_have_url(re.compile("print=1"))
    page.emulate_media(media="print")
    expect(page.locator("body")).to_contain_text("星火队")


@pytest.mark.parametrize(("login", "size"), [("lead3", DESK), ("lead4", PHONE)], ids=["desk", "phone"])
def test_the_evening_report_is_stored_and_shown(visit: Visit, login: str, size: dict) -> None:
    page = visit(login, size=size)
    go_in(page, 1)
    words = page.locator("#note-summary textarea")
    words.fill("先问生意，再谈贷款。")
    page.locator("#note-summary button[type=submit]").click()
    expect(page.locator("#note-summary textarea")).to_have_value("先问生意，再谈贷款。")
    report = page.locator("#report")
    report.get_by_role("button").last.click()
    expect(page.locator("main")).to_contain_text("先问生意，再谈贷款。")
    page.goto(page.locator("a[href*='/meetings/reports/']").first.get_attribute("href") or page.url)
    expect(page.locator("main")).to_contain_text("先问生意，再谈贷款。")


def test_what_is_typed_into_one_section_outlives_the_saving_of_another(visit: Visit) -> None:
    page = visit("lead4", size=PHONE)
    go_in(page, 0)
    tick, partner = page.locator("input[name=member]").first, page.locator("select[name^=partner-]").first
    reason, theme = page.locator("input[name^=reason-]").first, page.get_by_label("训练主题")
    tick.set_checked(not tick.is_checked())
    ticked = tick.is_checked()
    partner.select_option(index=2)
    reason.fill("去网点取物料")
    theme.fill("利率高怎么答")
    page.locator("form", has=theme).get_by_role("button", name="保存").click()
    expect(page.get_by_role("status").filter(has_text="已保存")).to_be_visible()
    expect(theme).to_have_value("利率高怎么答")
    expect(reason).to_have_value("去网点取物料")
    expect(tick).to_be_checked(checked=ticked)
    expect(partner).not_to_have_value("")
