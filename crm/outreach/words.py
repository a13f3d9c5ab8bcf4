"""Sentences and words of the room of outreach."""

from typing import Any

from flask_babel import lazy_gettext as _l

ERRORS: dict[str, Any] = {
    "attendance.moved": _l("Somebody else has called the roll meanwhile; what it says now is marked below."),
    "attendance.state": _l("Choose present, late, on leave or absent."),
    "outreach.campaign_closed": _l("The campaign is not open: nothing can be recorded in it."),
    "outreach.cell_moved": _l(
        "Somebody else changed a count meanwhile: it is %(now)s now. Nothing was saved; look and save again."
    ),
    "outreach.forbidden": _l(
        "This belongs to somebody else: members write for themselves, the team lead for the team."
    ),
    "outreach.future_day": _l("This day has not come yet."),
    "outreach.locked": _l("This day is locked. An organiser can open it again, with a reason."),
    "outreach.no_day": _l("There is no such day."),
    "outreach.no_team": _l("This person belonged to no team on that day."),
    "outreach.not_member": _l("This person did not belong to the team on that day."),
    "outreach.outside_dates": _l("The day lies outside the campaign."),
    "outreach.reason": _l("A reason is needed, in at most 300 characters."),
    "outreach.team_not_in_campaign": _l("The team does not take part in this campaign."),
    "tally.below_zero": _l("A count cannot fall below 0."),
    "tally.metric": _l("There is no such count."),
    "visit.companion_self": _l("Who accompanies a visit is somebody else."),
    "visit.future": _l("A visit cannot lie in the future."),
    "visit.no_companion": _l("There is no such colleague."),
    "visit.not_found": _l("There is no such visit, or it is not yours to see."),
    "visit.note_long": _l("A note has at most %(most)s characters."),
    "visit.outcome": _l("Choose how the visit ended."),
    "visit.uid": _l("The form came without its own number. Reload the page and send it again."),
    "visit.voided": _l("This visit is undone already."),
}

METRICS: dict[str, Any] = {
    "visits_touched": _l("Touched visits"),
    "visits_valid": _l("Valid visits"),
    "consults": _l("Consults"),
    "applications": _l("Applications"),
    "accepted": _l("Accepted cases"),
    "leaflets": _l("Leaflets"),
    "doors": _l("Doors"),
    "wechat_adds": _l("WeChat adds"),
}

PRESENCE: dict[str, Any] = {
    "present": _l("Present"),
    "late": _l("Late"),
    "leave": _l("On leave"),
    "absent": _l("Absent"),
}

LOG_STATUSES: dict[str, Any] = {
    "missing": _l("Not handed in"),
    "open": _l("Not handed in"),
    "submitted": _l("Handed in"),
    "locked": _l("Locked"),
}


def metric_label(code: str) -> Any:
    """The word for a count of the daily log."""
    return METRICS.get(code, code)


ACTS: dict[str, Any] = {
    "outreach.attendance": _l("Attendance taken"),
    "outreach.lock_log": _l("Daily log locked"),
    "outreach.save_log": _l("Daily log saved"),
    "outreach.submit_log": _l("Daily log submitted"),
    "outreach.unlock_log": _l("Daily log unlocked"),
    "outreach.void_visit": _l("Visit undone"),
}

SUBJECTS: dict[str, Any] = {"daily_log": _l("Daily log"), "visit": _l("Visit")}

GLOBALS: dict[str, Any] = {
    "log_status_label": lambda code: LOG_STATUSES.get(code, code),
    "outreach_metric_label": metric_label,
    "presence_label": lambda code: PRESENCE.get(code, code),
}
