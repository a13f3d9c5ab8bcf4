"""The words of the PK: a rule version, facts that may score, lines of points, standings.

Data only; `engine` turns facts into lines and lines into standings. All of it is pure: no database, clock or web.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal

from crm.figures.rules import FunnelCounts, Rate
from crm.kernel.errors import Invalid

Mode = Literal["points", "weighted"]
Basis = Literal["per_person_day", "raw"]
Counting = Literal["recorded", "declared", "both"]
Source = Literal["recorded", "declared"]
Why = Literal["points", "cap", "cap_part", "source", "repeat", "no_points", "bonus", "penalty"]

KINDS: tuple[str, ...] = ("visit", "consult", "intent", "application", "accepted")
"""What scores, in the order in which boards list it."""

TIES: tuple[str, ...] = ("accepted", "acceptance_rate", "application_rate", "visits", "first_to_reach")
"""What separates equal scores, in the default order."""

MODES: tuple[Mode, ...] = ("points",)
"""Modes that a rule version may name today. 'weighted' has its place in the type and in `engine.score_of`."""

PersonDays = Mapping[tuple[int, date], int]
"""Attended person-days by (team, day), or by (member, day) for a board of persons."""

_POINTS = {"visit": 1, "consult": 2, "intent": 3, "application": 8, "accepted": 15}
_TARIFF = {
    "first_case": 5,
    "pledge_kept": 5,
    "case_shared": 3,
    "on_time": 2,
    "late_report": -2,
    "returned_file": -3,
    "complaint": -10,
    "unauthorised_promise": -10,
}


@dataclass(frozen=True)
class RuleSet:
    """One version of the rules, every number a parameter; the defaults are those of a short sprint.

    points: per kind, 0 or more. caps: per kind, the most that one person can score on one day, in things, not points.
    basis: a score is points per attended person-day, or the raw points. counting: which facts score.
    minimum_bases: by base stage; a rate on a smaller base counts as nothing in a tie. companion_share: what a
    companion's visit is worth. tariff: the customary points of bonuses and penalties, by reason.
    """

    mode: Mode = "points"
    points: Mapping[str, int] = field(default_factory=lambda: dict(_POINTS))
    caps: Mapping[str, int] = field(default_factory=lambda: {"visit": 30})
    basis: Basis = "per_person_day"
    counting: Counting = "recorded"
    minimum_bases: Mapping[str, int] = field(default_factory=lambda: {"consult": 10, "application": 5})
    tie_order: tuple[str, ...] = TIES
    companion_share: Fraction = Fraction(3, 10)
    tariff: Mapping[str, int] = field(default_factory=lambda: dict(_TARIFF))

    def __post_init__(self) -> None:
        for name in ("points", "caps", "minimum_bases", "tariff"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        object.__setattr__(self, "tie_order", tuple(self.tie_order))
        _check(self)

    def to_body(self) -> dict[str, Any]:
        """This version as plain values, for a JSON column."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> RuleSet:
        """Read `to_body`; a part not named keeps its default. Unknown parts and wrong values raise Invalid."""
        unknown = sorted(set(body) - {item.name for item in fields(cls)})
        if unknown:
            raise Invalid("contest.rules_unknown", parts=", ".join(unknown))
        parts = dict(body)
        try:
            if "companion_share" in parts:
                parts["companion_share"] = Fraction(parts["companion_share"])
            return cls(**parts)
        except (TypeError, ValueError, ZeroDivisionError) as error:
            raise Invalid("contest.rules_unreadable") from error

    def to_json(self) -> str:
        """The canonical text of this version: equal rules give equal text, whatever order they were written in."""
        return json.dumps(self.to_body(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> RuleSet:
        """Read `to_json`. Raises Invalid like `from_body`, and for text that is no JSON object."""
        try:
            body = json.loads(text)
        except ValueError as error:
            raise Invalid("contest.rules_unreadable") from error
        if not isinstance(body, dict):
            raise Invalid("contest.rules_unreadable")
        return cls.from_body(body)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Fraction):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _check(rules: RuleSet) -> None:
    """Refuse what the engine could not score fairly. Raises Invalid with the part that is wrong."""
    choices = {"mode": MODES, "basis": ("per_person_day", "raw"), "counting": ("recorded", "declared", "both")}
    for name, allowed in choices.items():
        if getattr(rules, name) not in allowed:
            raise Invalid("contest.rules_choice", part=name, value=getattr(rules, name))
    for name in ("points", "caps", "minimum_bases", "tariff"):
        lowest = None if name == "tariff" else 0
        for key, value in getattr(rules, name).items():
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or (lowest is not None and value < lowest):
                raise Invalid("contest.rules_number", part=name, key=key, value=value)
    for name in ("points", "caps"):
        if not set(getattr(rules, name)) <= set(KINDS):
            raise Invalid("contest.rules_kind", part=name)
    if not set(rules.tie_order) <= set(TIES) or len(set(rules.tie_order)) < len(rules.tie_order):
        raise Invalid("contest.rules_ties", ties=", ".join(map(str, rules.tie_order)))
    if not 0 <= rules.companion_share <= 1:
        raise Invalid("contest.rules_number", part="companion_share", key="", value=str(rules.companion_share))


def differences(before: RuleSet, after: RuleSet) -> list[tuple[str, str, Any, Any]]:
    """What changed from one version to another: (part, key, old, new); the key is "" for a part without keys.

    A key that one of them lacks has None there.
    """
    changed: list[tuple[str, str, Any, Any]] = []
    for item in fields(RuleSet):
        old, new = _plain(getattr(before, item.name)), _plain(getattr(after, item.name))
        if not isinstance(old, dict):
            changed += [(item.name, "", old, new)] if old != new else []
            continue
        keys = [*old, *(key for key in new if key not in old)]
        changed += [(item.name, key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]
    return changed


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that may score: one record, or a declared tally of `quantity` without names.

    day: the business day. team_id: the team as it was then. member_id: who is credited; None for a tally of a whole
    team. at: when it happened, with its zone. ref: the record behind it, such as 'stage:123'. share: 1, or less for a
    companion, whose visit scores in part and is no second count.
    """

    kind: str
    day: date
    team_id: int
    member_id: int | None
    at: datetime
    ref: str
    share: Fraction = Fraction(1)
    source: Source = "recorded"
    quantity: int = 1

    def __post_init__(self) -> None:
        _zoned(self.at, self.ref)
        if not 0 <= self.share <= 1 or self.quantity < 0:
            raise ValueError(f"{self.ref}: a share lies within 0..1 and a quantity is not negative")


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A bonus or a penalty: points by hand, with a reason and an author. Points may be negative.

    at: the moment from which it stands, with its zone. A clawed-back score is such a line, with negative points.
    """

    day: date
    team_id: int
    member_id: int | None
    points: int | Decimal | Fraction
    reason: str
    author: str
    ref: str
    at: datetime

    def __post_init__(self) -> None:
        _zoned(self.at, self.ref)


def _zoned(at: datetime, ref: str) -> None:
    if at.utcoffset() is None:
        raise ValueError(f"{ref}: a time without a zone")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the points ledger. The sum of its lines is a party's points, to the last fraction.

    quantity: what the line adds to the count of its kind; a visit over the cap still counts as a visit.
    counted: whether it scores. why: 'points', 'bonus' or 'penalty' if so in full, 'cap_part' if in part; else the
    reason for nothing: 'cap', 'source' (these rules do not count declared, or recorded, facts), 'repeat' (the same
    record again), 'no_points'. reason: of a bonus or penalty.
    """

    day: date
    team_id: int
    member_id: int | None
    kind: str
    ref: str
    at: datetime
    points: Fraction
    counted: bool
    why: Why
    quantity: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A party's place on a board; exactly one of team_id and member_id is set.

    points: the exact sum of lines. score: by the rules' basis, exact; round it for display with
    `figures.rules.round_half_up`. gap_to_next: what the score lacks to the next better place, None for the first;
    0 if only a tie-break separates them. reached_at: the moment since which the points were never under this sum;
    None if they never were.
    """

    rank: int
    team_id: int | None
    member_id: int | None
    points: Fraction
    score: Fraction
    person_days: int
    counts: Mapping[str, int]
    gap_to_next: Fraction | None
    reached_at: datetime | None

    @property
    def party_id(self) -> int:
        """The team or the member that stands here."""
        party = self.team_id if self.team_id is not None else self.member_id
        if party is None:
            raise ValueError("a standing without a party")
        return party

    @property
    def funnel(self) -> FunnelCounts:
        """The counts as a funnel."""
        return FunnelCounts.of(self.counts)

    @property
    def rates(self) -> dict[str, Rate]:
        """Application, acceptance and overall rate, with their bases."""
        funnel = self.funnel
        return {
            "application": funnel.application_rate,
            "acceptance": funnel.acceptance_rate,
            "overall": funnel.overall_rate,
        }

    @property
    def attendance_missing(self) -> bool:
        """Points without a single attended person-day: the board must ask for the roll call."""
        return self.points != 0 and self.person_days == 0


@dataclass(frozen=True, slots=True)
class Part:
    """One term of a score. each: points a thing, None for bonuses and penalties; scored: how many things scored
    (a companion's visit in part); unscored: lines that gave nothing."""

    kind: str
    quantity: int
    scored: Fraction
    each: int | None
    points: Fraction
    unscored: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A score taken apart: the sum of the parts' points, over the divisor, is the score."""

    parts: tuple[Part, ...]
    points: Fraction
    divisor: int
    score: Fraction
    formula: str
