"""Words for the codes of this room, and the sentences for its refusals."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from crm.kernel.installation import zone_name
from crm.leads.rules import Approach, ConsentHow, Exit, Intent, Need, Segment, Stage, Trade
from crm.leads.timeline import Line
from crm.web.locale import day, moment

STAGES = {
    Stage.CONSULT: _l("Consult"),
    Stage.APPLICATION: _l("Application"),
    Stage.ACCEPTED: _l("Accepted"),
    Stage.APPROVED: _l("Approved"),
    Stage.DISBURSED: _l("Disbursed"),
}
TRADES = {
    Trade.WHOLESALE_RETAIL: _l("Wholesale and retail"),
    Trade.MANUFACTURING: _l("Manufacturing"),
    Trade.CATERING: _l("Catering"),
    Trade.OTHER_SERVICES: _l("Other services"),
    Trade.FARM_PRODUCTION: _l("Farm production"),
}
SEGMENTS = {Segment.MICRO: _l("Micro business"), Segment.FARM: _l("Farm household"), Segment.CONSUMER: _l("Consumer")}
APPROACHES = {
    Approach.COLD_VISIT: _l("Cold visit"),
    Approach.REFERRAL: _l("Referral"),
    Approach.CHANNEL: _l("Channel partner"),
    Approach.STRATEGIC: _l("Strategic planning"),
}
INTENTS = {
    Intent.A: _l("A: needs it within a month, meets basic access"),
    Intent.B: _l("B: within three months, or one gap"),
    Intent.C: _l("C: only interested"),
}
NEEDS = {Need.NOW: _l("Now"), Need.THREE_MONTHS: _l("Within three months"), Need.NONE: _l("No need")}
EXITS = {
    Exit.REFUSED: _l("Refused to talk"),
    Exit.INELIGIBLE: _l("Does not meet access"),
    Exit.GAVE_UP: _l("Gave up"),
    Exit.RETURNED: _l("File returned"),
    Exit.REJECTED: _l("Rejected by the bank"),
}
HOW = {
    ConsentHow.QR: _l("Own phone, QR code"),
    ConsentHow.SCREEN: _l("Signed on screen"),
    ConsentHow.SPOKEN_SMS: _l("Spoken, with SMS"),
    ConsentHow.PAPER: _l("On paper"),
    ConsentHow.IMPORTED: _l("From an imported sheet"),
}
CHANNELS = {"phone": _l("By phone"), "sms": _l("By SMS"), "wechat": _l("By WeChat")}
REVEAL_REASONS = {
    "follow_up": _l("Follow-up call"),
    "appointment": _l("Appointment"),
    "check": _l("Quality check"),
    "complaint": _l("Complaint"),
}
WITHDRAWALS = {
    "marketing": _l("Marketing"),
    "financial": _l("Financial facts"),
    "everything": _l("Everything: no contact any more"),
}
ENDED = WITHDRAWALS | {"enquiry": _l("What was agreed to in an enquiry by QR code")}
"""What may have ended: also by the customer's own link."""
MATCHES = {"phone": _l("Same phone"), "licence": _l("Same licence number"), "name_place": _l("Same name, same place")}
CLASH_STATES = {
    "open": _l("Waiting for the referee"),
    "appealed": _l("Appealed against"),
    "decided": _l("Decided"),
}
PREMISES = {"owned": _l("Owned"), "rented": _l("Rented")}
TURNOVERS = {
    "under_50": _l("Under 500,000 yuan"),
    "50_200": _l("500,000 to 2 million yuan"),
    "200_500": _l("2 to 5 million yuan"),
    "over_500": _l("Over 5 million yuan"),
}
FIELDS = {
    "name": _l("Form of address"),
    "phone": _l("Mobile"),
    "shop": _l("Shop or firm"),
    "address": _l("Address"),
    "licence_number": _l("Licence number"),
    "trade": _l("Trade"),
    "segment": _l("Client group"),
    "approach": _l("Approach"),
    "intent": _l("Intent"),
    "need": _l("Need"),
    "amount_wan": _l("Amount needed"),
    "note": _l("Note"),
    "details": _l("Further facts"),
    "district_id": _l("District"),
}
DETAILS = {
    "years": _l("Years in business"),
    "premises": _l("Premises"),
    "turnover": _l("Turnover a year"),
    "purpose": _l("Purpose of the loan"),
    "term": _l("Term wished"),
    "lender": _l("Lender at present"),
    "call_time": _l("Good time to call"),
}

