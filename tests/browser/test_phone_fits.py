"""360 x 640: the screens that only show when something went wrong fit as well, in both languages."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Visit
from tests.browser.handset import IN_STATE, LEADS, TYPE, people, until, until_sent, until_waiting
from tests.browser.test_phone import SMALL, go, opened, ready_for_no_network, without_network

WIDE = "document.scrollingElement.scrollWidth"
CUT = """() => [...document.querySelectorAll('main *, dialog *, .wt-notes *, .wt-toast *')]
  .filter((it) => it.checkVisibility() && it.scrollWidth > it.clientWidth + 1 && it.clientWidth > 0)
  .filter((it) => !['INPUT', 'SELECT', 'TEXTAREA', 'SPAN'].includes(it.tagName) && getComputedStyle(it).overflowX !== 'visible')
  .filter((it) => getComputedStyle(it).overflowX !== 'auto').map((it) => it.outerHTML.slice(0, 90))"""


def amiss(page: Page, name: str) -> list[str]:
    """What does not fit."""
    wide = page.evaluate(WIDE)
    said = [f"{name}: {wide} pixels wide"] if wide > PHONE["width"] else []
    return said + [f"{name}: {line}" for line in (*page.evaluate(SMALL), *page.evaluate(CUT))]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_is_refused_waits_or_is_asked_fits(visit: Visit, lang: str) -> None:
    page, [known, other] = visit("lead4", size=PHONE), people(2)
    page.watch.allow("status 401: GET /m/api/session")
    page.on("dialog", lambda one: one.accept())
    opened(page, "lead", lang=lang)
    expect(page.locator("#wt-state")).to_have_text("全部已上传" if lang == "zh" else "All is sent", timeout=30_000)
    ready_for_no_network(page)
    record: Callable[..., None] = lambda *who: page.evaluate(LEADS, {"people": who, "limit": 30_000})  # noqa: E731
    record(known)
    until_sent(page, 1)
    record(known)
    until(page, IN_STATE, ["needs", 1])
    said: list[str] = []
    with without_network(page):
        record(other)
        until_waiting(page, 1)
        said += amiss(page, "after a save")
        page.evaluate(TYPE, {"phone": known["phone"]})
        expect(page.locator(".wt-hint .wt-note").first).to_be_visible()
        said += amiss(page, "a customer whom somebody has")
        page.locator(".wt-save-bar .wt-primary").click()
        expect(page.locator(".wt-error:visible").first).to_be_visible()
        said += amiss(page, "a form with mistakes")
        go(page, "outbox")
        expect(page.locator("li[data-state=needs]")).to_be_visible()
        said += amiss(page, "the outbox")
        page.locator("li[data-state=needs] .wt-row button").last.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        said += amiss(page, "a question")
        page.get_by_role("dialog").get_by_role("button").first.click()
        page.locator("li[data-state=needs] .wt-primary").click()
        expect(page.locator(".wt-screen[data-screen=edit]")).to_be_visible()
        said += amiss(page, "a correction")
        page.context.clear_cookies()
    expect(page.locator("#wt-notes a")).to_be_visible()
    said += amiss(page, "the session has ended")
    page.locator("#wt-menu summary").click()
    said += amiss(page, "the menu")
    page.locator("#wt-signout").click()
    page.get_by_role("dialog").get_by_role("button").last.click()
    expect(page.locator("#wt-signin")).to_be_attached()
    said += amiss(page, "signed out")
    assert said == []
