"""Desk pages of the daily log: one team's day, and who has handed in. Visits are in `views_visits`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm.campaigns.queries import get_campaign
from crm.kernel.actor import Actor
from crm.kernel.clock import at_local, business_day, day_or_none, now
from crm.kernel.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import clean_text
from crm.outreach import log_commands, queries, rules
from crm.outreach.choosing import DayChoices, day_choices
from crm.outreach.forms import LogForm
from crm.outreach.log_commands import Cell
from crm.outreach.policy import OutreachPermission, check_team, leads_team, writes_for
from crm.outreach.queries import DayGrid, LogRow
from crm.outreach.words import metric_label
from crm.people.policy import team_scope
from crm.web.forms import done_once, note_used_uid, query_day, query_id
from crm.web.guards import requires
from crm.web.identity import settings, the_actor
from crm.web.paging import show_at
from crm.web.wording import sentence

blueprint = Blueprint("outreach", __name__)
Answer = str | tuple[str, int] | Response
MOVED = frozenset({"form.stale", "outreach.cell_moved"})
"""Refusals that mean: somebody else has written here since this form was read."""
WORDS = ("highlights", "difficulties", "help_needed", "plan")


@dataclass(frozen=True)
class Where:
    """Which team's day in which campaign."""

    campaign_id: int
    team_id: int
    day: date

    @property
    def keys(self) -> dict[str, Any]:
        """As arguments of commands and queries."""
        return {"campaign_id": self.campaign_id, "team_id": self.team_id, "day": self.day}

    @property
    def url_keys(self) -> dict[str, Any]:
        """As parts of an address."""
        return {"campaign_id": self.campaign_id, "team_id": self.team_id, "day": self.day.isoformat()}

    @property
    def query(self) -> dict[str, Any]:
        """As the query of `outreach.day`."""
        return {"campaign": self.campaign_id, "team": self.team_id, "day": self.day.isoformat()}


@dataclass(frozen=True)
class DayPage:
    """The daily log of one team; `grid` is None when there is no campaign or team to show."""

    choices: DayChoices
    where: Where | None = None
    campaign: str = ""
    team: str = ""
    grid: DayGrid | None = None
    form: LogForm | None = None
    cut_off: str = f"{rules.CUT_OFF:%H:%M}"
    editable: frozenset[int] = frozenset()
    leads: bool = False
    may_lock: bool = False
    may_unlock: bool = False
    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    refused: str | None = None
    moved: bool = False

    @property
    def unsaved(self) -> list[tuple[str, str]]:
        """What was typed into a day that is shut now, by label: there is no field left that could give it back."""
        if self.grid is None or self.form is None or self.editable or self.leads:
            return []
        found = [
            (str(self.form[name].label.text), text)
            for name in WORDS
            if (text := self.typed.get(name, "")) and text != getattr(self.grid.log, name)
        ]
        for row in self.grid.rows:
            for metric in (cell.metric for cell in (*row.compared, *row.tallies)):
                name = f"{row.member_id}-{metric}"
                if (text := self.typed.get(f"d-{name}", "")) != self.typed.get(f"s-{name}", ""):
                    found.append((f"{row.name} · {metric_label(metric)}", text))
        return found

    def cell(self, name: str, now_shown: int | str) -> tuple[object, object]:
        """(what stands in the box, what its writer has seen). A form that was refused comes back as it was sent.

        Where somebody else has written meanwhile (`moved`), the writer sees it now: a cell of the own typing stays over the
        newest count, one that was left alone becomes the newest, so that saving again overwrites nobody unseen.
        """
        if f"d-{name}" not in self.typed:
            return now_shown, now_shown
        typed, seen = self.typed[f"d-{name}"], self.typed.get(f"s-{name}", "")
        if not self.moved:
            return typed, seen
        return (now_shown if typed.strip() == seen.strip() else typed), now_shown


@dataclass(frozen=True)
class LogsPage:
    """Who has handed in the day, who was late, who is missing."""

    rows: tuple[LogRow, ...]
    day: date
    today: date
    due: bool
    cut_off: str
    missing: int
    late: int
    earlier: str
    later: str | None
    lockable: tuple[tuple[int, str], ...]


@blueprint.get("/log")
@requires(OutreachPermission.VIEW)
def day() -> str:
    """What did the team do on that day?"""
    actor = the_actor()
    chosen = _choices(actor)
    if chosen.campaign_id is None or chosen.team_id is None:
        return render_template("outreach/day.html", page=DayPage(chosen))
    where = Where(chosen.campaign_id, chosen.team_id, chosen.day)
    return render_template("outreach/day.html", page=_day_page(actor, chosen, where))


