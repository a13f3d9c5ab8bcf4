"""What is written in a meeting's room: each section is a form of its own and comes back with what was typed when it is refused."""

import re
from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _

from crm.kernel.clock import business_day, now
from crm.kernel.errors import DomainError, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import clean_text
from crm.meetings import commands, pledging, queries, storing
from crm.meetings.pages import Refused
from crm.meetings.policy import MeetingPermission
from crm.meetings.rules import PLEDGED
from crm.meetings.views import Answer, blueprint, day_of, shown, shown_report
from crm.web.forms import done_once, id_or_none, int_or, note_used_uid, once
from crm.web.guards import requires
from crm.web.identity import settings, the_actor
from crm.web.wording import sentence

_MEMBER_FIELD = re.compile(r"((?:was-)?(?:state|reason)|district|partner)-([0-9]{1,9})")
_MOVED = frozenset({"attendance.moved", "pledge.moved", "form.stale"})
"""Refusals that mean: somebody else has written here since this form was read."""


@blueprint.post("/meetings/<int:meeting_id>/attendance")
@requires(MeetingPermission.RUN)
def attendance(meeting_id: int) -> Answer:
    """The roll call of one team."""

    def act() -> None:
        team_id = id_or_none(request.form.get("team_id")) or -1
        said = _by_member("state", "reason", "was-state", "was-reason")
        roll = [
            pledging.Presence(member, one["state"], one.get("reason", ""), seen)
            for member, one in said.items()
            if one.get("state") and (one["state"], one.get("reason", "")) != (seen := _seen_call(one))
        ]
        pledging.call_roll(the_actor(), meeting_id, team_id=team_id, roll=roll, at=now())

    return _done(meeting_id, f"roll-{request.form.get('team_id', '')}", act, _("The roll is called."), "roll_call")


@blueprint.post("/meetings/<int:meeting_id>/pledges")
@requires(MeetingPermission.PLEDGE)
def pledges(meeting_id: int) -> Answer:
    """What a team's members, or the team itself, promise."""

    def act() -> None:
        actor, at = the_actor(), now()
        meeting = queries.get_meeting(actor, meeting_id)
        team_id = id_or_none(request.form.get("team_id")) or -1
        if meeting.team_id not in (None, team_id):
            raise NotFound("meeting.not_found")
        for member_id, (values, seen) in _typed_pledges().items():
            pledging.set_pledges(
                actor, campaign_id=meeting.campaign_id, team_id=team_id, member_id=member_id, day=meeting.day,
                values=values, reason=clean_text(request.form.get("reason")), at=at, seen=seen,
            )  # fmt: skip

    return _done(meeting_id, f"pledges-{request.form.get('team_id', '')}", act, _("The pledges are kept."), "pledges")


@blueprint.post("/meetings/<int:meeting_id>/pledges/lock")
@requires(MeetingPermission.RUN)
def lock_pledges(meeting_id: int) -> Answer:
    """Locks what was promised."""
    return _done(
        meeting_id, "lock-pledges", lambda: pledging.lock_pledges(the_actor(), meeting_id, at=now()),
        _("The pledges are locked."), "pledges",
    )  # fmt: skip


@blueprint.post("/meetings/<int:meeting_id>/minutes")
@requires(MeetingPermission.RUN)
def minutes(meeting_id: int) -> Answer:
    """The words under one item of the agenda."""
    key = request.form.get("key", "")

    def act() -> None:
        text, version = clean_text(request.form.get("text")), int_or(request.form.get("version"), -1)
        commands.save_minutes(the_actor(), meeting_id, key=key, text=text, version=version, at=now())

    return _done(meeting_id, f"note-{key}", act, _("Saved."), f"note-{key}")


@blueprint.post("/meetings/<int:meeting_id>/passed")
@requires(MeetingPermission.RUN)
def passed(meeting_id: int) -> Answer:
    """Who passed the drill."""

    def act() -> None:
        ids = [id_or_none(value) or -1 for value in request.form.getlist("member")]
        version = int_or(request.form.get("version"), -1)
        commands.save_passed(the_actor(), meeting_id, member_ids=ids, version=version, at=now())

    return _done(meeting_id, "passed", act, _("Saved."), "drill")


