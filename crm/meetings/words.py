"""Sentences and words of the room of meetings."""

from typing import Any

from flask_babel import lazy_gettext as _l

from crm.meetings import rules
from crm.meetings.rules import Kind
from crm.meetings.tasks import AT_THE_BELL

ERRORS: dict[str, Any] = {
    "case.empty": _l("A case needs at least one of opening, objection and result."),
    "case.not_found": _l("There is no such case."),
    "case.segment": _l("There is no such client group."),
    "meeting.bad_day": _l("This is not a day: %(text)s."),
    "meeting.bad_list": _l("This list is not complete."),
    "meeting.closed": _l("The meeting is closed. Open it again before you write into it."),
    "meeting.future": _l("A meeting is opened on its day, not before."),
    "meeting.no_item": _l("This meeting has no such item."),
    "meeting.no_kind": _l("A meeting is a morning or an evening meeting."),
    "meeting.not_found": _l("There is no such meeting."),
    "meeting.not_leading": _l("Only the team lead or an organiser does this."),
    "meeting.not_running": _l("Meetings are held while a campaign runs."),
    "meeting.outside": _l("The campaign runs from %(first)s to %(last)s."),
    "meeting.own_partner": _l("Nobody is their own partner."),
    "pledge.locked": _l("The pledges are locked. Ask your team lead."),
    "pledge.metric": _l("Nothing can be pledged in this metric."),
    "pledge.moved": _l("Somebody else has changed these pledges meanwhile; what they are now is marked below."),
    "pledge.none": _l("Nothing has been pledged yet."),
    "pledge.reason": _l("The pledges are locked: a change needs a reason."),
    "report.not_found": _l("There is no such report."),
    "report.other_body": _l(
        "Revision %(revision)s is stored with other content. Give a reason to store a further revision."
    ),
    "todo.empty": _l("Say what is to be done."),
    "todo.not_found": _l("There is no such to-do."),
    "todo.past": _l("The day lies before the meeting."),
}

KINDS: dict[str, Any] = {"morning": _l("Morning meeting"), "evening": _l("Evening meeting")}

ITEMS: dict[str, Any] = {
    "roll_call": _l("Roll call, slogan, kit"),
    "yesterday": _l("Yesterday's result"),
    "pledges": _l("PK and pledges"),
    "drill": _l("Drill in pairs"),
    "routes": _l("Routes and pairs"),
    "notices": _l("Notices and compliance"),
    "lock": _l("Lock and confirm the logs"),
    "teams": _l("Teams report"),
    "ranking": _l("Ranking and settlement of the PK"),
    "cases": _l("Two cases shared"),
    "summary": _l("Trainer's summary, key points"),
    "tomorrow": _l("Tomorrow"),
}

LEAVES: dict[str, Any] = {
    "roll_call": _l("Leaves: attendance"),
    "yesterday": _l("Leaves: everybody has seen the stored report"),
    "pledges": _l("Leaves: locked pledges"),
    "drill": _l("Leaves: theme, who passed"),
    "routes": _l("Leaves: member, district, partner"),
    "notices": _l("Leaves: what everybody knows"),
    "lock": _l("Leaves: lock time, late list"),
    "teams": _l("Leaves: points and objections"),
    "ranking": _l("Leaves: state of the stakes"),
    "cases": _l("Leaves: case cards"),
    "summary": _l("Leaves: key points"),
    "tomorrow": _l("Leaves: to-dos with owner and day"),
}

NOTES: dict[str, Any] = {
    "drill": _l("Theme of the drill"),
    "passed": _l("Who passed"),
    "routes": _l("Routes"),
    "notices": _l("Notices"),
    "points": _l("What the teams reported"),
    "objections": _l("Objections heard today"),
    "settlement": _l("Settlement of the PK"),
    "summary": _l("Trainer's summary"),
    "key_points": _l("Key points"),
    "tomorrow": _l("Plan for tomorrow"),
}

METRICS: dict[str, Any] = {
    "visits": _l("Valid visits"),
    "consults": _l("Consults"),
    "applications": _l("Applications"),
    "accepted": _l("Accepted cases"),
    "approved": _l("Approved cases"),
    "disbursed": _l("Disbursed loans"),
}

PRESENCE: dict[str, Any] = {
    "present": _l("Present"),
    "late": _l("Came late"),
    "leave": _l("On leave"),
    "absent": _l("Absent"),
}

LOG_STATES: dict[str, Any] = {
    "submitted": _l("Handed in"),
    "late": _l("Handed in late"),
    "missing": _l("Missing"),
}

LOG_WORDS: dict[str, Any] = {
    "highlights": _l("Highlights"),
    "difficulties": _l("Difficulties"),
    "help_needed": _l("Help needed"),
    "plan": _l("Plan"),
}

_REASONS: dict[str, Any] = {AT_THE_BELL: _l("Taken at the bell")}


def reason_label(reason: str) -> Any:
    """Why a revision was stored: somebody's own words, or the clock's."""
    return _REASONS.get(reason, reason)


ACTS: dict[str, Any] = {
    "meeting.case": _l("Case shared"),
    "meeting.case_withdrawn": _l("Case withdrawn"),
    "meeting.close": _l("Meeting closed"),
    "meeting.lock_pledges": _l("Pledges locked"),
    "meeting.open": _l("Meeting opened"),
    "meeting.pledge_changed": _l("Locked pledge changed"),
    "meeting.reopen": _l("Meeting reopened"),
    "meeting.todo": _l("To-do added"),
    "meeting.todo_done": _l("To-do done"),
    "meeting.todo_reopened": _l("To-do open again"),
    "meeting.todo_withdrawn": _l("To-do withdrawn"),
    "report.store": _l("Report stored"),
}

SUBJECTS: dict[str, Any] = {
    "meeting": _l("Meeting"),
    "case_card": _l("Case card"),
    "todo": _l("To-do"),
    "stored_report": _l("Stored report"),
}

GLOBALS: dict[str, Any] = {
    "meeting_item_label": lambda key: ITEMS.get(key, key),
    "meeting_item_leaves": lambda key: LEAVES.get(key, ""),
    "meeting_kind_label": lambda code: KINDS.get(code, code),
    "meeting_log_label": lambda code: LOG_STATES.get(code, code),
    "meeting_log_word": lambda code: LOG_WORDS.get(code, code),
    "meeting_metric_label": lambda code: METRICS.get(code, code),
    "meeting_notes_of_the_evening": rules.NOTES[Kind.EVENING],
    "meeting_note_label": lambda key: NOTES.get(key, key),
    "meeting_presence_label": lambda code: PRESENCE.get(code, code),
    "meeting_presences": PRESENCE,
    "meeting_reason_label": reason_label,
}
