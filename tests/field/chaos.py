"""Proof that nothing is lost and nothing doubled: phones send through a hostile network to a server that is killed again and again.

    python -m tests.field.chaos --submissions 3000 --kills 25

Every record has to come to a receipt or a final refusal. Then the raw rows are counted: each record with a receipt is there once,
by its id and by its effect, each refused one left nothing, and every figure equals the one reckoned from the rows.
"""

import argparse
import json
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import crm.kernel.terminal as terminal
from crm.kernel.audit import broken_entries
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.leads import ledger
from tests.field.bank import Bank, Line, founded
from tests.field.phone import Phone, Record
from tests.field.proxy import Proxy
from tests.reckoning.comparing import Reader, compare_boards, compare_funnel
from tests.reckoning.raw import Raw

PATIENCE = 3600.0
"""Seconds after which a phone gives up, and the proof has failed."""
SHORTEST, LONGEST = 0.02, 0.6
"""Seconds between two tries of a phone."""
FINAL = ("accepted", "contested", "held", "conflict", "rejected")
METRICS = ("leaflets", "doors", "wechat_adds")
OUTCOMES = ("nobody", "refused", "consulted", "interested")


@dataclass
class Findings:
    """What the counting found. Each list holds a sentence a case; all empty is the proof."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        """Every case."""
        return [*self.lost, *self.doubled, *self.left_behind, *self.wrong]


@dataclass
class Run:
    """What was sent, and how it went."""

    submissions: int
    statuses: Counter[str]
    tries: int
    kills: int
    mischief: Counter[str]
    findings: Findings
    seconds: float

    def __str__(self) -> str:
        found = self.findings
        return (
            f"submissions {self.submissions}  tries {self.tries}  kills {self.kills}  lost {len(found.lost)}  "
            f"doubled {len(found.doubled)}  left behind {len(found.left_behind)}  wrong {len(found.wrong)}  "
            f"seconds {self.seconds:.0f}\n"
            f"answers {dict(sorted(self.statuses.items()))}\nnetwork {dict(sorted(self.mischief.items()))}"
        )


class Walker:
    """One member's phone, with what its owner will note on it."""

    hasty = False
    """A phone that forgets a batch on any 200, whoever said it."""

    def __init__(self, number: int, phone: Phone, draw: random.Random, ends: threading.Event) -> None:
        self.number, self.phone, self.draw, self.ends = number, phone, draw, ends
        self.given_up = False

    def note_down(self, how_many: int, shared: Sequence[str]) -> None:
        """Fills the queue: visits, leads (some of them everybody's, some this phone's own twice), and what hangs on them."""
        leads: list[Record] = []
        visits: list[Record] = []
        own = 0
        while len(self.phone.queue) < how_many:
            dice = self.draw.random()
            if dice < 0.4 or not leads:
                visits.append(self.phone.visit(self.draw.choice(OUTCOMES), note=f"visit {self.number}-{len(visits)}"))
            if dice < 0.65 or not leads:
                taken = self.draw.random()
                number = (
                    f"136{self.number:03d}{own:05d}"
                    if taken > 0.25 or not own
                    else f"136{self.number:03d}{own - 1:05d}"
                )
                own += number.endswith(f"{own:05d}")
                leads.append(
                    self.phone.lead(
                        self.draw.choice(shared) if taken > 0.8 else number,
                        stage=self.draw.choice(("", "consult", "application")),
                        intent=self.draw.choice(("", "A", "B", "C")),
                    )
                )
            elif dice < 0.75:
                self.phone.record("tally", metric=self.draw.choice(METRICS), delta=self.draw.choice((1, 1, 2, 5, -1)))
            elif dice < 0.85:
                self.phone.record("stage", lead=self.draw.choice(leads).uid, stage="application", case_number="")
            elif dice < 0.95:
                text = f"note {self.number}-{len(self.phone.queue)}"
                self.phone.record("note", lead=self.draw.choice(leads).uid, text=text, follow_up_on="", intent="")
            else:
                self.phone.record("undo", target=self.draw.choice(visits).uid, reason="点错了")
        del self.phone.queue[how_many:]

    @property
    def done(self) -> int:
        """How many of its records have come to an end."""
        return sum(one.result.get("status") in FINAL for one in self.phone.queue)

    def run(self) -> None:
        """Sends until nothing waits: a session before each batch, answers believed only when they are the server's."""
        limit, pause = time.monotonic() + PATIENCE, SHORTEST
        while waiting := [one for one in self.phone.queue if one.result.get("status") not in FINAL]:
            if time.monotonic() > limit or self.ends.is_set():
                self.given_up = True
                return
            status, session = self.phone.ask("GET", f"/m/api/session?device={self.phone.device}")
            if status != 200 or not isinstance(session, dict) or "csrf" not in session:
                time.sleep(pause * self.draw.random())
                pause = min(pause * 2, LONGEST)
                continue
            self.phone.session = session
            batch = waiting[: self.draw.randint(1, 20)]
            status, answers = self.phone.send(batch)
            pause = SHORTEST if answers else min(pause * 2, LONGEST)
            if self.hasty and status == 200:
                for one in batch:
                    one.result = one.result or {"status": "accepted"}


