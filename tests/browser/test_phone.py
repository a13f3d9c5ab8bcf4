"""The phone pages: what is saved first and sent later, what survives, what is forgotten, and what can be read by whom."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from crm.demo.bank import PASSWORD
from tests.browser.conftest import PHONE, Visit
from tests.browser.language import chinese_left, english_left
from tests.browser.serving import CHROMIUM, FLAGS, Served
from tests.browser.test_every_page import broken

RECEIPT = re.compile(r"回执 \d{8}-\d{6}")
NO_NETWORK = ("ERR_INTERNET_DISCONNECTED", "net::ERR_FAILED")
SCREENS = ("today", "record", "visit", "lead", "leads", "outbox", "pk", "meetings", "about", "team")
LOSER = "m305"
"""Whose sessions all end in a test."""
_numbers = count(time.time_ns() // 1_000_000)

OPEN = "const base = await new Promise((done) => { const it = indexedDB.open('waituo-phone'); it.onsuccess = () => done(it.result); });"
ALL = """(name) => new Promise((done) => {
  const it = base.transaction(name).objectStore(name).getAll();
  it.onsuccess = () => done(it.result);
})"""
STORES = f"""async () => {{
  {OPEN}
  const all = {ALL}, found = {{}};
  for (const name of base.objectStoreNames) found[name] = await all(name);
  base.close();
  return found;
}}"""
READABLE = f"""async (words) => {{
  {OPEN}
  const all = {ALL};
  const texts = [JSON.stringify({{...localStorage}}), JSON.stringify({{...sessionStorage}}), location.href, document.cookie];
  const decode = (value) => {{
    if (value instanceof Uint8Array) texts.push(new TextDecoder().decode(value));
    else if (value && typeof value === 'object' && !(value instanceof CryptoKey)) Object.values(value).forEach(decode);
    else texts.push(String(value));
  }};
  for (const name of base.objectStoreNames) decode(await all(name));
  for (const name of await caches.keys()) {{
    const cache = await caches.open(name);
    for (const one of await cache.keys()) texts.push(one.url, await (await cache.match(one)).text());
  }}
  base.close();
  return words.filter((word) => texts.some((text) => text.includes(word)));
}}"""
DAMAGE = f"""async () => {{
  {OPEN}
  const all = {ALL}, [record] = await all('records');
  const broken = {{ ...record, envelope: {{ v: 1 }}, copy: {{ iv: new Uint8Array(12), ct: new Uint8Array(3) }} }};
  await new Promise((done) => {{ base.transaction('records', 'readwrite').objectStore('records').put(broken).onsuccess = done; }});
  base.close();
}}"""
PICTURE = """() => new Promise((done) => {
  const canvas = document.createElement('canvas');
  canvas.width = 2400;
  canvas.height = 1200;
  canvas.getContext('2d').fillRect(9, 9, 900, 900);
  canvas.toBlob(async (blob) => done([...new Uint8Array(await blob.arrayBuffer())]), 'image/jpeg');
})"""
SMALL = """() => [...document.querySelectorAll('a, button, input, select, textarea, summary')]
  .filter((it) => it.checkVisibility() && it.type !== 'file' && !it.closest('.wt-skip, .wt-tick, .wt-hidden, .wt-toast'))
  .map((it) => [it, it.getBoundingClientRect()]).filter(([, box]) => box.width < 44 || box.height < 44)
  .map(([it, box]) => `${it.outerHTML.slice(0, 90)} is ${Math.round(box.width)} x ${Math.round(box.height)}`)"""
NO_STORE = """delete Window.prototype.indexedDB;
  Object.defineProperty(window, 'indexedDB', { value: undefined });
  Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined });"""


LEFT_WHILE_SAVING = """Object.defineProperty(Navigator.prototype, 'vendor', { get: () => 'Apple Computer, Inc.' });
  const begin = IDBDatabase.prototype.transaction;
  IDBDatabase.prototype.transaction = function (stores, ...more) {
    const transaction = begin.call(this, stores, ...more);
    if (globalThis.leavesNow && [stores].flat().includes('records') && more[0] === 'readwrite') {
      globalThis.leavesNow = false;
      transaction.addEventListener('abort', () => { globalThis.gaveUp = true; });
      queueMicrotask(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
    }
    return transaction;
  };"""


NO_WORKER = "delete Navigator.prototype.serviceWorker;"


def a_phone() -> str:
    """A mobile number that no lead has yet."""
    return f"139{next(_numbers) % 100_000_000:08d}"


def opened(page: Page, screen: str = "today", *, lang: str = "zh") -> Page:
    """The phone pages, once they have heard from the server."""
    page.goto(f"/m/{lang}/#{screen}")
    expect(page.locator(f'.wt-screen[data-screen="{screen}"]')).to_be_visible()
    return page


@pytest.fixture
def phone(visit: Visit) -> Callable[..., Page]:
    """phone("m101") opens the phone pages of that person and waits until they have spoken with the server."""

    def open_phone(login: str | None, screen: str = "today", *, lang: str = "zh") -> Page:
        page = visit(login, size=PHONE)
        with page.expect_response("**/m/api/bundle"):
            opened(page, lang=lang)
        expect(page.locator("#wt-state")).to_have_text("全部已上传" if lang == "zh" else "All is sent")
        if screen != "today":
            go(page, screen)
        return page

    return open_phone


def go(page: Page, screen: str) -> None:
    """To another screen, as its tab does it."""
    page.evaluate("(hash) => { location.hash = hash; }", screen)
    expect(page.locator(f'.wt-screen[data-screen="{screen.split("/")[0]}"]')).to_be_visible()


@contextmanager
def without_network(page: Page) -> Iterator[None]:
    """No network until the end; then the phone hears that it is back."""
    page.watch.allow(*NO_NETWORK)
    page.context.set_offline(True)
    yield
    page.context.set_offline(False)


def record_visit(page: Page, outcome: str = "consulted") -> None:
    """Two taps and a save."""
    page.locator(f"[data-outcome={outcome}]").click()
    page.get_by_label("餐饮").check()
    page.get_by_role("button", name="保存走访").click()
    expect(page.locator(".wt-toast", has_text="已保存在本机")).to_be_visible()


def fill_lead(page: Page, name: str, number: str) -> None:
    """The four fields that are needed."""
    page.get_by_label("称呼").fill(name)
    page.get_by_label("手机", exact=False).first.fill(number)
    page.get_by_label("餐饮").check()
    page.get_by_label("同意为答复").check()


def save_lead(page: Page, name: str, number: str) -> None:
    fill_lead(page, name, number)
    page.get_by_role("button", name="保存线索").click()
    expect(page.locator(".wt-toast", has_text="已保存在本机")).to_be_visible()


def ready_for_no_network(page: Page) -> None:
    """The shell is on the phone."""
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")


def badge(page: Page, n: int) -> None:
    """The red number on every screen and in the title."""
    if n:
        expect(page.locator("#wt-unsent")).to_have_text(str(n))
        expect(page).to_have_title(re.compile(rf"^\({n}\) "))
    else:
        expect(page.locator("#wt-unsent")).to_be_hidden()


def test_a_visit_takes_three_taps_and_comes_back_with_a_receipt(phone: Callable[..., Page]) -> None:
    page = phone("m101", "visit")
    record_visit(page)
    badge(page, 0)
    go(page, "outbox")
    expect(page.locator("li[data-state=sent]").first).to_contain_text(RECEIPT)
    assert page.evaluate(STORES)["records"][0]["envelope"] is None


def test_in_a_street_one_tap_saves_and_what_stays_is_kept(phone: Callable[..., Page]) -> None:
    page = phone("m101", "visit")
    page.get_by_role("switch").click()
    page.get_by_label("批发零售").check()
    for outcome in ("nobody", "refused"):
        page.locator(f"[data-outcome={outcome}]").click()
        expect(page.locator(".wt-toast", has_text={"nobody": "无人", "refused": "拒访"}[outcome])).to_be_visible()
    expect(page.get_by_label("批发零售")).to_be_checked()
    page.locator(".wt-toast button").last.click()
    expect(page.locator(".wt-toast", has_text="走访已撤销")).to_be_visible()
    badge(page, 0)
    kinds = [one["kind"] for one in page.evaluate(STORES)["records"]]
    assert sorted(kinds) == ["undo", "visit", "visit"]


def test_a_lead_without_a_network_waits_survives_a_reload_and_is_sent(phone: Callable[..., Page]) -> None:
    page, number = phone("m101", "lead"), a_phone()
    ready_for_no_network(page)
    with without_network(page):
        fill_lead(page, "钱老板", number)
        page.wait_for_timeout(350)
        page.reload()
        expect(page.get_by_label("称呼")).to_have_value("钱老板")
        expect(page.get_by_label("同意为答复")).to_be_checked()
        page.get_by_role("button", name="保存线索").click()
        badge(page, 1)
        page.close()
        page = opened(page.context.new_page(), "outbox")
        badge(page, 1)
        expect(page.locator("li[data-state=waiting]")).to_contain_text("钱老板")
        go(page, "leads")
        expect(page.locator(".wt-list li").first).to_contain_text("钱老板")
    badge(page, 0)
    go(page, "outbox")
    expect(page.locator("li[data-state=sent]")).to_contain_text(RECEIPT)
    page.goto(f"/leads?q={number}")
    expect(page.get_by_role("link", name=re.compile("钱")).first).to_be_visible()


def test_four_fields_are_needed_and_each_says_so(phone: Callable[..., Page]) -> None:
    page = phone("m101", "lead")
    page.get_by_role("button", name="保存线索").click()
    assert page.locator(".wt-error:visible").all_inner_texts() == [
        "请填写客户称呼。", "请填写手机号。", "请选择行业。", "没有这项同意，不得保存任何信息。",
    ]  # fmt: skip
    expect(page.get_by_label("称呼")).to_be_focused()
    assert page.locator(".wt-ticks input[type=checkbox]:checked").count() == 0


def test_what_the_server_refuses_is_corrected_in_a_new_record_or_discarded_knowingly(
    phone: Callable[..., Page],
) -> None:
    page, number = phone("m101", "lead"), a_phone()
    save_lead(page, "孙姐", number)
    badge(page, 0)
    for name in ("孙老板", "孙师傅"):
        save_lead(page, name, number)
    expect(page.locator("#wt-state")).to_contain_text("2 条需处理")
    go(page, "outbox")
    first = page.locator("li[data-state=needs]", has_text="孙老板")
    first.get_by_role("button", name="更正").click()
    page.get_by_label("手机", exact=False).first.fill(a_phone())
    page.get_by_role("button", name="保存线索").click()
    expect(page.locator("li[data-state=replaced]")).to_have_count(1)
    badge(page, 1)
    page.get_by_role("button", name="丢弃").click()
    expect(page.get_by_role("dialog")).to_contain_text("孙师傅")
    page.get_by_role("button", name="确认丢弃").click()
    badge(page, 0)
    states = sorted(one["state"] for one in page.evaluate(STORES)["records"])
    assert states == ["replaced", "sent", "sent"]


def test_a_page_of_the_network_is_no_answer_and_a_lost_reply_makes_no_second_record(phone: Callable[..., Page]) -> None:
    page = phone("m101", "visit")
    page.watch.allow(*NO_NETWORK)
    sent: list[dict] = []

    def portal(route: Route) -> None:
        route.fulfill(status=200, content_type="text/html", body="<h1>Free Wi-Fi</h1>")

    def lose(route: Route) -> None:
        sent.append(json.loads(route.fetch().text()))
        route.abort()

    page.context.route("**/m/api/sync", portal)
    record_visit(page)
    expect(page.locator("#wt-state")).to_have_text("待上传 1 条")
    go(page, "outbox")
    expect(page.get_by_text("当前网络返回了自己的页面")).to_be_visible()
    page.context.unroute("**/m/api/sync")
    page.context.route("**/m/api/sync", lose)
    page.get_by_role("button", name="立即上传").click()
    expect(page.get_by_text("没有网络。内容都安全存在本机")).to_be_visible()
    badge(page, 1)
    page.context.unroute("**/m/api/sync")
    page.get_by_role("button", name="立即上传").click()
    badge(page, 0)
    expect(page.locator("li[data-state=sent]")).to_contain_text(sent[0]["results"][0]["receipt"])


def test_two_tabs_see_each_other_and_send_each_record_once(phone: Callable[..., Page]) -> None:
    page = phone("m101", "visit")
    ready_for_no_network(page)
    other = opened(page.context.new_page(), "outbox")
    sent: list[str] = []
    page.context.on(
        "request",
        lambda one: sent.extend(r["uuid"] for r in one.post_data_json["records"]) if "/api/sync" in one.url else None,
    )
    with without_network(page):
        for n in (1, 2, 3):
            record_visit(page)
            badge(page, n)
        badge(other, 3)
    badge(other, 0)
    badge(page, 0)
    assert len(sent) == len(set(sent)) == 3


def test_counts_go_up_by_one_and_back(phone: Callable[..., Page]) -> None:
    page = phone("m101", "record")
    row = page.locator(".wt-counter").first
    before = int(row.locator("strong").inner_text())
    row.get_by_role("button", name="+1").click()
    expect(row.locator("strong")).to_have_text(str(before + 1))
    badge(page, 0)
    expect(row.locator("strong")).to_have_text(str(before + 1))
    row.get_by_role("button", name="−1").click()
    expect(row.locator("strong")).to_have_text(str(before))
    badge(page, 0)


def test_a_photo_and_a_coarse_position_go_with_a_visit(phone: Callable[..., Page]) -> None:
    page = phone("m101")
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"latitude": 29.123456, "longitude": 106.654321, "accuracy": 350})
    go(page, "visit")
    expect(page.get_by_text("信号弱：精度 350 米")).to_be_visible()
    picture = page.evaluate(PICTURE)
    page.locator("input[type=file]").set_input_files(
        {"name": "front.jpg", "mimeType": "image/jpeg", "buffer": bytes(picture)}
    )
    expect(page.get_by_text("已存本机")).to_be_visible()
    assert page.evaluate(
        "() => { const c = document.querySelector('.wt-photo canvas'); return [c.width, c.height]; }"
    ) == [1600, 800]
    with page.expect_response(lambda one: "/m/api/photos/" in one.url and one.request.method == "PUT") as put:
        record_visit(page)
    assert put.value.json()["state"] == "whole"
    expect(page.locator("#wt-state")).to_have_text("全部已上传")
    assert page.evaluate(STORES)["photos"] == []


def test_signing_out_leaves_nothing_readable_and_loses_nothing(visit: Visit, server: Served) -> None:
    page, number = visit(None, size=PHONE), a_phone()
    page.watch.allow(*NO_NETWORK, "status 401: GET /m/api")
    server.sign_in(page, "m202")
    opened(page, "lead")
    expect(page.locator("#wt-state")).to_have_text("全部已上传")
    page.context.route("**/m/api/sync", lambda route: route.abort())
    save_lead(page, "周老板", number)
    badge(page, 1)
    page.get_by_label("称呼").fill("吴老板")
    page.wait_for_timeout(350)
    assert page.evaluate(READABLE, ["周老板", "吴老板", number]) == []
    page.get_by_label("菜单").first.click()
    page.locator("#wt-signout").click()
    expect(page.get_by_role("dialog")).to_contain_text("还有 1 条未上传")
    page.get_by_role("button", name="退出登录").last.click()
    expect(page.get_by_role("heading", name="欢迎")).to_be_visible()
    kept = page.evaluate(STORES)
    assert kept["keys"] == kept["cache"] == []
    assert [one["copy"] for one in kept["records"]] == [None]
    assert [(one["hidden"], bool(one["envelope"])) for one in kept["drafts"]] == [(None, True)]
    # A colleague neither sees it nor sends it.
    page.context.unroute("**/m/api/sync")
    tried: list[str] = []
    page.on("request", lambda one: tried.append(one.url) if "/api/sync" in one.url else None)
    server.sign_in(page, "m203")
    opened(page, "outbox")
    expect(page.get_by_text("同事的 1 条记录")).to_be_visible()
    expect(page.locator("li[data-uuid]")).to_have_count(0)
    page.get_by_role("button", name="立即上传").click()
    expect(page.locator("#wt-state")).to_have_text("全部已上传")
    assert tried == []
    # Its owner has both back.
    page.context.clear_cookies()
    page.goto("/sign-in?next=/m/zh/")
    page.locator("#login").fill("m202")
    page.locator("#password").fill(PASSWORD)
    page.locator("#password").press("Enter")
    expect(page.locator(".wt-screen[data-screen=today]")).to_be_visible()
    badge(page, 0)
    go(page, "lead")
    expect(page.get_by_label("称呼")).to_have_value("吴老板")
    go(page, "outbox")
    expect(page.locator("li[data-state=sent]")).to_contain_text(RECEIPT)


def test_a_lost_phone_clears_itself_and_what_was_not_sent_is_not_lost(visit: Visit, server: Served) -> None:
    page, desk = visit(None, size=PHONE), visit("organiser")
    server.sign_in(page, LOSER)
    opened(page)
    expect(page.locator("#wt-state")).to_have_text("全部已上传")
    user = page.evaluate("async () => (await (await fetch('/m/api/session')).json()).user.id")
    name, number = "司马青云", a_phone()
    go(page, "lead")
    page.watch.allow("401")
    with without_network(page):
        save_lead(page, name, number)
        badge(page, 1)
        desk.goto(f"/field/phones/{user}")
        desk.get_by_role("button", name="报失").click()
        desk.get_by_role("button", name="确认报失").click()
        expect(desk.get_by_text("已报失，尚未联网")).to_be_visible()
    expect(page.get_by_role("link", name="登录").first).to_be_visible()
    assert page.evaluate(READABLE, [name, number]) == []
    assert [one["state"] for one in page.evaluate(STORES)["records"]] == ["waiting"]
    desk.reload()
    expect(desk.get_by_text("已清除", exact=True)).to_be_visible()
    desk.get_by_role("button", name="已找回").click()
    expect(desk.get_by_text("使用中")).to_be_visible()
    server.sign_in(page, LOSER)
    opened(page, "outbox")
    expect(page.locator("li[data-state=sent]")).to_have_count(1)


def test_when_the_session_has_ended_everything_waits_for_the_sign_in(phone: Callable[..., Page]) -> None:
    page = phone("m101", "visit")
    page.watch.allow("status 401: GET /m/api/session")
    cookies = page.context.cookies()
    page.context.clear_cookies()
    record_visit(page)
    expect(page.locator("#wt-notes")).to_contain_text("您已退出登录。内容都安全存在本机")
    badge(page, 1)
    page.context.add_cookies(cookies)
    go(page, "outbox")
    page.reload()
    badge(page, 0)


def test_the_file_for_the_desk_holds_sealed_records_only(phone: Callable[..., Page]) -> None:
    page, number = phone("m101", "lead"), a_phone()
    with without_network(page):
        save_lead(page, "郑老板", number)
        go(page, "outbox")
        with page.expect_download() as download:
            page.get_by_role("button", name="存为文件").click()
        text = Path(download.value.path()).read_text(encoding="utf-8")
        told = json.loads(text)
        assert told["waituo"] == "rescue-1"
        assert set(told["records"][0]) == {"uuid", "sha256", "user", "envelope"}
        assert number not in text
        assert download.value.suggested_filename.endswith(".waituo")
    badge(page, 0)


def test_a_damaged_record_is_shown_and_does_not_hold_up_the_others(phone: Callable[..., Page]) -> None:
    page = phone("m101", "visit")
    ready_for_no_network(page)
    with without_network(page):
        record_visit(page)
        badge(page, 1)
        page.evaluate(DAMAGE)
        page.reload()
        go(page, "visit")
        record_visit(page, "interested")
        badge(page, 2)
    badge(page, 1)
    go(page, "outbox")
    expect(page.get_by_text("已损坏，无法上传")).to_be_visible()
    expect(page.locator("li[data-state=sent]")).to_have_count(1)


def test_a_page_of_webkit_that_is_left_holds_no_lock_and_loses_nothing(visit: Visit) -> None:
    """WebKit never ends the transaction of a page that was left, and the next page waits for it (tests/browser/stories.py)."""
    page = visit("m101", size=PHONE)
    page.watch.allow("AbortError")  # readings are given up as well; nobody is there to miss them
    page.add_init_script(LEFT_WHILE_SAVING)
    with page.expect_response("**/m/api/bundle"):
        opened(page)
    go(page, "lead")
    fill_lead(page, "谷雨", a_phone())
    page.evaluate("() => { globalThis.leavesNow = true; }")
    page.get_by_role("button", name="保存线索").click()
    page.wait_for_function("() => globalThis.gaveUp")
    assert page.evaluate(STORES)["records"] == []  # another connection reads: nothing is locked, nothing half saved
    page.evaluate("() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.get_by_label("称呼")).to_have_value("谷雨")
    page.get_by_role("button", name="保存线索").click()
    expect(page.locator(".wt-toast", has_text="已保存在本机")).to_be_visible()
    go(page, "outbox")
    expect(page.locator("li[data-uuid]")).to_have_count(1)
    expect(page.locator("li[data-state=sent]")).to_have_count(1)


def test_where_nothing_can_be_kept_the_ordinary_pages_are_named(visit: Visit) -> None:
    page = visit("m101", size=PHONE)
    page.add_init_script(NO_STORE)
    page.goto("/m/zh/#lead")
    expect(page.get_by_role("heading", name="此浏览器无法保存记录")).to_be_visible()
    expect(page.get_by_role("link", name="登记线索").first).to_have_attribute("href", "/leads/new")


def test_where_no_worker_is_the_pages_say_so_and_still_lose_nothing(visit: Visit) -> None:
    """As in the browsers inside WeChat and WeCom: a store, but no pages without a network."""
    page = visit("m101", size=PHONE)
    page.add_init_script(NO_WORKER)
    with page.expect_response("**/m/api/bundle"):
        opened(page)
    expect(page.locator(".wt-note", has_text="此浏览器不能离线打开页面")).to_be_visible()
    go(page, "lead")
    with without_network(page):
        save_lead(page, "谷雨", a_phone())
        badge(page, 1)
    badge(page, 0)
    assert [one["state"] for one in page.evaluate(STORES)["records"]] == ["sent"]


def test_data_that_was_cleared_is_noticed(phone: Callable[..., Page]) -> None:
    page = phone("m101", "visit")
    with page.expect_response("**/m/api/sync"):
        record_visit(page)
    badge(page, 0)
    before = page.evaluate("() => localStorage.getItem('waituo.device')")
    page.goto("/m/sw.js")  # no page of ours holds the store open
    page.evaluate("() => new Promise((done) => { indexedDB.deleteDatabase('waituo-phone').onsuccess = done; })")
    opened(page)
    expect(page.locator("#wt-notes")).to_contain_text("本机数据曾被清除")
    expect(page.get_by_text("飞虎队")).to_be_visible()  # it knows the campaign again
    expect(page.locator("#wt-state")).to_have_text("全部已上传")
    assert page.evaluate("() => localStorage.getItem('waituo.device')") == before
    go(page, "visit")
    record_visit(page)
    badge(page, 0)
    assert page.evaluate(STORES)["records"][0]["seq"] == 2


def test_no_name_and_no_phone_stands_in_the_profile(browser: Browser, server: Served, tmp_path: Path) -> None:
    number, name = a_phone(), "司徒静怡"
    context = browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=CHROMIUM, args=FLAGS, base_url=server.url, viewport=PHONE, locale="zh-CN"
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    server.sign_in(page, "lead3")
    opened(page, "lead")
    expect(page.locator("#wt-state")).to_have_text("全部已上传")
    page.context.set_offline(True)
    save_lead(page, name, number)
    page.get_by_label("称呼").fill(name)
    page.wait_for_timeout(400)
    assert page.evaluate(READABLE, [name, number]) == []
    context.close()
    wanted = [text.encode(code) for text in (name, number) for code in ("utf-8", "utf-16-le")]
    found = [
        path.name for path in tmp_path.rglob("*") if path.is_file() for text in wanted if text in path.read_bytes()
    ]
    assert found == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_each_screen_fits_a_small_phone_and_is_whole(phone: Callable[..., Page], server: Served, lang: str) -> None:
    page = phone("lead1", lang=lang)
    page.watch.allow("/m/api/team")
    left = english_left if lang == "zh" else chinese_left
    uid = page.evaluate("""async () => (await (await fetch('/m/api/bundle')).json()).leads[0].uid""")
    said = []
    for screen in (*SCREENS, f"lead/{uid}"):
        page.evaluate("(hash) => { location.hash = hash; }", screen)
        expect(page.locator(f'.wt-screen[data-screen="{"one" if "/" in screen else screen}"]')).to_be_visible()
        for fold in page.locator("main details").all():
            fold.evaluate("(it) => { it.open = true; }")
        for width in (320, 360):
            page.set_viewport_size({"width": width, "height": 640})
            wide = page.evaluate("document.scrollingElement.scrollWidth")
            said += [f"{screen}: {wide} pixels wide on {width}"] if wide > width else []
        said += [f"{screen}: {line}" for line in page.evaluate(SMALL)]
        said += [f"{screen}: {line}" for line in (*broken(page), *left(page, server.home))]
    assert said == []


def test_the_first_load_is_light_and_the_app_can_be_installed(visit: Visit) -> None:
    page = visit("m101", size=PHONE)
    sizes: dict[str, int] = {}
    page.on("requestfinished", lambda one: sizes.__setitem__(one.url, one.sizes()["responseBodySize"]))
    opened(page)
    expect(page.locator("#wt-state")).to_have_text("全部已上传")
    assert sum(size for address, size in sizes.items() if "/m/api/" not in address) < 60_000, sizes
    session = page.context.new_cdp_session(page)
    ready_for_no_network(page)
    missing = {one["errorId"] for one in session.send("Page.getInstallabilityErrors")["installabilityErrors"]}
    assert missing <= {"in-incognito"}  # that is the test's browser
    assert session.send("Page.getAppManifest")["errors"] == []
