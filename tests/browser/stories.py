"""Twenty stories of the phone, told to any engine: Chromium, WebKitGTK (WebKitWebDriver) and Firefox (puppeteer over BiDi).

`python -m tests.browser.stories [chromium] [webkit] [firefox]` tells them all to each engine that is there. WebKitGTK comes with
Debian's webkit2gtk-driver and needs a display (`xvfb-run`); Firefox with firefox-esr and a folder that CRM_PUPPETEER names and
in which `npm install puppeteer-core` was run. A network that is away is one that a gate between browser and server resets.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import sync_playwright

from crm.demo.bank import PASSWORD
from tests.browser.handset import LEADS, people
from tests.browser.own_server import OwnServer, own_server
from tests.browser.serving import chromium, serving
from tests.browser.test_phone import DAMAGE, READABLE, STORES
from tests.field.proxy import WAYS, Proxy

MINIBROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"
SECONDS = 30


class Engine(Protocol):
    """A browser that shows one page."""

    def goto(self, url: str) -> None: ...

    def run(self, function: str, *arguments: Any) -> Any:
        """The value of an asynchronous function of the page."""

    def fresh(self) -> None:
        """A new session without cookies and stores."""

    def close(self) -> None: ...


class Chromium:
    """Debian's Chromium by Playwright."""

    def __init__(self, folder: Path) -> None:
        self.driver = sync_playwright().start()
        self.held = chromium(self.driver)
        self.browser, self.context = self.held.__enter__(), None

    def fresh(self) -> None:
        if self.context is not None:
            self.context.close()
        self.context = self.browser.new_context(locale="zh-CN", viewport={"width": 360, "height": 640})
        self.page = self.context.new_page()

    def goto(self, url: str) -> None:
        self.page.goto(url)

    def run(self, function: str, *arguments: Any) -> Any:
        return self.page.evaluate(f"(all) => ({function})(...all)", list(arguments))

    def close(self) -> None:
        self.held.__exit__(None, None, None)
        self.driver.stop()


