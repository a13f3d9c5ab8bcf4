"""One lead: its card, its story, and everything that can be done with it. What is refused shows the page again as it was typed."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from crm.campaigns.queries import campaign_names
from crm.districts.queries import full_names
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid, TooMany
from crm.kernel.unit_of_work import unit_of_work
from crm.kernel.values import clean_text, group_phone
from crm.leads import assigning, contact, editing, forms, merging, queries
from crm.leads.cards import CardOfLead, card_of, shown_name
from crm.leads.commands import record_stage, void_stage
from crm.leads.forms import DetailForms
from crm.leads.ledger import Clocks
from crm.leads.merging import MergedLead
from crm.leads.models import Lead
from crm.leads.policy import LeadPermission, may_state
from crm.leads.queries import LeadRow
from crm.leads.rules import FIELD_STAGES, STAGES, Stage, up_to
from crm.leads.timeline import Line, timeline
from crm.leads.timeline_words import Sentence, worded
from crm.leads.views import Answer, blueprint, moment_or_now, today
from crm.people.queries import members, team_names, user_names
from crm.web.forms import BaseForm, answered_once, choices, id_or_none
from crm.web.guards import requires
from crm.web.identity import settings, the_actor


@dataclass(frozen=True)
class Step:
    """A stage in the stepper: reached or not, whether it can be recorded now, and whether that needs a case number."""

    stage: Stage
    reached: bool
    next: bool
    needs_number: bool
    endpoint: str
    day: Any = None
    case_number: str = ""


@dataclass(frozen=True)
class Consented:
    """The consent that holds, with the notice that was shown."""

    enquiry: bool
    marketing: list[str]
    financial: bool
    how: str
    given_at: Any
    notice_number: int


@dataclass(frozen=True)
class DetailPage:
    """A lead's page."""

    lead: CardOfLead
    campaign: str
    team: str
    owner: str
    district: str
    steps: list[Step]
    story: list[Sentence]
    consent: Consented | None
    merged: list[MergedLead]
    forms: DetailForms
    failed: BaseForm | None
    may_edit: bool
    may_assign: bool
    may_merge: bool
    may_void: bool
    overdue: bool
    phone: str = ""


@dataclass(frozen=True)
class MergePage:
    """The search for the other record of the same customer."""

    lead: CardOfLead
    q: str
    found: tuple[LeadRow, ...]


@blueprint.get("/leads/<int:lead_id>")
@requires(LeadPermission.VIEW)
def detail(lead_id: int) -> str:
    """One lead."""
    return _show(the_actor(), lead_id)


def _show(actor: Actor, lead_id: int, failed: BaseForm | None = None, phone: str = "") -> str:
    lead = queries.get_lead(actor, lead_id)
    card = card_of(lead, actor)
    lines = timeline(actor, lead_id)
    shown = DetailPage(
        lead=card,
        campaign=campaign_names().get(lead.campaign_id, ""),
        team=team_names().get(lead.team_id or 0, ""),
        owner=user_names().get(lead.owner_id or 0, ""),
        district=full_names([lead.district_id]).get(lead.district_id, "") if lead.district_id else "",
        steps=_steps(actor, card, lines),
        story=[_sentence(actor, line) for line in lines],
        consent=_consent(lead.id),
        merged=[_masked(actor, one) for one in merging.merged_into(lead.id)],
        forms=_forms(actor, lead, failed),
        failed=failed,
        may_edit=actor.may(LeadPermission.EDIT) and lead.merged_into_id is None,
        may_assign=actor.may(LeadPermission.ASSIGN) and not (lead.merged_into_id or lead.no_contact),
        may_merge=actor.may(LeadPermission.MERGE) and lead.merged_into_id is None,
        may_void=actor.may(LeadPermission.VOID) and lead.merged_into_id is None,
        overdue=lead.follow_up_on is not None and lead.follow_up_on < today(),
        phone=group_phone(phone),
    )
    return render_template("leads/detail.html", page=shown)


def _sentence(actor: Actor, line: Line) -> Sentence:
    told = worded(line, settings().zone)
    return replace(told, voidable=told.voidable and may_state(actor, line.facts["stage"]))


def _masked(actor: Actor, one: MergedLead) -> MergedLead:
    return MergedLead(one.lead_id, one.merge_id, shown_name(actor, one.name), one.since, one.undoable)


def _steps(actor: Actor, lead: CardOfLead, lines: tuple[Line, ...]) -> list[Step]:
    reached = {line.facts["stage"]: line for line in lines if line.kind == "stage" and line.counts}
    furthest = max((STAGES.index(Stage(stage)) for stage in reached), default=-1)
    steps = []
    for place, stage in enumerate(STAGES):
        right = LeadPermission.RECORD if stage in FIELD_STAGES else LeadPermission.CONFIRM
        steps.append(
            Step(
                stage=stage,
                reached=stage in reached,
                next=actor.may(right) and lead.may_reach(stage) and place > furthest,
                needs_number=Stage.ACCEPTED in up_to(stage) and Stage.ACCEPTED not in reached,
                endpoint="leads.stage" if stage in FIELD_STAGES else "leads.feedback",
                day=reached[stage].at if stage in reached else None,
                case_number=reached[stage].facts["case_number"] if stage in reached else "",
            )
        )
    return steps


