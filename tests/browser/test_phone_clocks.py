"""Phones with a wrong clock or zone, without room, beside a newer page, or two of one person."""

import json

import pytest
from playwright.sync_api import Browser, Page, expect

from crm.kernel.clock import business_day, now
from tests.browser.conftest import PHONE, Visit
from tests.browser.handset import LEADS, people, until, until_sent, until_waiting
from tests.browser.own_server import rows_of
from tests.browser.serving import Served
from tests.browser.test_phone import STORES, badge, opened, ready_for_no_network, record_visit, without_network
from tests.browser.watching import Watch

ZONE, DAY = "Asia/Shanghai", 86_400_000
CLOCKS = {
    "in Shanghai, right": ("Asia/Shanghai", 0),
    "in Urumqi, a day behind": ("Asia/Urumqi", -DAY),
    "in UTC, a day ahead": ("UTC", DAY),
    "in New York, ten years ahead": ("America/New_York", 3653 * DAY),
}
SHIFTED = """(() => {
  const Real = Date;
  globalThis.phoneClock = %d;
  globalThis.Date = class extends Real {
    constructor(...given) { if (given.length) super(...given); else super(Real.now() + globalThis.phoneClock); }
    static now() { return Real.now() + globalThis.phoneClock; }
  };
})()"""
NEWER = """() => new Promise((done) => {
  const it = indexedDB.open("waituo-phone", 2);
  it.onsuccess = () => { it.result.close(); done(it.result.version); };
})"""
DEVICE = "() => localStorage.getItem('waituo.device')"
FILL = """() => new Promise((done, fail) => {
  const it = indexedDB.open("other", 1);
  it.onupgradeneeded = () => it.result.createObjectStore("words", { autoIncrement: true });
  it.onerror = () => fail(it.error);
  it.onsuccess = async () => {
    const put = (size) => new Promise((end) => {
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65536)));
      const write = it.result.transaction("words", "readwrite", { durability: "strict" });
      write.objectStore("words").add(bytes);
      write.oncomplete = () => end(true);
      write.onabort = () => end(false);
    });
    for (const size of [200_000, 20_000, 2_000, 200]) while (await put(size));
    it.result.close();
    done();
  };
})"""


def visits(served: Served, device: str) -> list[tuple[int, str, list[str]]]:
    """(campaign, business day, flags) of this phone's visits, in the order in which they came."""
    found = rows_of(
        served.home / "demo" / "crm.db",
        "SELECT v.campaign_id, v.day, r.flags FROM field_record r JOIN visit v ON v.uid = r.uid "
        "WHERE r.device = ? ORDER BY r.id",
        device,
    )
    return [(campaign, day, json.loads(flags)) for campaign, day, flags in found]


def receipts(served: Served, device: str) -> set[tuple[str, str]]:
    """(uuid, hash) of all that came from this phone."""
    return set(
        rows_of(served.home / "demo" / "crm.db", "SELECT uid, content_hash FROM field_record WHERE device = ?", device)
    )


@pytest.mark.parametrize("name", CLOCKS)
def test_a_wrong_clock_changes_no_business_day(name: str, browser: Browser, server: Served, signed_in: object) -> None:
    zone, shift = CLOCKS[name]
    context = browser.new_context(
        base_url=server.url, viewport=PHONE, locale="zh-CN", timezone_id=zone, storage_state=signed_in("m104")
    )  # fmt: skip
    context.set_default_timeout(20_000)
    watch = Watch(context, server.url)
    watch.allow("ERR_INTERNET_DISCONNECTED", "net::ERR_FAILED")
    context.add_init_script(SHIFTED % shift)
    page = context.new_page()
    opened(page, "visit")
    expect(page.locator("#wt-state")).to_have_text("全部已上传", timeout=20_000)
    ready_for_no_network(page)
    record_visit(page)
    until_sent(page, 1)
    context.set_offline(True)
    page.reload()  # from now on the page has never heard the server's clock
    expect(page.locator(".wt-screen[data-screen=visit]")).to_be_visible()
    record_visit(page, "interested")
    until_waiting(page, 1)
    context.set_offline(False)
    until_sent(page, 2)
    today, wrong = business_day(now(), ZONE).isoformat(), ["clock"] if shift else []
    campaign = page.evaluate("async () => (await (await fetch('/m/api/bundle')).json()).campaign")
    assert visits(server, page.evaluate(DEVICE)) == [(campaign, today, wrong)] * 2
    assert watch.troubles == []
    context.close()


def test_two_phones_of_one_person_count_for_themselves(visit: Visit, server: Served) -> None:
    pages = [visit("m103", size=PHONE), visit("m103", size=PHONE)]
    for page in pages:
        opened(page, "lead")
        expect(page.locator("#wt-state")).to_have_text("全部已上传")
        ready_for_no_network(page)
    first, second = pages
    with without_network(first), without_network(second):
        for page in pages:
            page.evaluate(LEADS, {"people": people(3), "limit": 30_000})
            badge(page, 3)
    seen = []
    for page in pages:
        badge(page, 0)
        records = page.evaluate(STORES)["records"]
        assert sorted(one["seq"] for one in records) == [1, 2, 3]
        assert receipts(server, page.evaluate(DEVICE)) == {(one["uuid"], one["sha256"]) for one in records}
        seen.append({one["uuid"] for one in records})
    assert not seen[0] & seen[1]


def test_a_full_phone_gives_its_reserve_up_for_text_and_then_says_so(visit: Visit) -> None:
    page = visit("m103", size=PHONE)
    quota(page, 5_000_000)
    opened(page, "visit")
    expect(page.locator("#wt-state")).to_have_text("全部已上传")
    ready_for_no_network(page)
    with without_network(page):
        record_visit(page)
        until_waiting(page, 1)
        until(page, f"async () => (await ({STORES})()).meta.some((one) => one?.length > 2e6)")
        page.evaluate(FILL)
        record_visit(page, "interested")
        expect(page.locator(".wt-toast", has_text="手机存储将满")).to_be_visible()
        until_waiting(page, 2)
        # The reserve is gone; what is typed stays on the page until there is room.
        page.evaluate(FILL)
        quota(page, 1_000)
        page.get_by_label("备注").fill("门口有招牌")
        record_visit(page, "applied")
        expect(page.locator(".wt-toast", has_text="手机存储已满，尚未保存")).to_be_visible()
        until_waiting(page, 2)
        expect(page.get_by_label("备注")).to_have_value("门口有招牌")
        quota(page, 50_000_000)
        page.get_by_role("button", name="保存走访").click()
        until_waiting(page, 3)
    until_sent(page, 3)


def quota(page: Page, size: int) -> None:
    """The browser allows these pages so many bytes."""
    page.goto("/m/zh/app.webmanifest") if page.url == "about:blank" else None
    order = {"origin": page.evaluate("location.origin"), "quotaSize": size}
    page.context.new_cdp_session(page).send("Storage.overrideQuotaForOrigin", order)


def test_a_newer_page_beside_this_one_is_let_through_and_nothing_is_lost(visit: Visit) -> None:
    page = visit("m103", size=PHONE)
    opened(page, "visit")
    expect(page.locator("#wt-state")).to_have_text("全部已上传")
    ready_for_no_network(page)
    with without_network(page):
        record_visit(page)
        badge(page, 1)
        other = page.context.new_page()
        other.goto("/m/zh/app.webmanifest")
        assert other.evaluate(NEWER) == 2
        expect(page.locator("main")).to_contain_text("另一标签页已打开新版本")
        assert len(page.evaluate(STORES)["records"]) == 1
    expect(page.get_by_role("button", name="重新载入")).to_be_visible()
