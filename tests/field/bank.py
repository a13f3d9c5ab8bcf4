"""A bank of its own in a folder, served by the real server on a port of its own, which can be killed and started again."""

import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask

from crm import create_app
from crm.campaigns.models import Campaign, CampaignTeam
from crm.campaigns.rules import VALID_OUTCOMES
from crm.contest.commands import create_contest, start_contest
from crm.founding import lay_foundation
from crm.kernel.actor import SYSTEM, Role
from crm.kernel.clock import business_day, now
from crm.kernel.crypto import save_keys
from crm.kernel.db import db
from crm.kernel.schema import migrate
from crm.kernel.unit_of_work import unit_of_work
from crm.people import commands as people
from crm.people.models import User
from crm.people.passwords import hash_password
from crm.settings import Settings
from tests.conftest import KEYS

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse 外拓"
NAME = "测试农商银行"
START_LIMIT = 120.0
"""Seconds within which a server answers, on a machine that does other things too."""


@dataclass
class Bank:
    """Where it is, who works in it, and what goes on. Members are of the teams by turns."""

    home: Path
    port: int
    app: Flask
    organiser: int = 0
    campaign: int = 0
    contest: int = 0
    teams: list[int] = field(default_factory=list)
    members: dict[str, int] = field(default_factory=dict)
    team_of: dict[int, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.home / "crm.db"

    def start(self, *, module: str = "crm", environment: dict[str, str] | None = None) -> None:
        """Starts the server and waits until it answers; `module` is what is run instead of the product's own entry."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("CRM_", "PYTHONDONT"))}
        env |= {"CRM_HOME": str(self.home), "CRM_INSECURE_COOKIES": "1", "CRM_BANK": NAME} | (environment or {})
        command = [sys.executable, "-W", "ignore", "-m", module, "serve", "--port", str(self.port), "--processes", "2"]
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
        self.starts += 1
        limit = time.monotonic() + START_LIMIT
        while not self._answers():
            assert self.process.poll() is None, (self.home / "server.log").read_text()[-2000:]
            assert time.monotonic() < limit, "the server did not start"
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return self.ask("GET", "/healthz")[0] in (200, 503)  # it is there, if not well: a small disk is no well one
        except (OSError, http.client.HTTPException):
            return False

    def kill(self) -> None:
        """Ends all processes of the server at once, as a power cut does."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def ask(
        self, method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request on a connection of its own."""
        return ask(self.port, method, path, body=body, headers=headers)

    def sign_in(self, login: str) -> str:
        """The session cookie of somebody who signs in for the phone, by the form."""
        path = "/sign-in?next=/m/zh/"
        _, told, page = self.ask("GET", path)
        cookie = told.get("Set-Cookie", "").partition(";")[0]
        found = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert found, page[:2000]
        form = {"csrf_token": found[1].decode(), "login": login, "password": PASSWORD, "next": "/m/zh/"}
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        status, told, page = self.ask("POST", path, body=urlencode(form).encode(), headers=headers)
        assert status == 302, (status, page[:2000])
        return str(told.get("Set-Cookie", "")).partition(";")[0]


def ask(
    port: int, method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None, wait: float = 30
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One request to a port of this machine, on a connection of its own."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=wait)
    try:
        line.request(method, path, body or None, {"Connection": "close", **(headers or {})})
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        line.close()


class Line:
    """What a phone of the tests asks with: it keeps the session's cookie. Status and JSON, (0, None) when the line broke."""

    def __init__(self, port: int, cookie: str, *, wait: float = 30) -> None:
        self.port, self.cookie, self.wait, self.tries = port, cookie, wait, 0

    def __call__(
        self, method: str, path: str, *, json: Any = None, data: bytes = b"", csrf: str = ""
    ) -> tuple[int, Any]:
        self.tries += 1
        headers = {"Cookie": self.cookie, "X-CSRFToken": csrf, "Content-Type": "application/json"}
        body = dumped(json) if json is not None else data
        try:
            status, told, content = ask(self.port, method, path, body=body, headers=headers, wait=self.wait)
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        cookie = str(told.get("Set-Cookie", "")).partition(";")[0]
        if cookie.startswith("crm_session="):
            self.cookie = cookie
        return status, _json(told, content)


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def _json(told: http.client.HTTPMessage, content: bytes) -> Any:
    if told.get("Content-Encoding") or told.get_content_type() != "application/json":
        return None
    try:
        return json.loads(content)
    except ValueError:
        return None


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def founded(home: Path, *, teams: int = 4, members: int = 12) -> Iterator[Bank]:
    """Makes the bank, in the context of an app on it; kills its server at the end."""
    home.mkdir(parents=True, exist_ok=True)
    save_keys(KEYS, home / "keys.json")
    settings = Settings(
        home=home, database_url=f"sqlite:///{home / 'crm.db'}", keys=KEYS, bank=NAME, testing=True,
        secure_cookies=False,
    )  # fmt: skip
    app = create_app(settings)
    bank = Bank(home, free_port(), app)
    with app.test_request_context():
        migrate(settings.migrations)
        with unit_of_work():
            _people(bank, teams, members)
            _work(bank)
        try:
            yield bank
        finally:
            bank.kill()
            db.session.remove()
            db.engine.dispose()


def _people(bank: Bank, teams: int, members: int) -> None:
    at = now()
    today = business_day(at)
    lay_foundation(bank=NAME, today=today - timedelta(days=10), at=at)
    bank.organiser = people.create_user(
        SYSTEM, login="organiser", name="组织", role=Role.ORGANISER, password=PASSWORD
    ).id
    bank.teams = [people.create_team(SYSTEM, name=f"第{number}队").id for number in range(1, teams + 1)]
    password = hash_password(PASSWORD)  # a hundred would take the time of a hundred sign-ins
    for number in range(members):
        login, team = f"m{number:03d}", bank.teams[number % teams]
        user = people.create_user(SYSTEM, login=login, name=f"队员{number}", role=Role.MEMBER)
        db.session.get_one(User, user.id).password_hash = password
        people.join_team(SYSTEM, user_id=user.id, team_id=team, on=today - timedelta(days=10))
        bank.members[login], bank.team_of[user.id] = user.id, team


def _work(bank: Bank) -> None:
    at = now()
    first, last = business_day(at) - timedelta(days=3), business_day(at) + timedelta(days=3)
    campaign = Campaign(
        code="C-CHAOS", name="风雨路演", model="roadshow", status="running", starts_on=first, ends_on=last,
        valid_outcomes=list(VALID_OUTCOMES), valid_rule="谈及产品", created_by_id=bank.organiser, created_at=at,
    )  # fmt: skip
    db.session.add(campaign)
    db.session.flush()
    bank.campaign = campaign.id
    for team in bank.teams:
        db.session.add(CampaignTeam(campaign_id=campaign.id, team_id=team))
    db.session.flush()
    contest = create_contest(
        SYSTEM, code="PK-1", name="风雨 PK", campaign_ids=[campaign.id], team_ids=bank.teams, starts_on=first,
        ends_on=last,
    )  # fmt: skip
    start_contest(SYSTEM, contest.id, version=contest.version)
    bank.contest = contest.id


def token() -> str:
    """Something to tell one text from all others."""
    return secrets.token_hex(6)
