"""Forty customers without a network, through kills, an ended session and a migration: the server has those forty, once each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from crm.demo.bank import PASSWORD
from tests.browser.handset import Handset, amiss, people
from tests.browser.own_server import OwnServer, own_server
from tests.browser.serving import Served
from tests.browser.test_phone import ALL, OPEN, fill_lead

LOSE_ONE = f"""async () => {{
  {OPEN}
  const all = {ALL}, [record] = await all('records');
  await new Promise((done) => {{ base.transaction('records', 'readwrite').objectStore('records').delete(record.uuid).onsuccess = done; }});
  base.close();
}}"""


@pytest.fixture
def own(server: Served, tmp_path: Path) -> Iterator[OwnServer]:
    """A server that this test may kill."""
    with own_server(server, tmp_path) as started:
        yield started


def sign_in_again(phone: Handset, login: str) -> None:
    phone.page.locator("#wt-notes a").click()
    phone.page.locator("#login").fill(login)
    phone.page.locator("#password").fill(PASSWORD)
    phone.page.locator("#password").press("Enter")
    expect(phone.page.locator(".wt-screen[data-screen=today]")).to_be_visible(timeout=30_000)


def test_forty_customers_through_kills_a_lost_session_and_a_migration(
    browser: Browser, own: OwnServer, tmp_path: Path
) -> None:
    phone, who = Handset(browser.browser_type, tmp_path / "profile", own.served), people(40)
    phone.first_time("m101")
    device = phone.device
    # No network at all: the phone is in airplane mode and the server is away.
    phone.context.set_offline(True)
    own.stop()
    for one in who[:5]:
        fill_lead(phone.page, one["name"], one["phone"])
        phone.page.get_by_role("button", name="保存线索").click()
        expect(phone.page.get_by_label("称呼")).to_have_value("")
    saved = 5
    for until in (18, 31):  # killed while it saves, twice
        phone.begin(who[saved:])
        phone.page.wait_for_function("(n) => Number(document.getElementById('wt-unsent').textContent) >= n", arg=until)
        told = len(phone.told)
        phone.kill()
        phone.open("lead", offline=True)
        kept = phone.stores()["records"]
        assert len(kept) >= max(until, 5 + told)
        assert all(one["state"] == "waiting" and one["envelope"] for one in kept)
        saved = len(kept)
        assert len(kept) <= 40
        phone.told[:] = [one["name"] for one in who[5:saved]]
    phone.record(who[saved:])
    expect(phone.page.locator("#wt-unsent")).to_have_text("40")
    phone.type({"name": "还没写完", "phone": "139"})
    phone.kill()
    # Meanwhile the product was brought forward, and all sessions ended.
    own.run("migrate", "--to", "0002", "--yes")
    own.run("migrate")
    own.sign_everybody_out("m101")
    own.start()
    phone.open("lead")
    expect(phone.page.locator("#wt-notes")).to_contain_text("您已退出登录。内容都安全存在本机")
    expect(phone.page.get_by_label("称呼")).to_have_value("还没写完")
    phone.waits(40)
    assert own.received(device) == {}
    # The first answer is lost: the server has all, and the phone does not know it.
    lost: list[str] = []

    def lose(route: Any) -> None:
        lost.append(route.fetch().text())
        route.abort()

    phone.context.route("**/m/api/sync", lose)
    sign_in_again(phone, "m101")
    expect(phone.page.locator("#wt-state")).to_have_text("待上传 40 条")
    phone.goto("outbox")
    expect(phone.page.get_by_text("没有网络。内容都安全存在本机")).to_be_visible(timeout=30_000)
    assert lost
    assert len(own.received(device)) == 40
    assert [bool(one["envelope"]) for one in phone.stores()["records"]] == [True] * 40
    phone.context.unroute("**/m/api/sync")
    phone.page.get_by_role("button", name="立即上传").click()
    phone.all_sent()
    stubs = phone.stores()["records"]
    assert [one["envelope"] for one in stubs] == [None] * 40
    assert amiss(who, stubs, own, device) == []
    phone.close()


def test_the_comparison_tells_of_one_that_is_lost(browser: Browser, own: OwnServer, tmp_path: Path) -> None:
    """The control: the same comparison, over a phone that gives one up without a receipt."""
    phone, who = Handset(browser.browser_type, tmp_path / "profile", own.served), people(3)
    phone.first_time("m101")
    phone.context.set_offline(True)
    phone.record(who)
    phone.page.evaluate(LOSE_ONE)
    phone.context.set_offline(False)
    phone.all_sent()
    said = amiss(who, phone.stores()["records"], own, phone.device)
    assert len(said) == 1
    assert said[0].endswith("0 times on the server")
    phone.close()
