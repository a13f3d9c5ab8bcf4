"""Counts, rates and intervals: domain.md §3 in whole numbers, fractions and decimals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any

from tests.reckoning.raw import STAGES, Mark, Raw

DASH = "—"
SMALL = "样本不足"
RATES = (
    ("application_rate", "application", "consult"),
    ("acceptance_rate", "accepted", "application"),
    ("overall_rate", "accepted", "consult"),
)
"""Each rate with its upper count and its base."""
MINIMUM = {"consult": 10, "application": 5}
Z = Decimal("1.9599639845400542355245944305205515279555")
"""Two-sided 95 % of the normal distribution, from a table."""


@dataclass
class Figures:
    """What is counted of one group."""

    consult: int = 0
    application: int = 0
    accepted: int = 0
    approved: int = 0
    disbursed: int = 0
    valid: int = 0
    touched: int = 0

    @property
    def stages(self) -> tuple[int, ...]:
        """The five counts in order."""
        return tuple(getattr(self, stage) for stage in STAGES)

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(one + two for one, two in zip(vars(self).values(), vars(other).values(), strict=True)))


def total(parts: Iterable[Figures]) -> Figures:
    """Their sum."""
    return sum(parts, Figures())


def rounded(value: Fraction, digits: int = 1) -> str:
    """To so many decimals, halves away from zero."""
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        return str(exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def percent(part: int, base: int) -> str:
    """A rate as people read it."""
    return f"{rounded(Fraction(100 * part, base))}%" if base else DASH


def shown(part: int, base: int, minimum: int) -> str:
    """The same under the rule of the smallest base."""
    return SMALL if 0 < base < minimum else percent(part, base)


def wilson(part: int, base: int) -> tuple[str, str] | None:
    """The 95 % score interval in per cent, solved from its quadratic: (n + z²) p² - (2k + z²) p + k²/n = 0."""
    if not base or part > base:
        return None
    with localcontext() as context:
        context.prec = 50
        a, b, c = base + Z * Z, 2 * part + Z * Z, Decimal(part * part) / base
        root = (b * b - 4 * a * c).sqrt()
        ends = [(b - root) / (2 * a), (b + root) / (2 * a)]
        return tuple(f"{min(max(100 * end, Decimal(0)), Decimal(100)):.1f}%" for end in ends)  # type: ignore[return-value]


# --- the funnel ------------------------------------------------------------------------------------------------------

Key = Callable[[Any], str]


def keys(raw: Raw, group: str, parent: int | None = None) -> Key:
    """The row of a funnel by `group` that a mark or a visit belongs to."""
    if group == "district":
        return lambda one: _below(raw, parent, _of(one, "district"))
    if group == "model":
        models = {row.id: row.model for row in raw["campaign"]}
        return lambda one: models[_of(one, "campaign")]
    if group == "day":
        return lambda one: one.day.isoformat()
    if group in ("trade", "approach"):
        return lambda one: getattr(one, group) or "-"
    name = "district" if group == "place" else group
    return lambda one: str(_of(one, name) or "-")


def _of(one: Any, name: str) -> int:
    return getattr(one, name) if isinstance(one, Mark) else getattr(one, f"{name}_id") or 0


def _below(raw: Raw, parent: int | None, district: int) -> str:
    if not district:
        return "-"
    steps = raw.ancestors(district)
    place = steps.index(parent) + 1 if parent in steps else 0
    return str(steps[place]) if place < len(steps) else f"only:{district}"


@dataclass(frozen=True)
class Asked:
    """Which marks and visits count: days, campaigns, and a further condition on either."""

    first: date = date.min
    last: date = date.max
    campaigns: frozenset[int] | None = None
    chosen: Callable[[Any], bool] = lambda one: True
    as_of: datetime | None = None

    def holds(self, one: Any) -> bool:
        """Whether a mark or a visit counts."""
        within = self.first <= one.day <= self.last
        return within and (self.campaigns is None or _of(one, "campaign") in self.campaigns) and self.chosen(one)


def period(raw: Raw, asked: Asked, key: Key) -> dict[str, Figures]:
    """What happened on the days, with the visits beside it."""
    found: dict[str, Figures] = {}
    for mark in raw.marks(asked.as_of):
        if asked.holds(mark):
            here = found.setdefault(key(mark), Figures())
            setattr(here, mark.stage, getattr(here, mark.stage) + 1)
    for visit in raw.visits(asked.as_of):
        if asked.holds(visit):
            here = found.setdefault(key(visit), Figures())
            here.valid += bool(visit.valid)
            here.touched += not visit.valid
    return found


def cohort(raw: Raw, asked: Asked, key: Key, within: int | None = None) -> dict[str, Figures]:
    """Of the leads that first consulted on the days: how far they came, ever or within so many days."""
    marks = raw.marks(asked.as_of)
    first = {mark.lead: mark for mark in marks if mark.stage == "consult" and asked.holds(mark)}
    found: dict[str, Figures] = {}
    for mark in marks:
        start = first.get(mark.lead)
        if start is not None and (within is None or (mark.day - start.day).days <= within):
            here = found.setdefault(key(start), Figures())
            setattr(here, mark.stage, getattr(here, mark.stage) + 1)
    return found


def summed(raw: Raw, asked: Asked) -> Figures:
    """The total of the period."""
    return total(period(raw, asked, lambda one: "").values())
