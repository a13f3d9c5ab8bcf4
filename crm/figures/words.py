"""Sentences and words of the figures."""

from typing import Any

from flask_babel import lazy_gettext as _l

ERRORS: dict[str, Any] = {
    "figures.bad_choice": _l(
        "“%(text)s” is not one of the choices for %(field)s. Nothing was counted; choose again on the page."
    ),
    "figures.bad_day": _l("“%(text)s” is not a day. Write it as 2026-11-23."),
    "figures.bad_id": _l("“%(text)s” is not a number of a %(field)s. Nothing was counted; choose again on the page."),
    "figures.bad_moment": _l("“%(text)s” is not a moment. Write it as 2026-11-23T17:30."),
    "figures.bad_within": _l("“%(text)s” is not a number of days from 0 to 3660."),
    "figures.bad_word": _l("The filter for %(field)s is longer than %(most)s characters."),
    "figures.days_reversed": _l("The first day, %(first)s, comes after the last day, %(last)s."),
    "figures.no_records": _l("You may see these counts, but not the records behind them."),
    "figures.not_found": _l("There is no such campaign, team, district or person, or it is not for you to see."),
    "figures.too_many": _l("At most %(most)s campaigns can be chosen at once."),
}

STAGES: dict[str, Any] = {
    "consult": _l("Consult"),
    "application": _l("Application"),
    "accepted": _l("Accepted"),
    "approved": _l("Approved"),
    "disbursed": _l("Disbursed"),
}
GROUPS: dict[str, Any] = {
    "team": _l("Team"),
    "campaign": _l("Campaign"),
    "district": _l("District (tree)"),
    "place": _l("District (each)"),
    "model": _l("Model"),
    "trade": _l("Trade"),
    "approach": _l("Approach"),
    "member": _l("Officer"),
    "day": _l("Day"),
}
VIEWS: dict[str, Any] = {"period": _l("Period view"), "cohort": _l("Cohort view")}
WINDOWS: dict[str, Any] = {
    "today": _l("Today"),
    "yesterday": _l("Yesterday"),
    "week": _l("This week"),
    "campaign": _l("Campaign's days"),
    "all": _l("All days"),
}

GLOBALS: dict[str, Any] = {
    "figure_stage_label": lambda code: STAGES.get(code, code),
    "figure_group_label": lambda code: GROUPS.get(code, code),
}
