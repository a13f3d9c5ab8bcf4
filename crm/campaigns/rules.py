"""Campaigns by their eight models, their statuses, what a target may be set on, and which visits count. Pure: no database."""

import re
import unicodedata
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from crm.kernel.clock import FIRST_YEAR
from crm.kernel.errors import Invalid


class CampaignModel(StrEnum):
    """The eight models of an outreach (活动模型)."""

    ROADSHOW = "roadshow"
    FESTIVAL = "festival"
    EVENT = "event"
    CROSSOVER = "crossover"
    WECHAT = "wechat"
    INTEREST = "interest"
    SALON = "salon"
    LECTURE = "lecture"


class Status(StrEnum):
    """The life of a campaign, in order."""

    DRAFT = "draft"
    APPROVED = "approved"
    RUNNING = "running"
    CLOSED = "closed"
    ARCHIVED = "archived"


NEXT: dict[Status, tuple[Status, ...]] = {
    Status.DRAFT: (Status.APPROVED,),
    Status.APPROVED: (Status.RUNNING, Status.DRAFT),
    Status.RUNNING: (Status.CLOSED,),
    Status.CLOSED: (Status.ARCHIVED,),
    Status.ARCHIVED: (),
}
"""Where a campaign may go from each status; an approved plan may go back to its desk."""

OPEN = frozenset({Status.APPROVED, Status.RUNNING})
TAKES_LATE = OPEN | {Status.CLOSED}
"""Also what waited on a phone while the campaign came to its end."""
"""Statuses in which visits, tallies and leads are taken."""

PLANNED = frozenset({Status.DRAFT, Status.APPROVED, Status.RUNNING})
"""Statuses in which the plan may still be changed."""


class Outcome(StrEnum):
    """How a visit ended. Stands here and not with the visits, because a campaign's rule names the outcomes that are valid."""

    NOBODY = "nobody"
    REFUSED = "refused"
    CONSULTED = "consulted"
    INTERESTED = "interested"
    APPLIED = "applied"
    CUSTOMER = "customer"
    INELIGIBLE = "ineligible"


VALID_OUTCOMES: tuple[Outcome, ...] = tuple(
    outcome for outcome in Outcome if outcome not in (Outcome.NOBODY, Outcome.REFUSED)
)
"""What makes a visit valid (有效走访) unless a campaign's written rule says otherwise."""


class Metric(StrEnum):
    """What targets and pledges are set on. `visits` are the valid ones."""

    VISITS = "visits"
    CONSULTS = "consults"
    APPLICATIONS = "applications"
    ACCEPTED = "accepted"
    APPROVED = "approved"
    DISBURSED = "disbursed"


METRICS: tuple[Metric, ...] = tuple(Metric)

MOST_TARGET = 1_000_000
MOST_FEN = 100_000_000_000
"""One budget line holds at most a thousand million yuan."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_DIGITS = re.compile(r"\d{1,9}")
_AMOUNT = re.compile(r"\d{1,10}(\.\d{1,2})?")


def first_day(starts_on: date, *, walk_in: bool) -> date:
    """The first business day on which something of a campaign can have happened; who walks in waits for no campaign's start."""
    return date(FIRST_YEAR, 1, 1) if walk_in else starts_on


def may_become(current: str, to: Status) -> bool:
    """Whether the step is one of the campaign's life."""
    return to in NEXT[Status(current)]


def check_code(code: str) -> str:
    """A campaign's code in file names and commands: Latin letters, digits, dot, hyphen; at most 40. Raises Invalid."""
    if not _CODE.fullmatch(code):
        raise Invalid("campaign.code_form")
    return code


def fen_of(text: str) -> int | None:
    """Fen from an amount in yuan as typed ("１，200.5" is 120050); None for nothing. Raises Invalid("budget.amount")."""
    plain = unicodedata.normalize("NFKC", text).replace(",", "").strip()
    if not plain:
        return None
    if not _AMOUNT.fullmatch(plain):
        raise Invalid("budget.amount")
    try:
        fen = int(Decimal(plain) * 100)
    except InvalidOperation:
        raise Invalid("budget.amount") from None
    if fen > MOST_FEN:
        raise Invalid("budget.amount")
    return fen


def count_of(value: object, *, most: int) -> int:
    """A whole number from 0 to `most`, given as an int or typed (full-width digits are digits).

    Raises Invalid("count.form") for signs, fractions, exponents, booleans and words, Invalid("count.most") above the limit.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Invalid("count.form")
    text = unicodedata.normalize("NFKC", str(value)).strip()
    if not (_DIGITS.fullmatch(text) and text.isascii()):
        raise Invalid("count.form")
    number = int(text)
    if number > most:
        raise Invalid("count.most", most=most)
    return number
