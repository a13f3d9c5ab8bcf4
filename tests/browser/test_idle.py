"""A session that nobody used ends, and nothing typed is lost over it."""

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Page, expect

from crm.demo.bank import PASSWORD
from crm.kernel.crypto import load_keys
from tests.browser.conftest import PHONE, Visit
from tests.browser.pages import pages
from tests.browser.serving import Served

HOUR = 3600
NOTE = "下午三点再来，老板在午休"


def let_an_hour_pass(page: Page, server: Served) -> None:
    """As if nobody had used the session for an hour: the moments in the signed cookie are set back."""
    app = Flask("clockmaker")
    app.secret_key = load_keys(server.home / "demo" / "keys.json").cookie
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None
    cookie = next(one for one in page.context.cookies() if one["name"] == "crm_session")
    kept = signer.loads(cookie["value"])
    kept["since"] -= HOUR
    kept.pop("used", None)
    page.context.add_cookies([{"name": "crm_session", "value": signer.dumps(kept), "url": server.url}])


def sign_in_again(page: Page, login: str) -> None:
    """On the page that the reader was led to."""
    expect(page.get_by_text("30 分钟没有操作")).to_be_visible()
    page.locator("#login").fill(login)
    page.locator("#password").fill(PASSWORD)
    page.locator("#password").press("Enter")


@pytest.mark.parametrize("way", ["登录", "返回"])
def test_a_short_form_sent_too_late_is_filled_again_after_the_sign_in(visit: Visit, server: Served, way: str) -> None:
    page = visit("lead1", size=PHONE)
    page.watch.allow("status 401: POST /log/")
    page.goto(dict(pages(server.home, "lead1"))["outreach.visits"])
    page.get_by_label("备注", exact=True).fill(NOTE)
    let_an_hour_pass(page, server)
    page.get_by_role("button", name="记录", exact=True).click()
    expect(page.get_by_text("登录已失效")).to_be_visible()
    page.locator("main").get_by_text(way, exact=True).click()
    sign_in_again(page, "lead1")
    expect(page.get_by_label("备注", exact=True)).to_have_value(NOTE)
    page.get_by_role("button", name="记录", exact=True).click()
    expect(page.get_by_text("走访已记录")).to_be_visible()
    expect(page.get_by_label("备注", exact=True)).to_have_value("")


def test_a_long_form_is_kept_through_a_sign_in_and_for_nobody_else(visit: Visit, server: Served) -> None:
    page = visit("lead1")
    page.watch.allow("status 401: POST /leads")
    page.goto("/leads/new")
    page.get_by_label("称呼").fill("午休的老板")
    let_an_hour_pass(page, server)
    page.get_by_role("button", name="登记").click()
    expect(page.get_by_text("登录已失效")).to_be_visible()
    page.locator("main").get_by_role("link", name="登录").click()
    sign_in_again(page, "lead2")
    expect(page).to_have_url(f"{server.url}/leads/new")
    expect(page.get_by_label("称呼")).to_have_value("")
    assert page.evaluate("Object.keys(sessionStorage).filter(key => key.startsWith('keep:')).length") == 0


def test_a_part_of_a_page_that_comes_too_late_says_so(visit: Visit, server: Served) -> None:
    page = visit("organiser")
    page.watch.allow("status 401: GET /districts", "Response Status Error Code 401")
    page.goto("/districts")
    closed = page.locator("details.wt-branch:not([open]) > summary").first  # a small tree stands open at its top
    expect(closed).to_be_visible()
    let_an_hour_pass(page, server)
    closed.click()
    toast = page.locator(".wt-toast", has_text="自动退出登录")
    expect(toast).to_have_count(1)
    toast.get_by_role("button", name="登录").click()
    sign_in_again(page, "organiser")
    expect(page).to_have_url(f"{server.url}/districts")
