"""What is written down when a file leaves the house."""

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import func, select

from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import Forbidden
from crm.kernel.unit_of_work import after_commit
from crm.reports.models import ExportRecord
from crm.reports.policy import ReportPermission
from crm.reports.rules import KEPT_DAYS, file_name
from crm.reports.workbook import Made

WORKBOOK = "workbook"


def export_workbook(
    actor: Actor, made: Made, *, at: datetime, out: Path | None = None, kind: str = WORKBOOK
) -> ExportRecord:
    """Records a workbook that was made (by `workbook.made_workbook` or `workbook.set_aside`).

    The file takes its name once the record is on the disk.
    `out` is where a person at the terminal wants it; without it the file stays in its folder under a name of its own and
    can be downloaded by whoever made it. Raises Forbidden without the right.
    """
    if not actor.may(ReportPermission.EXPORT):
        raise Forbidden("reports.no_export")
    stored = "" if out is not None else made.path.name.lstrip(".")
    name = out.name[:200] if out is not None else file_name(made.stem, _version(made.stem))
    record = ExportRecord(
        kind=kind,
        file_name=name,
        filters=made.filters | {"figures": made.figures},
        rows=made.rows,
        sha256=made.sha256,
        stored_name=stored,
        actor_id=actor.user_id,
        made_at=at,
    )
    db.session.add(record)
    db.session.flush()
    audit.record(
        actor, "reports.export", "export", record.id,
        kind=kind, file=name, rows=made.rows, sha256=made.sha256, figures=made.figures, filters=made.filters,
    )  # fmt: skip
    after_commit(partial(_take_name, made.path, out or made.path.with_name(stored)))
    return record


def _take_name(path: Path, to: Path) -> None:
    path.replace(to)


def _version(stem: str) -> int:
    """The next version of a workbook of that bank, campaign and day."""
    same = ExportRecord.file_name.startswith(f"{stem}_V", autoescape=True)
    return (db.session.scalar(select(func.count(ExportRecord.id)).where(same)) or 0) + 1


def drop_old_files(folder: Path, *, at: datetime) -> int:
    """Takes files off the disk that were made more than KEPT_DAYS ago; their records stay. Gives how many."""
    old = list(
        db.session.scalars(
            select(ExportRecord).where(
                ExportRecord.stored_name != "", ExportRecord.made_at < at - timedelta(days=KEPT_DAYS)
            )
        )
    )
    for record in old:
        after_commit(partial((folder / record.stored_name).unlink, missing_ok=True))
        record.stored_name = ""
    return len(old)
