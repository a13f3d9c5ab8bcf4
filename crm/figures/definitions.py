"""Every number of the house: a code, a title and the sentence that defines it. Pages, reports and workbooks print these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

DEFINITIONS_VERSION = 1
"""Moves when the meaning of a number changes; stored reports keep the version that they were made with."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. `title` and `sentence` are lazy texts in the reader's language; `source` names the tables it is counted from."""

    code: str
    title: Any
    sentence: Any
    source: str


FIGURES: tuple[Figure, ...] = (
    Figure(
        "visits_valid",
        _l("Valid visits"),
        _l("Visits that met the campaign's written rule when the server received them; undone visits are left out."),
        "visit",
    ),
    Figure(
        "visits_touched",
        _l("Touched visits"),
        _l(
            "Visits that do not meet the campaign's written rule, such as nobody at home; shown beside the valid "
            "ones, never added to them."
        ),
        "visit",
    ),
    Figure(
        "consult",
        _l("Consults"),
        _l(
            "Leads with a talk about a named product in which they asked about, or answered on, need, amount or term. "
            "Once per lead and campaign."
        ),
        "stage_entry, funnel_day, member_day",
    ),
    Figure(
        "application",
        _l("Applications"),
        _l("Leads whose application is signed or electronically confirmed. It implies the consult."),
        "stage_entry, funnel_day, member_day",
    ),
    Figure(
        "accepted",
        _l("Accepted cases"),
        _l("Leads whose documents are complete and taken in by the branch with a case number. It implies the application."),
        "stage_entry, funnel_day, member_day",
    ),
    Figure(
        "approved",
        _l("Approved cases"),
        _l("Accepted cases that the bank approved; fed back by the bank."),
        "stage_entry, funnel_day, member_day",
    ),
    Figure(
        "disbursed",
        _l("Disbursed loans"),
        _l("Approved cases that were paid out; fed back by the bank."),
        "stage_entry, funnel_day, member_day",
    ),
    Figure(
        "application_rate",
        _l("Application rate"),
        _l(
            "Applications divided by consults. Under 10 consults it reads: sample too small. Without a consult it is "
            "a dash."
        ),
        "application / consult",
    ),
    Figure(
        "acceptance_rate",
        _l("Acceptance rate"),
        _l(
            "Accepted cases divided by applications. Under 5 applications it reads: sample too small. Without an "
            "application it is a dash."
        ),
        "accepted / application",
    ),
    Figure(
        "overall_rate",
        _l("Overall conversion"),
        _l(
            "Accepted cases divided by consults. Under 10 consults it reads: sample too small. Without a consult it "
            "is a dash."
        ),
        "accepted / consult",
    ),
    Figure(
        "person_days",
        _l("Person-days"),
        _l(
            "Members present or late, added up over days. On a day without a roll call the team's members of that day count if the "
            "team recorded a visit, a consult, an application or an accepted case."
        ),
        "attendance, membership",
    ),
    Figure(
        "per_head",
        _l("Per head"),
        _l("A count divided by the person-days of the same team and days."),
        "count / person_days",
    ),
    Figure(
        "completion",
        _l("Completion"),
        _l("What was reached from the first to the last day of the campaign, divided by its target."),
        "target",
    ),
)  # fmt: skip

NOTES: tuple[Figure, ...] = (
    Figure(
        "view_period",
        _l("Period view"),
        _l(
            "Counts what happened on the days of the window. An application can belong to a consult of an earlier "
            "window, so a rate may pass 100 per cent."
        ),
        "funnel_day, member_day",
    ),
    Figure(
        "view_cohort",
        _l("Cohort view"),
        _l(
            "Follows the leads that first consulted in the window: how many of them reached each stage, ever or "
            "within N days."
        ),
        "lead_stage",
    ),
    Figure(
        "interval",
        _l("Interval"),
        _l("The 95 per cent interval after Wilson (1927) behind each rate; none when the upper count passes its base."),
        "rate",
    ),
    Figure(
        "business_day",
        _l("Business day"),
        _l("The calendar day in the bank's time zone on which something happened, whenever it was recorded."),
        "stage_entry.day",
    ),
    Figure(
        "once",
        _l("Counted once"),
        _l(
            "A lead counts once per stage and campaign, for the team, district and officer of that moment. Undone "
            "entries leave; merged leads keep the earliest of each stage."
        ),
        "stage_entry",
    ),
    Figure(
        "historical",
        _l("Historical records"),
        _l(
            "Rows of a sheet without a phone, a consent or a case number. They count in the figures, and score "
            "nothing in a PK."
        ),
        "lead.historical",
    ),
    Figure(
        "card",
        _l("Trade and approach"),
        _l("Are read from the lead's card as it stands now."),
        "lead",
    ),
)  # fmt: skip

_BY_CODE = {figure.code: figure for figure in (*FIGURES, *NOTES)}


def figure(code: str) -> Figure:
    """The definition of that code. Raises KeyError for a number that nobody defined."""
    return _BY_CODE[code]