def chaos(
    home: Path, *, submissions: int, kills: int, seed: int = 1, phones: int = 8, module: str = "crm", hasty: bool = False,
    calm: float = 0.55,
) -> Run:  # fmt: skip
    """Runs it all in `home`, an empty folder."""
    with founded(home, teams=4, members=phones) as bank:
        bank.start(module=module)
        proxy = Proxy(bank.port, seed=seed, calm=calm)
        ends = threading.Event()
        walkers = _walkers(bank, proxy, submissions, seed, ends)
        for walker in walkers:
            walker.hasty = hasty
        begun = time.monotonic()
        threads = [threading.Thread(target=walker.run) for walker in walkers]
        for thread in threads:
            thread.start()
        try:
            killed = _kill_again_and_again(bank, walkers, kills, random.Random(seed), module)
        finally:
            for thread in threads:
                thread.join(PATIENCE)
            ends.set()
        seconds = time.monotonic() - begun
        assert not any(walker.given_up for walker in walkers), "a phone is not done"
        proxy.close()
        bank.kill()
        records = [one for walker in walkers for one in walker.phone.queue]
        tries = sum(walker.phone.ask.tries for walker in walkers)  # type: ignore[attr-defined]
        statuses = Counter(f"{one.result['status']} {one.result.get('code', '')}".strip() for one in records)
        findings = counted(bank.database, records)
        _reckon(bank, findings)
        return Run(len(records), statuses, tries, killed, proxy.done, findings, seconds)