@blueprint.post("/log/<int:campaign_id>/<int:team_id>/<day>")
@requires(OutreachPermission.RECORD)
def save(campaign_id: int, team_id: int, day: str) -> Answer:
    """Saves counts and words; the other button hands the day in as well."""
    where = Where(campaign_id, team_id, path_day(day))
    return _save(where, submit=False)


@blueprint.post("/log/<int:campaign_id>/<int:team_id>/<day>/submit")
@requires(OutreachPermission.SUBMIT)
def submit(campaign_id: int, team_id: int, day: str) -> Answer:
    """Saves and hands in."""
    return _save(Where(campaign_id, team_id, path_day(day)), submit=True)


@blueprint.post("/log/<int:campaign_id>/<int:team_id>/<day>/lock")
@requires(OutreachPermission.LOCK)
def lock(campaign_id: int, team_id: int, day: str) -> Response:
    """Locks the day."""
    where = Where(campaign_id, team_id, path_day(day))
    with unit_of_work():
        log_commands.lock_log(the_actor(), at=now(), **where.keys)
    flash(_("The day is locked. What comes later is a late entry."), "success")
    return redirect(url_for("outreach.day", **where.query))


@blueprint.post("/log/<int:campaign_id>/<int:team_id>/<day>/unlock")
@requires(OutreachPermission.UNLOCK)
def unlock(campaign_id: int, team_id: int, day: str) -> Answer:
    """Opens a locked day again."""
    actor, where = the_actor(), Where(campaign_id, team_id, path_day(day))
    try:
        with unit_of_work():
            log_commands.unlock_log(actor, reason=clean_text(request.form.get("reason")), at=now(), **where.keys)
    except (Conflict, Invalid) as error:
        refused = _day_page(actor, _choices(actor, where), where, refused=sentence(error))
        return render_template("outreach/day.html", page=refused), error.status
    flash(_("The day is open again."), "success")
    return redirect(url_for("outreach.day", **where.query))


@blueprint.get("/logs")
@requires(OutreachPermission.VIEW)
def logs() -> str:
    """Who has handed in?"""
    actor, at = the_actor(), now()
    today = business_day(at, settings().zone)
    asked = asked_day(today)
    rows = queries.logs_of(actor, asked)
    due = at > at_local(asked, rules.CUT_OFF.hour, rules.CUT_OFF.minute, zone_name=settings().zone)
    open_rows = [row for row in rows if row.status != "locked"]
    lockable = {row.campaign_id: row.campaign for row in open_rows if leads_team(actor, row.team_id)}
    page = LogsPage(
        rows=rows,
        day=asked,
        today=today,
        due=due,
        cut_off=f"{rules.CUT_OFF:%H:%M}",
        missing=sum(row.status == "missing" for row in rows),
        late=sum(row.late for row in rows),
        earlier=(asked - timedelta(days=1)).isoformat(),
        later=(asked + timedelta(days=1)).isoformat() if asked < today else None,
        lockable=tuple(lockable.items()) if actor.may(OutreachPermission.LOCK) else (),
    )
    return render_template("outreach/logs.html", page=page)


@blueprint.post("/logs/<int:campaign_id>/<day>/lock")
@requires(OutreachPermission.LOCK)
def lock_all(campaign_id: int, day: str) -> Response:
    """Locks the day of every team whose log the actor keeps."""
    on = path_day(day)
    with unit_of_work():
        locked = log_commands.lock_logs(the_actor(), campaign_id=campaign_id, day=on, at=now())
    flash(_("%(count)s logs are locked.", count=len(locked)), "success")
    return redirect(url_for("outreach.logs", day=on.isoformat()))


def path_day(text: str) -> date:
    """The day in an address; NotFound for what is none."""
    found = day_or_none(text)
    if found is None:
        raise NotFound("outreach.no_day")
    return found


def asked_day(today: date) -> date:
    """The day in the query, today when it is absent or nonsense."""
    return query_day("day") or today


def _choices(actor: Actor, where: Where | None = None) -> DayChoices:
    today, scope = business_day(now(), settings().zone), team_scope(actor)
    return day_choices(
        actor,
        today=today,
        day=where.day if where else asked_day(today),
        campaign_id=where.campaign_id if where else query_id("campaign"),
        team_id=where.team_id if where else query_id("team"),
        shows=lambda team_id: scope is None or team_id in scope,
    )


