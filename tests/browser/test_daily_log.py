"""The leader types the day's declared numbers without leaving the keyboard, and hands the log in."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, Visit

SIZES = pytest.mark.parametrize(("login", "size"), [("lead1", DESK), ("lead2", PHONE)], ids=["desk", "phone"])


@SIZES
def test_numbers_are_typed_saved_and_handed_in(visit: Visit, login: str, size: dict) -> None:
    page = visit(login, size=size)
    page.goto("/log")
    cells = page.locator("[data-grid] tbody tr").first.locator("input[name^=d-]")
    below = page.locator("[data-grid] tbody tr").nth(1).locator("input[name^=d-]").first
    cells.first.fill("7")
    cells.first.press("Enter")
    expect(below).to_be_focused()
    page.keyboard.type("5")
    page.keyboard.press("ArrowUp")
    expect(cells.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(cells.nth(1)).to_be_focused()
    page.keyboard.type("2")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="保存")).to_be_visible()
    expect(cells.first).to_have_value("7")
    expect(below).to_have_value("5")
    expect(cells.nth(1)).to_have_value("2")
    hand_in = page.get_by_role("button", name="保存并提交")
    if hand_in.count():  # the folder of an earlier run keeps a log that was handed in
        page.get_by_label("亮点").fill("早市人流大")
        hand_in.click()
    expect(page.locator(".wt-lead")).to_contain_text("已提交")
    expect(page.get_by_label("亮点")).to_have_value("早市人流大")


def test_a_word_where_a_number_belongs_is_refused_and_kept(visit: Visit) -> None:
    page = visit("lead3")
    page.watch.allow("status 422: POST /log")
    page.goto("/log")
    cell = page.locator("[data-grid] tbody input[name^=d-]").first
    cell.fill("很多")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(cell).to_have_attribute("aria-invalid", "true")
    expect(cell).to_have_value("很多")


def test_a_block_of_a_spreadsheet_is_pasted_into_the_grid(visit: Visit) -> None:
    page = visit("lead4")
    page.goto("/log")
    rows = page.locator("[data-grid] tbody tr")
    start = rows.first.locator("input[name^=d-]").first
    start.focus()
    start.evaluate(
        """field => {
          const data = new DataTransfer();
          data.setData("text/plain", "3\\t1\\n4\\t2\\n");
          field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }"""
    )
    for row, values in enumerate((("3", "1"), ("4", "2"))):
        for place, value in enumerate(values):
            expect(rows.nth(row).locator("input[name^=d-]").nth(place)).to_have_value(value)


def test_a_draft_that_is_put_back_overwrites_nobody(visit: Visit) -> None:
    lead, member = visit("lead6"), visit("m601", size=PHONE)
    lead.goto("/log")
    own = lead.locator("[data-grid] tbody tr").first.locator("input[name^=d-]").first
    mine = str(int(own.input_value() or 0) + 4)
    own.fill(mine)
    member.goto("/log")
    theirs = member.locator("[data-grid] input[name^=d-]").first
    name, before = theirs.get_attribute("name"), int(theirs.input_value() or 0)
    theirs.fill(str(before + 3))
    member.get_by_role("button", name="保存", exact=True).click()
    expect(member.get_by_role("status").filter(has_text="保存")).to_be_visible()
    lead.reload()
    expect(own).to_have_value(mine)
    lead.get_by_role("button", name="保存", exact=True).click()
    expect(lead.get_by_role("status").filter(has_text="保存")).to_be_visible()
    expect(lead.locator(f"input[name={name}]")).to_have_value(str(before + 3))
    expect(own).to_have_value(mine)
