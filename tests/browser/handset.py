"""A phone of a test's own: Chromium with a profile that outlives it, so that it can be killed and started again.

What it records goes through the page's own forms: `people` fills the form by script, which is as fast as the page is.
"""

import os
import signal
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, BrowserType, Page, expect
from playwright.sync_api import Error as PlaywrightError

from tests.browser.conftest import PHONE
from tests.browser.own_server import OwnServer
from tests.browser.serving import CHROMIUM, FLAGS, Served
from tests.browser.test_phone import STORES

_numbers = count(1)

LEADS = """async ({ people, limit }) => {
  const ends = performance.now() + limit;
  const turn = () => new Promise((done) => setTimeout(done, 4));
  const form = () => document.querySelector("form.wt-form");
  for (const { name, phone } of people) {
    const one = form();
    one.elements.name.value = name;
    one.elements.phone.value = phone;
    one.querySelector("[name=trade][value=catering]").checked = true;
    one.elements.enquiry.checked = true;
    one.requestSubmit();
    // The page draws the form anew when the record is on the disk, and only then.
    while (form() === one) {
      if (performance.now() > ends) throw new Error(`not saved: ${name} ${document.getElementById("wt-toasts").innerText}`);
      await turn();
    }
    globalThis.toldSaved?.(name);
  }
}"""
TYPE = """(fields) => {
  const form = document.querySelector("form.wt-form");
  for (const [name, value] of Object.entries(fields)) {
    form.elements[name].value = value;
    form.elements[name].dispatchEvent(new Event("input", { bubbles: true }));
  }
}"""
DRAFT_SINCE = """(moment) => new Promise((done) => {
  const it = indexedDB.open("waituo-phone");
  it.onsuccess = () => {
    const all = it.result.transaction("drafts").objectStore("drafts").getAll();
    all.onsuccess = () => { it.result.close(); done(all.result.some((draft) => draft.at >= moment && draft.hidden)); };
  };
})"""
IN_STATE = """([state, n]) => new Promise((done) => {
  const it = indexedDB.open("waituo-phone");
  it.onsuccess = () => {
    const all = it.result.transaction("records").objectStore("records").getAll();
    all.onsuccess = () => { it.result.close(); done(all.result.filter((one) => one.state === state).length === n); };
  };
})"""
UNTIL = """async ([limit, argument]) => {
  const holds = %s, ends = performance.now() + limit;
  while (!(await holds(argument))) {
    if (performance.now() > ends) throw new Error("this has not come about: " + holds);
    await new Promise((done) => setTimeout(done, 20));
  }
}"""


def people(how_many: int) -> list[dict[str, str]]:
    """Customers whom nobody else has: a name and a mobile number each."""
    found = []
    for _ in range(how_many):
        number = next(_numbers)
        found.append({"name": f"龚掌柜{number:04d}", "phone": f"1987{os.getpid() % 1000:03d}{number:04d}"})
    return found


def until(page: Page, holds: str, argument: Any = None, *, seconds: int = 30) -> None:
    """Waits until a function of the page, which may take its time itself, answers yes."""
    page.evaluate(UNTIL % holds, [seconds * 1000, argument])


def until_sent(page: Page, n: int) -> None:
    """Waits until so many records on this phone have their receipts."""
    until(page, IN_STATE, ["sent", n])


def until_waiting(page: Page, n: int) -> None:
    """Waits until so many records stand on the disk of this phone and are not sent."""
    until(page, IN_STATE, ["waiting", n])


def amiss(who: list[dict[str, str]], stubs: list[dict[str, Any]], server: OwnServer, device: str) -> list[str]:
    """What is wrong between what was recorded, what the phone believes, and what the server has."""
    said = []
    numbers = [body["data"].get("phone") for body in server.bodies(device)]
    for one in who:
        if numbers.count(one["phone"]) != 1:
            said.append(f"{one['name']}: {numbers.count(one['phone'])} times on the server")
    here, there = {one["uuid"]: one for one in stubs}, server.received(device)
    for uid in here.keys() | there.keys():
        number, digest = there.get(uid, ("", ""))
        receipt = here.get(uid, {}).get("receipt") or "-"
        if receipt.rpartition("-")[2] != number or here[uid]["sha256"] != digest:
            said.append(f"{uid}: receipt {receipt}, the server has {number}")
    leads = {uid for (uid,) in server.rows("SELECT uid FROM lead")}
    said += [f"{uid}: no lead" for uid in there if uid not in leads]
    return said