@blueprint.post("/meetings/<int:meeting_id>/routes")
@requires(MeetingPermission.RUN)
def routes(meeting_id: int) -> Answer:
    """Who goes where, and with whom."""

    def act() -> None:
        said = _by_member("district", "partner")
        rows = [
            (member, id_or_none(one.get("district")), id_or_none(one.get("partner"))) for member, one in said.items()
        ]
        version = int_or(request.form.get("version"), -1)
        kept = [row for row in rows if row[1] is not None or row[2] is not None]
        commands.save_routes(the_actor(), meeting_id, routes=kept, version=version, at=now())

    return _done(meeting_id, "routes", act, _("Saved."), "routes")


@blueprint.post("/meetings/<int:meeting_id>/todos")
@requires(MeetingPermission.RUN)
def add_todo(meeting_id: int) -> Answer:
    """Something to be done."""

    def act() -> None:
        due = request.form.get("due_on")
        content: dict[str, Any] = {
            "text": clean_text(request.form.get("text")),
            "owner_id": id_or_none(request.form.get("owner_id")),
            "due_on": day_of(due, business_day(now(), settings().zone)) if due else None,
        }
        done_once(the_actor(), lambda: commands.add_todo(the_actor(), meeting_id, at=now(), **content))

    return _done(meeting_id, "todo", act, _("Noted."), "todos")


@blueprint.post("/meetings/<int:meeting_id>/cases")
@requires(MeetingPermission.RUN)
def add_case(meeting_id: int) -> Answer:
    """A case that a member shares."""

    def act() -> None:
        words = {name: clean_text(request.form.get(name)) for name in ("segment", "opening", "objection", "result")}
        content: dict[str, Any] = {"member_id": id_or_none(request.form.get("member_id")), **words}
        done_once(the_actor(), lambda: commands.add_case_card(the_actor(), meeting_id, at=now(), **content))

    return _done(meeting_id, "case", act, _("The case is kept."), "cases")


@blueprint.post("/meetings/<int:meeting_id>/cases/<int:case_id>/withdraw")
@requires(MeetingPermission.RUN)
def withdraw_case(meeting_id: int, case_id: int) -> Answer:
    """Takes a case back."""
    return _done(
        meeting_id, "case", lambda: commands.withdraw_case(the_actor(), case_id, at=now()), _("Withdrawn."), "cases"
    )


@blueprint.post("/meetings/<int:meeting_id>/todos/<int:todo_id>/withdraw")
@requires(MeetingPermission.RUN)
def withdraw_todo(meeting_id: int, todo_id: int) -> Answer:
    """Takes a to-do back."""
    return _done(
        meeting_id, "todo", lambda: commands.withdraw_todo(the_actor(), todo_id, at=now()), _("Withdrawn."), "todos"
    )


@blueprint.post("/meetings/<int:meeting_id>/lock-logs")
@requires(MeetingPermission.RUN)
def lock_logs(meeting_id: int) -> Answer:
    """Locks the day's logs."""
    return _done(
        meeting_id, "lock", lambda: commands.lock_logs(the_actor(), meeting_id, at=now()), _("The logs are locked."), "lock"
    )  # fmt: skip


@blueprint.post("/meetings/<int:meeting_id>/close")
@requires(MeetingPermission.RUN)
def close(meeting_id: int) -> Answer:
    """Closes the meeting, or opens it again."""
    closed = request.form.get("closed", "1") == "1"
    return _done(
        meeting_id, "close", lambda: commands.close_meeting(the_actor(), meeting_id, at=now(), closed=closed),
        _("The meeting is closed.") if closed else _("The meeting is open again."), "",
    )  # fmt: skip


