"""What the product costs beside the least that the same work can cost. `make bench` prints a line for each; no time is asserted."""

import csv
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from xlsxwriter import Workbook

from crm.demo.making import make_demo
from crm.figures.queries import FunnelQuery, matrix
from crm.founding import lay_foundation
from crm.intake import commands as intake
from crm.intake import work
from crm.kernel.actor import SYSTEM
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.kernel.installation import keys
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.commands import ConsentGiven, LeadCard, capture_lead
from crm.leads.ledger import Clocks
from crm.leads.queries import LeadFilter, list_leads, search
from crm.people.models import User
from crm.reports.contents import gather
from crm.reports.rules import WorkbookQuery
from crm.reports.workbook import made_workbook, sheets_of
from tests.bench import base
from tests.bench.measuring import compare
from tests.cast import Cast
from tests.conftest import FreshClient
from tests.whole.test_demo import bare_app, closed

pytestmark = pytest.mark.bench

TODAY = date(2026, 11, 21)
SHOWN = (
    "lead.id, lead.name, lead.phone_sealed, lead.uid, lead.shop, lead.trade, lead.stage, lead.stage_on, lead.intent, "
    "lead.follow_up_on, lead.owner_id, user_account.name, lead.team_id, team.name, lead.campaign_id, campaign.name, "
    "district.name, lead.exit_code, lead.historical, lead.no_contact, lead.merged_into_id, lead.created_at"
)
LIST = (
    f"SELECT {SHOWN} FROM lead JOIN campaign ON campaign.id = lead.campaign_id "
    "LEFT JOIN user_account ON user_account.id = lead.owner_id LEFT JOIN team ON team.id = lead.team_id "
    "LEFT JOIN district ON district.id = lead.district_id WHERE lead.removed_at IS NULL AND lead.merged_into_id IS NULL"
)
NEWEST = " ORDER BY lead.created_at DESC, lead.id DESC LIMIT "


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Cast, Path]]:
    """An app on the large base, in its context, and the path of its database."""
    home = tmp_path_factory.mktemp("big")
    app = bare_app(home)
    app.config["WTF_CSRF_ENABLED"] = False
    with app.test_request_context():
        cast = base.fill()
        db.session.remove()
        yield app, cast, home / "demo.db"
        closed(app)


@pytest.fixture
def raw(big) -> Iterator[sqlite3.Connection]:
    """A connection of our own to the same file: no framework between the statement and SQLite."""
    with closing(sqlite3.connect(big[2])) as connection:
        yield connection


def fetching(raw: sqlite3.Connection, statement: str, *values: object) -> Callable[[], object]:
    return lambda: raw.execute(statement, values).fetchall()


def opening(raw: sqlite3.Connection, statement: str, *values: object) -> Callable[[], object]:
    """The same, and the phones opened, which any list that shows them masked has to do."""
    held = keys()
    return lambda: [held.open(row[2], place=f"lead.phone:{row[3]}") for row in raw.execute(statement, values)]


def test_funnel_by_team_and_district(big, raw):
    campaign = big[1].campaigns["roadshow"]
    query = FunnelQuery(campaign_ids=(campaign,))
    statement = "SELECT day, team_id, district_id, stage, leads FROM funnel_day WHERE campaign_id = ?"
    floor = fetching(raw, statement, campaign)
    assert len(floor()) == base.CELLS
    ours = partial(matrix, SYSTEM, query, "team", "district")
    assert sum(one.consult for one in ours().cells.values()) == base.LEADS
    compare("funnel, team x district, 150k entries, 3,356 cells", ours, floor, runs=9, times=10, goal="<= 5")


@pytest.mark.parametrize("where", ["campaign", "base"])
def test_search_by_two_characters(big, raw, where):
    campaign = big[1].campaigns["roadshow"] if where == "campaign" else None

    def ours() -> list[Any]:
        return [search(SYSTEM, words, campaign_id=campaign) for words in ("龑王", "王伟")]

    if where == "campaign":
        found = "SELECT id FROM lead WHERE campaign_id = ? AND instr(search_text, ?) > 0"
        values: list[object] = [campaign]
    else:
        found = "SELECT lead_id FROM lead_gram WHERE gram = ?"
        values = []
    statement = f"{LIST} AND lead.id IN ({found}){NEWEST}20"

    def floor() -> list[Any]:
        return [raw.execute(statement, (*values, words)).fetchall() for words in ("龑王", "王伟")]

    assert [len(found) for found in ours()] == [len(found) for found in floor()] == [0, 20]
    compare(f"search, two characters, {where} of 50k, none + 20 hits", ours, floor, runs=9, times=5)


