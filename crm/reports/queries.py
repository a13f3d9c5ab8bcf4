"""Questions about files that left the house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from crm.kernel.actor import Actor
from crm.kernel.clock import day_bounds
from crm.kernel.db import db
from crm.kernel.errors import Forbidden, NotFound
from crm.kernel.installation import zone_name
from crm.kernel.paging import PER_PAGE, Page
from crm.people.models import User
from crm.reports.models import ExportRecord
from crm.reports.policy import ReportPermission


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One file: who made it when, with which filters, how many rows, and its hash. `kept` tells whether it is still there."""

    id: int
    kind: str
    file_name: str
    filters: Mapping[str, Any]
    rows: int
    sha256: str
    actor_id: int | None
    actor: str
    made_at: datetime
    kept: bool

    @property
    def figures(self) -> str:
        """The hash over the figures, "" where there is none."""
        return str(self.filters.get("figures", ""))


def own_exports(actor: Actor, *, page: int = 1) -> Page[ExportRow]:
    """The files that the actor made, the newest first."""
    return _page([ExportRecord.actor_id == actor.user_id], page)


def export_log(
    actor: Actor, *, person: str = "", first: date | None = None, last: date | None = None, page: int = 1
) -> Page[ExportRow]:
    """Every file that anybody made, the newest first. Raises Forbidden without the right."""
    if not actor.may(ReportPermission.LIST_EXPORTS):
        raise Forbidden("reports.no_log")
    wanted: list[ColumnElement[bool]] = []
    if person:
        wanted.append(or_(User.name.contains(person, autoescape=True), User.login == person.lower()))
    if first is not None:
        wanted.append(ExportRecord.made_at >= day_bounds(first, zone_name())[0])
    if last is not None:
        wanted.append(ExportRecord.made_at < day_bounds(last, zone_name())[1])
    return _page(wanted, page)


def own_export(actor: Actor, export_id: int) -> ExportRecord:
    """A file that the actor made; raises NotFound for those of others as for none."""
    record = db.session.get(ExportRecord, export_id)
    if record is None or actor.user_id is None or record.actor_id != actor.user_id:
        raise NotFound("reports.no_file")
    return record


def exports_since(moment: datetime) -> int:
    """How many files left the house since then."""
    return db.session.scalar(select(func.count(ExportRecord.id)).where(ExportRecord.made_at >= moment)) or 0


def _page(wanted: list[ColumnElement[bool]], page: int) -> Page[ExportRow]:
    joined = select(ExportRecord.id).outerjoin(User, User.id == ExportRecord.actor_id).where(*wanted)
    total = db.session.scalar(select(func.count()).select_from(joined.subquery())) or 0
    query = (
        select(
            ExportRecord.id, ExportRecord.kind, ExportRecord.file_name, ExportRecord.filters, ExportRecord.rows, ExportRecord.sha256,
            ExportRecord.actor_id, func.coalesce(User.name, ""), ExportRecord.made_at, ExportRecord.stored_name != "",
        )
        .outerjoin(User, User.id == ExportRecord.actor_id)
        .where(*wanted)
        .order_by(ExportRecord.id.desc())
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )  # fmt: skip
    return Page([ExportRow(*row) for row in db.session.execute(query)], page, total)
