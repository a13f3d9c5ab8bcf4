"""What can be done with an import. The actor comes first; nothing here commits. The pass over the rows itself is in `reading`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import IO, Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import CursorResult

from crm.intake import files, reading
from crm.intake.importers import Importer, importer_of
from crm.intake.models import ImportBatch, ImportChange
from crm.intake.policy import may_import
from crm.intake.queries import get_batch, is_dead, visible_to
from crm.intake.reading import Result, Source, Telling
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.db import db, tell_planner
from crm.kernel.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from crm.kernel.locking import check_version, held
from crm.kernel.rows import Change
from crm.kernel.unit_of_work import after_commit
from crm.kernel.values import clean_text

MODES = ("good", "all")
OPEN = frozenset({"uploaded", "checked", "failed"})
"""States in which a batch may still be mapped, checked and confirmed."""


@dataclass(frozen=True)
class Received:
    """A file on disk that was found to be a sheet of its kind, and is not yet an import."""

    kind: str
    source: Source
    sha256: str
    size: int


@contextmanager
def received(
    actor: Actor, *, kind: str, file: IO[bytes], file_name: str, sheet: str = "", encoding: str = ""
) -> Iterator[Received]:
    """Takes a file in and looks at it, before any unit of work: a long workbook must keep nobody from writing.

    A file that has become no import by the end is deleted. Raises Forbidden, NotFound("import.kind"), and Invalid sheet.*
    when it is no sheet of this kind.
    """
    importer = importer_of(kind)
    if not may_import(actor, kind):
        raise Forbidden("import.forbidden")
    stored = files.store(file)
    try:
        name = clean_text(file_name.replace("\\", "/").rpartition("/")[2])[-200:] or kind
        source = Source(stored.name, name, sheet=sheet, encoding=encoding)
        seen = reading.look(importer, source)
        yield Received(kind, replace(source, sheet=seen.sheet, encoding=seen.encoding), stored.sha256, stored.size)
    finally:
        if db.session.scalar(select(ImportBatch.id).where(ImportBatch.stored_name == stored.name)) is None:
            files.remove(stored.name)


def upload(actor: Actor, sheet: Received, *, at: datetime) -> ImportBatch:
    """Makes an import of a file that was received."""
    batch = ImportBatch(
        kind=sheet.kind,
        file_name=sheet.source.file_name,
        file_sha256=sheet.sha256,
        stored_name=sheet.source.stored_name,
        encoding=sheet.source.encoding,
        sheet=sheet.source.sheet,
        mapping={},
        preset={},
        preview={},
        error_facts={},
        actor_id=actor.user_id,
        created_at=at,
    )
    db.session.add(batch)
    db.session.flush()
    audit.record(
        actor, "intake.upload", "import_batch", batch.id, kind=sheet.kind, sha256=sheet.sha256, bytes=sheet.size
    )
    return batch


def rehearse(
    actor: Actor, sheet: Received, *, mapping: Mapping[str, str], preset: Mapping[str, str], today: date, at: datetime
) -> Result:
    """What would become of the rows; raises as `choose`. Nothing stays: no batch, no entry in the audit."""
    importer = importer_of(sheet.kind)
    source = _chosen(importer, sheet.source, mapping, preset)
    return reading.check(importer, actor, source, today=today, at=at)


def choose(
    actor: Actor, batch_id: int, *, mapping: Mapping[str, str], preset: Mapping[str, str], sheet: str = ""
) -> Source:
    """How the batch is to be read from now on: which heading means which field ("-" leaves one out), which value holds for
    every row, and which tab of a workbook. Looks at the file, before any unit of work, and changes nothing.

    Raises Invalid sheet.* for a tab, heading or field that there is not, value.* for a preset.
    """
    batch = _open_batch(actor, batch_id, None)
    named = replace(source_of(batch), sheet=sheet or batch.sheet)
    return _chosen(importer_of(batch.kind), named, mapping, preset)


def _chosen(importer: Importer, source: Source, mapping: Mapping[str, str], preset: Mapping[str, str]) -> Source:
    kept = {key: value for key, value in preset.items() if value}
    for key in kept:
        importer.contract.column(key)
    chosen = replace(source, mapping=dict(mapping), preset=kept)
    reading.look(importer, chosen)
    return chosen


def set_mapping(actor: Actor, batch_id: int, source: Source, *, version: int | None = None) -> ImportBatch:
    """Keeps what was chosen; a check must follow. Raises Conflict("form.stale")."""
    batch = _open_batch(actor, batch_id, version)
    batch.mapping, batch.preset, batch.sheet = dict(source.mapping), dict(source.preset), source.sheet
    batch.preview, batch.status, batch.error = {}, "uploaded", ""
    batch.version += 1
    return batch


def source_of(batch: ImportBatch) -> Source:
    """How the batch's file is to be read."""
    return Source(batch.stored_name, batch.file_name, batch.mapping, batch.preset, batch.sheet, batch.encoding)


