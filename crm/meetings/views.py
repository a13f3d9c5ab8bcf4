"""Desk pages of meetings: the day's meetings, the two rooms, stored reports, to-dos."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm.kernel.clock import business_day, now
from crm.kernel.errors import Invalid
from crm.kernel.paging import Page
from crm.kernel.unit_of_work import unit_of_work
from crm.meetings import commands, pages, queries, storing
from crm.meetings.models import StoredReport
from crm.meetings.pages import Refused
from crm.meetings.policy import MeetingPermission, leads
from crm.meetings.storing import Revision
from crm.web.forms import id_or_none
from crm.web.guards import requires
from crm.web.identity import settings, the_actor
from crm.web.paging import Paging, requested_page

blueprint = Blueprint("meetings", __name__)
Answer = str | tuple[str, int] | Response


@dataclass(frozen=True)
class ReportPage:
    """A stored report as it was given. `body` is the stored one; nothing on the page is computed anew."""

    report: StoredReport
    body: dict[str, Any]
    intact: bool
    newest: bool
    revisions: tuple[Revision, ...]
    may_correct: bool
    error: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class TodosPage:
    """To-dos in the reader's scope."""

    rows: Page[queries.TodoRow]
    paging: Paging
    done: bool
    mine: bool
    today: date
    mine_to_tick: frozenset[int]


@blueprint.get("/meetings")
@requires(MeetingPermission.VIEW)
def index() -> str:
    """Who meets on a day, and what is stored of it."""
    today = business_day(now(), settings().zone)
    day = day_of(request.args.get("day"), today)
    return render_template("meetings/index.html", page=pages.index_page(the_actor(), day, today))


@blueprint.post("/meetings/open")
@requires(MeetingPermission.RUN)
def open_room() -> Response:
    """Opens a meeting, or leads into it when it is open already."""
    at = now()
    with unit_of_work():
        meeting = commands.open_meeting(
            the_actor(),
            campaign_id=id_or_none(request.form.get("campaign_id")) or -1,
            team_id=id_or_none(request.form.get("team_id")),
            day=day_of(request.form.get("day"), business_day(at, settings().zone)),
            kind=request.form.get("kind", ""),
            at=at,
        )
    return redirect(url_for("meetings.room", meeting_id=meeting.id))


@blueprint.get("/meetings/<int:meeting_id>")
@requires(MeetingPermission.VIEW)
def room(meeting_id: int) -> str:
    """One meeting: the agenda with what each item needs and leaves."""
    return shown(meeting_id)


def shown(meeting_id: int, refused: Refused | None = None) -> str:
    """The room; after a refusal with what was typed."""
    at, zone = now(), settings().zone
    page = pages.room_page(the_actor(), meeting_id, at=at, today=business_day(at, zone), zone=zone, refused=refused)
    return render_template(f"meetings/{page.meeting.kind}.html", page=page)


@blueprint.get("/meetings/reports/<int:report_id>")
@requires(MeetingPermission.VIEW)
def report(report_id: int) -> str:
    """A stored report; with ?print=1 on paper."""
    return shown_report(report_id)


def shown_report(report_id: int, *, error: str | None = None, reason: str = "") -> str:
    """The stored body and its revisions."""
    actor = the_actor()
    found = storing.get_report(actor, report_id)
    revisions = storing.revisions_of(found)
    page = ReportPage(
        report=found,
        body=found.body,
        intact=storing.is_intact(found),
        newest=revisions[0].id == found.id,
        revisions=revisions,
        may_correct=actor.may(MeetingPermission.STORE_REPORT) and leads(actor, found.team_id),
        error=error,
        reason=reason,
    )
    printed = request.args.get("print") == "1"
    return render_template("meetings/report_print.html" if printed else "meetings/report.html", page=page)


@blueprint.get("/meetings/todos")
@requires(MeetingPermission.VIEW)
def todos() -> str:
    """What meetings have left to be done."""
    done, mine = request.args.get("state") == "done", request.args.get("whose") == "mine"
    rows = queries.list_todos(the_actor(), done=done, mine=mine, page=requested_page())
    actor = the_actor()
    tickable = frozenset(row.id for row in rows.items if leads(actor, row.team_id) or row.owner_id == actor.user_id)
    page = TodosPage(rows, Paging.of(rows), done, mine, business_day(now(), settings().zone), tickable)
    return render_template("meetings/todos.html", page=page)


@blueprint.post("/meetings/todos/<int:todo_id>/done")
@requires(MeetingPermission.VIEW)
def tick_todo(todo_id: int) -> Response:
    """Ticks a to-do off or opens it again."""
    done = request.form.get("done", "1") == "1"
    with unit_of_work():
        commands.done_todo(the_actor(), todo_id, at=now(), done=done)
    flash(_("Done.") if done else _("The to-do is open again."), "success")
    meeting_id = id_or_none(request.form.get("meeting_id"))
    if meeting_id is not None and meeting_id > 0:
        return redirect(url_for("meetings.room", meeting_id=meeting_id, _anchor="todos"))
    return redirect(url_for("meetings.todos"))


def day_of(text: str | None, otherwise: date) -> date:
    """A day from an address or a form; raises Invalid for what is none."""
    if not text:
        return otherwise
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Invalid("meeting.bad_day", text=text[:40]) from None
    if not date(2000, 1, 1) <= day <= date(2100, 1, 1):
        raise Invalid("meeting.bad_day", text=text[:40])
    return day


from crm.meetings import views_room  # noqa: E402, F401 - adds its routes to the blueprint
