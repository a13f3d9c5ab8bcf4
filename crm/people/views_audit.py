"""The audit, as the auditor reads it."""

from dataclasses import dataclass
from datetime import date

from flask import render_template, request

from crm.kernel.paging import Page
from crm.kernel.values import clean_text
from crm.people import trail
from crm.people.policy import PeoplePermission
from crm.people.trail import Chain, TrailRow
from crm.people.views import blueprint
from crm.web.forms import query_day, query_id
from crm.web.guards import requires
from crm.web.identity import the_actor
from crm.web.paging import Paging, requested_page


@dataclass(frozen=True)
class AuditPage:
    """Acts that fit the filters; `chain` when the whole chain was checked."""

    rows: Page[TrailRow]
    paging: Paging
    person: str
    action: str
    subject: str
    subject_id: int | None
    first: date | None
    last: date | None
    actions: list[str]
    subjects: list[str]
    chain: Chain | None


@blueprint.get("/audit")
@requires(PeoplePermission.AUDIT)
def audit() -> str:
    """Who did what to which record; with ?verify=1 the chain of hashes is checked as well."""
    actor = the_actor()
    person, action = clean_text(request.args.get("person"))[:60], request.args.get("action", "")[:64]
    subject, subject_id = request.args.get("subject", "")[:40], query_id("id")
    first, last = query_day("from"), query_day("to")
    rows = trail.trail(
        actor,
        person=person,
        action=action,
        subject=subject,
        subject_id=subject_id,
        first=first,
        last=last,
        page=requested_page(),
    )
    actions, subjects = trail.actions_and_subjects(actor)
    chain = trail.verify(actor) if request.args.get("verify") else None
    page = AuditPage(rows, Paging.of(rows), person, action, subject, subject_id, first, last, actions, subjects, chain)
    return render_template("people/audit.html", page=page)