ERRORS = {
    "clash.appeal_words": _l("Say why the referee should look at it again."),
    "clash.appealed": _l("This decision was appealed against already. An appeal is possible once."),
    "clash.decided": _l("This clash is decided already. Only an appeal opens it again."),
    "clash.not_decided": _l("The referee has not decided yet."),
    "clash.not_found": _l("There is no such clash, or it is not yours to see."),
    "clash.not_lost": _l("Only the team that lost may appeal."),
    "clash.other_referee": _l("You decided this the first time: another referee decides the appeal."),
    "clash.outcome": _l("Choose who has the customer."),
    "clash.reason": _l("Give a reason: both teams read it."),
    "clash.sealed": _l("The day of this claim is sealed. The decision stands and can no longer be appealed against."),
    "lead.not_found": _l("There is no such lead, or it is not yours to see."),
    "lead.own_duplicate": _l("Your team has registered this customer already, on %(day)s (lead %(lead)s)."),
    "lead.claimed": _l(
        "Already registered by another team, on %(day)s. Your claim was noted for the referee; the card was not changed."
    ),
    "lead.consent_missing": _l("Without the customer's consent to this enquiry nothing may be kept."),
    "lead.financial_consent": _l(
        "Turnover and lender may be kept only with the consent for financial facts: tick it, or leave them empty."
    ),
    "lead.no_campaign": _l("There is no such campaign."),
    "lead.campaign_closed": _l("This campaign takes no leads at present."),
    "lead.identity": _l("ID numbers and bank accounts are not kept here. Take the number out."),
    "lead.no_officer": _l("Choose the officer whom the lead is credited to."),
    "lead.other_team": _l("That team is not yours."),
    "lead.team_not_in_campaign": _l("This team does not take part in the campaign."),
    "lead.session": _l("This session belongs to another campaign."),
    "lead.district": _l("There is no such district."),
    "lead.merged": _l("This lead was merged into another one: change that one."),
    "lead.no_contact": _l("This customer must not be contacted."),
    "lead.historical": _l("This is a historical record: it counts in figures and goes no further."),
    "lead.no_notice": _l("There is no privacy notice yet."),
    "lead.merge_itself": _l("A lead cannot be merged into itself."),
    "lead.merge_campaign": _l("Only leads of the same campaign can be merged."),
    "lead.merge_later": _l("The kept lead was merged once more since then. Undo that merge first."),
    "lead.merge_undone": _l("This merge was undone already."),
    "lead.no_merge": _l("There is no such merge."),
    "lead.reveal_reason": _l("Choose why the full phone is needed."),
    "lead.reveal": _l("Only the lead's owner, the team's lead, an organiser or a manager may see the full phone."),
    "lead.reveal_limit": _l("The limit of %(most)s phones a day is used up. It starts anew tomorrow."),
    "lead.reason": _l("Say why."),
    "lead.no_contact_already": _l("This customer is marked as not to be contacted already."),
    "lead.withdrawal": _l("Choose what is withdrawn."),
    "lead.nothing_to_withdraw": _l("There is no such consent to withdraw."),
    "lead.none_chosen": _l("Tick at least one lead."),
    "lead.too_many": _l("At most %(most)s leads at once."),
    "lead.not_in_team": _l("A lead goes only to somebody who belongs to its team today. Nothing was changed."),
    "lead.intent": _l("The intent is A, B or C."),
    "lead.no_follow_up": _l("For a historical lead, or one that has left, no follow-up can be planned."),
    "lead.follow_up_day": _l("Choose a day from today on, within a year."),
    "lead.empty_note": _l("The note is empty."),
    "lead.exit_code": _l("Choose why the customer left."),
    "lead.has_left": _l("This lead has left the funnel already."),
    "lead.has_not_left": _l("This lead has not left the funnel."),
    "lead.referee": _l("Only an organiser reads both sides of a clash."),
    "stage.reached": _l("This stage was recorded already; it counts once."),
    "stage.reason": _l("Undoing needs a reason."),
    "stage.no_entry": _l("There is no such entry."),
    "stage.voided": _l("This entry was undone already."),
    "stage.later_stands": _l("A later stage stands on this one: undo that first."),
    "stage.confirm": _l("Only an organiser or a manager records what the bank feeds back."),
    "stage.future": _l("This time lies in the future."),
    "stage.too_early": _l("This time lies before the campaign's first day, %(day)s."),
    "stage.case_number": _l("An accepted case needs the branch's case number."),
}


