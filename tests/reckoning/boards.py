"""The PK: domain.md §4 once more. Lines of points from visits, stages, intents and adjustments; the places with their ties."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace as Row
from typing import Any

from tests.reckoning.raw import Raw, attended, by, removed, roots
from tests.reckoning.sums import rounded

FIELD = ("consult", "application", "accepted")


@dataclass(frozen=True)
class Line:
    """Points of one record for one person."""

    at: datetime
    number: int
    day: date
    team: int
    member: int | None
    kind: str
    points: Fraction
    quantity: int


@dataclass
class Place:
    """One row of a board."""

    party: int
    team: int
    points: Fraction
    score: Fraction
    person_days: int
    counts: Mapping[str, int]
    reached: datetime | None
    rank: int = 0
    gap: Fraction | None = None
    before: int | None = None

    @property
    def told_points(self) -> str:
        """Points with at most two decimals and a mark for thousands."""
        return f"{Decimal(rounded(self.points, 2)).normalize():,f}"


@dataclass(frozen=True)
class Contest:
    """A contest with what counts in it."""

    row: Row
    campaigns: set[int]
    teams: set[int]
    versions: list[tuple[datetime, Row]]

    @classmethod
    def of(cls, raw: Raw, contest_id: int, as_of: datetime | None) -> Contest:
        """From the rows, with the versions of the rules that held by then."""
        versions = []
        for row in raw["rule_version"]:
            if row.contest_id != contest_id:
                continue
            if row.number == 1:
                versions.append((datetime.min.replace(tzinfo=UTC), row))
            elif row.confirmed_at is not None and by(row.confirmed_at, as_of):
                versions.append((max(row.in_force_from, row.confirmed_at), row))
        return cls(
            raw.one("contest", contest_id),
            {row.campaign_id for row in raw["contest_campaign"] if row.contest_id == contest_id},
            {row.team_id for row in raw["contest_team"] if row.contest_id == contest_id},
            sorted(versions, key=lambda one: (one[0], one[1].number)),
        )

    def rules(self, at: datetime) -> Row:
        """The version that holds at a moment."""
        return [row for since, row in self.versions if since <= at][-1]


def board(
    raw: Raw, contest_id: int, day: date, *, cumulative: bool, per: str = "team", as_of: datetime | None = None,
    at: datetime | None = None,
) -> list[Place]:  # fmt: skip
    """The places, best first; `at` is the present moment when nothing is asked as of a moment."""
    contest = Contest.of(raw, contest_id, as_of)
    moment = as_of or at
    assert moment is not None
    rules = rules_on(contest, day, moment)
    first = contest.row.starts_on if cumulative else max(contest.row.starts_on, day - timedelta(days=1))
    lines = list(_lines(raw, contest, first, day, as_of))
    here = attended(raw, contest.campaigns, first, min(day, _day_of(moment)), as_of)
    here = {key: who for key, who in here.items() if key[0] in contest.teams}
    placed = _placed(contest, rules, lines, here, day, cumulative, per)
    if day > contest.row.starts_on:
        eve = day - timedelta(days=1)
        yesterday = _placed(contest, rules_on(contest, eve, moment), lines, here, eve, cumulative, per)
        ranks = {one.party: one.rank for one in yesterday}
        for one in placed:
            one.before = ranks.get(one.party)
    return placed


def rules_on(contest: Contest, day: date, moment: datetime) -> dict[str, Any]:
    """The rules at the end of a day, or now while it is not over."""
    return contest.rules(min(moment, _end_of(day))).rules  # type: ignore[no-any-return]


def _day_of(moment: datetime) -> date:
    return (moment.astimezone(UTC) + timedelta(hours=8)).date()


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 16, tzinfo=UTC) - timedelta(microseconds=1)


# --- lines -----------------------------------------------------------------------------------------------------------


def _lines(raw: Raw, contest: Contest, first: date, last: date, as_of: datetime | None) -> Iterator[Line]:
    used: dict[tuple[Any, ...], Fraction] = defaultdict(Fraction)
    facts = [
        one
        for one in (*_walked(raw, contest, as_of), *_reached(raw, contest, as_of), *_intents(raw, contest, as_of))
        if one.team in contest.teams and first <= one.day <= last
    ]
    for one in sorted(facts, key=lambda fact: (fact.at, fact.number, fact.quantity == 0)):
        version = contest.rules(one.at)
        amount, cap = one.points, version.rules["caps"].get(one.kind)
        if cap is not None:
            key = (version.number, one.kind, one.day, one.member)
            amount = min(amount, cap - used[key])
            used[key] += amount
        points = amount * version.rules["points"].get(one.kind, 0)
        yield Line(one.at, one.number, one.day, one.team, one.member, one.kind, points, one.quantity)
    for row in raw["adjustment"]:
        counts = row.contest_id == contest.row.id and (row.points > 0 or row.confirmed_at is not None)
        since = row.confirmed_at or row.created_at
        if counts and by(since, as_of) and first <= row.day <= last:
            yield Line(since, row.id, row.day, row.team_id, row.member_id, "adjusted", Fraction(row.points), 0)


def _walked(raw: Raw, contest: Contest, as_of: datetime | None) -> Iterator[Line]:
    """Here and below `points` is how many of the thing: a companion's visit is 0.3 and no second count."""
    for row in raw.visits(as_of):
        if not row.valid or row.campaign_id not in contest.campaigns or row.team_id is None:
            continue
        yield Line(row.occurred_at, row.id, row.day, row.team_id, row.member_id, "visit", Fraction(1), 1)
        if row.companion_id is not None:
            share = Fraction(contest.rules(row.occurred_at).rules["companion_share"])
            yield Line(row.occurred_at, row.id, row.day, row.team_id, row.companion_id, "visit", share, 0)


