"""The management workbook (管理层汇总表): gathered, laid out and written to a file that nobody sees before it is recorded."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flask_babel import gettext as _

from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.errors import Forbidden
from crm.kernel.installation import zone_name
from crm.reports.contents import Contents, gather
from crm.reports.exports import Sheet, figure_sheets, title_of
from crm.reports.notes import definitions
from crm.reports.policy import ReportPermission
from crm.reports.rules import WorkbookQuery, figures_hash, file_stem
from crm.sheets.specs import SheetSpec
from crm.sheets.writer import write_workbook


@dataclass(frozen=True, slots=True)
class Made:
    """A workbook on the disk that is not recorded yet: `path` is a temporary file in the folder that was asked for.

    `stem` is its name without the version; `rows` counts the rows of its figures; `figures` is the hash over them.
    """

    path: Path
    stem: str
    rows: int
    sha256: str
    figures: str
    filters: dict[str, Any]


@contextmanager
def made_workbook(actor: Actor, asked: WorkbookQuery, *, bank: str, folder: Path, at: datetime) -> Iterator[Made]:
    """Makes the workbook in `folder`; what `commands.export_workbook` has not taken over by the end is removed.

    Raises Forbidden without the right, NotFound for a campaign that is not the actor's, Invalid for reversed days.
    """
    if not actor.may(ReportPermission.EXPORT):
        raise Forbidden("reports.no_export")
    contents = gather(actor, asked, at=at)
    sheets, title = sheets_of(actor, contents), title_of(contents)
    with set_aside(
        actor,
        [sheet.spec for sheet in sheets],
        folder=folder,
        stem=file_stem(bank, title, business_day(at, zone_name())),
        rows=sum(len(sheet.rows) for sheet in sheets[:-1]),
        figures=hash_of(sheets[:-1]),
        filters=_filters(asked, contents),
        properties=properties_of(actor, bank=bank, title=title, kind=_("Management workbook"), at=at),
    ) as made:
        yield made


@contextmanager
def set_aside(
    actor: Actor,
    specs: Sequence[SheetSpec],
    *,
    folder: Path,
    stem: str,
    rows: int,
    figures: str,
    filters: dict[str, Any],
    properties: dict[str, Any],
) -> Iterator[Made]:
    """Writes the sheets to a temporary file in `folder`; what nobody has taken over by the end is removed.

    `rows` and `figures` (a hash) are what the record of the export will say. Raises Forbidden without the right.
    """
    if not actor.may(ReportPermission.EXPORT):
        raise Forbidden("reports.no_export")
    handle, name = tempfile.mkstemp(prefix=".workbook-", suffix=".xlsx", dir=folder)
    os.close(handle)
    path = Path(name)
    try:
        write_workbook(path, specs, properties=properties)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        yield Made(path=path, stem=stem, rows=rows, sha256=sha256, figures=figures, filters=filters)
    finally:
        path.unlink(missing_ok=True)


def sheets_of(actor: Actor, contents: Contents) -> list[Sheet]:
    """The sheets in order; the last one holds the definitions and the hash over the figures of the others."""
    sheets = figure_sheets(contents)
    return [*sheets, definitions(actor, contents, hash_of(sheets))]


def hash_of(sheets: list[Sheet]) -> str:
    """SHA-256 over the figures: the same for two workbooks that say the same, whenever they were made."""
    return figures_hash((sheet.code, [column.key for column in sheet.spec.columns], sheet.rows) for sheet in sheets)


def properties_of(actor: Actor, *, bank: str, title: str, kind: str, at: datetime) -> dict[str, Any]:
    """What a file says of itself: whose it is, who made it and when. `kind` says in words what it is."""
    return {"title": f"{bank} {title}", "author": actor.name, "company": bank, "comments": kind, "created": at}


def _filters(asked: WorkbookQuery, contents: Contents) -> dict[str, Any]:
    teams = {} if contents.scope is None else {"teams": list(contents.scope)}
    name = {"campaign_name": contents.campaign} if contents.campaign else {}
    return {**asked.filters(), **name, **teams}