def keep_check(actor: Actor, batch_id: int, result: Result, *, version: int) -> ImportBatch:
    """Keeps what a check found, unless the mapping was changed meanwhile."""
    batch = _open_batch(actor, batch_id, version)
    batch.preview, batch.encoding, batch.status, batch.error = result.preview(), result.encoding, "checked", ""
    batch.version += 1
    files.keep_problems(batch.stored_name, result.problems)
    return batch


def confirm(actor: Actor, batch_id: int, *, mode: str, at: datetime, version: int | None = None) -> bool:
    """Releases a batch for its worker; False when somebody did so already, so that a second press changes nothing.

    `mode`: "good" takes the good rows, "all" takes all or nothing. Raises Conflict("form.stale").
    """
    batch = _held(actor, batch_id)
    if mode not in MODES:
        raise Invalid("import.mode")
    if batch.status == "applied" or (batch.status == "applying" and not is_dead(batch, at)):
        return False
    if batch.status not in OPEN | {"applying"}:
        raise Conflict("import.state")
    check_version(batch, version)
    batch.mode, batch.status, batch.worker, batch.started_at, batch.error = mode, "applying", "", at, ""
    batch.confirmed_by_id = actor.user_id
    batch.version += 1
    files.forget_progress(batch.id)
    audit.record(actor, "intake.confirm", "import_batch", batch.id, mode=mode)
    return True


def claim(batch_id: int, *, worker: str) -> bool:
    """Takes a released batch for this process; False when another one has it. Claim, then work."""
    query = (
        update(ImportBatch)
        .where(ImportBatch.id == batch_id, ImportBatch.status == "applying", ImportBatch.worker == "")
        .values(worker=worker)
    )
    return _changed(query) == 1


def write(
    actor: Actor, batch_id: int, *, worker: str, today: date, at: datetime, tell: Telling = lambda _: None
) -> Result:
    """Writes the rows of a claimed batch and its result, all in the open unit of work.

    Raises Forbidden when the actor has lost the right meanwhile, and Invalid("import.has_errors") for a bad row in mode "all".
    """
    batch = db.session.get_one(ImportBatch, batch_id)
    if not may_import(actor, batch.kind):
        raise Forbidden("import.forbidden")
    mode, stored, source = batch.mode, batch.stored_name, source_of(batch)
    total = int(batch.preview.get("rows", 0))
    result = reading.write(
        importer_of(batch.kind), actor, source, today=today, at=at, batch_id=batch_id, tell=tell, total=total
    )
    files.keep_problems(stored, result.problems)
    if mode == "all" and result.failed_rows:
        raise RowsFailed(result)
    _keep_changes(batch_id, result.changes)
    tell_planner(result.rows)
    done = (
        update(ImportBatch)
        .where(ImportBatch.id == batch_id, ImportBatch.status == "applying", ImportBatch.worker == worker)
        .values(
            status="applied", applied_at=at, rows=result.rows, preview=result.preview(), encoding=result.encoding,
            version=ImportBatch.version + 1, **result.figures(),
        )
    )  # fmt: skip
    if _changed(done) != 1:
        raise Conflict("import.state")
    audit.record(actor, "intake.apply", "import_batch", batch_id, rows=result.rows, **result.figures())
    after_commit(lambda: files.remove_upload(stored))
    return result


class RowsFailed(Invalid):
    """All or nothing was asked for, and some rows cannot be taken over."""

    def __init__(self, result: Result) -> None:
        super().__init__("import.has_errors", failed=result.failed_rows)
        self.result = result


