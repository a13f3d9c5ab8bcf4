"""The only file that knows every room: rights, pages, navigation and sentences for errors."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from flask import Flask
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext

from crm.campaigns import policy as campaigns_policy
from crm.contest import policy as contest_policy
from crm.districts import policy as districts_policy
from crm.enquiries import policy as enquiries_policy
from crm.field import policy as field_policy
from crm.figures import policy as figures_policy
from crm.intake import importers
from crm.intake import policy as intake_policy
from crm.kernel.actor import Actor, Role
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import policy as leads_policy
from crm.meetings import policy as meetings_policy
from crm.outreach import policy as outreach_policy
from crm.people import commands as people_commands
from crm.people import policy as people_policy
from crm.people import sessions
from crm.reports import policy as reports_policy
from crm.status import policy as status_policy
from crm.status import queries as status_queries
from crm.web import wording
from crm.web.navigation import Entry, Group

ROOMS = (
    "people",
    "districts",
    "campaigns",
    "leads",
    "outreach",
    "enquiries",
    "figures",
    "contest",
    "meetings",
    "reports",
    "field",
    "intake",
    "status",
)

_POLICIES = (
    people_policy, districts_policy, campaigns_policy, leads_policy, outreach_policy,
    enquiries_policy, figures_policy, contest_policy, meetings_policy, reports_policy, field_policy, intake_policy, status_policy,
)  # fmt: skip

GRANTS: dict[Role, frozenset[str]] = {
    role: frozenset().union(*(policy.GRANTS[role] for policy in _POLICIES)) for role in Role
}

NAVIGATION = (
    Group(
        _l("Work"),
        (
            Entry(_l("Today"), "reports.today", "home", "reports.today"),
            Entry(_l("Leads"), "leads.listing", "users", "leads.view"),
            Entry(_l("Follow-ups"), "leads.follow_ups", "phone", "leads.view"),
            Entry(_l("My team today"), "field.team", "target", "field.team"),
            Entry(_l("My QR code"), "enquiries.mine", "device-mobile", "enquiries.own"),
            Entry(_l("Enquiries by QR"), "enquiries.received", "message", "leads.enquiries"),
            Entry(_l("Daily log"), "outreach.day", "clipboard-list", "outreach.view"),
            Entry(_l("Meetings"), "meetings.index", "microphone", "meetings.view"),
        ),
    ),
    Group(
        _l("Results"),
        (
            Entry(_l("Funnel"), "figures.funnel", "chart-funnel", "figures.view"),
            Entry(_l("PK"), "contest.index", "trophy", "contest.view"),
            Entry(_l("Workbooks"), "reports.exports", "file-spreadsheet", "reports.export"),
            Entry(_l("Exports made"), "reports.export_log", "history", "reports.list_exports"),
        ),
    ),
    Group(
        _l("Set-up"),
        (
            Entry(_l("Campaigns"), "campaigns.listing", "flag", "campaigns.view"),
            Entry(_l("QR codes and posters"), "enquiries.listing", "device-mobile", "enquiries.codes"),
            Entry(_l("Poster texts"), "enquiries.texts", "flag-3", "enquiries.texts"),
            Entry(_l("Districts"), "districts.index", "map", "districts.view"),
            Entry(_l("Teams"), "people.teams", "users", "people.view"),
            Entry(_l("People and rights"), "people.users", "id-badge", "people.view"),
            Entry(_l("Imports"), "intake.index", "file-import", "intake.view"),
            Entry(_l("Records of phones"), "field.held", "device-mobile", "leads.held"),
            Entry(_l("Audit"), "people.audit", "shield-check", "people.audit"),
            Entry(_l("State of the installation"), "status.index", "info-circle", "status.view"),
        ),
    ),
)

TABS = (
    Group(
        "",
        (
            Entry(_l("Today"), "reports.today", "home", "reports.today"),
            Entry(lazy_pgettext("tab of the phone", "Record"), "field.start", "plus", "leads.record"),
            Entry(_l("Leads"), "leads.listing", "users", "leads.view"),
            Entry(_l("PK"), "contest.index", "trophy", "contest.view"),
            Entry(_l("Meetings"), "meetings.index", "microphone", "meetings.view"),
        ),
    ),
)
"""At the foot of a phone's screen, where the thumb is: what is opened in the street. The menu holds the rest."""

IMPORTERS = {"leads": "leads", "roster": "people", "districts": "districts"}
"""Kinds of sheets, and the rooms whose `imports` know what their rows mean."""


def install(app: Flask) -> None:
    """Wires the rooms into the app."""
    sessions.install(app, GRANTS)
    app.extensions["crm.home"] = "reports.today"
    app.extensions["crm.keep_locale"] = _keep_locale
    app.extensions["crm.grants"] = GRANTS
    app.extensions["crm.health"] = status_queries.healthy
    app.extensions["crm.troubles"] = status_queries.troubles
    app.extensions["crm.jobs"] = tuple(job for room in ROOMS for job in getattr(_part(room, "tasks"), "JOBS", ()))
    importers.register({kind: _part(room, "imports") for kind, room in IMPORTERS.items()})
    app.jinja_env.globals.update(audit_act=wording.act, audit_subject=wording.subject)
    for room in ROOMS:
        words = _part(room, "words")
        if words is not None:
            wording.register(words.ERRORS)
            wording.register_messages(getattr(words, "MESSAGES", {}))
            wording.register_audit(getattr(words, "ACTS", {}), getattr(words, "SUBJECTS", {}))
            app.jinja_env.globals.update(getattr(words, "GLOBALS", {}))
        views = _part(room, "views")
        if views is not None:
            app.register_blueprint(views.blueprint)


def _part(room: str, name: str) -> Any:
    path = f"crm.{room}.{name}"
    return import_module(path) if find_spec(path) else None


def _keep_locale(actor: Actor, locale: str) -> None:
    with unit_of_work():
        people_commands.keep_locale(actor, locale)
