"""What is fixed about codes, posters and the public page. Pure: no database, clock or Flask."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from crm.campaigns.rules import OPEN

TOKEN_BYTES = 16
TOKEN_LENGTH = 22
"""Characters that 128 bits take in the alphabet of addresses."""
LEAST_SECONDS = 3
"""Nobody reads the notice and fills four fields in less; a program does."""
FORM_LIFE = timedelta(hours=12)
BODY_LIMIT = 16 * 1024
QUARANTINE = timedelta(days=7)
ADDRESS_KEPT = timedelta(days=2)
STAFF_WINDOW = timedelta(hours=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIMITS: Mapping[str, tuple[tuple[timedelta, int], ...]] = {
    "code": ((HOUR, 60), (DAY, 300)),
    "address": ((HOUR, 30), (DAY, 100)),
    "all": ((HOUR, 600), (DAY, 3000)),
}
"""Most enquiries of one code, of one network address (a stall's visitors may share one) and of all together."""


class TextState(StrEnum):
    """The life of a poster's text."""

    DRAFT = "draft"
    APPROVED = "approved"
    RETIRED = "retired"


class State(StrEnum):
    """Where an enquiry stands."""

    TAKEN = "taken"
    QUARANTINED = "quarantined"
    DROPPED = "dropped"
    WITHDRAWN = "withdrawn"


class Outcome(StrEnum):
    """What an enquiry met: nobody of that phone, a customer already there, or another team's customer."""

    NEW = "new"
    AGAIN = "again"
    CLASH = "clash"


class Suspicion(StrEnum):
    """Why an enquiry waits for a person's look."""

    HONEYPOT = "honeypot"
    TOO_FAST = "too_fast"


class Closed(StrEnum):
    """Why a code takes nothing."""

    REVOKED = "revoked"
    NOT_YET = "not_yet"
    OVER = "over"
    CALLED_OFF = "called_off"


@dataclass(frozen=True)
class Standing:
    """What decides whether a code takes enquiries."""

    revoked: bool
    status: str
    starts_on: date
    ends_on: date
    walk_in: bool
    called_off: bool


def new_token() -> str:
    """128 random bits for an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def closed(code: Standing, today: date) -> Closed | None:
    """Why the code takes nothing on that business day; None when it does."""
    if code.revoked:
        return Closed.REVOKED
    if code.status not in OPEN or (today > code.ends_on and not code.walk_in):
        return Closed.OVER
    if code.called_off:
        return Closed.CALLED_OFF
    if today < code.starts_on and not code.walk_in:
        return Closed.NOT_YET
    return None


def suspicion(honeypot: str, opened_at: datetime, at: datetime) -> Suspicion | None:
    """Whether a form was filled in by a program: the field that nobody sees is filled, or it went too fast."""
    if honeypot.strip():
        return Suspicion.HONEYPOT
    return Suspicion.TOO_FAST if at - opened_at < timedelta(seconds=LEAST_SECONDS) else None


def receipt(token: str) -> str:
    """The number that a person may quote: it says nothing of how many came before."""
    return "".join(ch for ch in token.upper() if ch.isalnum())[:8]