class WebKit:
    """WebKitGTK's MiniBrowser by WebDriver, in plain HTTP."""

    def __init__(self, folder: Path) -> None:
        self.session, self.log = "", (folder / "webkit.log").open("w")
        self._start_driver()

    def _start_driver(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        env = os.environ | {"LANG": "zh_CN.UTF-8", "LANGUAGE": "zh_CN", "GTK_A11Y": "none"}
        command = ["xvfb-run", "-a", "WebKitWebDriver", f"--port={port}"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=env, start_new_session=True)
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
        raise OSError("WebKitWebDriver does not listen")

    def _ask(self, path: str, told: Any = None, *, how: str = "POST") -> Any:
        body = None if how == "DELETE" else json.dumps(told or {}).encode()
        kind = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}{path}", body, kind, method=how)  # noqa: S310
        with urllib.request.urlopen(request, timeout=90) as answer:  # noqa: S310 - our own driver
            return json.loads(answer.read())["value"]

    def fresh(self) -> None:
        if self.session:
            self._ask(self.session, how="DELETE")
        self.session = ""
        try:
            self._begin()
        except OSError:  # on a busy machine the browser sometimes never tells its driver that it is there
            self._end_driver()
            self._start_driver()
            self._begin()
        self._ask(f"{self.session}/timeouts", {"script": 60_000, "pageLoad": 60_000})

    def _begin(self) -> None:
        options = {"binary": MINIBROWSER, "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        self.session = f"/session/{self._ask('/session', {'capabilities': wanted})['sessionId']}"

    def goto(self, url: str) -> None:
        self._ask(f"{self.session}/url", {"url": url})

    def run(self, function: str, *arguments: Any) -> Any:
        script = (
            "const done = arguments[arguments.length - 1];"
            f"Promise.resolve(({function})(...arguments[0]))"
            ".then((value) => done({ value }), (error) => done({ error: String(error) }));"
        )
        told = self._ask(f"{self.session}/execute/async", {"script": script, "args": [list(arguments)]})
        if "error" in told:
            raise AssertionError(told["error"])
        return told.get("value")

    def close(self) -> None:
        with suppress(OSError):
            self._ask(self.session, how="DELETE")
        self._end_driver()

    def _end_driver(self) -> None:
        os.killpg(self.process.pid, 15)
        self.process.wait(SECONDS)


BRIDGE = """
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
const puppeteer = createRequire(process.argv[2] + "/")("puppeteer-core");
const browser = await puppeteer.launch({ browser: "firefox", executablePath: process.argv[3], headless: true, protocolTimeout: 90000 });
let context = null, page = null;
const acts = {
  async fresh() {
    await context?.close();
    context = await browser.createBrowserContext();
    page = await context.newPage();
    await page.setViewport({ width: 360, height: 640 });
    await page.setExtraHTTPHeaders?.({ "Accept-Language": "zh-CN" });
  },
  goto: (url) => page.goto(url, { waitUntil: "load" }).then(() => null),
  run: (source) => page.evaluate(source),
  close: () => browser.close(),
};
console.log("{}");
for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...given] = JSON.parse(line);
  try {
    console.log(JSON.stringify({ value: (await acts[name](...given)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
  if (name === "close") break;
}
"""


class Firefox:
    """Debian's Firefox by puppeteer, which speaks BiDi to it."""

    def __init__(self, folder: Path) -> None:
        bridge = folder / "bridge.mjs"
        bridge.write_text(BRIDGE)
        binary = shutil.which("firefox-esr") or shutil.which("firefox") or ""
        command = ["node", str(bridge), os.environ.get("CRM_PUPPETEER", "."), binary]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder)
        self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        told = json.loads(line) if line else {"error": "the bridge has ended"}
        if "error" in told:
            raise AssertionError(told["error"])
        return told.get("value")

    def _ask(self, *words: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def fresh(self) -> None:
        self._ask("fresh")

    def goto(self, url: str) -> None:
        self._ask("goto", url)

    def run(self, function: str, *arguments: Any) -> Any:
        return self._ask("run", f"({function})(...{json.dumps(arguments)})")

    def close(self) -> None:
        with suppress(AssertionError, OSError):
            self._ask("close")
        self.process.kill()  # the browser has ended, the bridge may still wait for it
        self.process.wait(SECONDS)


ENGINES: dict[str, Callable[[Path], Engine]] = {"chromium": Chromium, "webkit": WebKit, "firefox": Firefox}


class Gate(Proxy):
    """The way to the server: `way` is what happens to what is sent up, "away" what happens to everything."""

    def __init__(self, target: int) -> None:
        self.way = "through"
        super().__init__(target, seed=1)

    def _serve(self, caller: socket.socket) -> None:
        caller.settimeout(SECONDS)
        with suppress(OSError), caller:
            if self.way == "away":
                return
            start = caller.recv(64, socket.MSG_PEEK)
            way = self.way if b" /m/api/sync" in start else "through"
            if told := WAYS[way](self, caller, 0.4):
                caller.sendall(told)

    def passed_on(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head) + b"\r\nConnection: close"
        return super().passed_on(head + b"\r\n\r\n" + body)


class Hand:
    """What a person does with the phone, in any engine."""

    def __init__(self, engine: Engine, gate: Gate, server: OwnServer) -> None:
        self.engine, self.gate, self.server = engine, gate, server
        self.url = f"http://127.0.0.1:{gate.port}"
        self.run = engine.run

    def until(self, holds: str, *arguments: Any, seconds: int = SECONDS) -> None:
        """Waits until a function of the page says yes."""
        script = f"""async (...given) => {{
          const ends = Date.now() + {seconds * 1000};
          for (;;) {{
            try {{ if (await ({holds})(...given)) return true; }} catch {{ /* not yet */ }}
            if (Date.now() > ends) return document.body.innerText.slice(0, 500);
            await new Promise((done) => setTimeout(done, 40));
          }}
        }}"""
        said = self.run(script, *arguments)
        assert said is True, f"{holds} with {arguments} has not come about on: {said}"

    def sees(self, words: str) -> None:
        self.until("(words) => document.body.innerText.includes(words)", words)

    def sign_in(self, login: str) -> None:
        self.engine.goto(f"{self.url}/sign-in?next=/m/zh/")
        self.until("() => document.getElementById('password')")
        self.run(SIGN_IN, login, PASSWORD)
        ends = time.monotonic() + SECONDS
        while not self._arrived() and time.monotonic() < ends:
            pass
        self.at("today")
        self.sees("全部已上传")
        self.run("() => navigator.serviceWorker.ready.then(() => true)")

    def _arrived(self) -> bool:
        """Asked while pages change, an engine may answer with an error."""
        with suppress(Exception):
            return bool(self.run(ARRIVED))
        return False

    def at(self, screen: str) -> None:
        self.run("(screen) => { location.hash = screen; }", screen)
        self.until("(screen) => document.querySelector(`.wt-screen[data-screen=${screen}]`)", screen)

    def load(self, screen: str) -> None:
        """Loads the page anew, with or without a network."""
        self.engine.goto(f"{self.url}/m/en/")
        self.engine.goto(f"{self.url}/m/zh/#{screen}")
        self.until("(screen) => document.querySelector(`.wt-screen[data-screen=${screen}]`)", screen)

    def press(self, words: str) -> None:
        self.until(PRESS, words)

    def fill(self, **fields: str) -> None:
        self.run(FILL, fields)

    def visit(self, outcome: str = "consulted") -> None:
        self.run("(outcome) => document.querySelector(`[data-outcome=${outcome}]`).click()", outcome)
        self.run("() => { document.querySelector('[name=trade][value=catering]').click(); }")
        self.press("保存走访")
        self.sees("已保存在本机")

    def leads(self, how_many: int = 1, **changed: str) -> list[dict[str, str]]:
        who = [one | changed for one in people(how_many)]
        self.run(f"(asked) => ({LEADS})(asked)", {"people": who, "limit": 50_000})
        return who

    def waits(self, n: int) -> None:
        self.until("(n) => document.getElementById('wt-unsent').textContent === String(n)", n)

    def goes(self) -> None:
        """The network is back, and everything is sent."""
        self.gate.way = "through"
        self.until(GOES)

    def records(self) -> list[dict[str, Any]]:
        names = "uuid, sha256, state, seq, kind, receipt = null"
        kept = names.removesuffix(" = null")
        return self.run(f"async () => (await ({STORES})()).records.map(({{ {names} }}) => ({{ {kept} }}))")

    def settled(self, n: int) -> list[dict[str, Any]]:
        """So many records have receipts, and the server has the same."""
        self.until(f"async (n) => (await ({STORES})()).records.filter((one) => one.receipt).length === n", n)
        stubs = [one for one in self.records() if one["receipt"]]
        there = self.server.received(self.device())
        assert {one["uuid"]: (one["receipt"].rpartition("-")[2], one["sha256"]) for one in stubs} == there
        return stubs

    def device(self) -> str:
        return str(self.run("() => localStorage.getItem('waituo.device')"))


SIGN_IN = """(login, password) => {
  document.getElementById("login").value = login;
  document.getElementById("password").value = password;
  document.getElementById("password").form.requestSubmit();
}"""
GOES = """async () => {
  dispatchEvent(new Event("online"));
  const badge = document.getElementById("wt-unsent");
  for (let turn = 0; turn < 20 && !badge.hidden; turn += 1) await new Promise((done) => setTimeout(done, 50));
  return badge.hidden;
}"""
ARRIVED = "async () => document.readyState === 'complete' && document.getElementById('wt-title') !== null"
PRESS = """(words) => {
  const boxes = [...document.querySelectorAll("dialog[open] button, dialog[open] a"), ...document.querySelectorAll("button, a")];
  const found = boxes.find((one) => (one.innerText || "").trim().startsWith(words) && !one.disabled && one.getClientRects().length);
  found?.click();
  return Boolean(found);
}"""
FILL = """(fields) => {
  const form = document.querySelector("form.wt-form");
  for (const [name, value] of Object.entries(fields)) {
    form.elements[name].value = value;
    form.elements[name].dispatchEvent(new Event("input", { bubbles: true }));
  }
}"""
PHOTO = """async () => {
  const canvas = document.createElement("canvas");
  canvas.width = 2000;
  canvas.height = 1000;
  canvas.getContext("2d").fillRect(9, 9, 900, 900);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg"));
  const held = new DataTransfer();
  held.items.add(new File([blob], "front.jpg", { type: "image/jpeg" }));
  const input = document.querySelector("input[type=file]");
  input.files = held.files;
  input.dispatchEvent(new Event("change"));
}"""
SIGNED_OUT = f"""async () => {{
  dispatchEvent(new Event("online"));
  return (await fetch("/m/api/session")).status === 401 && !(await ({STORES})()).meta.includes(true);
}}"""
HAS_DRAFT = f"async () => (await ({STORES})()).drafts.length > 0"


def a_visit_has_a_receipt(hand: Hand) -> None:
    hand.at("visit")
    hand.visit()
    hand.settled(1)


def a_visit_waits_for_the_network(hand: Hand) -> None:
    hand.at("visit")
    hand.gate.way = "away"
    hand.visit()
    hand.waits(1)
    hand.goes()
    hand.settled(1)


def a_lead_survives_a_page_without_a_network(hand: Hand) -> None:
    hand.at("lead")
    hand.gate.way = "away"
    hand.leads()
    hand.load("outbox")
    hand.waits(1)
    hand.goes()
    hand.settled(1)


def a_draft_survives_a_page_without_a_network(hand: Hand) -> None:
    hand.at("lead")
    hand.gate.way = "away"
    hand.fill(name="钱老板", phone="13900000001")
    hand.until(HAS_DRAFT)
    hand.load("lead")
    hand.until("() => document.querySelector('[name=name]').value === '钱老板'")


def forty_leads_go_at_once(hand: Hand) -> None:
    hand.at("lead")
    hand.gate.way = "away"
    hand.leads(40)
    hand.waits(40)
    hand.goes()
    assert sorted(one["seq"] for one in hand.settled(40)) == list(range(1, 41))


def a_lost_answer_makes_no_second_record(hand: Hand) -> None:
    _through(hand, "lose")


def a_portal_page_is_no_answer(hand: Hand) -> None:
    _through(hand, "portal")


def json_of_somebody_else_is_no_answer(hand: Hand) -> None:
    _through(hand, "portal json")


def a_gateways_page_is_no_answer(hand: Hand) -> None:
    _through(hand, "gateway")


def half_an_answer_is_no_answer(hand: Hand) -> None:
    _through(hand, "half")


def an_answer_that_is_not_gzip_is_no_answer(hand: Hand) -> None:
    _through(hand, "garbled")


def _through(hand: Hand, way: str) -> None:
    hand.at("visit")
    hand.gate.way = way
    hand.visit()
    hand.until("() => document.getElementById('wt-state').textContent.includes('待上传 1 条')")
    before = hand.gate.done.total()
    hand.run("() => dispatchEvent(new Event('online'))")
    assert [one["receipt"] for one in hand.records() if one.get("receipt")] == []
    assert hand.gate.done.total() >= before
    hand.goes()
    hand.settled(1)


def a_session_that_ended_keeps_everything(hand: Hand) -> None:
    hand.at("lead")
    hand.gate.way = "away"
    hand.leads(2)
    hand.server.sign_everybody_out("m102")
    hand.gate.way = "through"
    hand.run("() => dispatchEvent(new Event('online'))")
    hand.sees("您已退出登录。内容都安全存在本机")
    hand.waits(2)
    hand.sign_in("m102")
    hand.goes()
    hand.settled(2)


def a_sign_out_leaves_nothing_to_read(hand: Hand) -> None:
    hand.at("lead")
    hand.gate.way = "away"
    [one] = hand.leads()
    hand.run("() => document.getElementById('wt-signout').click()")
    hand.sees("还有 1 条未上传")
    hand.press("退出登录")
    hand.sees("欢迎")
    assert hand.run(READABLE, [one["name"], one["phone"]]) == []
    hand.gate.way = "through"
    hand.until(SIGNED_OUT)
    hand.sign_in("m102")
    hand.goes()
    hand.settled(1)


def another_user_neither_sees_nor_sends(hand: Hand) -> None:
    hand.at("lead")
    hand.gate.way = "away"
    hand.leads()
    hand.run("() => document.getElementById('wt-signout').click()")
    hand.press("退出登录")
    hand.sees("欢迎")
    hand.gate.way = "through"
    hand.until(SIGNED_OUT)
    hand.sign_in("m201")
    hand.at("outbox")
    hand.sees("同事的 1 条记录")
    assert hand.run("() => document.querySelectorAll('li[data-uuid]').length") == 0
    assert hand.server.received(hand.device()) == {}


def what_is_refused_is_discarded_knowingly(hand: Hand) -> None:
    hand.at("lead")
    [one] = hand.leads()
    hand.settled(1)
    hand.leads(1, **one)
    hand.until("() => document.getElementById('wt-state').textContent.includes('1 条需处理')")
    hand.at("outbox")
    hand.press("丢弃")
    hand.press("确认丢弃")
    hand.until("() => document.getElementById('wt-unsent').hidden")
    hand.settled(1)


def a_rare_name_arrives_whole(hand: Hand) -> None:
    hand.at("lead")
    hand.leads(1, name="𠮷䶮🧧")
    hand.settled(1)
    [body] = hand.server.bodies(hand.device())
    assert body["data"]["name"] == "𠮷䶮🧧"


def a_visit_is_undone(hand: Hand) -> None:
    hand.at("visit")
    hand.visit("refused")
    hand.press("撤销")
    hand.sees("走访已撤销")
    assert sorted(one["kind"] for one in hand.settled(2)) == ["undo", "visit"]


def a_count_goes_up_and_back(hand: Hand) -> None:
    hand.at("record")
    hand.press("+1")
    hand.settled(1)
    hand.press("−1")
    hand.settled(2)
    assert [body["data"]["delta"] for body in hand.server.bodies(hand.device())] == [1, -1]


def a_damaged_record_holds_nothing_up(hand: Hand) -> None:
    hand.at("lead")
    hand.gate.way = "away"
    hand.leads()
    hand.run(DAMAGE)
    hand.load("lead")
    hand.leads()
    hand.gate.way = "through"
    hand.until(
        "() => { dispatchEvent(new Event('online')); return document.getElementById('wt-unsent').textContent === '1'; }"
    )
    hand.at("outbox")
    hand.sees("已损坏，无法上传")
    hand.settled(1)


def a_photo_goes_with_its_visit(hand: Hand) -> None:
    hand.at("visit")
    hand.run(PHOTO)
    hand.sees("已存本机")
    hand.visit()
    hand.settled(1)
    hand.until(
        f"async () => {{ dispatchEvent(new Event('online')); return (await ({STORES})()).photos.length === 0; }}"
    )
    [body] = hand.server.bodies(hand.device())
    [(state,)] = hand.server.rows("SELECT state FROM field_photo WHERE content_hash = ?", body["attachments"][0])
    assert state == "whole"


STORIES = (
    a_visit_has_a_receipt, a_visit_waits_for_the_network, a_lead_survives_a_page_without_a_network,
    a_draft_survives_a_page_without_a_network, forty_leads_go_at_once, a_lost_answer_makes_no_second_record,
    a_portal_page_is_no_answer, json_of_somebody_else_is_no_answer, a_gateways_page_is_no_answer,
    half_an_answer_is_no_answer, an_answer_that_is_not_gzip_is_no_answer, a_session_that_ended_keeps_everything,
    a_sign_out_leaves_nothing_to_read, another_user_neither_sees_nor_sends, what_is_refused_is_discarded_knowingly,
    a_rare_name_arrives_whole, a_visit_is_undone, a_count_goes_up_and_back, a_damaged_record_holds_nothing_up,
    a_photo_goes_with_its_visit,
)  # fmt: skip


def tell(
    name: str, server: OwnServer, folder: Path, say: Callable[[str], None], only: tuple[str, ...] = ()
) -> list[str]:
    """The stories that do not hold in an engine."""
    gate, engine, wrong = Gate(server.port), ENGINES[name](folder), []
    try:
        for story in STORIES:
            if only and story.__name__ not in only:
                continue
            began, gate.way = time.monotonic(), "through"
            try:
                engine.fresh()
                hand = Hand(engine, gate, server)
                hand.sign_in("m102")
                story(hand)
            except Exception as error:  # whatever an engine says, the next story is told
                wrong.append(story.__name__)
                say(f"{name:9} FAIL {story.__name__}: {type(error).__name__}: {str(error)[:500]}")
            else:
                say(f"{name:9} ok   {time.monotonic() - began:5.1f} s  {story.__name__}")
    finally:
        gate.way = "away"
        engine.close()
        gate.close()
    return wrong


def there(name: str) -> bool:
    """Whether this machine has the engine."""
    if name == "webkit":
        return bool(shutil.which("WebKitWebDriver") and shutil.which("xvfb-run") and Path(MINIBROWSER).exists())
    if name == "firefox":
        return bool(shutil.which("firefox-esr") and shutil.which("node") and os.environ.get("CRM_PUPPETEER"))
    return True


@contextmanager
def told_from(bank: Path | None) -> Iterator[tuple[OwnServer, Path]]:
    with (
        tempfile.TemporaryDirectory() as made,
        serving(bank or Path(made) / "bank") as demo,
        own_server(demo, Path(made)) as server,
    ):
        yield server, Path(made)


def main() -> int:
    """Tells the stories on the terminal; exit code 1 when one does not hold."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("engines", nargs="*", choices=[*ENGINES, []], default=[])
    options.add_argument("--bank", type=Path, default=None, help="a folder with the demo bank, kept from run to run")
    options.add_argument("--only", nargs="*", default=[])
    asked = options.parse_args()
    wrong = 0
    with told_from(asked.bank) as (server, folder):
        for name in asked.engines or list(ENGINES):
            if not there(name):
                print(f"{name:9} is not here", flush=True)
                continue
            failed = tell(name, server, folder, lambda line: print(line, flush=True), tuple(asked.only))
            print(f"{name:9} {len(STORIES) - len(failed)} of {len(STORIES)} hold", flush=True)
            wrong += len(failed)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
