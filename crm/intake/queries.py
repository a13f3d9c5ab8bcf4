"""Questions about imports. Whoever may bring in a kind of sheet sees its batches: team leads their own, others all."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, true

from crm.intake.importers import KINDS
from crm.intake.models import ImportBatch
from crm.intake.policy import may_import
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.paging import PER_PAGE, Page
from crm.people.models import User

UNCLAIMED = timedelta(minutes=1)
"""A released batch that no process took by then has none."""
SILENT = timedelta(minutes=30)
"""How long a process on another machine is believed to live."""


@dataclass(frozen=True)
class BatchRow:
    """A line of the history."""

    id: int
    kind: str
    file_name: str
    status: str
    rows: int
    new: int
    updated: int
    skipped: int
    failed: int
    who: str
    created_at: datetime
    applied_at: datetime | None


def kinds_for(actor: Actor) -> tuple[str, ...]:
    """The kinds of sheets that the actor may bring in."""
    return tuple(kind for kind in KINDS if may_import(actor, kind))


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """The batches that the actor may see."""
    mine = true() if actor.sees_all_teams else ImportBatch.actor_id == actor.user_id
    return and_(ImportBatch.kind.in_(kinds_for(actor)), mine)


def get_batch(actor: Actor, batch_id: int) -> ImportBatch:
    """One batch that the actor may see; raises NotFound."""
    batch = db.session.scalar(select(ImportBatch).where(ImportBatch.id == batch_id, visible_to(actor)))
    if batch is None:
        raise NotFound("import.missing")
    return batch


def history(actor: Actor, *, at: datetime, page: int = 1, per_page: int = PER_PAGE) -> Page[BatchRow]:
    """The batches, newest first; one whose process died reads "stopped"."""
    query = (
        select(ImportBatch, User.name)
        .outerjoin(User, User.id == ImportBatch.actor_id)
        .where(visible_to(actor))
        .order_by(ImportBatch.id.desc())
    )
    total = db.session.scalar(select(func.count()).select_from(ImportBatch).where(visible_to(actor))) or 0
    found: Sequence[Any] = db.session.execute(query.limit(per_page).offset((page - 1) * per_page)).all()
    return Page([_row(batch, name or "system", at) for batch, name in found], page, total, per_page)


def _row(batch: ImportBatch, who: str, at: datetime) -> BatchRow:
    return BatchRow(
        batch.id, batch.kind, batch.file_name, state_of(batch, at), batch.rows, batch.new, batch.updated, batch.skipped,
        batch.failed, who, batch.created_at, batch.applied_at,
    )  # fmt: skip


def failed_imports(since: datetime) -> int:
    """How many imports that were begun since then have failed and were neither repeated nor given up."""
    query = select(func.count()).select_from(ImportBatch)
    return db.session.scalar(query.where(ImportBatch.status == "failed", ImportBatch.created_at >= since)) or 0


def earlier_applied(actor: Actor, batch: ImportBatch) -> ImportBatch | None:
    """The last import of the same file that still stands, when the actor may see it."""
    return db.session.scalar(
        select(ImportBatch)
        .where(
            ImportBatch.file_sha256 == batch.file_sha256,
            ImportBatch.kind == batch.kind,
            ImportBatch.status == "applied",
            ImportBatch.id != batch.id,
            visible_to(actor),
        )
        .order_by(ImportBatch.id.desc())
        .limit(1)
    )


def state_of(batch: ImportBatch, at: datetime) -> str:
    """The batch's status, or "stopped" for one whose process is gone."""
    return "stopped" if is_dead(batch, at) else batch.status


def is_dead(batch: ImportBatch, at: datetime) -> bool:
    """Whether a batch waits for a process that is gone. Nothing of it was written then: there is one transaction."""
    if batch.status != "applying" or batch.started_at is None:
        return False
    if not batch.worker:
        return at - batch.started_at > UNCLAIMED
    host, pid, start = batch.worker.rsplit("|", 2)
    if host != socket.gethostname():
        return at - batch.started_at > SILENT
    return process_start(int(pid)) != start


def this_process() -> str:
    """How this process signs the batch that it takes."""
    return f"{socket.gethostname()[:80]}|{os.getpid()}|{process_start(os.getpid())}"


def process_start(pid: int) -> str:
    """When the process began, as the kernel counts it; "" when it is gone or already dead and not yet buried."""
    try:
        # The name in the second field may hold blanks and brackets: what counts comes after the last bracket.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _start_without_proc(pid)
    return "" if fields[0] in "ZX" else fields[19]


def _start_without_proc(pid: int) -> str:
    """Elsewhere than on Linux only whether it lives is known."""
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "alive"