def fail(batch_id: int, error: DomainError, *, worker: str) -> None:
    """Notes why a claimed batch was not written; it may be confirmed again."""
    batch = db.session.get_one(ImportBatch, batch_id)
    if batch.status == "applying" and batch.worker == worker:
        batch.status, batch.error, batch.error_facts = "failed", error.code, _plain(error.facts)
        batch.version += 1
        if isinstance(error, RowsFailed):
            batch.preview = error.result.preview()


def cancel(actor: Actor, batch_id: int, *, at: datetime) -> None:
    """Gives an upload up and deletes its file."""
    batch = _held(actor, batch_id)
    if batch.status not in OPEN and not is_dead(batch, at):
        raise Conflict("import.state")
    batch.status = "cancelled"
    batch.version += 1
    stored = batch.stored_name
    audit.record(actor, "intake.cancel", "import_batch", batch.id)
    after_commit(lambda: files.remove(stored))


def cancel_old(actor: Actor, *, before: datetime, at: datetime) -> int:
    """Gives up what was uploaded before that moment and never confirmed, and what has lost its file; how many.

    The lists of problems of imports that were confirmed stay with them.
    """
    waiting = db.session.scalars(select(ImportBatch).where(ImportBatch.status.in_(OPEN | {"applying"})))
    count = 0
    for batch in waiting:
        if batch.status == "applying" and not is_dead(batch, at):
            continue
        if batch.created_at < before or not files.is_there(batch.stored_name):
            batch.status = "cancelled"
            batch.version += 1
            audit.record(actor, "intake.cancel", "import_batch", batch.id)
            count += 1
    db.session.flush()
    kept = db.session.scalars(select(ImportBatch.stored_name).where(ImportBatch.status != "cancelled")).all()
    after_commit(lambda: _remove_old(before, set(kept)))
    return count


def undo(actor: Actor, batch_id: int, *, at: datetime) -> int:
    """Takes an applied batch back exactly; how many records. Raises Conflict when later work stands on it, or when it is undone."""
    batch = get_batch(actor, batch_id)
    if not may_import(actor, batch.kind):
        raise Forbidden("import.forbidden")
    taken = (
        update(ImportBatch).where(ImportBatch.id == batch_id, ImportBatch.status == "applied").values(status="undone")
    )
    since = batch.applied_at
    if _changed(taken) != 1 or since is None:
        raise Conflict("import.state")
    changes = [
        Change(row.subject, row.subject_id, row.before, row.after)
        for row in db.session.scalars(
            select(ImportChange).where(ImportChange.batch_id == batch_id).order_by(ImportChange.id.desc())
        )
    ]
    count = importer_of(batch.kind).undo(actor, changes, batch_id=batch_id, at=at, since=since)
    tell_planner(count)
    db.session.refresh(batch)
    batch.undone_at = at
    batch.version += 1
    audit.record(actor, "intake.undo", "import_batch", batch_id, records=count)
    return count


def _open_batch(actor: Actor, batch_id: int, version: int | None) -> ImportBatch:
    batch = _held(actor, batch_id)
    if batch.status not in OPEN:
        raise Conflict("import.state")
    check_version(batch, version)
    return batch


def _held(actor: Actor, batch_id: int) -> ImportBatch:
    batch = held(select(ImportBatch).where(ImportBatch.id == batch_id, visible_to(actor)))
    if batch is None:
        raise NotFound("import.missing")
    return batch


def _keep_changes(batch_id: int, changes: list[Change]) -> None:
    rows = []
    for one in changes:
        before, after = (None if side is None else _plain(side) for side in (one.before, one.after))
        rows.append(
            {
                "batch_id": batch_id,
                "subject": one.subject,
                "subject_id": one.subject_id,
                "before": before,
                "after": after,
            }
        )
    if rows:
        db.session.flush()
        db.session.execute(insert(ImportChange), rows)


def _remove_old(before: datetime, kept: set[str]) -> None:
    files.remove_old(before, keep=kept)


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Values that JSON can hold; days as ISO text."""
    return {
        key: value if isinstance(value, str | int | float | bool | list | None) else str(value)
        for key, value in facts.items()
    }


def _changed(statement: Any) -> int:
    answer = db.session.execute(statement.execution_options(synchronize_session="fetch"))
    assert isinstance(answer, CursorResult)
    return answer.rowcount