def _consent(lead_id: int) -> Consented | None:
    found = queries.latest_consent(lead_id)
    if found is None:
        return None
    consent, notice = found
    return Consented(
        consent.enquiry, list(consent.marketing), consent.financial, consent.how, consent.given_at, notice.number
    )


def _forms(actor: Actor, lead: Lead, failed: BaseForm | None) -> DetailForms:
    made = {}
    for one in fields(DetailForms):
        kind: Any = one.type
        made[one.name] = failed if isinstance(failed, kind) else kind(formdata=None)
    if not isinstance(failed, forms.IntentForm):
        made["intent"].intent.data = lead.intent
    made["assign"].to.choices = choices(_assignable(actor, lead))
    made["assign"].to.data = lead.owner_id
    return DetailForms(**made)


def _assignable(actor: Actor, lead: Lead) -> list[tuple[int, str]]:
    """The members of the lead's team; of one that belongs to none yet, those of the teams that work in its campaign."""
    if lead.team_id is not None:
        return [(row.user_id, row.name) for row in members(actor, on=today(), team_id=lead.team_id)]
    names, people = team_names(), members(actor, on=today())
    teams = {one for one in {row.team_id for row in people} if assigning.works_in(lead.campaign_id, one)}
    return [(row.user_id, f"{row.name} · {names[row.team_id]}") for row in people if row.team_id in teams]


def _act(lead_id: int, form: BaseForm, work: Callable[[Actor], str]) -> Answer:
    """Runs a command of this page in a unit of work; `work` returns the words of success. A refusal shows the page again."""
    actor = the_actor()
    queries.get_lead(actor, lead_id)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                done = answered_once(actor, lambda: {"words": work(actor)})["words"]
        except (Invalid, Conflict, TooMany) as error:
            form.refuse(error)
        else:
            flash(done, "success")
            return redirect(url_for("leads.detail", lead_id=lead_id))
    db.session.rollback()
    return _show(actor, lead_id, form), form.status


@blueprint.post("/leads/<int:lead_id>/stage")
@requires(LeadPermission.RECORD)
def stage(lead_id: int) -> Answer:
    """Notes that a stage was reached."""
    return _record(lead_id, STAGES)


@blueprint.post("/leads/<int:lead_id>/feedback")
@requires(LeadPermission.CONFIRM)
def feedback(lead_id: int) -> Answer:
    """Notes what the bank fed back: approved or paid out."""
    return _record(lead_id, STAGES[len(FIELD_STAGES) :])


def _record(lead_id: int, allowed: tuple[Stage, ...]) -> Answer:
    form = forms.StageForm()

    def work(actor: Actor) -> str:
        at = now()
        if form.stage.data not in allowed:
            raise Invalid("stage.no_entry")
        clocks = Clocks(moment_or_now(form.happened.data, at), at, at)
        record_stage(actor, lead_id, Stage(form.stage.data), clocks=clocks, case_number=form.case_number.data or None)
        return _("The stage is recorded.")

    return _act(lead_id, form, work)


@blueprint.post("/leads/<int:lead_id>/void")
@requires(LeadPermission.VOID)
def void(lead_id: int) -> Answer:
    """Undoes a stage entry, with a reason."""
    form = forms.VoidForm()

    def work(actor: Actor) -> str:
        void_stage(actor, lead_id, id_or_none(form.entry_id.data) or -1, reason=form.reason.data or "", at=now())
        return _("The entry is undone. It stays visible, struck through.")

    return _act(lead_id, form, work)


@blueprint.post("/leads/<int:lead_id>/intent")
@requires(LeadPermission.EDIT)
def intent(lead_id: int) -> Answer:
    """States the intent."""
    form = forms.IntentForm()

    def work(actor: Actor) -> str:
        editing.set_intent(actor, lead_id, form.intent.data, at=now())
        return _("The intent is noted.")

    return _act(lead_id, form, work)


@blueprint.post("/leads/<int:lead_id>/follow-up")
@requires(LeadPermission.EDIT)
def follow_up(lead_id: int) -> Answer:
    """Plans the next contact, or takes the plan off."""
    form = forms.FollowUpForm()

    def work(actor: Actor) -> str:
        editing.set_follow_up(actor, lead_id, form.on.data, at=now(), note=form.text.data or "")
        return _("The next contact is planned.") if form.on.data else _("No further contact is planned.")

    return _act(lead_id, form, work)


@blueprint.post("/leads/<int:lead_id>/note")
@requires(LeadPermission.EDIT)
def note(lead_id: int) -> Answer:
    """Writes a note."""
    form = forms.NoteForm()

    def work(actor: Actor) -> str:
        editing.add_note(actor, lead_id, form.text.data or "", at=now())
        return _("The note is kept.")

    return _act(lead_id, form, work)


