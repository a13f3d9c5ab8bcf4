"""The hour when all come back into the network: a hundred phones with twenty records each, at once, to the real server."""

import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from crm.kernel.clock import now
from tests.field.bank import Line, founded
from tests.field.phone import Phone

pytestmark = pytest.mark.bench

PHONES, QUEUED = 100, 20
LIMIT = 600.0
"""Seconds within which all have to be through."""


class Caller:
    """A phone that sends its queue until all of it has a receipt, and how long each of its requests took."""

    def __init__(self, phone: Phone, start: threading.Event) -> None:
        self.phone, self.start, self.seconds = phone, start, list[float]()
        self.refused = 0

    def run(self) -> None:
        self.start.wait(LIMIT)
        limit = time.monotonic() + LIMIT
        while self.phone.waiting and time.monotonic() < limit:
            begun = time.monotonic()
            status, session = self.phone.ask("GET", f"/m/api/session?device={self.phone.device}")
            if status == 200:
                self.phone.session = session
                status, _ = self.phone.send()
            self.seconds.append(time.monotonic() - begun)
            self.refused += status != 200


def test_2000_records_of_100_phones_at_once(tmp_path: Path):
    with founded(tmp_path / "bank", members=PHONES) as bank:
        bank.start()
        start, callers = threading.Event(), []
        for number, login in enumerate(bank.members):
            phone = Phone(Line(bank.port, bank.sign_in(login), wait=LIMIT), now)
            phone.campaign = bank.campaign
            phone.connect()
            for place in range(QUEUED):
                if place % 4:
                    phone.visit(note="店主不在")
                else:
                    phone.lead(f"131{number:04d}{place:04d}", shop="老王面馆", address=f"{number}-{place}号")
            callers.append(Caller(phone, start))
        threads = [threading.Thread(target=caller.run) for caller in callers]
        for thread in threads:
            thread.start()
        begun = time.monotonic()
        start.set()
        for thread in threads:
            thread.join(LIMIT)
        seconds = time.monotonic() - begun
        told = Counter(one.result.get("status") for caller in callers for one in caller.phone.queue)
        assert told == {"accepted": PHONES * QUEUED}
        with closing(sqlite3.connect(bank.database)) as base:
            counts = (
                "SELECT (SELECT COUNT(*) FROM field_record), (SELECT COUNT(*) FROM visit), (SELECT COUNT(*) FROM lead)"
            )
            assert base.execute(counts).fetchone() == (2000, 1500, 500)
        took = sorted(one for caller in callers for one in caller.seconds)
        print(
            f"storm of {PHONES} phones x {QUEUED}: {seconds:.1f} s, {PHONES * QUEUED / seconds:.0f} records/s, flush p50 "
            f"{took[len(took) // 2]:.1f} s, p99 {took[len(took) * 99 // 100 - 1]:.1f} s, refused {sum(one.refused for one in callers)}"
        )
