"""A campaign is planned by one person and approved by another."""

import re
import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, Visit


def move(page: Page, step: str) -> None:
    """Takes a step of the campaign's life and confirms it."""
    page.locator("main").get_by_role("button", name=step).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.locator("button[type=submit]").click()
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_an_organiser_plans_and_a_manager_approves(visit: Visit, size: dict) -> None:
    organiser, manager = visit("organiser", size=size), visit("manager", size=size)
    name = f"年货节{secrets.token_hex(2)}"
    organiser.goto("/campaigns/new")
    organiser.get_by_label("名称", exact=True).fill(name)
    organiser.get_by_label("节日", exact=True).check()
    organiser.get_by_label("起始日期").fill("2030-01-10")
    organiser.get_by_label("截止日期").fill("2030-01-12")
    organiser.get_by_label("活动目的").fill("年货大街设摊，三日咨询一百户")
    organiser.get_by_role("button", name="保存").click()
    expect(organiser).to_have_url(re.compile(r"/campaigns/\d+$"))
    expect(organiser.get_by_role("heading", level=1)).to_have_text(name)
    expect(organiser.locator("main")).to_contain_text("草稿")
    manager.goto(organiser.url)
    move(manager, "批准")
    expect(manager.locator("main")).to_contain_text("已批准")
    organiser.reload()
    move(organiser, "启动活动")
    expect(organiser.locator(".wt-lead")).to_contain_text("进行中")


def test_the_last_day_before_the_first_is_refused_and_kept(visit: Visit) -> None:
    page = visit("organiser")
    page.watch.allow("status 422: POST /campaigns/new")
    page.goto("/campaigns/new")
    page.get_by_label("名称", exact=True).fill("倒着走")
    page.get_by_label("沙龙", exact=True).check()
    page.get_by_label("起始日期").fill("2030-02-10")
    page.get_by_label("截止日期").fill("2030-02-01")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("名称", exact=True)).to_have_value("倒着走")
    expect(page.get_by_label("沙龙", exact=True)).to_be_checked()
