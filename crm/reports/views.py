"""Workbooks: made, downloaded by whoever made them, and listed for those who watch over what leaves the house."""

import hashlib
import io
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm.campaigns.queries import campaign_for_day, open_campaigns
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, now
from crm.kernel.errors import Conflict, DomainError, NotFound
from crm.kernel.paging import Page
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import clean_text
from crm.reports import queries
from crm.reports.commands import drop_old_files, export_workbook
from crm.reports.forms import WorkbookForm
from crm.reports.policy import ReportPermission
from crm.reports.queries import ExportRow
from crm.reports.rules import KEPT_DAYS, WorkbookQuery
from crm.reports.workbook import made_workbook
from crm.web.forms import choices, once, query_day
from crm.web.guards import requires
from crm.web.identity import settings, the_actor
from crm.web.paging import Paging, requested_page

blueprint = Blueprint("reports", __name__)
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class ExportsPage:
    """The form, and what the reader has made so far."""

    form: WorkbookForm
    rows: Page[ExportRow]
    paging: Paging
    kept_days: int


@dataclass(frozen=True)
class LogPage:
    """Everything that left the house, by the filters."""

    rows: Page[ExportRow]
    paging: Paging
    person: str
    first: date | None
    last: date | None
    filters: list[tuple[str, Any, str]]


@blueprint.get("/exports")
@requires(ReportPermission.EXPORT)
def exports() -> str:
    """Make a workbook, and find those made before."""
    actor = the_actor()
    form = _form(actor)
    running = campaign_for_day(actor, business_day(now(), settings().zone))
    form.campaign.data = running.id if running else None
    return render_template("reports/exports.html", page=_exports_page(actor, form))


@blueprint.post("/exports")
@requires(ReportPermission.EXPORT)
def make() -> Response | tuple[str, int]:
    """Makes a workbook and keeps it for download."""
    actor, at = the_actor(), now()
    form = _form(actor)
    if form.validate_on_submit():
        try:
            _make(actor, form, at)
        except DomainError as error:
            form.refuse(error)
        else:
            flash(_("The workbook is ready: download it below."), "success")
            return redirect(url_for("reports.exports"))
    return render_template("reports/exports.html", page=_exports_page(actor, form)), form.status


@blueprint.get("/exports/<int:export_id>/file")
@requires(ReportPermission.EXPORT)
def download(export_id: int) -> Response:
    """The file, for whoever made it, as long as it is kept and still the same."""
    record = queries.own_export(the_actor(), export_id)
    path = _folder() / record.stored_name
    if not record.stored_name or not path.is_file():
        raise NotFound("reports.file_gone")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != record.sha256:
        raise Conflict("reports.file_changed")
    # What was checked is what is sent: the bytes, not the file, which may change in between.
    return send_file(io.BytesIO(content), mimetype=SHEET, as_attachment=True, download_name=record.file_name, max_age=0)


@blueprint.get("/exports/log")
@requires(ReportPermission.LIST_EXPORTS)
def export_log() -> str:
    """Who took what out of the house, when, with which filters."""
    person = clean_text(request.args.get("person"))[:60]
    first, last = query_day("from"), query_day("to")
    rows = queries.export_log(the_actor(), person=person, first=first, last=last, page=requested_page())
    shown = (("person", _("Person"), person), ("from", _("From"), first), ("to", _("Until"), last))
    filters = [(key, label, str(value)) for key, label, value in shown if value]
    return render_template("reports/export_log.html", page=LogPage(rows, Paging.of(rows), person, first, last, filters))


def _make(actor: Actor, form: WorkbookForm, at: datetime) -> None:
    asked = WorkbookQuery(form.campaign.data, form.from_day.data, form.to_day.data)
    folder = _folder()
    with made_workbook(actor, asked, bank=settings().bank, folder=folder, at=at) as made, unit_of_work():
        once(actor, lambda: export_workbook(actor, made, at=at).id)
        drop_old_files(folder, at=at)


def _folder() -> Path:
    path = settings().home / "exports"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _form(actor: Actor) -> WorkbookForm:
    form = WorkbookForm()
    names = [(one.id, one.name) for one in open_campaigns(actor, closed_too=True)]
    form.campaign.choices = choices([*names, (None, _("All campaigns"))])
    return form


def _exports_page(actor: Actor, form: WorkbookForm) -> ExportsPage:
    rows = queries.own_exports(actor, page=requested_page())
    return ExportsPage(form, rows, Paging.of(rows), KEPT_DAYS)


from crm.reports import views_today  # noqa: E402, F401 - the home page, under this blueprint
