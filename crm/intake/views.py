"""Desk pages of imports: history, upload, columns, preview, progress, result."""

import io
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.exceptions import NotFound as NoSuchPage
from werkzeug.wrappers import Response

from crm.campaigns.policy import CampaignPermission
from crm.campaigns.queries import open_campaigns
from crm.intake import commands, files, queries, reading, work
from crm.intake.forms import ConfirmForm, LeadsMappingForm, MappingForm, UploadForm
from crm.intake.importers import KINDS, importer_of
from crm.intake.models import ImportBatch
from crm.intake.policy import IntakePermission, may_import
from crm.intake.reading import Look
from crm.intake.words import field_choices, field_label, kind_label, outcome_label, problem_sentence
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, now
from crm.kernel.errors import DomainError, Forbidden
from crm.kernel.installation import zone_name
from crm.kernel.paging import Page
from crm.kernel.unit_of_work import unit_of_work
from crm.people.queries import list_teams
from crm.sheets.templates import VARIANTS
from crm.sheets.writer import write_csv
from crm.web.forms import answered_once, once
from crm.web.guards import requires, unattended
from crm.web.identity import the_actor
from crm.web.paging import Paging, requested_page

blueprint = Blueprint("intake", __name__)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Answer = str | tuple[str, int] | Response


@dataclass(frozen=True)
class IndexPage:
    """What was brought in, and what may be."""

    batches: Page[queries.BatchRow]
    paging: Paging
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class UploadPage:
    """The form of a new import."""

    kind: str
    form: UploadForm


@dataclass(frozen=True)
class ColumnsPage:
    """Each heading with its first values and the field that it became."""

    batch: ImportBatch
    form: MappingForm
    seen: Look
    chosen: dict[str, str]
    fields: list[tuple[str, str]]
    earlier: ImportBatch | None

    @property
    def sheet_links(self) -> list[tuple[str, str, bool]]:
        """The tabs of a workbook, each with its page and whether it is the one that is looked at."""
        return [
            (tab, url_for("intake.columns", batch_id=self.batch.id, sheet=tab), tab == self.seen.sheet)
            for tab in self.seen.tabs
        ]


@dataclass(frozen=True)
class BatchPage:
    """An import in its state: preview, progress or result."""

    batch: ImportBatch
    state: str
    form: ConfirmForm
    progress: files.Progress
    counts: dict[str, int]
    problems: list[dict[str, Any]]
    problem_count: int
    error: DomainError | None


@blueprint.get("/imports")
@requires(IntakePermission.VIEW)
def index() -> str:
    """The history, with a button for each kind of sheet."""
    actor = the_actor()
    batches = queries.history(actor, at=now(), page=requested_page())
    return render_template("intake/index.html", page=IndexPage(batches, Paging.of(batches), queries.kinds_for(actor)))


@blueprint.route("/imports/new/<kind>", methods=["GET", "POST"])
@requires(IntakePermission.VIEW)
def new(kind: str) -> Answer:
    """A file of that kind."""
    actor = the_actor()
    _known_kind(actor, kind)
    form = UploadForm()
    if form.validate_on_submit():
        try:
            with _received(actor, kind, form) as sheet, unit_of_work():
                batch_id = once(actor, lambda: commands.upload(actor, sheet, at=now()).id)
            return redirect(url_for("intake.columns", batch_id=batch_id))
        except DomainError as error:
            form.refuse(error, "encoding" if error.code == "sheet.encoding_unsure" else "file")
    return render_template("intake/new.html", page=UploadPage(kind, form)), form.status


def _received(actor: Actor, kind: str, form: UploadForm) -> AbstractContextManager[commands.Received]:
    file = form.file.data
    return commands.received(
        actor, kind=kind, file=file.stream, file_name=file.filename or "", encoding=form.encoding.data or ""
    )


def _known_kind(actor: Actor, kind: str) -> None:
    if kind not in KINDS:
        raise NoSuchPage
    if not may_import(actor, kind):
        raise Forbidden("import.forbidden")


@blueprint.get("/imports/template/<kind>")
@requires(IntakePermission.VIEW)
def template(kind: str) -> Response:
    """The blank, example or faulty workbook of a kind: ?variant=."""
    _known_kind(the_actor(), kind)
    variant = request.args.get("variant", "blank")
    if variant not in VARIANTS:
        raise NoSuchPage
    path = current_app.extensions["crm.settings"].contracts / kind / f"{variant}.xlsx"
    names = {"blank": _("template"), "example": _("example"), "faulty": _("with mistakes")}
    body, name = io.BytesIO(path.read_bytes()), f"{kind_label(kind)}-{names[variant]}.xlsx"
    return send_file(body, mimetype=XLSX, as_attachment=True, download_name=name)


@blueprint.route("/imports/<int:batch_id>/columns", methods=["GET", "POST"])
@requires(IntakePermission.VIEW)
def columns(batch_id: int) -> Answer:
    """Which column is which field, and what holds for every row; then the check. ?sheet= looks at another tab."""
    actor = the_actor()
    batch = queries.get_batch(actor, batch_id)
    if batch.status not in commands.OPEN:
        return redirect(url_for("intake.show", batch_id=batch_id))
    form = _mapping_form(actor, batch)
    source = commands.source_of(batch)
    wanted = str(request.values.get("sheet") or source.sheet)
    if wanted != source.sheet:
        source = replace(source, sheet=wanted, mapping={})
    seen = reading.look(importer_of(batch.kind), source)
    chosen = {heading.name: heading.field or source.mapping.get(heading.name, "") for heading in seen.headings}
    if form.validate_on_submit():
        chosen = {heading.name: request.form.get(f"column-{heading.letter}", "") for heading in seen.headings}
        try:
            _check(actor, batch_id, chosen, form, seen.sheet)
            return redirect(url_for("intake.show", batch_id=batch_id))
        except DomainError as error:
            form.refuse(error)
            batch = queries.get_batch(actor, batch_id)
            form.version.data = str(batch.version) if error.code != "form.stale" else form.version.data
    page = ColumnsPage(batch, form, seen, chosen, field_choices(batch.kind), queries.earlier_applied(actor, batch))
    return render_template("intake/columns.html", page=page), form.status


