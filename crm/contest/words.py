"""Sentences and labels of the PK, for codes."""

from typing import Any

from flask_babel import lazy_gettext as _l

from crm.contest.engine import shown_points
from crm.leads.rules import Outcome, Sign

OUTCOMES = {
    Outcome.HOLDER: _l("The customer stays with the team that registered first"),
    Outcome.CLAIMANT: _l("The customer goes to the team that claims it too"),
    Outcome.DIFFERENT: _l("These are two different customers: each team keeps its own"),
}
SIGNS = {
    Sign.FIRST: _l("The first valid record that the server received holds the customer: it should stay."),
    Sign.CLAIM_EARLIER: _l(
        "The server received the claim later, but it says that it happened earlier. It does not win by that alone: look at the evidence."
    ),
    Sign.NOT_VALID: _l(
        "The record that came first is not valid: no consent holds for it, or none of its stages stands. Look at the evidence."
    ),
}

ERRORS: dict[str, Any] = {
    "contest.begun": _l("The contest has begun: its rules change by a further version only."),
    "contest.campaign_unknown": _l("One of the campaigns does not exist any more."),
    "contest.code_form": _l(
        "A code has up to 40 letters, digits, dots, dashes and underscores, and starts with a letter or digit."
    ),
    "contest.code_taken": _l("There is a contest with the code %(taken)s already."),
    "contest.confirmed": _l("This was confirmed already."),
    "contest.dates": _l("The last day lies before the first."),
    "contest.day": _l("The contest runs from %(first)s to %(last)s; choose a day of it."),
    "contest.dropped": _l("This penalty was dropped already."),
    "contest.kind": _l("There is no bonus or penalty of that kind."),
    "contest.member_not_in_team": _l("This person did not belong to that team on that day."),
    "contest.name": _l("Give the contest a name."),
    "contest.no_adjustment": _l("There is no such bonus or penalty."),
    "contest.no_campaigns": _l("Choose at least one campaign whose figures count."),
    "contest.no_need": _l("A bonus counts at once and needs no second person."),
    "contest.no_score": _l("This team or person does not take part in the contest."),
    "contest.no_teams": _l("Choose at least one team."),
    "contest.no_version": _l("There is no such version of the rules."),
    "contest.not_found": _l("There is no such contest."),
    "contest.not_running": _l("This is possible only while the contest is running."),
    "contest.points": _l("Points are a number other than 0, up to %(most)s, with at most two decimals."),
    "contest.points_missing": _l("This kind has no customary points: say how many."),
    "contest.points_sign": _l("A bonus has positive points, a penalty negative ones."),
    "contest.reason": _l("Give a reason: it stands beside the points."),
    "contest.rules_choice": _l("The rules do not know this choice."),
    "contest.rules_kind": _l("The rules name something that cannot be scored."),
    "contest.rules_number": _l("The rules need whole numbers from 0 up."),
    "contest.rules_past": _l("New rules begin now or later: what has been scored stays scored."),
    "contest.rules_pending": _l("A version of the rules waits for its confirmation. Settle that one first."),
    "contest.rules_same": _l("These rules equal the newest version."),
    "contest.rules_ties": _l("Each tie-break can be used once."),
    "contest.rules_unknown": _l("The rules have parts that this product does not know."),
    "contest.rules_unreadable": _l("The rules cannot be read."),
    "contest.same_person": _l("Somebody other than the author has to confirm this."),
    "contest.team_not_competing": _l("This team does not take part in the contest."),
    "contest.team_unknown": _l("One of the teams does not exist any more."),
    "contest.too_long": _l("A contest lasts less than %(days)s days."),
    "contest.years": _l("The days lie between the years %(first)s and %(last)s."),
}

KINDS = {
    "visit": _l("Valid visit"),
    "consult": _l("Consult"),
    "intent": _l("A/B intent with consent"),
    "application": _l("Application"),
    "accepted": _l("Accepted case"),
    "bonus": _l("Bonus"),
    "penalty": _l("Penalty"),
}

ADJUSTMENTS = {
    "first_case": _l("First case of the day"),
    "pledge_kept": _l("Pledge kept"),
    "case_shared": _l("Case shared"),
    "on_time": _l("All on time"),
    "late_report": _l("Late report"),
    "returned_file": _l("Returned file"),
    "complaint": _l("Complaint"),
    "unauthorised_promise": _l("Unauthorised promise of rate or amount"),
    "false_entry": _l("Proven false entry"),
    "other": _l("Other reason"),
}

REASONS = {
    "points": _l("Scores in full"),
    "bonus": _l("Bonus"),
    "penalty": _l("Penalty"),
    "cap": _l("Over the cap of the day"),
    "cap_part": _l("Partly over the cap of the day"),
    "source": _l("These rules do not count it"),
    "repeat": _l("The same record again"),
    "no_points": _l("No points under these rules"),
}

STATUSES = {"draft": _l("In preparation"), "running": _l("Under way"), "closed": _l("Closed")}

TIES = {
    "accepted": _l("More accepted cases"),
    "acceptance_rate": _l("Better acceptance rate"),
    "application_rate": _l("Better application rate"),
    "visits": _l("More valid visits"),
    "first_to_reach": _l("Reached the points first"),
}

BASES = {"per_person_day": _l("Points per attended person-day"), "raw": _l("Points as they are")}

PARTS = {
    "mode": _l("Mode"),
    "points": _l("Points"),
    "caps": _l("Most of it per person and day"),
    "basis": _l("Basis of the score"),
    "counting": _l("What is counted"),
    "minimum_bases": _l("Smallest base of a rate"),
    "tie_order": _l("Order of the tie-breaks"),
    "companion_share": _l("Companion's share of a visit"),
    "tariff": _l("Customary points"),
}


def value_label(value: Any) -> Any:
    """A value of the rules in words: a basis by its label, tie-breaks in their order, a missing one as a dash."""
    if value is None:
        return "—"
    if isinstance(value, list):
        return " → ".join(str(TIES.get(one, one)) for one in value)
    return BASES.get(value, value) if isinstance(value, str) else value


ACTS: dict[str, Any] = {
    "contest.adjust": _l("Bonus or penalty entered"),
    "contest.change": _l("Contest changed"),
    "contest.close": _l("Contest closed"),
    "contest.confirm_adjustment": _l("Bonus or penalty confirmed"),
    "contest.confirm_rules": _l("Rule version confirmed"),
    "contest.create": _l("Contest created"),
    "contest.drop_adjustment": _l("Penalty dropped"),
    "contest.propose_rules": _l("Rule version proposed"),
    "contest.start": _l("Contest started"),
}

SUBJECTS: dict[str, Any] = {"contest": _l("Contest")}

GLOBALS: dict[str, Any] = {
    "clash_outcome_label": lambda code: OUTCOMES.get(code, code),
    "clash_sign_words": lambda code: SIGNS.get(code, code),
    "shown_points": shown_points,
    "contest_kind_label": lambda code: KINDS.get(code, code),
    "contest_adjustment_label": lambda code: ADJUSTMENTS.get(code, code),
    "contest_reason_label": lambda code: REASONS.get(code, code),
    "contest_status_label": lambda code: STATUSES.get(code, code),
    "contest_tie_label": lambda code: TIES.get(code, code),
    "contest_basis_label": lambda code: BASES.get(code, code),
    "contest_part_label": lambda code: PARTS.get(code, code),
    "contest_key_label": lambda code: KINDS.get(code, ADJUSTMENTS.get(code, code)),
    "contest_value_label": value_label,
}