def _reached(raw: Raw, contest: Contest, as_of: datetime | None) -> Iterator[Line]:
    for mark in raw.marks(as_of):
        if mark.campaign in contest.campaigns and mark.stage in FIELD and not mark.historical:
            yield Line(mark.at, mark.lead, mark.day, mark.team, mark.member or None, mark.stage, Fraction(1), 1)


def _intents(raw: Raw, contest: Contest, as_of: datetime | None) -> Iterator[Line]:
    """The first A or B of each customer who agreed to the enquiry."""
    root_of, gone = roots(raw, as_of), removed(raw, as_of)
    past = {row.id for row in raw["lead"] if row.historical}
    agreed = {row.lead_id for row in raw["consent"] if row.enquiry and by(row.received_at, as_of)}
    replaced = {row.replaces_id for row in raw["intent_entry"] if by(row.received_at, as_of)}
    seen: set[int] = set()
    for row in sorted(
        (one for one in raw["intent_entry"] if one.id not in replaced),
        key=lambda one: (one.occurred_at, one.received_at, one.id),
    ):
        lead = root_of.get(row.lead_id, row.lead_id)
        counts = row.intent in "AB" and row.lead_id in agreed - past and lead not in gone and by(row.received_at, as_of)
        if counts and row.campaign_id in contest.campaigns and lead not in seen:
            seen.add(lead)
            team, member = row.team_id or 0, row.credited_id
            yield Line(row.occurred_at, row.id, row.day, team, member, "intent", Fraction(1), 1)


# --- places ----------------------------------------------------------------------------------------------------------

Here = Mapping[tuple[int, date], set[int]]


def _placed(
    contest: Contest, rules: Mapping[str, Any], lines: list[Line], here: Here, day: date, cumulative: bool, per: str
) -> list[Place]:
    newest = _teams_of(lines, here)
    parties = contest.teams if per == "team" else set(newest)
    places = []
    for party in parties:
        own = [
            one for one in lines
            if (one.team if per == "team" else one.member) == party and (one.day <= day if cumulative else one.day == day)
        ]  # fmt: skip
        there = {
            (member if per == "member" else (member, team), on)
            for (team, on), members in here.items()
            for member in members
            if party == (team if per == "team" else member) and (on <= day if cumulative else on == day)
        }
        places.append(_place(party, party if per == "team" else newest[party], rules, own, len(there)))
    _rank(places, rules)
    return sorted(places, key=lambda one: (one.rank, one.party))


def _teams_of(lines: list[Line], here: Here) -> dict[int, int]:
    """Each member's team on the newest day with a line or an attendance."""
    seen = [(day, team, member) for (team, day), members in here.items() for member in members]
    seen += [(line.day, line.team, line.member) for line in lines if line.member is not None]
    return {member: team for _day, team, member in sorted(seen)}


def _place(party: int, team: int, rules: Mapping[str, Any], own: list[Line], person_days: int) -> Place:
    counts = {kind: sum(one.quantity for one in own if one.kind == kind) for kind in ("visit", "intent", *FIELD)}
    points = sum((one.points for one in own), Fraction(0))
    return Place(party, team, points, _score(rules, points, person_days), person_days, counts, _reached_at(own, points))


def _score(rules: Mapping[str, Any], points: Fraction, person_days: int) -> Fraction:
    if rules["basis"] == "raw":
        return points
    return points / person_days if person_days else Fraction(0)


def _reached_at(own: list[Line], points: Fraction) -> datetime | None:
    """The earliest moment from which on the sum was never under the points; None if it never was."""
    if points <= 0 and not own:
        return None
    found, running = None, Fraction(0)
    under = points > 0
    for at in sorted({one.at for one in own}):
        running += sum((one.points for one in own if one.at == at), Fraction(0))
        if running >= points and under:
            found = at
        under = running < points
    return found


def _rank(places: list[Place], rules: Mapping[str, Any]) -> None:
    """Equal on all counts shares a rank, and the next one is left free."""
    merits = {one.party: _merits(one, rules) for one in places}
    for one in places:
        better = [other for other in places if merits[other.party] > merits[one.party]]
        one.rank = 1 + len(better)
        one.gap = min(better, key=lambda other: merits[other.party]).score - one.score if better else None


def _merits(one: Place, rules: Mapping[str, Any]) -> tuple[Fraction, ...]:
    reached = Fraction(1) if one.reached is None else -Fraction((one.reached - _EPOCH) // timedelta(microseconds=1))
    values = {
        "accepted": _score(rules, Fraction(one.counts["accepted"]), one.person_days),
        "acceptance_rate": _trusted(one.counts["accepted"], one.counts["application"], rules, "application"),
        "application_rate": _trusted(one.counts["application"], one.counts["consult"], rules, "consult"),
        "visits": _score(rules, Fraction(one.counts["visit"]), one.person_days),
        "first_to_reach": reached,
    }
    return (one.score, *(values[name] for name in rules["tie_order"]))


def _trusted(part: int, base: int, rules: Mapping[str, Any], name: str) -> Fraction:
    return Fraction(part, base) if base and base >= rules["minimum_bases"].get(name, 0) else Fraction(0)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
