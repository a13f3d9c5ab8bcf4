"""Two hundred customers pass through a phone; nobody who takes the phone, its disk or its browser finds one of them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.browser.handset import Handset, people, until
from tests.browser.serving import Served
from tests.browser.test_phone import READABLE, SCREENS, go

PLAIN = """(words) => new Promise((done) => {
  const it = indexedDB.open("plain");
  it.onupgradeneeded = () => it.result.createObjectStore("words", { autoIncrement: true });
  it.onsuccess = () => {
    const write = it.result.transaction("words", "readwrite", { durability: "strict" });
    for (const word of words) write.objectStore("words").add(word);
    write.oncomplete = () => { it.result.close(); done(); };
  };
})"""
Customers = list[dict[str, str]]


def words_of(who: Customers) -> list[str]:
    """Every name and number."""
    return [word for one in who for word in (one["name"], one["phone"])]


def pattern(who: Customers) -> re.Pattern[bytes]:
    """Finds each of them as UTF-8, as UTF-16 and with separators between the groups of a number."""
    spelt = set()
    for one in who:
        number = one["phone"]
        groups = [number, *(sign.join((number[:3], number[3:7], number[7:])) for sign in " -")]
        for text in (one["name"], *groups):
            spelt |= {text.encode(), text.encode("utf-16-le")}
    return re.compile(b"|".join(map(re.escape, sorted(spelt))))


def found_in(profile: Path, who: Customers) -> list[str]:
    """Files of a browser's profile in which one of them can be read."""
    # What all have in common is looked for first: one pass over the bytes instead of a thousand.
    beginnings = {word for one in who for word in (one["name"][:2], one["phone"][:3])}
    starts = [word.encode(code) for word in beginnings for code in ("utf-8", "utf-16-le")]
    whole = pattern(who)
    said = []
    for path in sorted(profile.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if any(start in content for start in starts) and (hit := whole.search(content)):
            said.append(f"{path.relative_to(profile)}: {hit.group()!r}")
    return said


@pytest.fixture
def phone(browser: Browser, server: Served, tmp_path: Path) -> Iterator[Handset]:
    """A phone with a disk."""
    made = Handset(browser.browser_type, tmp_path / "profile", server)
    yield made
    made.close()


def typed(phone: Handset, who: Customers) -> None:
    """Begins a lead of each and leaves it: the last stands in a draft, with a note about it."""
    for one in who:
        phone.type({"name": one["name"], "phone": one["phone"], "note": f"{one['name']} {one['phone']}"})


def looked_at(page: Page) -> None:
    """Every screen on which customers stand."""
    for screen in ("leads", "outbox", "today", "visit", "lead"):
        go(page, screen)


def test_no_customer_can_be_read_on_the_disk_nor_by_the_next_user(phone: Handset, server: Served) -> None:
    who = people(200)
    sent, waiting, drafts = who[:50], who[50:190], who[190:]
    page = phone.first_time("m102")
    phone.record(sent)
    phone.all_sent()
    assert page.evaluate("async () => (await (await fetch('/m/api/bundle')).json()).leads.length") >= 50
    phone.context.set_offline(True)
    phone.record(waiting, seconds=120)
    phone.waits(140)
    typed(phone, drafts)
    looked_at(page)
    expect(page.get_by_label("称呼")).to_have_value(drafts[-1]["name"])  # the phone itself can still read it
    assert found_in(phone.profile, who) == []
    phone.kill()
    assert found_in(phone.profile, who) == []

    page = phone.open("lead", offline=True)
    phone.waits(140)
    page.get_by_label("菜单").first.click()
    page.locator("#wt-signout").click()
    page.get_by_role("button", name="退出登录").last.click()
    expect(page.get_by_role("heading", name="欢迎")).to_be_visible()
    assert page.evaluate(READABLE, words_of(who)) == []
    assert found_in(phone.profile, who) == []

    phone.context.set_offline(False)
    until(page, "() => fetch('/m/api/session').then((one) => one.status === 401)")
    answers: list[Response] = []

    def hear(one: Response) -> None:
        answers.append(one)

    phone.context.on("response", hear)
    server.sign_in(page, "m301")
    phone.goto("today")
    phone.all_sent()
    told = []
    for screen in (one for one in SCREENS if one != "team"):
        go(page, screen)
        told.append(page.content())
    texts = told + [one.text() for one in answers if one.ok and "json" in one.headers.get("content-type", "")]
    assert len(texts) > len(SCREENS)
    assert [word for word in words_of(who) if any(word in text for text in texts)] == []
    assert page.evaluate(READABLE, words_of(who)) == []
    expect(page.locator("#wt-unsent")).to_be_hidden()
    phone.close()
    assert found_in(phone.profile, who) == []


def test_the_search_finds_what_is_written_plainly(phone: Handset) -> None:
    """The control: one customer among thirty is written without a lock."""
    who = people(30)
    page = phone.first_time("m102", "today")
    page.evaluate(PLAIN, [who[17]["name"]])
    phone.close()
    assert any(one.startswith("Default/IndexedDB/") for one in found_in(phone.profile, who))
    phone.open("today")
    phone.page.evaluate("() => new Promise((done) => { indexedDB.deleteDatabase('plain').onsuccess = done; })")
    phone.page.evaluate(PLAIN, [who[3]["phone"]])
    phone.kill()
    assert any(one.startswith("Default/IndexedDB/") for one in found_in(phone.profile, [who[3]]))
