"""Who comes in, in which language, and what a wrong password says."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, Visit
from tests.browser.serving import Served

SIZES = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])


@SIZES
def test_a_wrong_password_is_refused_and_the_right_one_leads_to_today(visit: Visit, server: Served, size: dict) -> None:
    page = visit(None, size=size)
    page.watch.allow("status 422: POST /sign-in", "status 401: POST /sign-in")
    page.goto("/sign-in")
    page.get_by_label("登录名", exact=True).fill("lead3")
    page.get_by_label("密码", exact=True).fill("wrong")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("登录名", exact=True)).to_have_value("lead3")
    server.sign_in(page, "lead3")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.url == f"{server.url}/today"


def test_the_language_is_remembered(visit: Visit) -> None:
    page = visit("m101")
    page.goto("/leads")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans-CN")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Leads")
    assert page.url.endswith("/leads")
    page.goto("/today")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    again = page.context.new_page()
    again.goto("/leads/new")
    expect(again.get_by_role("heading", level=1)).to_have_text("New lead")
    again.get_by_role("button", name="中文").click()
    expect(again.locator("html")).to_have_attribute("lang", "zh-Hans-CN")


def test_who_is_not_signed_in_is_asked_to_and_led_on(visit: Visit, server: Served) -> None:
    page = visit(None)
    page.goto("/funnel")
    page.locator("#login").fill("manager")
    page.locator("#password").fill("Waituo-demo-2026")
    page.locator("#password").press("Enter")
    expect(page).to_have_url(f"{server.url}/funnel")
