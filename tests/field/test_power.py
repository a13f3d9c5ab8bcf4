"""No room on the disk, and no power: what was answered for stays, what was not is sent again, and nobody has to start anything."""

import hashlib
import random
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import event, text

from crm.field import photos
from crm.field.models import FieldPhoto, FieldRecord
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.leads.models import Lead
from tests.field.bank import Bank, Line, founded
from tests.field.phone import Phone, seal_file

pytestmark = pytest.mark.slow

LONG = "店主说的话很长。" * 100
NO_LIMIT = 1_073_741_823


def filled(phone: Phone, *, leads: int) -> list:
    """A batch that needs room."""
    numbers = [f"1330013{len(phone.queue) + place:04d}" for place in range(leads)]
    return [phone.lead(number, note=LONG, shop="老王面馆", address=number) for number in numbers]


def phone_at(bank: Bank, login: str) -> Phone:
    phone = Phone(Line(bank.port, bank.sign_in(login)), now)
    phone.campaign = bank.campaign
    phone.connect()
    return phone


def count(model) -> int:
    db.session.rollback()
    return db.session.scalar(db.select(db.func.count()).select_from(model)) or 0


@pytest.fixture
def room(app) -> Iterator[list[int]]:
    """How many pages the database may have, on every connection."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("the pages of a database server are not counted here")
    most = [NO_LIMIT]

    def limit(connection, _record, _proxy) -> None:
        connection.execute(f"PRAGMA max_page_count={most[0]}")

    event.listen(db.engine, "checkout", limit)
    yield most
    most[0] = NO_LIMIT
    db.session.rollback()
    db.session.execute(text("SELECT 1"))
    event.remove(db.engine, "checkout", limit)


def test_a_full_database_is_507_and_keeps_nothing_of_the_batch(phone_of, room):
    phone = phone_of("bob")
    batch = filled(phone, leads=30)
    room[0] = db.session.scalar(text("PRAGMA page_count")) + 3
    db.session.rollback()
    for _ in range(2):
        assert phone.send(batch) == (507, [])
        assert (count(FieldRecord), count(Lead), len(phone.waiting)) == (0, 0, 30)
    room[0] = NO_LIMIT
    db.session.rollback()
    status, results = phone.send(batch)
    assert (status, {one["status"] for one in results}) == (200, {"accepted"})
    assert (count(FieldRecord), count(Lead), len(phone.waiting)) == (30, 30, 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", tmp_path], capture_output=True, check=False
    ).returncode:
        pytest.skip("no file system may be mounted here")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def test_a_full_disk_is_507_and_with_room_again_the_same_batch_arrives_without_a_restart(small_disk):
    with founded(small_disk / "bank", members=1) as bank:
        bank.start()
        phone = phone_at(bank, "m000")
        filler = small_disk / "filler"
        free = shutil.disk_usage(small_disk).free
        filler.write_bytes(b"x" * (free - 300_000))
        answered = 0
        for _ in range(60):
            batch = filled(phone, leads=40)
            status, results = phone.send(batch)
            if status != 200:
                break
            answered += len(results)
        assert (status, results) == (507, [])
        assert phone.ask("GET", "/healthz")[0] in (200, 503, 507)
        with closing(sqlite3.connect(bank.database)) as base:
            query = "SELECT COUNT(*), COUNT(CASE WHEN uid IN ({}) THEN 1 END) FROM field_record"
            uids = [one.uid for one in batch]
            assert base.execute(query.format(",".join("?" * len(uids))), uids).fetchone() == (answered, 0)
        filler.unlink()
        status, results = phone.send(batch)
        assert (status, {one["status"] for one in results}) == (200, {"accepted"})
        assert (count(Lead), phone.waiting, bank.starts) == (answered + 40, [], 1)


def picture() -> bytes:
    """A photo that compresses badly."""
    target = BytesIO()
    noise = random.Random(3).randbytes(700 * 700 * 3)
    Image.frombytes("RGB", (700, 700), noise).save(target, "JPEG", quality=95)
    return target.getvalue()


def test_a_photo_that_was_cut_off_by_power_cuts_goes_on_where_it_stands_and_is_whole(tmp_path):
    with founded(tmp_path / "bank", members=1) as bank:
        bank.start()
        phone, original = phone_at(bank, "m000"), picture()
        sealed = seal_file(phone.session["key"], original, f"waituo|photo|{phone.session['user']['id']}")
        address = f"/m/api/photos/{hashlib.sha256(sealed).hexdigest()}"
        assert len(sealed) > 400_000
        cuts = [len(sealed) // 4, len(sealed) // 2, len(sealed) * 3 // 4]
        standing = []
        offset, sent = 0, 0
        while offset < len(sealed):
            killer = threading.Timer(0.01, bank.kill)
            cut = cuts and offset >= cuts[0]
            if cut:
                cuts.pop(0)
                killer.start()  # while the part is on its way
            part = sealed[offset : offset + 16_384]
            phone.ask("PUT", f"{address}?offset={offset}&total={len(sealed)}", data=part, csrf=phone.session["csrf"])
            sent += 1
            if cut:
                killer.join()
                bank.start()
            _, told = phone.ask("GET", address)
            assert told["received"] in (offset, offset + len(part), len(sealed))
            offset = told["received"]
            standing.append(offset)
        assert (cuts, bank.starts) == ([], 4)
        assert standing == sorted(standing)
        assert (told["complete"], told["state"]) == (True, "whole")
        photo = db.session.scalar(db.select(FieldPhoto))
        assert photos.open_photo(photo) == photos._encoded_anew(original)[0]
        assert not any((bank.home / "photos" / "parts").iterdir())