def label(words: Any, code: Any) -> str:
    """The word for a code, or the code itself: imported sheets may bring values that no list knows."""
    return str(words.get(code, code or ""))


def stage_label(code: str) -> str:
    """The word for a stage."""
    return label(STAGES, code)


def trade_label(code: str) -> str:
    """The word for a trade."""
    return label(TRADES, code)


def segment_label(code: str) -> str:
    """The word for a client group."""
    return label(SEGMENTS, code)


def approach_label(code: str) -> str:
    """The word for a way of marketing."""
    return label(APPROACHES, code)


def exit_label(code: str) -> str:
    """The word for a way out of the funnel."""
    return label(EXITS, code)


def need_label(code: str) -> str:
    """When the money is needed, in words."""
    return label(NEEDS, code)


def match_label(code: str) -> str:
    """By what sign two records are one customer."""
    return label(MATCHES, code)


def clash_state_label(code: str) -> str:
    """Whether a clash is open."""
    return label(CLASH_STATES, code)


def detail_words(details: dict[str, Any]) -> list[tuple[str, str]]:
    """The further facts of a lead as pairs of label and value, in the form's order; nothing else is shown."""
    values = {
        **details,
        "premises": label(PREMISES, details.get("premises")),
        "turnover": label(TURNOVERS, details.get("turnover")),
    }
    return [(str(name), str(values[key])) for key, name in DETAILS.items() if values.get(key)]


def consent_words(marketing: list[str], financial: bool) -> str:
    """What was agreed to beside the enquiry."""
    agreed = [label(CHANNELS, channel) for channel in marketing]
    parts = [_("Marketing: %(channels)s", channels=", ".join(agreed)) if agreed else _("No marketing")]
    parts.append(_("Financial facts may be kept") if financial else _("No financial facts"))
    return " · ".join(parts)


ACTS: dict[str, Any] = {
    "leads.assign": _l("Lead assigned"),
    "leads.capture": _l("Lead recorded"),
    "leads.appeal_clash": _l("Decision of a clash appealed against"),
    "leads.clash": _l("Clash of two teams found"),
    "leads.decide_clash": _l("Clash decided"),
    "leads.edit": _l("Lead changed"),
    "leads.exit": _l("Lead left the funnel"),
    "leads.follow_up": _l("Follow-up set"),
    "leads.intent": _l("Intent changed"),
    "leads.merge": _l("Leads merged"),
    "leads.no_contact": _l("Do not contact: set or lifted"),
    "leads.note": _l("Note added to a lead"),
    "leads.rebuild": _l("Sums written anew from the ledger"),
    "leads.reopen": _l("Lead taken up again"),
    "leads.reveal": _l("Phone number shown in full"),
    "leads.stage": _l("Stage recorded"),
    "leads.undo_merge": _l("Merge undone"),
    "leads.void_stage": _l("Stage undone"),
    "leads.withdraw_consent": _l("Consent withdrawn"),
}