def test_search_by_the_tail_of_a_phone(big, raw):
    key = keys().blind("tail", "4321")
    floor = opening(raw, f"{LIST} AND lead.tail_key = ?{NEWEST}20", key)
    ours = partial(search, SYSTEM, "4321")
    assert len(ours()) == len(floor()) == 5
    compare("search, last four digits, base of 50k", ours, floor, runs=9, times=20)


def test_a_page_of_the_list(big, raw):
    app, cast, _path = big
    campaign = cast.campaigns["roadshow"]
    statement = f"{LIST} AND lead.campaign_id = ?{NEWEST}50"
    asked = LeadFilter(campaign_id=campaign)
    ours = partial(list_leads, SYSTEM, asked, today=TODAY, total=base.LEADS)
    assert len(ours().items) == 50
    compare("list of 50 leads: the question", ours, opening(raw, statement, campaign), runs=9, times=20, goal="<= 1.5")
    client = FreshClient(app, app.response_class, use_cookies=True)
    with client.session_transaction() as session:
        user = db.session.get_one(User, cast.users["olga"])
        session["_user_id"], session["since"] = f"{user.id}|{user.session_version}", now().timestamp()
    page = partial(client.get, f"/leads?campaign={campaign}")
    assert page().status_code == 200
    compare("list of 50 leads: the whole HTTP page", page, opening(raw, statement, campaign), runs=5, times=5)


def test_capture_of_a_lead(big, tmp_path):
    """Durable: each waits for the disk (synchronous=FULL). The floor writes lead, entry, projection, two rollups."""
    cast, numbers = big[1], count(1)
    campaign, team, bob = cast.campaigns["roadshow"], cast.teams["red"], cast.users["bob"]

    def ours() -> None:
        number = next(numbers)
        card = LeadCard(name="张三", phone=f"141{number:08d}", trade="catering", shop="张记面馆", address=f"{number}号")
        with unit_of_work():
            capture_lead(
                SYSTEM, campaign_id=campaign, team_id=team, owner_id=bob, card=card,
                consent=ConsentGiven(enquiry=True), clocks=Clocks.at(now()),
            )  # fmt: skip

    compare("capture of a lead, durable", ours, raw_captures(big[2], tmp_path), runs=5, times=40)


def raw_captures(path: Path, folder: Path) -> Callable[[], None]:
    """Writes rows like the newest one into a copy of the database, with all its indexes."""
    with closing(sqlite3.connect(path)) as live:
        copy = sqlite3.connect(folder / "copy.db", isolation_level=None)
        live.backup(copy)
    for pragma in ("journal_mode=wal", "synchronous=full"):
        copy.execute(f"PRAGMA {pragma}")
    lead = list(copy.execute("SELECT * FROM lead ORDER BY id DESC LIMIT 1").fetchone())
    names = [row[1] for row in copy.execute("PRAGMA table_info(lead)")]
    entry = list(copy.execute("SELECT * FROM stage_entry ORDER BY id DESC LIMIT 1").fetchone())
    fields = [row[1] for row in copy.execute("PRAGMA table_info(stage_entry)")]
    ids, marks = count(10_000_000), ",".join("?" * len(names))

    def one() -> None:
        number = next(ids)
        fresh = {"id": number, "uid": str(uuid.uuid4()), "phone_key": number.to_bytes(16, "big")}
        row = [fresh.get(name, value) for name, value in zip(names, lead, strict=True)]
        noted = [{"id": number, "lead_id": number}.get(name, value) for name, value in zip(fields, entry, strict=True)]
        copy.execute("BEGIN IMMEDIATE")
        copy.execute(f"INSERT INTO lead VALUES ({marks})", row)
        copy.execute(f"INSERT INTO stage_entry VALUES ({','.join('?' * len(fields))})", noted)
        copy.execute(
            "INSERT INTO lead_stage (lead_id, stage, entry_id, campaign_id, day) VALUES (?, 'consult', ?, 1, '2026-11-21')",
            (number, number),
        )
        for statement in ROLLUPS:
            copy.execute(statement)
        copy.execute("COMMIT")

    return one


