"""The funnel is switched, grouped, opened down to its records and taken away as a file."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, Visit

SIZES = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
# The table's cells after the team: valid and touched visits, consults, applications.
CONSULTS, APPLICATIONS = 2, 3


@SIZES
def test_the_funnel_opens_down_to_its_records(visit: Visit, size: dict) -> None:
    page = visit("manager", size=size)
    page.goto("/funnel?window=all")
    page.get_by_role("link", name="同期群视图").click()
    expect(page).to_have_url(re.compile("view=cohort"))
    expect(page.locator("main")).to_contain_text("同期群视图 ·")
    page.get_by_role("link", name="时段视图").click()
    page.locator(".wt-switch").get_by_role("link", name="活动模型", exact=True).click()
    expect(page).to_have_url(re.compile("by=model"))
    page.locator(".wt-switch").get_by_role("link", name="小组", exact=True).click()
    row = page.locator("tbody tr", has=page.get_by_role("rowheader", name="破浪队")).last
    link = row.locator("td").nth(APPLICATIONS).get_by_role("link")
    shown = int(link.inner_text().replace(",", ""))
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("明细：申请")
    expect(page.locator(".wt-lead")).to_contain_text(f"{shown} 条")
    page.locator("tbody th a").first.click()
    expect(page).to_have_url(re.compile(r"/leads/\d+$"))


def test_the_file_holds_the_figures_of_the_page(visit: Visit, tmp_path: Path) -> None:
    page = visit("organiser")
    page.goto("/funnel?window=all&by=team")
    consults = page.locator("tfoot td").nth(CONSULTS).inner_text().replace(",", "")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV").click()
    target = tmp_path / "funnel.csv"
    waiting.value.save_as(target)
    rows = list(csv.reader(target.read_text(encoding="utf-8-sig").splitlines()))
    assert any(consults in row for row in rows), (consults, rows[:5])


def test_the_picture_is_drawn_and_has_its_table(visit: Visit) -> None:
    page = visit("manager")
    page.goto("/funnel?window=all")
    expect(page.locator(".wt-chart svg, [data-chart] svg").first).to_be_visible()
    page.get_by_text("数据表").first.click()
    expect(page.locator(".wt-chart table").first).to_be_visible()
