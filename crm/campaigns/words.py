"""Sentences and words of the room of campaigns."""

from typing import Any

from flask_babel import lazy_gettext as _l

ERRORS: dict[str, Any] = {
    "budget.amount": _l("An amount is a number of yuan with at most two decimals, such as 1200.50."),
    "budget.item": _l("A line of the budget needs a name of at most 120 characters, and a note of at most 300."),
    "budget.no_line": _l("There is no such line of the budget any more."),
    "campaign.approved": _l(
        "The plan is approved: return it to draft to change its model, its dates or what makes a visit valid."
    ),
    "campaign.closed": _l("This campaign is over: its plan stays as it was."),
    "campaign.code_form": _l(
        "A code has 1 to 40 Latin letters, digits, dots or hyphens, and begins with a letter or digit."
    ),
    "campaign.code_taken": _l("The code %(taken)s belongs to another campaign."),
    "campaign.dates": _l("The last day lies before the first one."),
    "campaign.district_worked": _l("A team works in this district. Give the team another one first."),
    "campaign.district_session": _l("A session is held in this district. Give the session another one first."),
    "campaign.fixed": _l(
        "The campaign runs: its model, its first day and what makes a visit valid stay, because visits were judged by them."
    ),
    "campaign.forbidden": _l("Your role does not include this step."),
    "campaign.model": _l("Choose one of the eight models."),
    "campaign.name": _l("A campaign needs a name."),
    "campaign.name_long": _l("A name has at most %(most)s characters."),
    "campaign.not_found": _l("There is no such campaign, or it is not yours to see."),
    "campaign.outcomes": _l("Choose at least one outcome that makes a visit valid."),
    "campaign.own_approval": _l("Somebody else has to approve a plan that you wrote."),
    "campaign.session_outside": _l("The session %(name)s would lie outside the new dates. Move or cancel it first."),
    "campaign.step": _l("The campaign cannot take this step from where it stands now."),
    "campaign.team_stays": _l(
        "The campaign runs: a team may join, but none may leave, because its visits and leads stand."
    ),
    "campaign.walk_in": _l("Walk-in visits are always there and cannot be changed."),
    "campaign.years": _l("Dates lie between the years %(first)s and %(last)s."),
    "count.form": _l("A count is a whole number, such as 12."),
    "count.most": _l("That is more than possible here: at most %(most)s."),
    "session.name": _l("A session needs a name of at most %(most)s characters."),
    "session.not_found": _l("There is no such session."),
    "session.long": _l("A session ends on the day on which it begins, or in the night after it."),
    "session.outside": _l("The session has to begin within the campaign: %(first)s to %(last)s."),
    "session.times": _l("The session ends before it begins."),
    "target.metric": _l("There is no such figure to set a target on."),
    "target.value": _l("A target is a whole number of at most %(most)s."),
}

MODELS: dict[str, Any] = {
    "roadshow": _l("Roadshow"),
    "festival": _l("Festival"),
    "event": _l("Event"),
    "crossover": _l("Crossover"),
    "wechat": _l("WeChat"),
    "interest": _l("Interest group"),
    "salon": _l("Salon"),
    "lecture": _l("Lecture"),
}

HINTS: dict[str, Any] = {
    "roadshow": _l("A stall in the street or market; teams walk the shops around it"),
    "festival": _l("Tied to a feast or market day, with its customs and gifts"),
    "event": _l("Something happens: an opening, a match, a public service day"),
    "crossover": _l("Together with a partner whose customers are ours"),
    "wechat": _l("Groups, moments and mini programs bring the enquiries"),
    "interest": _l("People with one hobby: square dance, chess, fishing"),
    "salon": _l("A small evening for invited owners of one trade"),
    "lecture": _l("A talk on a subject that the audience needs"),
}

ICONS: dict[str, str] = {
    "roadshow": "flag-3",
    "festival": "calendar-event",
    "event": "bell",
    "crossover": "link",
    "wechat": "message",
    "interest": "star",
    "salon": "users",
    "lecture": "presentation",
}

STATUSES: dict[str, Any] = {
    "draft": _l("Draft"),
    "approved": _l("Approved plan"),
    "running": _l("Running"),
    "closed": _l("Closed"),
    "archived": _l("Archived"),
}

STEPS: dict[str, Any] = {
    "draft": _l("Back to draft"),
    "approved": _l("Approve the plan"),
    "running": _l("Start the campaign"),
    "closed": _l("Close the campaign"),
    "archived": _l("Archive"),
}

STEP_WORDS: dict[str, Any] = {
    "draft": _l("The plan goes back to its desk and needs a new approval."),
    "approved": _l("Teams may prepare and record from now on."),
    "running": _l("The model, the first day and what makes a visit valid are fixed from then on."),
    "closed": _l("No visits, tallies or leads are taken any more. This cannot be undone."),
    "archived": _l("Nothing of it can be changed any more; its figures stay. This cannot be undone."),
}

STEP_ICONS: dict[str, str] = {
    "draft": "arrow-back-up",
    "approved": "shield-check",
    "running": "player-play",
    "closed": "player-stop",
    "archived": "lock",
}

OUTCOMES: dict[str, Any] = {
    "nobody": _l("Nobody there"),
    "refused": _l("Refused to talk"),
    "consulted": _l("Consulted"),
    "interested": _l("Interested"),
    "applied": _l("Applied"),
    "customer": _l("Is a customer already"),
    "ineligible": _l("Not eligible"),
}

METRICS: dict[str, Any] = {
    "visits": _l("Valid visits"),
    "consults": _l("Consults"),
    "applications": _l("Applications"),
    "accepted": _l("Accepted cases"),
    "approved": _l("Approved loans"),
    "disbursed": _l("Disbursed loans"),
}


def model_label(code: str) -> Any:
    """The word for a campaign model."""
    return MODELS.get(code, code)


def status_label(code: str) -> Any:
    """The word for a campaign's status."""
    return STATUSES.get(code, code)


def outcome_label(code: str) -> Any:
    """The word for the outcome of a visit."""
    return OUTCOMES.get(code, code)


def metric_label(code: str) -> Any:
    """The word for a figure that targets and pledges are set on."""
    return METRICS.get(code, code)


ACTS: dict[str, Any] = {
    "campaigns.add_district": _l("District added to a campaign"),
    "campaigns.add_session": _l("Session added"),
    "campaigns.budget": _l("Budget changed"),
    "campaigns.cancel_session": _l("Session cancelled"),
    "campaigns.change": _l("Campaign changed"),
    "campaigns.change_session": _l("Session changed"),
    "campaigns.create": _l("Campaign created"),
    "campaigns.remove_district": _l("District taken out of a campaign"),
    "campaigns.status": _l("Campaign brought into another state"),
    "campaigns.targets": _l("Targets changed"),
    "campaigns.teams": _l("Teams of a campaign changed"),
}

SUBJECTS: dict[str, Any] = {"campaign": _l("Campaign")}

GLOBALS: dict[str, Any] = {
    "campaign_hint": lambda code: HINTS.get(code, ""),
    "campaign_icon": lambda code: ICONS.get(code, "flag"),
    "campaign_metric_label": metric_label,
    "campaign_model_label": model_label,
    "campaign_models": tuple(MODELS),
    "campaign_status_label": status_label,
    "campaign_step_icon": lambda code: STEP_ICONS.get(code, "check"),
    "campaign_step_label": lambda code: STEPS.get(code, code),
    "campaign_step_words": lambda code: STEP_WORDS.get(code, ""),
    "outcome_label": outcome_label,
}
