"""The rules behind every number that anyone sees: counts, rates, intervals, ranks, time in a stage.

Pure functions: nothing here knows a database, a clock or a web request. Screens, reports, bulletins and
workbooks ask the same functions, so that one number has one definition.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import sqrt
from statistics import NormalDist
from typing import Any, Literal, Protocol, TypeVar

from crm.leads.rules import STAGES

FUNNEL_STAGES: tuple[str, ...] = tuple(stage.value for stage in STAGES)
"""Stage codes in the order of the funnel; reaching one implies those before it."""

MINIMUM_BASE: Mapping[str, int] = {"consult": 10, "application": 5}
"""Smallest base, by the stage that forms it, at which a rate is trusted; under it a rate scores nothing."""

NO_VALUE = "—"
"""What a rate without a base shows: neither 0 % nor an error."""

Z95 = NormalDist().inv_cdf(0.975)
"""Half width, in standard deviations, of a two-sided 95 % interval (1.95996...)."""

RankMethod = Literal["min", "max", "dense", "ordinal", "average"]


class Comparable(Protocol):
    """Anything that sorts."""

    def __lt__(self, other: Any, /) -> bool: ...


T = TypeVar("T", bound=Comparable)


def round_half_up(value: Fraction, digits: int = 1) -> Decimal:
    """Round an exact value for display; a half goes away from zero, as ROUND does in a spreadsheet.

    Works on whole numbers throughout, so 0.15 shows as 0.2 and never as the 0.1 of a binary float.
    """
    scaled = abs(value) * 10**digits
    whole = int(scaled + Fraction(1, 2))
    negative = int(whole > 0 > value)
    return Decimal((negative, tuple(int(digit) for digit in str(whole)), -digits))


@dataclass(frozen=True, slots=True)
class Rate:
    """`k` of `n`: a rate that never leaves its base behind.

    In the period view `k` may exceed `n`, because an application of this week can belong to a consult of the
    last one. Such a rate is shown as it is, but it is no proportion and has no interval.
    """

    k: int
    n: int

    def __post_init__(self) -> None:
        if self.k < 0 or self.n < 0:
            raise ValueError(f"a rate counts things: {self.k} of {self.n}")

    @property
    def value(self) -> Fraction | None:
        """The exact rate, or None when there is no base."""
        return Fraction(self.k, self.n) if self.n else None

    def percent(self, digits: int = 1) -> str:
        """The rate as people read it, such as '12.5%'; '—' without a base. Halves round up."""
        value = self.value
        return NO_VALUE if value is None else f"{round_half_up(value * 100, digits)}%"

    def interval(self, z: float = Z95) -> tuple[float, float] | None:
        """Wilson's score interval (low, high), each within 0..1; None without a base or when k > n.

        Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
        JASA 22 (1927) 209-212. It stays inside 0..1 and is usable at the small bases of an outreach.
        """
        if self.n == 0 or self.k > self.n:
            return None
        share, square = self.k / self.n, z * z
        middle = (share + square / (2 * self.n)) / (1 + square / self.n)
        half = z / (1 + square / self.n) * sqrt(share * (1 - share) / self.n + square / (4 * self.n * self.n))
        low = 0.0 if self.k == 0 else max(0.0, middle - half)
        high = 1.0 if self.k == self.n else min(1.0, middle + half)
        return low, high

    def enough(self, minimum: int) -> bool:
        """Whether the base carries the rate; if not it reads 样本不足 and scores nothing."""
        return self.n >= max(1, minimum)


@dataclass(frozen=True, slots=True)
class FunnelCounts:
    """Leads per stage, and the three rates that the product knows. Adds up over teams, days and campaigns."""

    consult: int = 0
    application: int = 0
    accepted: int = 0
    approved: int = 0
    disbursed: int = 0

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> FunnelCounts:
        """From counts by stage code; stages not named are 0, other codes are left out."""
        return cls(**{stage: counts.get(stage, 0) for stage in FUNNEL_STAGES})

    @property
    def application_rate(self) -> Rate:
        """申请率: applications of consults."""
        return Rate(self.application, self.consult)

    @property
    def acceptance_rate(self) -> Rate:
        """进件率: accepted cases of applications."""
        return Rate(self.accepted, self.application)

    @property
    def overall_rate(self) -> Rate:
        """综合转化率: accepted cases of consults."""
        return Rate(self.accepted, self.consult)

    def __add__(self, other: FunnelCounts) -> FunnelCounts:
        return FunnelCounts(
            consult=self.consult + other.consult,
            application=self.application + other.application,
            accepted=self.accepted + other.accepted,
            approved=self.approved + other.approved,
            disbursed=self.disbursed + other.disbursed,
        )


# --- ranks -----------------------------------------------------------------------------------------------------


def ranks(values: Sequence[T], method: RankMethod = "min") -> list[Fraction]:
    """Ranks from 1, the smallest value first, one for each value in its place.

    Equal values take the lowest rank of their run (min), the highest (max), the mean (average), one rank without
    a gap after it (dense), or the order in which they stand (ordinal).
    """
    order = sorted(range(len(values)), key=lambda at: values[at])
    result = [Fraction(0)] * len(values)
    start = 0
    for number, run in enumerate(_runs(values, order), start=1):
        for offset, at in enumerate(run):
            result[at] = _rank_in_run(method, number, start, len(run), offset)
        start += len(run)
    return result


def competition_ranks(keys: Sequence[T], *, highest_first: bool = True) -> list[int]:
    """Ranks as on a board: equal keys share one and the next is left free (1, 1, 3).

    The greatest key is first unless `highest_first` is False.
    """
    if not highest_first:
        return [int(rank) for rank in ranks(keys, "min")]
    return [len(keys) + 1 - int(rank) for rank in ranks(keys, "max")]


def _runs(values: Sequence[T], order: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for at in order:
        if runs and not values[runs[-1][0]] < values[at]:
            runs[-1].append(at)
        else:
            runs.append([at])
    return runs


def _rank_in_run(method: RankMethod, number: int, start: int, length: int, offset: int) -> Fraction:
    if method == "min":
        return Fraction(start + 1)
    if method == "max":
        return Fraction(start + length)
    if method == "dense":
        return Fraction(number)
    if method == "ordinal":
        return Fraction(start + 1 + offset)
    return Fraction(2 * start + 1 + length, 2)


# --- the funnel of leads ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StageMark:
    """A lead was at a stage at a time. `lead` is any key; use (campaign, lead) to count over several campaigns."""

    lead: Hashable
    stage: str
    at: datetime


def reached(
    marks: Iterable[StageMark],
    *,
    stages: Sequence[str] = FUNNEL_STAGES,
    merged: Mapping[Any, Any] | None = None,
) -> dict[Hashable, dict[str, datetime]]:
    """When each lead first reached each stage: {lead: {stage: time}}.

    The policy of the ledger: a later stage implies the earlier ones, at its own time unless they came before it;
    each stage counts once; a merged lead ({gone: kept}) gives its marks to the one kept, the earliest of each stage
    stands. Marks of anything but a stage (a visit, an exit) count nowhere. Voided marks must be left out before.
    """
    place = {stage: number for number, stage in enumerate(stages)}
    result: dict[Hashable, dict[str, datetime]] = {}
    for mark in marks:
        if mark.stage not in place:
            continue
        times = result.setdefault(_kept(mark.lead, merged or {}), {})
        for stage in stages[: place[mark.stage] + 1]:
            times[stage] = min(times.get(stage, mark.at), mark.at)
    return result


def count_leads(
    marks: Iterable[StageMark],
    *,
    stages: Sequence[str] = FUNNEL_STAGES,
    merged: Mapping[Any, Any] | None = None,
    within: timedelta | None = None,
) -> dict[str, int]:
    """Leads per stage by the policy of `reached`; every stage is in the answer.

    With `within`, a stage counts only if it came no later than that after the lead's first stage (cohort view).
    """
    counts = dict.fromkeys(stages, 0)
    for times in reached(marks, stages=stages, merged=merged).values():
        for stage, at in times.items():
            if within is None or at - times[stages[0]] <= within:
                counts[stage] += 1
    return counts


def _kept(lead: Hashable, merged: Mapping[Any, Any]) -> Hashable:
    seen: set[Hashable] = {lead}
    while lead in merged:
        lead = merged[lead]
        if lead in seen:
            raise ValueError(f"leads merged in a circle: {lead!r}")
        seen.add(lead)
    return lead


def stage_durations(entries: Iterable[tuple[datetime, str | None]], as_of: datetime) -> dict[str | None, timedelta]:
    """Time spent in each stage until `as_of`, from (time, stage entered); None is a time without a stage.

    A stage lasts until the next entry, the last one until `as_of`; coming back to a stage adds to its time. Entries
    after `as_of` are not known yet and change nothing. Entries may come in any order.
    """
    known = sorted((entry for entry in entries if entry[0] <= as_of), key=lambda entry: entry[0])
    ends = [at for at, _ in known[1:]] + [as_of]
    result: dict[str | None, timedelta] = {}
    for (start, stage), end in zip(known, ends, strict=False):
        result[stage] = result.get(stage, timedelta(0)) + (end - start)
    return result
