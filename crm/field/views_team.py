"""My team today, at the desk, as a workbook and for the lead's phone; one visit with its place and photos."""

import io
from datetime import datetime
from pathlib import Path

from flask import jsonify, render_template, send_file
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm.field import team_book
from crm.field.photos import open_photo
from crm.field.policy import FieldPermission
from crm.field.team_page import as_json, chosen, day_of, team_page
from crm.field.views import blueprint
from crm.field.visit_facts import photo_of, visit_facts
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.errors import Forbidden, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.policy import LeadPermission
from crm.outreach.policy import OutreachPermission, leads_team
from crm.outreach.team_day import TeamToday
from crm.reports.commands import export_workbook
from crm.reports.rules import file_stem
from crm.reports.workbook import properties_of, set_aside
from crm.web.guards import requires
from crm.web.identity import settings, the_actor

SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blueprint.get("/field/team")
@requires(FieldPermission.TEAM)
def team() -> str:
    """What has each member of the team done today?"""
    return render_template("field/team.html", page=team_page(the_actor(), at=now()))


@blueprint.get("/m/api/team")
@requires(OutreachPermission.SUBMIT)
def team_json() -> Response:
    """The same for the phone of whoever leads the team."""
    actor, at = the_actor(), now()
    where = chosen(actor, at=at)
    if where.team_id is not None and not leads_team(actor, where.team_id):
        raise Forbidden("field.not_leading")
    return jsonify(as_json(where, day_of(actor, where)))


@blueprint.get("/field/team.xlsx")
@requires(FieldPermission.TEAM)
def team_workbook() -> Response:
    """The same as a workbook. It is written down who took it, as of every workbook, and it can be had again from their list."""
    actor, at = the_actor(), now()
    where = chosen(actor, at=at)
    found = day_of(actor, where)
    if found is None:
        raise NotFound("people.no_team")
    name, path = _exported(actor, found, where.team, at)
    return send_file(io.BytesIO(path.read_bytes()), mimetype=SHEET, as_attachment=True, download_name=name, max_age=0)


def _exported(actor: Actor, found: TeamToday, team: str, at: datetime) -> tuple[str, Path]:
    """The name to download it by, and where it is kept."""
    bank, folder = settings().bank, settings().home / "exports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sheets = team_book.sheets_of(found, team, at=at)
    making = set_aside(
        actor,
        sheets,
        folder=folder,
        stem=file_stem(bank, f"{found.campaign} {team}", found.day),
        rows=len(found.rows) + len(found.notes),
        figures=team_book.hash_of(sheets),
        filters={
            "campaign": found.campaign_id, "campaign_name": found.campaign, "teams": [team],
            "from": found.day.isoformat(), "to": found.day.isoformat(),
        },
        properties=properties_of(actor, bank=bank, title=f"{team} {found.day}", kind=_("Team's day"), at=at),
    )  # fmt: skip
    with making as made, unit_of_work():
        record = export_workbook(actor, made, at=at, kind=team_book.KIND)
        name, stored = record.file_name, record.stored_name
    return name, folder / stored


@blueprint.get("/field/visits/<int:visit_id>")
@requires(LeadPermission.RECORD)
def visit(visit_id: int) -> str:
    """One visit: where it was noted, and its photos."""
    return render_template("field/visit.html", page=visit_facts(the_actor(), visit_id))


@blueprint.get("/field/photos/<int:photo_id>")
@requires(LeadPermission.RECORD)
def photo(photo_id: int) -> Response:
    """The photo itself, which no browser keeps."""
    content = open_photo(photo_of(the_actor(), photo_id))
    answer = Response(content, mimetype="image/jpeg")
    answer.headers["Content-Disposition"] = f'inline; filename="{photo_id}.jpg"'
    return answer  # with "no-store" and "nosniff", as every answer that shows a customer