def _day_page(actor: Actor, chosen: DayChoices, where: Where, form: LogForm | None = None, **more: Any) -> DayPage:
    check_team(actor, where.team_id)
    show_at(url_for("outreach.day"))
    team = dict(chosen.teams).get(where.team_id)
    if team is None:
        raise NotFound("people.no_team")
    grid = queries.day_grid(actor, where.campaign_id, where.team_id, where.day)
    # On a phone the rows stand one below the other: the reader's own comes first.
    grid = replace(grid, rows=tuple(sorted(grid.rows, key=lambda row: row.member_id != actor.user_id)))
    leads = leads_team(actor, where.team_id)
    writable = grid.log.status != "locked" and where.day <= chosen.today
    editable = {row.member_id for row in grid.rows if row.on_roster and writes_for(actor, where.team_id, row.member_id)}
    return DayPage(
        choices=chosen,
        where=where,
        campaign=get_campaign(actor, where.campaign_id).name,
        team=team,
        grid=grid,
        form=form or LogForm(formdata=None, obj=grid.log),
        editable=frozenset(editable) if writable else frozenset(),
        leads=leads and writable,
        may_lock=leads and actor.may(OutreachPermission.LOCK) and writable,
        may_unlock=actor.may(OutreachPermission.UNLOCK) and grid.log.status == "locked",
        **more,
    )


def _save(where: Where, *, submit: bool) -> Answer:
    actor, at = the_actor(), now()
    chosen = _choices(actor, where)
    page = _day_page(actor, chosen, where)
    assert page.grid is not None
    changes, errors = _typed_changes(page.grid, page.editable)
    form = LogForm()
    refused, status, moved = None, 422, False
    if not page.editable and not page.leads:
        error = _why_closed(page)
        refused, status = sentence(error), error.status
    elif not errors and form.validate():
        try:
            with unit_of_work():
                done_once(actor, lambda: _write(actor, where, form, changes, at, submit=submit))
            flash(_("The day is handed in.") if submit else _("Saved."), "success")
            return redirect(url_for("outreach.day", **where.query))
        except DomainError as error:
            refused, status, moved = sentence(error), error.status, error.code in MOVED
            if status in (403, 404):
                raise
            note_used_uid(error)
    typed = request.form.to_dict()
    again = _day_page(actor, chosen, where, form, typed=typed, errors=errors, refused=refused, moved=moved)
    if moved and again.grid:
        form.version.data = str(again.grid.log.version)
    return render_template("outreach/day.html", page=again), status


def _why_closed(page: DayPage) -> DomainError:
    """Why nothing of this day is the reader's to write."""
    if page.grid is not None and page.grid.log.status == "locked":
        return Conflict("outreach.locked")
    return Invalid("outreach.future_day") if page.choices.day > page.choices.today else Forbidden("outreach.forbidden")


def _typed_changes(grid: DayGrid, editable: frozenset[int]) -> tuple[list[Cell], dict[str, str]]:
    """Cells that differ from what was shown; and what is wrong, by the cell's name."""
    changes: list[Cell] = []
    errors: dict[str, str] = {}
    for row in grid.rows:
        for cell in (*row.compared, *row.tallies):
            name = f"{row.member_id}-{cell.metric}"
            typed, seen = request.form.get(f"d-{name}", "").strip(), request.form.get(f"s-{name}", "").strip()
            if row.member_id not in editable or typed == seen:
                continue
            most = rules.MOST_A_DAY[cell.metric]
            try:
                value = rules.count_of(typed or "0", most=most)
                before = rules.count_of(seen or "0", most=most)
                changes.append(Cell(row.member_id, cell.metric, value, before))
            except DomainError as error:
                errors[f"d-{name}"] = sentence(error)
    return changes, errors


def _write(actor: Actor, where: Where, form: LogForm, changes: list[Cell], at: datetime, *, submit: bool) -> None:
    if changes:
        log_commands.set_declared(actor, cells=changes, at=at, **where.keys)
    if leads_team(actor, where.team_id):
        words: dict[str, Any] = {name: form[name].data or "" for name in WORDS}
        log_commands.save_log(actor, version=form.seen_version, at=at, **words, **where.keys)
    if submit:
        log_commands.submit_log(actor, at=at, **where.keys)


from crm.outreach import views_visits  # noqa: E402, F401 - further pages of this blueprint
