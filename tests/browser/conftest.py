"""The real server over the demo bank, and real Chromium in front of it.

The bank is made once a session, by the same command that a newcomer types. CRM_BROWSER_HOME names a folder that is kept
from run to run, which saves making the bank; CRM_CHROMIUM names another browser than Debian's.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.serving import Served, chromium, serving
from tests.browser.watching import Watch

HERE = Path(__file__).parent
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 360, "height": 640}
Visit = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs Chromium."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Served]:
    """The product as it is served, with two processes, security tokens and the demo's people: one for each test process."""
    kept = os.environ.get("CRM_BROWSER_HOME")
    home = Path(kept) / worker_id if kept else tmp_path_factory.mktemp("bank")
    with serving(home) as served:
        yield served


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the session."""
    with sync_playwright() as driver, chromium(driver) as started:
        yield started


@pytest.fixture(scope="session")
def signed_in(server: Served, browser: Browser) -> Callable[[str], dict]:
    """signed_in("lead1") gives the cookies of that person, who signed in once with the form."""
    known: dict[str, dict] = {}

    def cookies(login: str) -> dict:
        if login not in known:
            context = browser.new_context(base_url=server.url, locale="zh-CN")
            page = context.new_page()
            server.sign_in(page, login)
            known[login] = context.storage_state()
            context.close()
        return known[login]

    return cookies


@pytest.fixture
def visit(server: Served, browser: Browser, signed_in: Callable[[str], dict]) -> Iterator[Visit]:
    """visit("lead1") opens a browser of that person; what goes wrong on any of its pages fails the test at its end."""
    opened: list[tuple[BrowserContext, Watch]] = []

    def open_page(login: str | None, *, size: dict[str, int] = DESK, language: str = "zh") -> Page:
        context = browser.new_context(
            base_url=server.url,
            viewport=size,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            storage_state=signed_in(login) if login else None,
            has_touch=size is PHONE,
        )
        context.set_default_timeout(10_000)
        if language != "zh":
            context.add_cookies([{"name": "crm_lang", "value": language, "url": server.url}])
        watch = Watch(context, server.url)
        opened.append((context, watch))
        page = context.new_page()
        page.watch = watch
        return page

    yield open_page
    for context, _ in opened:
        context.close()
    assert [line for _, watch in opened for line in watch.troubles] == []