SUBJECTS: dict[str, Any] = {"clash": _l("Clash"), "lead": _l("Lead"), "ledger": _l("Ledger of stages")}


def _until(facts: Mapping[str, Any]) -> str:
    """Until when the team that lost may appeal."""
    if not facts.get("until"):
        return ""
    return " " + _("You may appeal until %(moment)s.", moment=moment(datetime.fromisoformat(facts["until"])))


def _days(facts: Mapping[str, Any]) -> dict[str, str]:
    """The days of a message as the reader writes them."""
    return {key: day(date.fromisoformat(facts[key])) for key in ("held", "claimed", "day") if key in facts}


def _due(facts: Mapping[str, Any]) -> str:
    today = ngettext("%(num)s follow-up is due today", "%(num)s follow-ups are due today", facts["today"])
    overdue = ngettext("%(num)s is overdue", "%(num)s are overdue", facts["overdue"])
    return _("%(today)s, %(overdue)s.", today=today, overdue=overdue)


def _team_due(facts: Mapping[str, Any]) -> str:
    words = _("%(team)s: %(due)s", team=facts["team"], due=_due(facts))
    late = "、".join(f"{name or _('nobody')} {number}" for name, number in facts["officers"])
    return words + (" " + _("Overdue by officer: %(officers)s.", officers=late) if late else "")


MESSAGES: dict[str, Any] = {
    "clash.appealed": lambda facts: _(
        "The other team appeals against the decision on the customer that your team registered on %(day)s. The referee looks at it again.",
        **_days(facts),
    ),
    "clash.claimed": lambda facts: _(
        "A customer that your team registered was already registered by another team, on %(day)s. The referee decides.",
        **_days(facts),
    ),
    "clash.claimed_too": lambda facts: _(
        "Another team claims your customer of lead %(lead)s too. The referee decides.", lead=facts["lead"]
    ),
    "clash.different": lambda facts: _(
        "The referee decided: what your team and another one registered are two different customers. Each team keeps its own."
    ),
    "clash.kept": lambda facts: _(
        "The referee decided: the customer that your team registered on %(held)s stays with your team.", **_days(facts)
    ),
    "clash.lost": lambda facts: (
        _(
            "The referee decided: the customer that your team registered on %(held)s goes to another team.",
            **_days(facts),
        )
        + _until(facts)
    ),
    "clash.refused": lambda facts: (
        _(
            "The referee decided: the customer already registered by another team, on %(held)s, stays with that team.",
            **_days(facts),
        )
        + _until(facts)
    ),
    "clash.to_decide": lambda facts: _("A team appeals against the decision of clash %(clash)s.", clash=facts["clash"]),
    "clash.won": lambda facts: _(
        "The referee decided: the customer that your team claimed on %(claimed)s goes to your team.", **_days(facts)
    ),
    "leads.due": _due,
    "leads.due_of_team": _team_due,
    "leads.waits": lambda facts: _(
        "A-class lead %(lead)s has waited for more than 24 hours for a contact. Officer: %(officer)s.",
        lead=facts["lead"],
        officer=facts["officer"] or _("nobody"),
    ),
}
"""What people are told in the house about leads: functions from facts to text."""


def lead_story(lines: Sequence[Line]) -> list[Any]:
    """A lead's timeline in sentences, for pages of rooms to the right."""
    from crm.leads.timeline_words import worded

    return [worded(line, zone_name()) for line in lines]


GLOBALS = {
    "lead_story": lead_story,
    "consent_how_label": lambda code: label(HOW, code),
    "approach_label": approach_label,
    "clash_state_label": clash_state_label,
    "exit_label": exit_label,
    "lead_consent_words": consent_words,
    "lead_detail_words": detail_words,
    "match_label": match_label,
    "need_label": need_label,
    "segment_label": segment_label,
    "stage_label": stage_label,
    "trade_label": trade_label,
}