class Handset:
    """`open` and `kill` as often as the test wants; `page` is the phone's page."""

    def __init__(self, chromium: BrowserType, profile: Path, served: Served, **options: Any) -> None:
        self.chromium = chromium
        self.profile = profile
        self.served = served
        self.options = options
        self.told: list[str] = []
        self.context: BrowserContext | None = None

    def open(self, screen: str = "today", *, offline: bool = False) -> Page:
        """Starts the browser; the page is there, with or without a network."""
        self.launch()
        assert self.context is not None
        self.context.set_default_timeout(30_000)
        self.context.expose_function("toldSaved", self._told)
        self.context.set_offline(offline)
        return self.goto(screen)

    def launch(self) -> None:
        """Starts the browser with its profile; `page` is blank."""
        self.context = self.chromium.launch_persistent_context(
            self.profile,
            executable_path=CHROMIUM,
            args=FLAGS,
            base_url=self.served.url,
            locale="zh-CN",
            **{"timezone_id": "Asia/Shanghai", "viewport": PHONE} | self.options,
        )
        self.page = self.context.pages[0] if self.context.pages else self.context.new_page()

    def goto(self, screen: str) -> Page:
        """Loads the page at a screen."""
        self.page.goto(f"/m/zh/#{screen}")
        expect(self.page.locator(f'.wt-screen[data-screen="{screen}"]')).to_be_visible(timeout=30_000)
        return self.page

    def first_time(self, login: str, screen: str = "lead") -> Page:
        """Opens, signs in, and waits until the phone can do without a network."""
        page = self.open("today")
        self.served.sign_in(page, login)
        self.goto(screen)
        self.all_sent()
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        return page

    def all_sent(self) -> None:
        """Waits until the page says that nothing waits."""
        expect(self.page.locator("#wt-state")).to_have_text("全部已上传", timeout=40_000)

    def waits(self, n: int) -> None:
        """Waits until the badge says how many records are not sent."""
        expect(self.page.locator("#wt-unsent")).to_have_text(str(n), timeout=30_000)

    def record(self, who: list[dict[str, str]], *, seconds: int = 40) -> None:
        """Saves these customers with the page's form, which has to be on the screen."""
        self.page.evaluate(LEADS, {"people": who, "limit": seconds * 1000})

    def type(self, fields: dict[str, str]) -> None:
        """Types into the form on the screen, and waits until its draft is on the disk."""
        before = self.page.evaluate("Date.now()")
        self.page.evaluate(TYPE, fields)
        until(self.page, DRAFT_SINCE, before)

    def begin(self, who: list[dict[str, str]]) -> None:
        """The same without waiting: what is saved says so in `told`."""
        self.page.evaluate(f"(asked) => {{ ({LEADS})(asked).catch(() => {{}}); }}", {"people": who, "limit": 60_000})

    def stores(self) -> dict[str, list[dict[str, Any]]]:
        """All that stands in the phone's store."""
        return self.page.evaluate(STORES)

    @property
    def device(self) -> str:
        """The phone's own id."""
        return str(self.page.evaluate("() => localStorage.getItem('waituo.device')"))

    def kill(self) -> None:
        """kill -9 of the whole browser, whatever it was doing."""
        for number in self._processes():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self._forget()

    def close(self) -> None:
        """Leaves it as a person does."""
        self._forget()

    def _told(self, name: str) -> None:
        self.told.append(name)

    def _forget(self) -> None:
        if self.context is not None:
            with suppress(PlaywrightError):
                self.context.close()
        self.context = None
        for name in ("SingletonLock", "SingletonCookie", "SingletonSocket"):
            (self.profile / name).unlink(missing_ok=True)

    def _processes(self) -> list[int]:
        """Every process of the browser that has this very profile."""
        mark = f"--user-data-dir={self.profile}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    if mark in (entry / "cmdline").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found
