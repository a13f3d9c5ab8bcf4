"""Starts the demo as its command starts it, and Chromium as it runs without a screen."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, expect

from crm.demo.bank import PASSWORD

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CRM_CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Served:
    """Where the product answers."""

    url: str
    home: Path

    def sign_in(self, page: Page, login: str, password: str = PASSWORD) -> None:
        """Signs in with the form and waits for what comes after it."""
        page.goto(f"{self.url}/sign-in")
        page.locator("#login").fill(login)
        page.locator("#password").fill(password)
        page.locator("main button[type=submit], form:has(#password) button[type=submit]").first.click()
        expect(page.locator("#password")).to_have_count(0)


@contextmanager
def serving(home: Path) -> Iterator[Served]:
    """Makes the demo bank in `home` unless today's is there, and serves it on a free port until the end."""
    home.mkdir(parents=True, exist_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    env |= {"CRM_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "crm", "demo", "--serve", "--port", "0"]
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield Served(_address(process, home), home)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def _address(process: subprocess.Popen[str], home: Path) -> str:
    """The address that the server prints once it listens; then its health is asked for, which waits in the socket's queue."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("http://"):
            url = line.strip()
            with urllib.request.urlopen(f"{url}/healthz", timeout=30) as answer:  # noqa: S310 - our own address
                assert answer.status == 200
            return url
    raise AssertionError(f"the server did not start: {(home / 'server.log').read_text()[-2000:]}")


@contextmanager
def chromium(driver: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, which asks nothing of the world."""
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    try:
        yield browser
    finally:
        browser.close()
