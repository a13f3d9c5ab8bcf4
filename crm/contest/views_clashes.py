"""Clashes (撞单): the referee's queue and decision, and for both teams the result, with the appeal of the one that lost."""

from dataclasses import dataclass
from datetime import datetime

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import RadioField
from wtforms.validators import InputRequired

from crm.contest import clashing
from crm.contest.views import Answer, blueprint
from crm.contest.words import OUTCOMES
from crm.kernel.clock import now
from crm.kernel.errors import Conflict, DomainError, Invalid
from crm.kernel.paging import Page
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import clashes
from crm.leads.clashes import ClashCase, ClashRow, TeamClash
from crm.leads.policy import LeadPermission
from crm.leads.refereeing import LONGEST_APPEAL, LONGEST_REASON
from crm.leads.timeline import Line, timeline
from crm.outreach.queries import VisitTo, visits_to
from crm.web.forms import OnceForm, VersionedForm, Words, choices, done_once
from crm.web.guards import requires
from crm.web.identity import the_actor
from crm.web.paging import Paging, requested_page


class DecisionForm(VersionedForm):
    """The referee's decision; its choices depend on the sign by which the two records are one."""

    outcome = RadioField(_l("Decision"), [InputRequired()])
    reason = Words(_l("Reason"), [InputRequired()], most=LONGEST_REASON)


class AppealForm(OnceForm):
    """Why the team that lost thinks otherwise."""

    words = Words(_l("Why should the referee look at it again?"), [InputRequired()], most=LONGEST_APPEAL)


@dataclass(frozen=True)
class QueuePage:
    """Clashes in one state, or all."""

    rows: Page[ClashRow]
    paging: Paging
    state: str
    states: list[tuple[str, str]]


@dataclass(frozen=True)
class CasePage:
    """A clash with its evidence, and the form where the reader may decide. `until`: when the day of the claim is sealed."""

    case: ClashCase
    visits: tuple[VisitTo, ...]
    story: tuple[Line, ...]
    form: DecisionForm | None
    until: datetime
    sealed: bool


@dataclass(frozen=True)
class ResultPage:
    """A clash as one of its teams reads it, and the form of an appeal while one is possible."""

    clash: TeamClash
    form: AppealForm | None
    until: datetime
    sealed: bool


@dataclass(frozen=True)
class OursPage:
    """The clashes of the reader's teams."""

    rows: Page[TeamClash]
    paging: Paging


@blueprint.get("/clashes", endpoint="clashes")
@requires(LeadPermission.REFEREE)
def queue() -> str:
    """The referee's queue."""
    asked = request.args.get("state", clashes.WAITING)
    state = asked if asked in clashes.STATES else ""
    rows = clashes.list_clashes(the_actor(), state=state, page=requested_page())
    states = [
        (clashes.WAITING, _("To decide")),
        ("appealed", _("Appealed against")),
        ("decided", _("Decided")),
        ("all", _("All")),
    ]
    page = QueuePage(rows, Paging.of(rows), state or "all", states)
    return render_template("contest/clashes.html", page=page)


@blueprint.get("/clashes/<int:clash_id>")
@requires(LeadPermission.REFEREE)
def clash(clash_id: int) -> str:
    """Both claims side by side, with what speaks for each."""
    return _show_case(clash_id, DecisionForm())


@blueprint.post("/clashes/<int:clash_id>")
@requires(LeadPermission.REFEREE)
def decide_clash(clash_id: int) -> Answer:
    """The referee's decision."""
    actor, form = the_actor(), DecisionForm()
    case = clashes.get_case(actor, clash_id)
    _offer(form, case)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                done_once(
                    actor,
                    lambda: clashing.decide_clash(
                        actor, clash_id, version=form.seen_version, outcome=form.outcome.data or "",
                        reason=form.reason.data or "", at=now(),
                    ),
                )  # fmt: skip
        except (Invalid, Conflict) as error:
            form.refuse(error, "reason" if error.code == "clash.reason" else None)
        else:
            flash(_("Decided. Both teams have been told."), "success")
            return redirect(url_for("contest.clashes"))
    return _show_case(clash_id, form), form.status


@blueprint.get("/clashes/ours")
@requires(LeadPermission.RECORD)
def our_clashes() -> str:
    """The clashes of the reader's own teams."""
    rows = clashes.team_clashes(the_actor(), page=requested_page())
    return render_template("contest/our_clashes.html", page=OursPage(rows, Paging.of(rows)))


@blueprint.get("/clashes/<int:clash_id>/result")
@requires(LeadPermission.RECORD)
def clash_result(clash_id: int) -> Answer:
    """What became of a clash, for its two teams."""
    if the_actor().may(LeadPermission.REFEREE):
        return redirect(url_for("contest.clash", clash_id=clash_id))
    return _show_result(clash_id, AppealForm())


@blueprint.post("/clashes/<int:clash_id>/appeal")
@requires(LeadPermission.RECORD)
def appeal_clash(clash_id: int) -> Answer:
    """The appeal of the team that lost."""
    actor, form = the_actor(), AppealForm()
    clashes.team_clash(actor, clash_id)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                done_once(
                    actor,
                    lambda: clashing.appeal_clash(actor, clash_id, words=form.words.data or "", at=now()),
                )
        except DomainError as error:
            if error.status not in (Invalid.status, Conflict.status):
                raise
            form.refuse(error, "words" if error.code == "clash.appeal_words" else None)
        else:
            flash(_("The referee looks at it again."), "success")
            return redirect(url_for("contest.clash_result", clash_id=clash_id))
    return _show_result(clash_id, form), form.status


def _offer(form: DecisionForm, case: ClashCase) -> None:
    form.outcome.choices = choices((one.value, OUTCOMES[one]) for one in case.outcomes)


def _show_case(clash_id: int, form: DecisionForm) -> str:
    actor = the_actor()
    case = clashes.get_case(actor, clash_id)
    _offer(form, case)
    if not form.is_submitted():
        form.version.data = str(case.version)
    until = clashing.sealed_at(case.campaign_id, case.received_at)
    leads = [one for one in (case.lead_id, case.claimant.lead_id) if one is not None]
    open_form = form if case.may_decide or form.errors else None
    page = CasePage(case, visits_to(actor, leads), timeline(actor, case.lead_id), open_form, until, until <= now())
    return render_template("contest/clash.html", page=page)


def _show_result(clash_id: int, form: AppealForm) -> str:
    found = clashes.team_clash(the_actor(), clash_id)
    until = clashing.sealed_at(found.campaign_id, found.claimed_at)
    sealed = until <= now()
    may_appeal = found.state == "decided" and found.lost and found.appealed_at is None and not sealed
    page = ResultPage(found, form if may_appeal or form.errors else None, until, sealed)
    return render_template("contest/clash_result.html", page=page)
