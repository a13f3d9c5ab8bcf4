"""Makes the sheets that these tests bring in, and walks an import from the upload to the end by the product's own commands."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from crm.intake import commands, reading, work
from crm.intake.importers import importer_of
from crm.intake.models import ImportBatch
from crm.intake.reading import Result
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work

HEAD = ("客户编号", "姓名", "手机", "店铺名称", "行业", "活动", "小组", "咨询日期", "来源")


def line(number: int, **changes: str) -> dict[str, str]:
    """A good row of a customer that no other number has."""
    return {
        "客户编号": f"KH-{number:05d}",
        "姓名": f"客户{number}",
        "手机": f"137{number:08d}",
        "店铺名称": f"{number} 号店",
        "行业": "餐饮",
        "活动": "东大街路演",
        "小组": "红队",
        "咨询日期": "2026-11-16",
        "来源": "现场登记",
    } | changes


def csv_bytes(rows: Sequence[Mapping[str, str]], encoding: str = "utf-8", head: Sequence[str] | None = None) -> bytes:
    """The rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(head or (rows[0] if rows else HEAD)), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode(encoding)


def xlsx_bytes(rows: Sequence[Mapping[str, Any]], head: Sequence[str] | None = None) -> bytes:
    """The rows as a workbook."""
    book = Workbook()
    sheet = book.worksheets[0]
    names = list(head or rows[0])
    sheet.append(names)
    for row in rows:
        sheet.append([row.get(name) for name in names])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def upload(
    actor: Actor,
    content: bytes,
    *,
    kind: str = "leads",
    name: str = "leads.csv",
    mapping: Mapping[str, str] | None = None,
    **preset: str,
) -> ImportBatch:
    """An uploaded and mapped batch."""
    with commands.received(actor, kind=kind, file=io.BytesIO(content), file_name=name) as sheet, unit_of_work():
        batch_id = commands.upload(actor, sheet, at=now()).id
    source = commands.choose(actor, batch_id, mapping=mapping or {}, preset=preset)
    with unit_of_work():
        return commands.set_mapping(actor, batch_id, source)


def check(actor: Actor, batch: ImportBatch) -> Result:
    """What the batch would do."""
    source = commands.source_of(db.session.get_one(ImportBatch, batch.id))
    return reading.check(importer_of(batch.kind), actor, source, today=business_day(now()), at=now())


def apply(actor: Actor, batch: ImportBatch, mode: str = "good") -> ImportBatch:
    """Confirms the batch and does its work; the batch as it stands then."""
    with unit_of_work():
        commands.confirm(actor, batch.id, mode=mode, at=now())
    work.run(batch.id)
    db.session.expire_all()
    return db.session.get_one(ImportBatch, batch.id)


def bring_in(actor: Actor, content: bytes, *, mode: str = "good", **given: Any) -> ImportBatch:
    """From the bytes to the result."""
    return apply(actor, upload(actor, content, **given), mode)


def undo(actor: Actor, batch: ImportBatch, at: datetime | None = None) -> int:
    """Takes it back."""
    with unit_of_work():
        count = commands.undo(actor, batch.id, at=at or now())
    db.session.expire_all()
    return count


def counts(batch: ImportBatch | Result) -> tuple[int, ...]:
    """rows, new, updated, skipped, failed."""
    if isinstance(batch, Result):
        return (batch.rows, *batch.figures().values())
    return batch.rows, batch.new, batch.updated, batch.skipped, batch.failed


def leftovers(home: Path) -> list[str]:
    """Uploads that are still on disk."""
    return sorted(path.name for path in (home / "uploads").glob("*.upload"))