@blueprint.post("/meetings/<int:meeting_id>/report")
@requires(MeetingPermission.STORE_REPORT)
def store(meeting_id: int) -> Answer:
    """Stores the evening report with the figures of the bell and the words of now."""
    actor, at = the_actor(), now()
    meeting = queries.get_meeting(actor, meeting_id)
    slot = (meeting.campaign_id, meeting.team_id, meeting.day)
    try:
        with unit_of_work():
            newest = storing.newest_report(actor, *slot)
            kept = storing.store_evening_report(
                actor, campaign_id=slot[0], team_id=slot[1], day=slot[2],
                as_of=storing.coming_moment(newest, slot[2], at, settings().zone), words_as_of=at, at=at,
                reason=clean_text(request.form.get("reason")),
            )  # fmt: skip
    except DomainError as error:
        return _refused(meeting_id, "report", error)
    flash(_("The report is stored as revision %(number)s.", number=kept.revision), "success")
    return redirect(url_for("meetings.report", report_id=kept.id))


@blueprint.post("/meetings/reports/<int:report_id>/correct")
@requires(MeetingPermission.STORE_REPORT)
def correct(report_id: int) -> Answer:
    """A further revision with everything that is known now, late entries too."""
    actor, at = the_actor(), now()
    found = storing.get_report(actor, report_id)
    reason = clean_text(request.form.get("reason"))
    try:
        if not reason:
            raise Invalid("report.other_body", revision=found.revision)
        with unit_of_work():
            kept_id = once(
                actor,
                lambda: (
                    storing.store_evening_report(
                        actor,
                        campaign_id=found.campaign_id,
                        team_id=found.team_id,
                        day=found.day,
                        as_of=at,
                        at=at,
                        reason=reason,
                    ).id
                ),
            )
            kept = storing.get_report(actor, kept_id)
    except DomainError as error:
        note_used_uid(error)
        return shown_report(report_id, error=sentence(error), reason=reason), error.status
    flash(_("The report is stored as revision %(number)s.", number=kept.revision), "success")
    return redirect(url_for("meetings.report", report_id=kept.id))


def _done(meeting_id: int, section: str, act: Callable[[], Any], words: str, anchor: str) -> Answer:
    """Runs one act in a unit of work and leads back to its place on the page; a refusal shows the page with what was typed."""
    try:
        with unit_of_work():
            act()
    except DomainError as error:
        return _refused(meeting_id, section, error)
    flash(words, "success")
    return redirect(url_for("meetings.room", meeting_id=meeting_id, _anchor=anchor or None))


def _refused(meeting_id: int, section: str, error: DomainError) -> Answer:
    if error.status in (403, 404):
        raise error
    note_used_uid(error)
    typed = {key: request.form.getlist(key) if key == "member" else request.form[key] for key in request.form}
    return shown(meeting_id, Refused(section, sentence(error), typed, error.code in _MOVED)), error.status


def _by_member(*names: str) -> dict[int, dict[str, str]]:
    """Fields like state-7, by member."""
    found: dict[int, dict[str, str]] = {}
    for key, value in request.form.items():
        match = _MEMBER_FIELD.fullmatch(key)
        if match and match[1] in names:
            found.setdefault(int(match[2]), {})[match[1]] = clean_text(value)
    return found


def _seen_call(one: dict[str, str]) -> tuple[str, str] | None:
    """State and reason that stood in the form when it was read ("" before the roll was called); None for a form without them."""
    return (one["was-state"], one.get("was-reason", "")) if "was-state" in one else None


def _typed_pledges() -> dict[int | None, tuple[dict[str, int | str | None], dict[str, int | None]]]:
    """Fields like visits-7 (a member) and visits-team, by member: what was typed, and what its writer saw, by metric.

    Empty ones and those that are as they were seen (was-visits-7) are left alone: whoever saves a table that stood open for a
    while takes nothing back that others promised meanwhile.
    """
    found: dict[int | None, tuple[dict[str, int | str | None], dict[str, int | None]]] = {}
    for key, value in request.form.items():
        metric, _dash, whose = key.rpartition("-")
        if metric not in PLEDGED or not (whose == "team" or (whose.isascii() and whose.isdigit() and len(whose) < 10)):
            continue
        typed, was = clean_text(value), request.form.get(f"was-{key}")
        if typed and typed != was:
            values, seen = found.setdefault(None if whose == "team" else int(whose), ({}, {}))
            values[metric] = typed
            if was is not None:
                seen[metric] = int_or(was, -1) if was else None
    return found
