"""The phone's pages against networks, kills, sessions, data, clocks and disks: all pairs of what can go wrong, in Chromium.

`python -m tests.browser.matrix` runs every case; `--only N` the case of that number, `--sample N` a seeded choice.
Each case records without a network, suffers, and has the network back in its own way. In the end each record stands on the
server once with the receipt that the phone shows, or is still on the phone where the person sees it.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, Route, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.browser.conftest import PHONE
from tests.browser.handset import IN_STATE, Handset, amiss, people, until, until_waiting
from tests.browser.own_server import OwnServer, own_server
from tests.browser.serving import Served, chromium, serving
from tests.browser.test_phone import DAMAGE, PICTURE, STORES, go
from tests.browser.test_phone_clocks import FILL

AXES: Mapping[str, tuple[str, ...]] = {
    "network": (
        "online", "offline", "flapping", "refused", "request cut", "reply lost", "late", "sent twice", "portal page",
        "502 page", "garbage", "half an answer",
    ),
    "process": (
        "goes on", "tab closed while saving", "browser killed", "machine restarted", "server killed", "server migrated",
        "two tabs", "two phones",
    ),
    "session": ("valid", "ended", "token expired", "password changed", "disabled", "moved team", "another signs in"),
    "data": ("one", "sixty", "photos", "too large", "refused", "unknown form", "contested", "rare Hanzi"),
    "clock": ("right", "a day behind", "a day ahead", "ten years ahead", "zone changes"),
    "store": ("private", "full", "upgrade beside", "cleared", "damaged"),
}  # fmt: skip
CANNOT = {
    "data: other content under a known uuid": "the page makes a new uuid for each record; tests/field/test_sync.py sends it",
    "clock: a deadline passes in the queue": "the server alone judges by its own clock; tests/field/test_clocks.py",
    "clock: the server's goes back": "the server of this run has the machine's clock; tests/field/test_clocks.py",
    "photos with store full": "a photo is not taken then, and the page says so",
}
EXCLUDED = {frozenset({("data", "photos"), ("store", "full")})}
DAYS = {"a day behind": -1, "a day ahead": 1, "ten years ahead": 3653}
MEMBERS = ("m101", "m102", "m103", "m104", "m105", "m106", "m201", "m202", "m203", "m204", "m205")
STRANGERS = ("m401", "m402")

SHIFTED = """(() => {
  const Real = Date, off = %d;
  globalThis.Date = class extends Real {
    constructor(...given) { if (given.length) super(...given); else super(Real.now() + off); }
    static now() { return Real.now() + off; }
  };
})()"""
IMPATIENT = """(() => {
  const real = globalThis.setTimeout;
  globalThis.setTimeout = (act, after, ...more) => real(act, after === 15000 ? 1500 : after, ...more);
})()"""
FUTURE_FORM = """(() => {
  const real = JSON.stringify;
  JSON.stringify = (value, ...more) => real(value?.form === 1 && value.kind ? { ...value, form: 9 } : value, ...more);
})()"""
BESIDE = """() => new Promise((done) => {
  const it = indexedDB.open("waituo-phone", 2);
  it.onupgradeneeded = () => it.transaction.abort();
  it.onerror = (event) => { event.preventDefault(); done(); };
})"""
CLEARED = """() => new Promise((done) => { indexedDB.deleteDatabase("waituo-phone").onsuccess = done; })"""
HAS_RESERVE = f"async () => (await ({STORES})()).meta.some((one) => one?.length > 2e6)"
NOBODY = """() => {
  dispatchEvent(new Event("online"));
  return document.getElementById("wt-signout").hidden;
}"""
ONLINE = """() => dispatchEvent(new Event("online"))"""
OPEN_RECORDS = """() => new Promise((done) => {
  const it = indexedDB.open("waituo-phone");
  it.onsuccess = () => {
    const all = it.result.transaction("records").objectStore("records").getAll();
    all.onsuccess = () => { it.result.close(); done(all.result.filter((one) => one.envelope).map((one) => one.state)); };
  };
})"""


@dataclass(frozen=True)
class Case:
    """One value of each axis."""

    network: str
    process: str
    session: str
    data: str
    clock: str
    store: str

    def __str__(self) -> str:
        return ", ".join(f"{axis} {getattr(self, axis)}" for axis in AXES)


Pair = frozenset[tuple[str, str]]


def pairs_of(values: Mapping[str, str]) -> set[Pair]:
    """Every two things that happen together."""
    return {frozenset(two) for two in combinations(values.items(), 2)}


def all_pairs(seed: int = 7) -> list[Case]:
    """Few cases in which each pair of values of two axes occurs; greedy, and the same for the same seed."""
    draw = random.Random(seed)
    wanted = {
        frozenset({(one, first), (other, second)})
        for one, other in combinations(AXES, 2)
        for first, second in product(AXES[one], AXES[other])
    } - EXCLUDED
    cases = []
    while wanted:
        seeds = draw.sample(sorted(wanted, key=sorted), min(8, len(wanted)))
        best = max((_grown(pair, wanted, draw) for pair in seeds), key=lambda one: len(pairs_of(one) & wanted))
        wanted -= pairs_of(best)
        cases.append(Case(**best))
    return cases


def _grown(pair: Pair, wanted: set[Pair], draw: random.Random) -> dict[str, str]:
    """A case around a pair, axis by axis with the value that brings the most that is still wanted."""
    values = dict(sorted(pair))
    for axis in AXES:
        if axis in values:
            continue
        possible = [
            value for value in AXES[axis]
            if not any({(axis, value), have} in EXCLUDED for have in values.items())
        ]  # fmt: skip
        draw.shuffle(possible)
        values[axis] = max(possible, key=lambda one: len(pairs_of(values | {axis: one}) & wanted))
    return {axis: values[axis] for axis in AXES}


class Guest(Handset):
    """A phone in a browser that others use too: nothing of it is on the disk, as in a private window."""

    def __init__(self, browser: Browser, served: Served, **options: Any) -> None:
        super().__init__(browser.browser_type, Path(), served, **options)
        self.browser = browser

    def launch(self) -> None:
        self.context = self.browser.new_context(
            base_url=self.served.url, viewport=PHONE, locale="zh-CN", **self.options
        )
        self.page = self.context.new_page()


class Runner:
    """Runs cases, each with a phone of its own, against one server."""

    def __init__(self, browser: Browser, server: OwnServer, folder: Path) -> None:
        self.browser, self.server, self.folder = browser, server, folder
        self.states: dict[str, Any] = {}
        self.number = 0
        self.taken = people(len(MEMBERS) * 3)
        self._taken_by_strangers()

    def run(self, case: Case) -> list[str]:
        """What is wrong in the end."""
        self.number += 1
        return _Story(self, case, MEMBERS[self.number % len(MEMBERS)]).told()

    def state(self, login: str) -> Any:
        """The cookies of a person."""
        if login not in self.states:
            context = self.browser.new_context(base_url=self.server.url, locale="zh-CN")
            context.set_default_timeout(30_000)
            self.server.served.sign_in(context.new_page(), login)
            self.states[login] = context.storage_state()
            context.close()
        return self.states[login]

    def _taken_by_strangers(self) -> None:
        """Customers whom another team has already. Both strangers sign in now, while there is a server."""
        self.state(STRANGERS[1])
        phone = Guest(self.browser, self.server.served, storage_state=self.state(STRANGERS[0]))
        phone.open("lead")
        phone.all_sent()
        phone.record(self.taken)
        phone.all_sent()
        phone.close()


class _Story:
    """One case from beginning to end."""

    def __init__(self, runner: Runner, case: Case, login: str) -> None:
        self.runner, self.case, self.login = runner, case, login
        self.server = runner.server
        self.open_in_the_end = 0
        self.who: list[dict[str, str]] = []
        self.phone = self._phone("one")
        self.second: Handset | None = None
        self.zones: CDPSession | None = None
        self.faults = 0

    def told(self) -> list[str]:
        try:
            self._begin()
            self._record()
            self._suffer()
            self._network_back()
            return self._wrong()
        finally:
            self._tidy()

    # ---- the phone ----

    def _phone(self, name: str) -> Handset:
        options: dict[str, Any] = {"viewport": PHONE} if self.keeps else {}
        options["timezone_id"] = None if self.case.clock == "zone changes" else "Asia/Shanghai"
        if self.keeps:
            profile = self.runner.folder / f"{self.runner.number}-{name}"
            return Handset(self.runner.browser.browser_type, profile, self.server.served, **options)
        return Guest(self.runner.browser, self.server.served, storage_state=self.runner.state(self.login), **options)

    @property
    def keeps(self) -> bool:
        """Whether the browser itself has to die."""
        return self.case.process in ("browser killed", "machine restarted")

    def _prepared(self, phone: Handset) -> None:
        """What the pages of this case meet from their first line."""
        assert phone.context is not None
        if self.case.clock in DAYS:
            phone.context.add_init_script(SHIFTED % (DAYS[self.case.clock] * 86_400_000))
        if self.case.network == "late":
            phone.context.add_init_script(IMPATIENT)
        if self.case.data == "unknown form":
            phone.context.add_init_script(FUTURE_FORM)

    def _begin(self) -> None:
        self.phone.launch()
        self._prepared(self.phone)
        if self.keeps:
            self.phone.context.add_cookies(self.runner.state(self.login)["cookies"])
        if self.case.store == "full":
            self.phone.page.goto("/m/zh/app.webmanifest")
            self._quota(6_000_000)
        self.phone.goto("lead")
        self.phone.all_sent()
        self.page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        if self.case.store == "cleared":
            self._save(people(1))
            until(self.page, IN_STATE, ["sent", 1])
            self.page.goto("/m/sw.js")
            self.page.evaluate(CLEARED)
            self.who.clear()  # the phone knows nothing of it any more
            self.phone.goto("lead")
            self.phone.all_sent()
            expect(self.page.locator("#wt-notes")).to_contain_text("本机数据曾被清除")

    @property
    def page(self) -> Page:
        return self.phone.page

    def _quota(self, size: int) -> None:
        order = {"origin": self.server.url, "quotaSize": size}
        self.phone.context.new_cdp_session(self.page).send("Storage.overrideQuotaForOrigin", order)

    # ---- what is recorded ----

    def _save(self, who: list[dict[str, str]]) -> None:
        self.phone.record(who)
        self.who += who

    def _record(self) -> None:
        if self.case.network != "online":
            self.phone.context.set_offline(True)
        else:
            # Even where there is a network, it is away while something is broken on purpose.
            self.phone.context.route("**/m/api/sync", lambda route: route.abort())
        if self.case.process == "two phones":
            self.second = self._phone("two")
            self.second.launch()
            self._prepared(self.second)
            self.second.goto("lead")
            self.second.all_sent()
            self.second.context.set_offline(True)
            self.others = people(2)
            self.second.record(self.others)
        if self.case.clock == "zone changes":
            self._zone("Asia/Urumqi")
        {"sixty": lambda: self._save(people(60)), "photos": self._photos, "too large": lambda: self._save(people(8)),
         "refused": self._twice, "contested": self._contested, "rare Hanzi": self._rare}.get(
            self.case.data, lambda: self._save(people(1)))()  # fmt: skip
        if self.case.clock == "zone changes":
            self._zone("America/New_York")

    def _zone(self, name: str) -> None:
        if self.zones is None:
            self.zones = self.phone.context.new_cdp_session(self.page)
        self.zones.send("Emulation.setTimezoneOverride", {"timezoneId": name})

    def _photos(self) -> None:
        go(self.page, "visit")
        for outcome in ("consulted", "interested"):
            picture = bytes(self.page.evaluate(PICTURE))
            self.page.locator("input[type=file]").set_input_files(
                {"name": "front.jpg", "mimeType": "image/jpeg", "buffer": picture}
            )
            expect(self.page.get_by_text("已存本机")).to_be_visible(timeout=30_000)
            self.page.locator(f"[data-outcome={outcome}]").click()
            self.page.get_by_role("button", name="保存走访").click()
            expect(self.page.locator(".wt-photo canvas")).to_have_count(0, timeout=30_000)
        until_waiting(self.page, 2)
        go(self.page, "lead")

    def _twice(self) -> None:
        who = people(1)
        self._save(who)
        self.phone.record(who)  # the server has this customer by then
        self.open_in_the_end += 1

    def _contested(self) -> None:
        self._save([self.runner.taken.pop()])

    def _rare(self) -> None:
        self._save([one | {"name": f"𠮷䶮🧧{one['name'][-4:]}"} for one in people(2)])

    # ---- what goes wrong ----

    def _suffer(self) -> None:
        self._store()
        self._process()
        self._session()

    def _store(self) -> None:
        if self.case.store == "upgrade beside":
            beside = self.phone.context.new_page()
            beside.goto("/m/zh/app.webmanifest")
            beside.evaluate(BESIDE)
            beside.close()
            self._loaded_again()
        elif self.case.store == "damaged":
            self._save(people(1))
            # One of them can be read no more; it stays where it is, and the person is told.
            self.page.evaluate(DAMAGE)
            self.open_in_the_end += 1
            self._loaded_again()
        elif self.case.store == "full":
            until(self.page, HAS_RESERVE)
            self.page.evaluate(FILL)
            self._save(people(1))
            self._quota(500_000_000)

    def _loaded_again(self) -> None:
        self.page.reload()
        expect(self.page.locator(".wt-screen[data-screen=lead]")).to_be_visible(timeout=30_000)

    def _process(self) -> None:
        process, more = self.case.process, people(3)
        n = len(self._states())
        if process in ("tab closed while saving", "browser killed", "machine restarted"):
            self.phone.told.clear()
            self.phone.begin(more)
            until(self.page, "(n) => Number(document.getElementById('wt-unsent').textContent) > n", n)
            self._reopened(process)
            kept = len(self._states()) - n
            if not len(self.phone.told) <= kept <= 3:
                raise AssertionError(f"{len(self.phone.told)} were said to be saved, {kept} are")
            self.who += more[:kept]
        elif process == "two tabs":
            other = self.phone.context.new_page()
            other.goto("/m/zh/#outbox")
        elif process == "server killed":
            self.server.kill()
        elif process == "server migrated":
            self.server.stop()
            self.server.run("migrate", "--to", "0003", "--yes")
            self.server.run("migrate")

    def _reopened(self, process: str) -> None:
        if process == "tab closed while saving":
            self.page.close()
            self.phone.page = self.phone.context.new_page()
        else:
            self.phone.kill()
            if process == "machine restarted":
                copy = self.phone.profile.with_suffix(".copy")
                shutil.copytree(self.phone.profile, copy, symlinks=True)
                shutil.rmtree(self.phone.profile)
                self.phone.profile = copy
            self.phone.launch()
            self._prepared(self.phone)
            # A session ends with its browser; here it is the session's axis that says whether it has ended.
            self.phone.context.add_cookies(self.runner.state(self.login)["cookies"])
            if self.case.network != "online":
                self.phone.context.set_offline(True)
            else:
                self.phone.context.route("**/m/api/sync", lambda route: route.abort())
        self.phone.goto("lead")

    def _session(self) -> None:
        session, base = self.case.session, self.server
        if session == "ended":
            self.phone.context.clear_cookies()
        elif session in ("password changed", "disabled"):
            base.sign_everybody_out(self.login)
            self.runner.states.pop(self.login, None)
            base.rows("UPDATE user_account SET active = ? WHERE login = ?", int(session != "disabled"), self.login)
        elif session == "moved team":
            self.old_team = self._team()
            self._into_team(3)

    def _team(self) -> int:
        found = "SELECT team_id FROM membership WHERE valid_to IS NULL AND user_id = (SELECT id FROM user_account WHERE login = ?)"
        return int(self.server.rows(found, self.login)[0][0])

    def _into_team(self, team: int) -> None:
        self.server.rows(
            "UPDATE membership SET team_id = ? WHERE valid_to IS NULL "
            "AND user_id = (SELECT id FROM user_account WHERE login = ?)",
            team, self.login,
        )  # fmt: skip

    # ---- the network comes back ----

    def _network_back(self) -> None:
        context = self.phone.context
        context.unroute("**/m/api/sync")
        self._faults()
        if self.case.session == "another signs in":
            # Before there is a network: else the first one's page would be quick enough to send all by itself.
            context.clear_cookies()
            context.add_cookies(self.runner.state(STRANGERS[1])["cookies"])
        context.set_offline(False)
        self.page.evaluate(ONLINE)
        if self.server.process is None:
            self._all_kept()
            self.server.start()
        self._signed_in_again()
        if self.second is not None:
            self.second.context.clear_cookies()
            self.second.context.add_cookies(self.runner.state(self.login)["cookies"])
            self.second.context.set_offline(False)
            self._until_done(self.second, 0)
        self._until_done(self.phone, self.open_in_the_end)

    def _all_kept(self) -> None:
        """Nothing has a receipt yet."""
        assert "sent" not in [one["state"] for one in self.phone.stores()["records"]]

    def _signed_in_again(self) -> None:
        session, context = self.case.session, self.phone.context
        if session == "disabled":
            # Whoever is shut out has nothing left to read on the phone; what waits stays sealed.
            until(self.page, NOBODY) if self._heard() else None
            self._all_kept()
            self.server.rows("UPDATE user_account SET active = 1 WHERE login = ?", self.login)
        elif session in ("ended", "password changed"):
            expect(self.page.locator("#wt-notes")).to_contain_text(
                "您已退出登录", timeout=30_000
            ) if self._heard() else None
            self._all_kept()
        elif session == "another signs in":
            self.phone.goto("outbox")
            until(
                self.page,
                "() => { dispatchEvent(new Event('online')); return document.body.innerText.includes('同事的'); }",
            )
            self._all_kept()
            expect(self.page.locator("li[data-uuid]")).to_have_count(0)
        elif session == "moved team":
            return
        else:
            return
        context.clear_cookies()
        context.add_cookies(self.runner.state(self.login)["cookies"])
        self.phone.goto("outbox")

    def _heard(self) -> bool:
        """Whether the page gets an honest answer at once."""
        return self.case.network in (
            "online",
            "offline",
            "request cut",
            "reply lost",
            "sent twice",
            "half an answer",
            "late",
        )

    def _until_done(self, phone: Handset, n: int) -> None:
        """Presses as a person would until nothing but `n` records wait."""
        script = f"""async (n) => {{
          dispatchEvent(new Event("online"));
          await new Promise((done) => setTimeout(done, 150));
          return (await ({OPEN_RECORDS})()).length <= n;
        }}"""
        try:
            until(phone.page, script, n, seconds=60)
        except PlaywrightError:
            told = [(one["kind"], one["state"], one.get("status")) for one in phone.stores()["records"]]
            shown = phone.page.evaluate("() => document.body.innerText.slice(0, 300)")
            raise AssertionError(f"this is left: {told} of which {n} should; the page says {shown}") from None
        # The damaged record is a photo's visit then, and its photo stays with it.
        if self.case.data == "photos" and self.case.store != "damaged" and phone is self.phone:
            until(phone.page, NO_PHOTOS, seconds=60)

    def _faults(self) -> None:
        network, context = self.case.network, self.phone.context
        if self.case.data == "too large":
            context.route("**/m/api/sync", _too_large)
        if self.case.session == "token expired":
            self.stale = 1
            context.route("**/m/api/session*", self._stale_token)
        handler = FAULTS.get(network)
        if handler is not None:
            self.left = 5 if network == "flapping" else 2
            everything = network in ("flapping", "refused", "portal page", "502 page")
            context.route("**/m/api/**" if everything else "**/m/api/sync", lambda route: self._fault(route, handler))

    def _fault(self, route: Route, handler: Callable[[Route], None]) -> None:
        self.left -= 1
        if self.left < 0 or (self.case.network == "flapping" and self.left % 2):
            route.fallback()
            return
        self.faults += 1
        with suppress(PlaywrightError):
            handler(route)

    def _stale_token(self, route: Route) -> None:
        self.stale -= 1
        if self.stale < 0:
            route.fallback()
            return
        with suppress(PlaywrightError):
            answer = route.fetch()
            text = answer.text()
            if answer.status == 200:
                text = json.dumps(json.loads(text) | {"csrf": "gone-stale"})
            route.fulfill(status=answer.status, content_type="application/json", body=text)

    # ---- the end ----

    def _states(self) -> list[str]:
        return list(self.page.evaluate(OPEN_RECORDS))

    def _wrong(self) -> list[str]:
        stubs = [one for one in self.phone.stores()["records"] if one["state"] == "sent"]
        device, damaged = self.phone.device, self.case.store == "damaged"
        said = amiss([] if damaged else self.who, stubs, self.server, device)
        if self.case.data == "photos" and not damaged:
            said += self._photos_missing(device)
        if self.case.store == "cleared":  # the first record's stub is gone with the store
            said = (
                [line for line in said if "receipt -" not in line]
                if len([one for one in said if "receipt -" in one]) <= 1
                else said
            )
            said = [line for line in said if not line.endswith("no lead")]
        if len(stubs) + self.open_in_the_end < len(self.who):
            said.append(f"{len(self.who)} were saved, {len(stubs)} sent, {self.open_in_the_end} should be left")
        if self.second is not None:
            said += amiss(self.others, self.second.stores()["records"], self.server, self.second.device)
        if self.case.data in ("unknown form", "contested", "photos"):  # kept aside, a claim, a visit
            said = [line for line in said if not line.endswith("no lead")]
        return said + self._clock_wrong(device) + self._badge_wrong() + self._faults_wrong()

    def _photos_missing(self, device: str) -> list[str]:
        named = [sha for body in self.server.bodies(device) for sha in body["attachments"]]
        here = {sha for (sha,) in self.server.rows("SELECT content_hash FROM field_photo WHERE state = 'whole'")}
        said = [f"photo {sha[:8]} is not there" for sha in named if sha not in here]
        return said if len(named) == 2 else [*said, f"{len(named)} photos are named"]

    def _clock_wrong(self, device: str) -> list[str]:
        flags = [
            json.loads(one) for (one,) in self.server.rows("SELECT flags FROM field_record WHERE device = ?", device)
        ]
        if self.case.data == "unknown form":
            return []  # nobody has read them yet
        wanted = self.case.clock in DAYS
        return [] if all(("clock" in one) == wanted for one in flags) else [f"the clocks' flags are {flags[:3]}"]

    def _badge_wrong(self) -> list[str]:
        n = len([one for one in self._states() if one in ("waiting", "needs")])
        badge = self.page.locator("#wt-unsent")
        try:
            expect(badge).to_have_text(str(n)) if n else expect(badge).to_be_hidden()
        except AssertionError:
            return [f"{n} wait, and the badge says {badge.inner_text()!r}"]
        return []

    def _faults_wrong(self) -> list[str]:
        """A case whose fault never came about has proved nothing."""
        return [] if self.case.network not in FAULTS or self.faults else ["the network's fault did not come about"]

    def _tidy(self) -> None:
        if self.server.process is None:
            self.server.start()
        self.server.rows("UPDATE user_account SET active = 1 WHERE login = ?", self.login)
        if self.case.session == "moved team" and hasattr(self, "old_team"):
            self._into_team(self.old_team)
        for phone in (self.phone, self.second):
            if phone is not None:
                phone.close()
        if self.keeps:
            shutil.rmtree(self.phone.profile, ignore_errors=True)


NO_PHOTOS = """() => new Promise((done) => {
  dispatchEvent(new Event("online"));
  const it = indexedDB.open("waituo-phone");
  it.onsuccess = () => {
    const all = it.result.transaction("photos").objectStore("photos").count();
    all.onsuccess = () => { it.result.close(); done(all.result === 0); };
  };
})"""


def _lost(route: Route) -> None:
    route.fetch()
    route.abort()


def _twice(route: Route) -> None:
    route.fetch()
    route.fulfill(response=route.fetch())


def _half(route: Route) -> None:
    answer = route.fetch()
    text = answer.text()
    route.fulfill(status=200, content_type="application/json", body=text[: len(text) // 2])


def _late(route: Route) -> None:
    route.fetch()  # the server has it; the answer never comes, and the page stops waiting by itself


def _too_large(route: Route) -> None:
    if len((route.request.post_data_json or {}).get("records", [])) > 3:
        route.fulfill(status=413, content_type="application/json", body='{"error": "field.too_large", "message": "x"}')
    else:
        route.fallback()


FAULTS: Mapping[str, Callable[[Route], None]] = {
    "flapping": lambda route: route.abort("internetdisconnected"),
    "refused": lambda route: route.abort("connectionrefused"),
    "request cut": lambda route: route.abort("connectionreset"),
    "reply lost": _lost,
    "late": _late,
    "sent twice": _twice,
    "portal page": lambda route: route.fulfill(status=200, content_type="text/html", body="<h1>Free Wi-Fi</h1>"),
    "502 page": lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>502 Bad Gateway</h1>"),
    "garbage": lambda route: route.fulfill(status=200, content_type="application/json", body=b"\x1f\x8b\x08\x00broken"),
    "half an answer": _half,
}


def run(cases: list[Case], runner: Runner, tell: Callable[[str], None]) -> dict[Case, list[str]]:
    """What is wrong, by case; nothing for those that hold."""
    wrong = {}
    for number, case in enumerate(cases, 1):
        began = time.monotonic()
        try:
            said = runner.run(case)
        except (AssertionError, PlaywrightError, OSError) as error:
            said = [f"{type(error).__name__}: {str(error)[:400]}", traceback.format_exc(limit=-3)[-600:]]
        tell(f"{number:3} {'ok  ' if not said else 'FAIL'} {time.monotonic() - began:5.1f} s  {case}")
        for line in said:
            tell(f"      {line}")
        if said:
            wrong[case] = said
    return wrong


def main() -> int:
    """Runs the matrix on the terminal; exit code 1 when a case does not hold."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--sample", type=int, default=0)
    options.add_argument("--only", type=int, nargs="*", default=[])
    options.add_argument("--bank", type=Path, default=None, help="a folder with the demo bank, kept from run to run")
    asked = options.parse_args()
    cases = all_pairs(asked.seed)
    print(f"{len(cases)} cases hold all pairs of {' x '.join(str(len(values)) for values in AXES.values())} values")
    for name, why in CANNOT.items():
        print(f"not here: {name}: {why}")
    if asked.only:
        cases = [cases[number - 1] for number in asked.only]
    elif asked.sample:
        cases = random.Random(asked.seed).sample(cases, asked.sample)
    for wrong in _run_all(cases, asked.bank):
        return 1 if wrong else 0
    return 1


def _run_all(cases: list[Case], bank: Path | None) -> Iterator[dict[Case, list[str]]]:
    with tempfile.TemporaryDirectory() as folder, serving(bank or Path(folder) / "bank") as demo:
        with own_server(demo, Path(folder)) as server, sync_playwright() as driver, chromium(driver) as browser:
            wrong = run(cases, Runner(browser, server, Path(folder)), lambda line: print(line, flush=True))
        print(f"{len(cases) - len(wrong)} of {len(cases)} hold")
        yield wrong


if __name__ == "__main__":
    sys.exit(main())