def _walkers(bank: Bank, proxy: Proxy, submissions: int, seed: int, ends: threading.Event) -> list[Walker]:
    shared = [f"135{number:08d}" for number in range(max(2, submissions // 60))]
    walkers = []
    for number, login in enumerate(bank.members):
        cookie = bank.sign_in(login)
        phone = Phone(Line(bank.port, cookie), now)
        phone.campaign = bank.campaign
        phone.connect()
        walker = Walker(number, phone, random.Random(seed * 1000 + number), ends)
        share = submissions // len(bank.members) + (number < submissions % len(bank.members))
        walker.note_down(share, shared)
        phone.ask = Line(proxy.port, phone.ask.cookie)  # type: ignore[attr-defined]
        walkers.append(walker)
    return walkers


def _kill_again_and_again(bank: Bank, walkers: Sequence[Walker], kills: int, draw: random.Random, module: str) -> int:
    """About a second after the server answers it is killed, sooner where the phones would be done before the last time."""
    total = sum(len(walker.phone.queue) for walker in walkers)
    for killed in range(kills):
        at = time.monotonic() + 0.3 + draw.random() * 1.4
        share = total * (killed + 1) / (kills + 1)
        while time.monotonic() < at and sum(walker.done for walker in walkers) < share:
            time.sleep(0.01)
        if sum(walker.done for walker in walkers) == total:
            return killed
        bank.kill()
        bank.start(module=module)
    return kills


# --- counting --------------------------------------------------------------------------------------------------------


def counted(database: Path, records: Sequence[Record]) -> Findings:
    """Holds what the phones were told against the raw rows, with nothing of the product between."""
    with closing(sqlite3.connect(database)) as base:
        base.row_factory = sqlite3.Row
        found = Findings()
        said = base.execute("PRAGMA integrity_check").fetchone()[0]
        if said != "ok":
            found.wrong.append(f"integrity: {said}")
        if broken := base.execute("PRAGMA foreign_key_check").fetchall():
            found.wrong.append(f"foreign keys: {len(broken)}")
        _count_records(base, records, found)
        _count_effects(base, records, found)
    return found


def _count_records(base: sqlite3.Connection, records: Sequence[Record], found: Findings) -> None:
    rows = Counter((row["device"], row["user_id"], row["seq"]) for row in base.execute("SELECT * FROM field_record"))
    known = Counter(row["uid"] for row in base.execute("SELECT uid FROM field_record"))
    for one in records:
        body = json.loads(one.body)
        times = max(rows.pop((body["device"], body["user"], body["seq"]), 0), known[one.uid])
        told = one.result["status"]
        if told == "rejected" and times:
            found.left_behind.append(f"{one.kind} {one.uid}: {times} rows of a refused record")
        if told != "rejected" and not times:
            found.lost.append(f"{one.kind} {one.uid}: {told}, and no row")
        if times > 1:
            found.doubled.append(f"{one.kind} {one.uid}: {times} rows")
    found.wrong += [f"a record that nobody sent: {key}" for key in rows]


def _count_effects(base: sqlite3.Connection, records: Sequence[Record], found: Findings) -> None:
    """What all accepted records together should have done, as multisets, against what the tables hold."""
    wanted, refused = _wanted(records)
    for name, have in _have(base).items():
        missing, more = wanted[name] - have, have - wanted[name]
        found.lost += [f"{name}: {what} misses {times}" for what, times in missing.items()]
        for what, times in more.items():
            kind = "doubled" if wanted[name][what] else "left_behind" if (name, what) in refused else "wrong"
            getattr(found, kind).append(f"{name}: {what} {times} too many")


Effects = dict[str, Counter[tuple[object, ...]]]


def _wanted(records: Sequence[Record]) -> tuple[Effects, set[tuple[str, tuple[object, ...]]]]:
    wanted: Effects = defaultdict(Counter)
    refused: set[tuple[str, tuple[object, ...]]] = set()
    reached: set[tuple[str, str]] = set()
    undone: set[str] = set()
    for one in records:
        taken = one.result["status"] == "accepted"
        for name, what in _effects(one, undone if taken else set(), reached if taken else set()):
            if taken or name == "claim":
                wanted[name][what] += 1
            else:
                refused.add((name, what))
    wanted["stage"] = Counter((lead, stage) for lead, stage in reached)
    wanted["undone"] = Counter((uid,) for uid in undone)
    sums: Counter[tuple[object, ...]] = Counter()
    for (user, metric, delta), times in wanted.pop("step", Counter()).items():
        sums[user, metric] += delta * times  # type: ignore[operator]
    wanted["tally"] = Counter({what: total for what, total in sums.items() if total})
    return wanted, refused


def _effects(one: Record, undone: set[str], reached: set[tuple[str, str]]) -> Iterator[tuple[str, tuple[object, ...]]]:
    """What a record does when it is taken in; a contested lead is a claim, and no lead."""
    body = json.loads(one.body)
    data, user = body["data"], body["user"]
    if one.kind == "visit":
        yield "visit", (user, data["note"], data["outcome"])
    elif one.kind == "lead":
        if one.result["status"] == "contested":
            yield "claim", (one.uid,)
            return
        yield "lead", (user, one.uid)
        yield "consent", (one.uid,)
        if data["intent"]:
            yield "intent", (one.uid, data["intent"])
        reached.update((one.uid, stage) for stage in _implied(data["stage"]))
    elif one.kind == "tally":
        yield "step", (user, data["metric"], data["delta"])
    elif one.kind == "note":
        yield "note", (data["lead"], data["text"])
    elif one.kind == "stage":
        reached.update((data["lead"], stage) for stage in _implied(data["stage"]))
    elif one.kind == "undo":
        undone.add(data["target"])


def _implied(stage: str) -> tuple[str, ...]:
    return {"": (), "consult": ("consult",), "application": ("consult", "application")}[stage]


_ROWS = {
    "visit": "SELECT member_id, note, outcome FROM visit",
    "undone": "SELECT uid FROM visit WHERE voided_at IS NOT NULL",
    "lead": "SELECT owner_id, uid FROM lead",
    "consent": "SELECT lead.uid FROM consent JOIN lead ON lead.id = consent.lead_id WHERE enquiry",
    "intent": "SELECT lead.uid, intent_entry.intent FROM intent_entry JOIN lead ON lead.id = intent_entry.lead_id",
    "claim": "SELECT claim_uid FROM clash",
    "stage": "SELECT lead.uid, stage_entry.stage FROM stage_entry JOIN lead ON lead.id = stage_entry.lead_id",
    "note": "SELECT lead.uid, json_extract(detail, '$.text') FROM lead_event JOIN lead ON lead.id = lead_event.lead_id "
    "WHERE kind = 'note'",
}


def _have(base: sqlite3.Connection) -> Effects:
    have: Effects = {name: Counter(map(tuple, base.execute(query))) for name, query in _ROWS.items()}
    sums = base.execute("SELECT member_id, metric, SUM(delta) FROM tally GROUP BY member_id, metric")
    have["tally"] = Counter({(user, metric): total for user, metric, total in sums if total})
    return have


def _reckon(bank: Bank, findings: Findings) -> None:
    """Ledger, audit, funnel and board, each against the reckoning from the rows."""
    db.session.rollback()
    findings.wrong += [f"ledger: {one}" for one in ledger.differences()]
    findings.wrong += [f"audit: {one}" for one in broken_entries()]
    raw, reader = Raw.read(), Reader(bank.app, bank.organiser)
    today = business_day(now())
    with patch.object(terminal, "application", lambda: bank.app):
        for by in ("team", "member", "day"):
            for view in ("period", "cohort"):
                _hold(findings, compare_funnel, reader, raw, by, view, today - timedelta(days=3), today)
        for per in ("team", "member"):
            _hold(findings, compare_boards, reader, raw, bank.contest, today, per, at=now())


def _hold(findings: Findings, compare, *what, **more) -> None:  # type: ignore[no-untyped-def]
    try:
        compare(*what, **more)
    except AssertionError as error:
        findings.wrong.append(f"{compare.__name__} {what[2:]}: {str(error)[:500]}")


def main() -> None:
    """The command line."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--submissions", type=int, default=3000)
    asked.add_argument("--kills", type=int, default=25)
    asked.add_argument("--phones", type=int, default=12)
    asked.add_argument("--seed", type=int, default=1)
    told = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = chaos(Path(folder), submissions=told.submissions, kills=told.kills, phones=told.phones, seed=told.seed)
    print(run)
    for one in run.findings.all[:50]:
        print(one)
    sys.exit(bool(run.findings.all))


if __name__ == "__main__":
    main()