def _mapping_form(actor: Actor, batch: ImportBatch) -> MappingForm:
    values = {"version": batch.version, **batch.preset}
    if batch.kind != "leads":
        return MappingForm(data=values)
    form = LeadsMappingForm(data=values)
    campaigns = [(one.code, one.name) for one in open_campaigns(actor, closed_too=True)]
    teams = [(team.name, team.name) for team in list_teams(actor)]
    form.offer(campaigns=campaigns, teams=teams, months=actor.may(CampaignPermission.EDIT))
    return form


def _check(actor: Actor, batch_id: int, chosen: dict[str, str], form: MappingForm, sheet: str) -> None:
    """Keeps the choice, then judges every row; looking and judging only read, so that nobody waits for them."""
    source = commands.choose(actor, batch_id, mapping=chosen, preset=form.preset(), sheet=sheet)
    with unit_of_work():
        batch = commands.set_mapping(actor, batch_id, source, version=form.seen_version)
        version = batch.version
    at = now()
    result = reading.check(importer_of(batch.kind), actor, source, today=business_day(at, zone_name()), at=at)
    with unit_of_work():
        commands.keep_check(actor, batch_id, result, version=version)


@blueprint.get("/imports/<int:batch_id>")
@requires(IntakePermission.VIEW)
def show(batch_id: int) -> Answer:
    """An import as it stands: what would happen, how far it is, or what happened."""
    batch = queries.get_batch(the_actor(), batch_id)
    if batch.status == "uploaded":
        return redirect(url_for("intake.columns", batch_id=batch_id))
    return render_template("intake/show.html", page=_page(batch, now()))


def _page(batch: ImportBatch, at: datetime, form: ConfirmForm | None = None) -> BatchPage:
    preview = batch.preview or {}
    counts = {name: int(preview.get(name, 0)) for name in ("rows", "new", "updated", "skipped", "failed")}
    return BatchPage(
        batch,
        queries.state_of(batch, at),
        form or ConfirmForm(version=batch.version, mode=batch.mode),
        files.progress_of(batch.id),
        counts,
        list(preview.get("problems", ())),
        int(preview.get("problem_count", 0)),
        DomainError(batch.error, **batch.error_facts) if batch.error else None,
    )


@blueprint.get("/imports/<int:batch_id>/progress")
@requires(IntakePermission.VIEW)
@unattended
def progress(batch_id: int) -> Response | str:
    """The piece of the page that counts; once the work is over the page is loaded anew."""
    batch = queries.get_batch(the_actor(), batch_id)
    page = _page(batch, now())
    body = render_template("intake/_progress.html", page=page)
    return body if page.state == "applying" else Response(body, headers={"HX-Refresh": "true"})


@blueprint.post("/imports/<int:batch_id>/confirm")
@requires(IntakePermission.VIEW)
def confirm(batch_id: int) -> Answer:
    """Lets the work begin, once."""
    actor, at = the_actor(), now()
    batch = queries.get_batch(actor, batch_id)
    form = ConfirmForm()
    if not form.validate_on_submit():
        return render_template("intake/show.html", page=_page(batch, at, form)), 422
    with unit_of_work():
        mode, version = form.mode.data, form.seen_version
        done = answered_once(
            actor, lambda: {"released": commands.confirm(actor, batch_id, mode=mode, at=at, version=version)}
        )
    if done["released"]:
        work.start(batch_id)
    return redirect(url_for("intake.show", batch_id=batch_id))


@blueprint.post("/imports/<int:batch_id>/cancel")
@requires(IntakePermission.VIEW)
def cancel(batch_id: int) -> Response:
    """Gives an upload up."""
    with unit_of_work():
        commands.cancel(the_actor(), batch_id, at=now())
    flash(_("Given up. The file was deleted and nothing was brought in."), "success")
    return redirect(url_for("intake.index"))


@blueprint.post("/imports/<int:batch_id>/undo")
@requires(IntakePermission.VIEW)
def undo(batch_id: int) -> Response:
    """Takes an import back."""
    try:
        with unit_of_work():
            count = commands.undo(the_actor(), batch_id, at=now())
    except DomainError as error:
        if error.status == 404:
            raise
        flash(problem_sentence({"code": error.code, "facts": error.facts}), "error")
    else:
        flash(ngettext("Undone: %(num)s record.", "Undone: %(num)s records.", count), "success")
    return redirect(url_for("intake.show", batch_id=batch_id))


@blueprint.get("/imports/<int:batch_id>/problems.csv")
@requires(IntakePermission.VIEW)
def problems(batch_id: int) -> Response:
    """All problems as a sheet, with masked values."""
    batch = queries.get_batch(the_actor(), batch_id)
    heads = (_("Row"), _("Column"), _("Field"), _("Value"), _("Outcome"), _("Reason"))
    rows = (
        (
            one["row"], one["letter"], field_label(batch.kind, one["column"]), one["facts"].get("value", ""),
            outcome_label(one["what"]), problem_sentence(one),
        )
        for one in files.problems(batch.stored_name)
    )  # fmt: skip
    body, name = io.BytesIO(), _("Problems")
    write_csv(body, heads, rows)
    body.seek(0)
    return send_file(body, mimetype="text/csv", as_attachment=True, download_name=f"{name}-{batch_id}.csv")
