"""Stages, intents and exits: the fixed lists, and what follows from a stage. No database, clock or Flask here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum


class Stage(StrEnum):
    """In the order in which a lead passes them; the last two are fed back by the bank."""

    CONSULT = "consult"
    APPLICATION = "application"
    ACCEPTED = "accepted"
    APPROVED = "approved"
    DISBURSED = "disbursed"


STAGES: tuple[Stage, ...] = tuple(Stage)
FIELD_STAGES: tuple[Stage, ...] = STAGES[:3]
_ORDER = {stage: place for place, stage in enumerate(STAGES)}


class Intent(StrEnum):
    """A: need within a month and meets basic access. B: within three months or one gap. C: only interest."""

    A = "A"
    B = "B"
    C = "C"


class Exit(StrEnum):
    """Why a lead left the funnel."""

    REFUSED = "refused"
    INELIGIBLE = "ineligible"
    GAVE_UP = "gave_up"
    RETURNED = "returned"
    REJECTED = "rejected"


class Outcome(StrEnum):
    """Who has the customer of a clash by the referee's decision; DIFFERENT: there are two customers, each team keeps its own."""

    HOLDER = "holder"
    CLAIMANT = "claimant"
    DIFFERENT = "different"


class Sign(StrEnum):
    """What the clocks of a clash say (domain.md §4). The referee decides; nothing takes a customer over by itself."""

    FIRST = "first"
    CLAIM_EARLIER = "claim_earlier"
    NOT_VALID = "not_valid"


def sign_of(*, held_valid: bool, held_at: datetime, claimed_at: datetime) -> Sign:
    """The first valid record that the server received holds, so FIRST; a claim that was received later and happened earlier
    is marked as such; NOT_VALID when the holder's record has no consent or none of its stages stands."""
    if not held_valid:
        return Sign.NOT_VALID
    return Sign.CLAIM_EARLIER if claimed_at < held_at else Sign.FIRST


CLOCK_ERROR = timedelta(minutes=5)
"""A phone's clock that is further out than this is pointed out wherever its records are compared."""


def is_skewed(occurred_at: datetime, occurred_raw: datetime | None) -> bool:
    """Whether what a phone claimed was corrected by more than CLOCK_ERROR."""
    return occurred_raw is not None and abs(occurred_raw - occurred_at) > CLOCK_ERROR


class Segment(StrEnum):
    """Client groups (客群)."""

    MICRO = "micro"
    FARM = "farm"
    CONSUMER = "consumer"


class Trade(StrEnum):
    """Trades (行业); finer by GB/T 4754, whose codes are kept as they are."""

    WHOLESALE_RETAIL = "wholesale_retail"
    MANUFACTURING = "manufacturing"
    CATERING = "catering"
    OTHER_SERVICES = "other_services"
    FARM_PRODUCTION = "farm_production"


class Approach(StrEnum):
    """Ways of marketing (营销方法)."""

    COLD_VISIT = "cold_visit"
    REFERRAL = "referral"
    CHANNEL = "channel"
    STRATEGIC = "strategic"


class Need(StrEnum):
    """When the money is needed."""

    NOW = "now"
    THREE_MONTHS = "three_months"
    NONE = "none"


class ConsentHow(StrEnum):
    """How a consent was given."""

    QR = "qr"
    SCREEN = "screen"
    SPOKEN_SMS = "spoken_sms"
    PAPER = "paper"
    IMPORTED = "imported"


FINANCIAL_FACTS = ("turnover", "lender")
"""Further facts of a card that only the consent for financial facts covers."""
CHANNELS = ("phone", "sms", "wechat")
REVEAL_REASONS = ("follow_up", "appointment", "check", "complaint")
REVEALS_A_DAY = 50
FOLLOW_UP_DAYS = {Intent.A: 1, Intent.B: 3, Intent.C: 7}


def up_to(stage: Stage) -> tuple[Stage, ...]:
    """The stage and all before it: reaching a stage implies the earlier ones (domain.md §3)."""
    return STAGES[: _ORDER[stage] + 1]


def after(stage: Stage) -> tuple[Stage, ...]:
    """The stages that come later."""
    return STAGES[_ORDER[stage] + 1 :]


def answered_by_the_branch(shown: str, stage: Stage) -> bool:
    """Whether a stage is what the branch answers to the application of a lead that shows `shown` ("" for no stage).

    It takes no talk with the customer: it is noted also of somebody who must not be contacted any more.
    """
    return stage in after(Stage.APPLICATION) and shown in (Stage.APPLICATION, *after(Stage.APPLICATION))


def furthest(stages: Iterable[str]) -> Stage | None:
    """The latest of the stages, None for none."""
    known = [Stage(stage) for stage in stages]
    return max(known, key=_ORDER.__getitem__, default=None)


@dataclass(frozen=True)
class LiveEntry:
    """An entry that is not voided, as the choice of the counting one needs it."""

    id: int
    stage: str
    campaign_id: int
    day: date
    district_id: int | None
    team_id: int | None
    credited_id: int | None
    occurred_at: datetime
    received_at: datetime


LIVE_FIELDS = tuple(LiveEntry.__dataclass_fields__)
"""Names of the fields, which are the ledger's own."""


def counting(entries: Sequence[LiveEntry]) -> dict[str, LiveEntry]:
    """The one entry of each stage that counts: the earliest occurred, then first received (a lead counts once per stage)."""
    chosen: dict[str, LiveEntry] = {}
    for entry in sorted(entries, key=lambda entry: (entry.occurred_at, entry.received_at, entry.id)):
        chosen.setdefault(entry.stage, entry)
    return chosen
