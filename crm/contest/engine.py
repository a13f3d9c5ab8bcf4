"""From facts to lines of points, and from lines to standings. Pure, exact, and the same whatever came first.

Sums and scores are fractions; only display rounds. Whoever has the lines of a sealed day has the whole of it: the
counts, the ties and the standings come from the lines alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import lcm
from types import MappingProxyType
from typing import Literal

from crm.contest.rules import (
    KINDS,
    Adjustment,
    Explanation,
    Fact,
    Line,
    Part,
    PersonDays,
    RuleSet,
    Standing,
    Why,
)
from crm.figures.rules import FunnelCounts, Rate, competition_ranks, round_half_up

Board = Literal["team", "member"]

NOTHING = Fraction(0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# --- lines -----------------------------------------------------------------------------------------------------


def score_lines(rules: RuleSet, facts: Iterable[Fact], adjustments: Iterable[Adjustment] = ()) -> list[Line]:
    """One line for every fact and adjustment, in the order in which things happened.

    The order in which facts arrive changes nothing: they are taken by time, then by record. Of a record that comes
    twice for the same person the first stands. A cap holds per person and day; a team's tally without names counts
    as one person's. What is over the cap gives a line with 0 points, what straddles it scores in part.
    """
    seen: set[tuple[str, str, int | None]] = set()
    used: dict[tuple[str, date, str, int], Fraction] = {}
    lines: list[Line] = []
    for fact in sorted(facts, key=_order):
        identity = (fact.kind, fact.ref, fact.member_id)
        if identity in seen:
            lines.append(_line(fact, NOTHING, "repeat", quantity=0))
            continue
        seen.add(identity)
        lines.append(_scored(rules, fact, used))
    lines += [_adjusted(item) for item in adjustments]
    return sorted(lines, key=lambda line: (line.day, line.at, line.team_id, line.kind, line.ref, line.member_id or 0))


def _order(fact: Fact) -> tuple[object, ...]:
    """Total over the whole content, so that even two conflicting copies of a record always fall in one order."""
    who = (fact.team_id, fact.member_id is None, fact.member_id or 0)
    return (fact.at, fact.ref, fact.kind, *who, fact.day, fact.source, fact.share, fact.quantity)


def _scored(rules: RuleSet, fact: Fact, used: dict[tuple[str, date, str, int], Fraction]) -> Line:
    if rules.counting not in (fact.source, "both"):
        return _line(fact, NOTHING, "source", quantity=0)
    quantity = fact.quantity if fact.share == 1 else 0
    each = rules.points.get(fact.kind, 0)
    if each == 0:
        return _line(fact, NOTHING, "no_points", quantity=quantity)
    amount, why = _under_cap(rules, fact, used)
    return _line(fact, amount * each, why, quantity=quantity)


def _under_cap(rules: RuleSet, fact: Fact, used: dict[tuple[str, date, str, int], Fraction]) -> tuple[Fraction, Why]:
    """How many of the fact's things score under the day's cap of its person, and the reason."""
    amount = Fraction(fact.quantity) if fact.share == 1 else fact.quantity * fact.share
    cap = rules.caps.get(fact.kind)
    if cap is None:
        return amount, "points"
    who = ("team", fact.team_id) if fact.member_id is None else ("member", fact.member_id)
    key = (fact.kind, fact.day, *who)
    before = used.get(key, NOTHING)
    allowed = min(amount, cap - before)
    used[key] = before + allowed
    if allowed == amount:
        return amount, "points"
    return allowed, "cap_part" if allowed else "cap"


def _line(fact: Fact, points: Fraction, why: Why, *, quantity: int) -> Line:
    return Line(
        day=fact.day,
        team_id=fact.team_id,
        member_id=fact.member_id,
        kind=fact.kind,
        ref=fact.ref,
        at=fact.at,
        points=Fraction(points),
        counted=why in ("points", "cap_part"),
        why=why,
        quantity=quantity,
    )


def _adjusted(item: Adjustment) -> Line:
    kind: Why = "penalty" if item.points < 0 else "bonus"
    return Line(
        day=item.day,
        team_id=item.team_id,
        member_id=item.member_id,
        kind=kind,
        ref=item.ref,
        at=item.at,
        points=Fraction(item.points),
        counted=True,
        why=kind,
        reason=item.reason,
    )


# --- standings -------------------------------------------------------------------------------------------------


def standings(
    rules: RuleSet,
    lines: Iterable[Line],
    person_days: PersonDays,
    *,
    teams: Iterable[int],
    upto: date | None = None,
    day: date | None = None,
    per: Board = "team",
    hidden: Collection[int] = (),
) -> list[Standing]:
    """The board, best first: daily with `day`, cumulative through `upto`, of everything without either.

    `teams` are the parties to list, with or without points; for `per='member'` these are member ids, and the keys of
    `person_days` are members too. Hidden parties take no place, and lines of others do not count.

    Equal scores are separated by the rules' tie order: more accepted cases, the better acceptance rate, the better
    application rate, more valid visits, who reached the points first. On the basis of person-days the two counts
    are compared per person-day like the score, or the larger team would win each tie by its size. A rate under its
    minimum base is worth nothing. What is still equal shares a rank, and the next is left free (1, 1, 3).
    """
    shown = sorted(set(teams) - set(hidden))
    by_party: dict[int, list[Line]] = {party: [] for party in shown}
    for line in in_window(lines, upto=upto, day=day):
        party = line.team_id if per == "team" else line.member_id
        if party in by_party:
            by_party[party].append(line)
    days = _days_of(person_days, upto=upto, day=day)
    tallies = [_tally(rules, party, by_party[party], days.get(party, 0)) for party in shown]
    return _placed(rules, tallies, per)


def in_window(lines: Iterable[Line], *, upto: date | None = None, day: date | None = None) -> list[Line]:
    """The lines of one business day, or of all days through `upto`. Naming both raises ValueError."""
    if upto is not None and day is not None:
        raise ValueError("a board is of one day or cumulative, not both")
    return [line for line in lines if _inside(line.day, upto, day)]


def day_scores(
    rules: RuleSet, lines: Iterable[Line], person_days: PersonDays, days: Sequence[date], *, per: Board = "team"
) -> dict[int, list[Fraction]]:
    """The score of each of `days` alone, by party, in their order. Parties with neither a line nor a person-day are missing."""
    points: dict[int, dict[date, Fraction]] = {}
    for line in lines:
        party = line.team_id if per == "team" else line.member_id
        if party is not None:
            own = points.setdefault(party, {})
            own[line.day] = own.get(line.day, NOTHING) + line.points
    parties = points.keys() | {party for party, _ in person_days}
    return {
        party: [
            score_of(rules, points.get(party, {}).get(day, NOTHING), person_days.get((party, day), 0)) for day in days
        ]
        for party in parties
    }


def score_of(rules: RuleSet, points: Fraction, person_days: int) -> Fraction:
    """The score of a sum of points. On the basis of person-days a party that nobody attended scores nothing.

    This is where another mode than points joins: all that ranks and explains asks this function.
    """
    if rules.basis == "raw":
        return points
    return points / person_days if person_days else NOTHING


def shown_score(score: Fraction) -> str:
    """A score as boards print it: one decimal, halves up. Ranks come from the exact value, never from this."""
    return str(round_half_up(score, 1))


def shown_points(points: Fraction) -> str:
    """Points as lines and boards print them: whole, or with at most two decimals (a companion's 0.3)."""
    return f"{round_half_up(points, 2).normalize():,f}"


@dataclass(frozen=True)
class _Tally:
    party: int
    points: Fraction
    score: Fraction
    person_days: int
    counts: Mapping[str, int]
    reached_at: datetime | None


def _inside(at: date, upto: date | None, day: date | None) -> bool:
    return at == day if day is not None else upto is None or at <= upto


def _days_of(person_days: PersonDays, *, upto: date | None, day: date | None) -> dict[int, int]:
    result: dict[int, int] = {}
    for (party, at), number in person_days.items():
        if _inside(at, upto, day):
            result[party] = result.get(party, 0) + number
    return result


def _tally(rules: RuleSet, party: int, lines: Sequence[Line], person_days: int) -> _Tally:
    counts = dict.fromkeys(KINDS, 0)
    for line in lines:
        if line.quantity:
            counts[line.kind] = counts.get(line.kind, 0) + line.quantity
    points = sum((line.points for line in lines), NOTHING)
    return _Tally(
        party=party,
        points=points,
        score=score_of(rules, points, person_days),
        person_days=person_days,
        counts=MappingProxyType(counts),
        reached_at=_reached_at(lines, points),
    )


def _reached_at(lines: Sequence[Line], points: Fraction) -> datetime | None:
    """The moment since which the running sum was never under `points`; None if it never was.

    So neither a later event of 0 points nor a bonus taken away again moves the time, but a case that was clawed back
    and replaced counts from its replacement.
    """
    unit = lcm(*{line.points.denominator for line in lines})  # whole numbers add up many times faster than fractions
    goal = points * unit
    running, reached, below = 0, None, points > 0
    moves: dict[datetime, int] = {}
    for line in lines:
        moves[line.at] = moves.get(line.at, 0) + line.points.numerator * (unit // line.points.denominator)
    for at in sorted(moves):
        running += moves[at]
        if below and running >= goal:
            reached = at
        below = running < goal
    return reached


def _placed(rules: RuleSet, tallies: Sequence[_Tally], per: Board) -> list[Standing]:
    keys = [(tally.score, *(_TIE_KEYS[name](rules, tally) for name in rules.tie_order)) for tally in tallies]
    places = sorted(zip(competition_ranks(keys), tallies, strict=True), key=lambda pair: (pair[0], pair[1].party))
    result: list[Standing] = []
    above: Fraction | None = None
    for number, (rank, tally) in enumerate(places):
        if number and rank != places[number - 1][0]:
            above = places[number - 1][1].score
        result.append(_standing(rank, tally, per, None if above is None else above - tally.score))
    return result


def _standing(rank: int, tally: _Tally, per: Board, gap: Fraction | None) -> Standing:
    return Standing(
        rank=rank,
        team_id=tally.party if per == "team" else None,
        member_id=tally.party if per == "member" else None,
        points=tally.points,
        score=tally.score,
        person_days=tally.person_days,
        counts=tally.counts,
        gap_to_next=gap,
        reached_at=tally.reached_at,
    )


def _count_key(kind: str) -> Callable[[RuleSet, _Tally], Fraction]:
    return lambda rules, tally: score_of(rules, Fraction(tally.counts[kind]), tally.person_days)


def _rate_key(rules: RuleSet, rate: Rate, base: str) -> Fraction:
    value = rate.value
    return value if value is not None and rate.enough(rules.minimum_bases.get(base, 0)) else NOTHING


def _time_key(rules: RuleSet, tally: _Tally) -> Fraction:
    """Earlier is greater; who never was under the sum has been there the longest."""
    if tally.reached_at is None:
        return Fraction(1)
    return Fraction((_EPOCH - tally.reached_at) // timedelta(microseconds=1))


_TIE_KEYS: Mapping[str, Callable[[RuleSet, _Tally], Fraction]] = {
    "accepted": _count_key("accepted"),
    "acceptance_rate": lambda rules, tally: _rate_key(
        rules, FunnelCounts.of(tally.counts).acceptance_rate, "application"
    ),
    "application_rate": lambda rules, tally: _rate_key(
        rules, FunnelCounts.of(tally.counts).application_rate, "consult"
    ),
    "visits": _count_key("visit"),
    "first_to_reach": _time_key,
}


# --- a score, opened -------------------------------------------------------------------------------------------


def explain(
    rules: RuleSet, lines: Iterable[Line], standing: Standing, *, upto: date | None = None, day: date | None = None
) -> Explanation:
    """A standing's score in parts, from the lines and the window that made it.

    Raises ValueError when the lines do not give the standing's points: a board and its explanation never differ.
    """
    return explain_versions(rules, [(rules, lines)], standing, upto=upto, day=day)


def explain_versions(
    rules: RuleSet,
    scored: Iterable[tuple[RuleSet, Iterable[Line]]],
    standing: Standing,
    *,
    upto: date | None = None,
    day: date | None = None,
) -> Explanation:
    """As `explain`, for lines that several versions of the rules scored.

    `rules` are those of the board, which give the basis; each part carries the points of its own version.
    """
    parts: list[Part] = []
    points = NOTHING
    for version, lines in scored:
        own = lines_of(lines, standing, upto=upto, day=day)
        parts += [part for kind in (*KINDS, "bonus", "penalty") if (part := _part(version, kind, own))]
        points += sum((line.points for line in own), NOTHING)
    if points != standing.points:
        raise ValueError(f"the lines give {points} points, the standing has {standing.points}")
    divisor = standing.person_days if rules.basis == "per_person_day" else 1
    return Explanation(
        parts=tuple(parts),
        points=points,
        divisor=divisor,
        score=standing.score,
        formula=_formula(parts, divisor, standing),
    )


def lines_of(
    lines: Iterable[Line], standing: Standing, *, upto: date | None = None, day: date | None = None
) -> list[Line]:
    """The lines of the window that belong to a standing's team or member."""
    return [line for line in in_window(lines, upto=upto, day=day) if _belongs(line, standing)]


def _belongs(line: Line, standing: Standing) -> bool:
    party = line.team_id if standing.team_id is not None else line.member_id
    return party == standing.party_id


def _part(rules: RuleSet, kind: str, lines: Sequence[Line]) -> Part | None:
    own = [line for line in lines if line.kind == kind]
    if not own:
        return None
    points = sum((line.points for line in own), NOTHING)
    each = rules.points.get(kind, 0) if kind in KINDS else None
    scored = points / each if each else NOTHING
    quantity = sum(line.quantity for line in own) if kind in KINDS else len(own)
    return Part(kind, quantity, scored, each, points, sum(not line.counted for line in own))


def _formula(parts: Sequence[Part], divisor: int, standing: Standing) -> str:
    """Such as '(12×1 + 3×2 + 5 − 2) ÷ 8 = 2.6'; the result alone is rounded."""
    terms = ""
    for part in parts:
        sign = "−" if part.points < 0 else "+"
        body = _number(abs(part.points)) if part.each is None else f"{_number(part.scored)}×{part.each}"
        terms += f" {sign} {body}" if terms or sign == "−" else body
    terms = terms.strip() or "0"
    return f"({terms}) ÷ {divisor} = {shown_score(standing.score)}"


def _number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else str(round_half_up(value, 2).normalize())
