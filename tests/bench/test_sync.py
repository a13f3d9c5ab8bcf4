"""What the queues of a hundred phones cost, beside the same rows written by SQLite alone. `make bench` prints the lines."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from crm.kernel.clock import now
from crm.kernel.db import PRAGMAS, db
from crm.people.models import User
from tests.bench.measuring import compare
from tests.conftest import FreshClient
from tests.field.bank import Bank, founded
from tests.field.phone import Phone, Record

pytestmark = pytest.mark.bench

PHONES, QUEUED = 100, 20


class Office:
    """A hundred signed-in phones, and what they send."""

    def __init__(self, bank: Bank) -> None:
        self.bank, self.number, self.seconds = bank, 0, list[float]()
        bank.app.config["WTF_CSRF_ENABLED"] = False
        self.phones = [self._phone(user) for user in bank.members.values()]

    def _phone(self, user_id: int) -> Phone:
        client = self._client(user_id)

        def ask(method: str, path: str, *, json: Any = None, csrf: str = "") -> tuple[int, Any]:
            answer = client.open(path, method=method, json=json)
            return answer.status_code, answer.get_json()

        phone = Phone(ask, now)
        phone.campaign = self.bank.campaign
        phone.connect()
        return phone

    def _client(self, user_id: int) -> FlaskClient:
        client = FreshClient(self.bank.app, self.bank.app.response_class, use_cookies=True)
        with client.session_transaction() as session:
            version = db.session.get_one(User, user_id).session_version
            session["_user_id"], session["since"] = f"{user_id}|{version}", now().timestamp()
        return client

    def queued(self, kinds: str) -> list[tuple[Phone, list[Record]]]:
        """Twenty records on each phone, of the kinds by turns."""
        for phone in self.phones:
            phone.queue = []
            for place in range(QUEUED):
                self.number += 1
                self._note(phone, kinds[place % len(kinds)])
        return [(phone, phone.queue) for phone in self.phones]

    def _note(self, phone: Phone, kind: str) -> None:
        if kind == "l":
            phone.lead(f"134{self.number:08d}", shop="张记面馆", address=f"{self.number}号", intent="B")
        elif kind == "v":
            phone.visit(note="店主不在")
        else:
            phone.record("tally", metric="leaflets", delta=1)

    def send(self, queues: list[tuple[Phone, list[Record]]]) -> None:
        """All of it, batch after batch, each durable before the next."""
        begun = time.perf_counter()
        for phone, batch in queues:
            status, results = phone.send(batch)
            assert (status, {one["status"] for one in results}) == (200, {"accepted"}), results
        self.seconds.append(time.perf_counter() - begun)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with founded(tmp_path / "bank", members=PHONES) as bank:
        yield Office(bank)


Rows = dict[str, list[tuple[Any, ...]]]


def copied(source: Path, target: Path) -> Path:
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
    return target


def added(before: Path, after: Path) -> Rows:
    """The rows of each table that are in the second database and not in the first."""
    with closing(sqlite3.connect(before)) as old, closing(sqlite3.connect(after)) as new:
        names = [
            row[0]
            for row in new.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        ]
        found: Rows = {}
        for name in names:
            known = set(old.execute(f"SELECT * FROM {name}"))
            found[name] = [row for row in new.execute(f"SELECT * FROM {name}") if row not in known]
        return {name: rows for name, rows in found.items() if rows}


def raw_writer(database: Path, rows: Rows, seconds: list[float]) -> Callable[[], None]:
    """Writes the rows with the same indexes, triggers and pragmas, twenty records' worth a transaction."""
    base = sqlite3.connect(database, isolation_level=None)
    for pragma in PRAGMAS:
        base.execute(f"PRAGMA {pragma}")
    base.execute("PRAGMA foreign_keys=off")  # the tables' order is not looked for here
    shares = []
    for number in range(PHONES):
        shares.append(
            [
                (f"INSERT OR REPLACE INTO {name} VALUES ({','.join('?' * len(own[0]))})", own)
                for name, all_rows in rows.items()
                if (own := all_rows[len(all_rows) * number // PHONES : len(all_rows) * (number + 1) // PHONES])
            ]
        )

    def write() -> None:
        begun = time.perf_counter()
        for share in shares:
            base.execute("BEGIN IMMEDIATE")
            for statement, own in share:
                base.executemany(statement, own)
            base.execute("COMMIT")
        seconds.append(time.perf_counter() - begun)
        base.close()

    return write


@pytest.mark.parametrize(("name", "kinds"), [("leads", "l"), ("mixed records", "vvvlvvt")])
def test_sync_of_2000_records_from_100_phones(office, tmp_path, name, kinds):
    live = office.bank.database
    office.send(office.queued(kinds))
    before = copied(live, tmp_path / "before.db")
    office.send(office.queued(kinds))
    rows = added(before, live)
    seconds: list[float] = []
    floor, queues = raw_writer(copied(before, tmp_path / "floor.db"), rows, seconds), office.queued(kinds)
    office.seconds.clear()
    compare(
        f"sync of 2,000 {name}, 100 phones, durable", lambda: office.send(queues), floor, runs=1,
        goal="<= 3" if kinds == "l" else "",
    )  # fmt: skip
    total = PHONES * QUEUED
    ours, least = (total / taken[0] for taken in (office.seconds, seconds))
    print(f"{'':<52}{ours:10.0f} /s  floor {least:9.0f} /s  {sum(map(len, rows.values())) / total:.1f} rows a record")