@blueprint.post("/leads/<int:lead_id>/assign")
@requires(LeadPermission.ASSIGN)
def assign(lead_id: int) -> Answer:
    """Gives the lead to another member of its team."""
    actor = the_actor()
    lead = queries.get_lead(actor, lead_id)
    form = forms.AssignForm()
    form.to.choices = choices(_assignable(actor, lead))

    def work(actor: Actor) -> str:
        assigning.assign(actor, lead_id, to=form.to.data, at=now())
        return _("The lead is assigned. Credit that was earned stays where it is.")

    return _act(lead_id, form, work)


@blueprint.post("/leads/<int:lead_id>/exit")
@requires(LeadPermission.EDIT)
def leave(lead_id: int) -> Answer:
    """Notes that the customer left the funnel."""
    form = forms.ExitForm()

    def work(actor: Actor) -> str:
        editing.exit_lead(actor, lead_id, form.code.data, reason=form.reason.data or "", at=now())
        return _("The lead has left the funnel. What was reached stays counted.")

    return _act(lead_id, form, work)


@blueprint.post("/leads/<int:lead_id>/reopen")
@requires(LeadPermission.EDIT)
def reopen(lead_id: int) -> Answer:
    """Takes the customer back."""
    form = forms.ReopenForm()

    def work(actor: Actor) -> str:
        editing.reopen_lead(actor, lead_id, reason=form.reason.data or "", at=now())
        return _("The lead is back in the funnel.")

    return _act(lead_id, form, work)


@blueprint.post("/leads/<int:lead_id>/no-contact")
@requires(LeadPermission.EDIT)
def no_contact(lead_id: int) -> Answer:
    """Marks the person as not to be contacted."""
    form = forms.NoContactForm()

    def work(actor: Actor) -> str:
        marked = contact.do_not_contact(actor, lead_id, reason=form.reason.data or "", at=now())
        return ngettext("Marked on %(num)s lead of this person.", "Marked on %(num)s leads of this person.", marked)

    return _act(lead_id, form, work)


@blueprint.post("/leads/<int:lead_id>/withdraw")
@requires(LeadPermission.EDIT)
def withdraw(lead_id: int) -> Answer:
    """Takes a consent back."""
    form = forms.WithdrawForm()

    def work(actor: Actor) -> str:
        contact.withdraw_consent(actor, lead_id, form.what.data, reason=form.reason.data or "", at=now())
        return _("The withdrawal is recorded, and holds from now on.")

    return _act(lead_id, form, work)


@blueprint.post("/leads/<int:lead_id>/reveal")
@requires(LeadPermission.REVEAL)
def reveal(lead_id: int) -> Answer:
    """Shows the full phone once. No redirect: a phone must not travel in an address or a cookie."""
    actor = the_actor()
    queries.get_lead(actor, lead_id)
    form = forms.RevealForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                phone = contact.reveal_phone(actor, lead_id, reason=form.reason.data or "", at=now())
        except (Invalid, TooMany) as error:
            form.refuse(error)
            db.session.rollback()
            return _show(actor, lead_id, form), error.status
        return _show(actor, lead_id, phone=phone)
    return _show(actor, lead_id, form), 422


@blueprint.get("/leads/<int:lead_id>/merge")
@requires(LeadPermission.MERGE)
def merge(lead_id: int) -> str:
    """Looks for the other record of the same customer, inside the campaign."""
    actor = the_actor()
    lead = queries.get_lead(actor, lead_id)
    q = clean_text(request.args.get("q"))[:60]
    found = (
        queries.search(actor, q or lead.shop or lead.name, campaign_id=lead.campaign_id)
        if q or lead.shop or lead.name
        else ()
    )
    page = MergePage(card_of(lead, actor), q, tuple(row for row in found if row.id != lead.id))
    return render_template("leads/merge.html", page=page)


@blueprint.post("/leads/<int:lead_id>/merge")
@requires(LeadPermission.MERGE)
def merge_in(lead_id: int) -> Answer:
    """Merges another lead into this one."""
    form = forms.MergeForm()

    def work(actor: Actor) -> str:
        merging.merge(
            actor, keep=lead_id, lose=id_or_none(form.lose.data) or -1, reason=form.reason.data or "", at=now()
        )
        return _("The two leads are one now. This can be undone below.")

    return _act(lead_id, form, work)


@blueprint.post("/leads/<int:lead_id>/merge/undo")
@requires(LeadPermission.MERGE)
def undo_merge(lead_id: int) -> Answer:
    """Parts two merged leads."""
    form = forms.UndoMergeForm()

    def work(actor: Actor) -> str:
        merging.undo_merge(actor, id_or_none(form.merge_id.data) or -1, reason=form.reason.data or "", at=now())
        return _("The leads are parted again.")

    return _act(lead_id, form, work)