ROLLUPS = tuple(
    f"INSERT INTO {table} VALUES (1, '2026-11-21', 1, 1, 'consult', 1) ON CONFLICT DO UPDATE SET leads = leads + 1"
    for table in ("funnel_day", "member_day")
)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[int]:
    """The demo bank; gives the id of its sprint."""
    app = bare_app(tmp_path)
    with app.test_request_context():
        bank = make_demo(seed=7, at=now(), bank_name="清江农商银行")
        db.session.remove()
        yield bank.campaigns["roadshow"]
        closed(app)


def test_workbook_of_the_demo(demo, tmp_path):
    at, asked = now(), WorkbookQuery(demo)
    sheets = sheets_of(SYSTEM, gather(SYSTEM, asked, at=at))
    rows = [[[str(cell) if isinstance(cell, date) else cell for cell in row] for row in one.rows] for one in sheets]

    def ours() -> None:
        with made_workbook(SYSTEM, asked, bank="清江农商银行", folder=tmp_path, at=at):
            pass

    def floor() -> None:
        with Workbook(tmp_path / "floor.xlsx") as book:
            for lines in rows:
                sheet = book.add_worksheet()
                for number, line in enumerate(lines):
                    sheet.write_row(number, 0, line)

    compare("management workbook of the demo: asked and written", ours, floor, runs=5)
    compare("management workbook of the demo: asked", lambda: gather(SYSTEM, asked, at=at), floor, runs=5)


MAPPING = {
    "row": "external_id", "contact_date": "consult_on", "job": "trade", "contact": "approach", "y": "accepted",
    "campaign": "-",
}  # fmt: skip


def test_import_of_45_211_leads(shared, tmp_path):
    source = shared / "data" / "uci_bank" / "contacts_dated_derived.csv"
    app = bare_app(tmp_path)

    def ours() -> None:
        with (
            source.open("rb") as handle,
            intake.received(SYSTEM, kind="leads", file=handle, file_name=source.name) as sheet,
            unit_of_work(),
        ):
            batch = intake.upload(SYSTEM, sheet, at=now()).id
        preset = {"campaign_month": "UCI", "campaign_model": "wechat"}
        chosen = intake.choose(SYSTEM, batch, mapping=MAPPING, preset=preset)
        with unit_of_work():
            intake.set_mapping(SYSTEM, batch, chosen)
        with unit_of_work():
            intake.confirm(SYSTEM, batch, mode="good", at=now())
        result = work.run(batch)
        assert result is not None
        assert result.figures()["new"] == 45_211

    with app.test_request_context():
        with unit_of_work():
            lay_foundation(bank="清江农商银行", today=TODAY, at=now())
        compare("import of 45,211 leads", ours, raw_import(source, tmp_path), runs=1, goal="10 s")
        closed(app)


def raw_import(source: Path, folder: Path) -> Callable[[], None]:
    """Reads the file and writes leads and entries with executemany, in one transaction."""

    def read() -> None:
        with closing(sqlite3.connect(folder / "floor.db")) as base, source.open(newline="") as file:
            base.execute("PRAGMA synchronous=full")
            base.execute(
                "CREATE TABLE lead (id INTEGER PRIMARY KEY, uid TEXT UNIQUE, month TEXT, job TEXT, facts TEXT)"
            )
            base.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, lead_id INTEGER, stage TEXT, day TEXT)")
            rows = list(csv.DictReader(file))
            leads = [(int(row["row"]), row["row"], row["contact_date"][:7], row["job"], str(row)) for row in rows]
            base.executemany("INSERT INTO lead VALUES (?, ?, ?, ?, ?)", leads)
            reached = {"yes": ("consult", "application", "accepted"), "no": ("consult",)}
            base.executemany(
                "INSERT INTO entry (lead_id, stage, day) VALUES (?, ?, ?)",
                [(int(row["row"]), stage, row["contact_date"]) for row in rows for stage in reached[row["y"]]],
            )
            base.commit()

    return read
