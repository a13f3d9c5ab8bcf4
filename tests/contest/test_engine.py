"""The PK by points: lines, caps, standings, ties, and a score opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.contest.engine import explain, in_window, score_lines, shown_score, standings
from crm.contest.rules import KINDS, Adjustment, Fact, Line, RuleSet, Standing
from crm.kernel.errors import Invalid

DAYS = [date(2026, 9, 7) + timedelta(days=number) for number in range(4)]
RULES = RuleSet()
RAW = RuleSet(basis="raw")


def moment(day: date, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, 1, tzinfo=UTC) + timedelta(minutes=minute)


def fact(kind: str, team: int, number: int, *, day: date = DAYS[0], minute: int = 0, member: int | None = None) -> Fact:
    who = team * 10 + 1 if member is None else member
    return Fact(kind, day, team, who, moment(day, minute), f"{kind}:{day}:{team}:{number}")


def bonus(team: int, points: int, *, day: date = DAYS[0], minute: int = 0, reason: str = "case_shared") -> Adjustment:
    return Adjustment(day, team, None, points, reason, "Zhao", f"adjustment:{team}:{day}:{minute}", moment(day, minute))


# --- a worked example: six teams, four days, every number below reckoned by hand

#             visit consult intent application accepted
COUNTS = {
    1: [(4, 2, 1, 0, 0), (5, 3, 1, 1, 0), (3, 2, 0, 1, 1), (4, 3, 1, 0, 0)],  # 11 + 22 + 30 + 13 = 76
    2: [
        (6, 4, 0, 1, 0),
        (6, 3, 2, 1, 1),
        (5, 3, 1, 0, 0),
        (7, 4, 1, 1, 0),
    ],  # 22 + 41 + 14 + 26 = 103, bonus 5 on day 2
    3: [(3, 2, 0, 0, 0), (2, 1, 1, 0, 0), (2, 2, 0, 1, 1), (1, 1, 0, 0, 0)],  # 7 + 7 + 29 + 3 = 46, and see below
    4: [(32, 0, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 0, 0, 0), (0, 0, 0, 0, 0)],  # 30 (two over the cap) + 2 = 32
    5: [(5, 2, 0, 0, 0), (6, 3, 0, 1, 0), (4, 3, 1, 1, 0), (6, 4, 0, 0, 0)],  # 9 + 20 + 21 + 14 = 64
    6: [(0, 0, 0, 0, 0)] * 4,
}
ATTENDED = {1: (2, 2, 2, 2), 2: (3, 3, 3, 3), 3: (2, 2, 2, 1), 4: (1, 1, 1, 1), 5: (2, 2, 2, 2), 6: (2, 2, 2, 2)}
PERSON_DAYS = {(team, DAYS[at]): number for team, row in ATTENDED.items() for at, number in enumerate(row)}
TEAMS = sorted(COUNTS)


def example_facts() -> list[Fact]:
    facts = [
        fact(kind, team, number, day=DAYS[at], minute=number)
        for team, rows in COUNTS.items()
        for at, row in enumerate(rows)
        for kind, count in zip(KINDS, row, strict=True)
        for number in range(count)
    ]
    companion = replace(fact("visit", 3, 0, member=32), share=RULES.companion_share)
    return [*facts, companion]  # team 3: + 0.3 on day 1


def example_lines() -> list[Line]:
    first_case = bonus(2, 5, day=DAYS[1], minute=50, reason="first_case")
    late = bonus(3, -2, day=DAYS[3], minute=60, reason="late_report")
    return score_lines(RULES, example_facts(), [first_case, late])


def board(rows: Sequence[Standing]) -> list[tuple[int, int, Fraction, Fraction]]:
    return [(row.rank, row.party_id, row.points, row.score) for row in rows]


def test_the_cumulative_board_is_the_one_reckoned_by_hand() -> None:
    rows = standings(RULES, example_lines(), PERSON_DAYS, teams=TEAMS)
    assert board(rows) == [
        (1, 1, Fraction(76), Fraction(19, 2)),  # 76 / 8
        (2, 2, Fraction(108), Fraction(9)),  # 108 / 12
        (3, 5, Fraction(64), Fraction(8)),  # 64 / 8; its application rate 2 of 12 parts it from team 4
        (4, 4, Fraction(32), Fraction(8)),  # 32 / 4; an application rate on 1 consult is worth nothing
        (5, 3, Fraction(443, 10), Fraction(443, 70)),  # 46 + 0.3 - 2 = 44.3, over 7
        (6, 6, Fraction(0), Fraction(0)),
    ]
    gaps = [row.gap_to_next for row in rows]
    assert gaps == [None, Fraction(1, 2), Fraction(1), Fraction(0), Fraction(117, 70), Fraction(443, 70)]
    assert [shown_score(row.score) for row in rows] == ["9.5", "9.0", "8.0", "8.0", "6.3", "0.0"]


def test_the_board_of_a_day_and_the_board_through_a_day_are_the_ones_reckoned_by_hand() -> None:
    lines = example_lines()
    daily = standings(RULES, lines, PERSON_DAYS, teams=TEAMS, day=DAYS[1])
    assert [(row.rank, row.party_id, row.score) for row in daily] == [
        (1, 2, Fraction(46, 3)),
        (2, 1, Fraction(11)),
        (3, 5, Fraction(10)),
        (4, 3, Fraction(7, 2)),
        (5, 4, Fraction(2)),
        (6, 6, Fraction(0)),
    ]
    through = standings(RULES, lines, PERSON_DAYS, teams=TEAMS, upto=DAYS[1])
    assert [(row.rank, row.party_id, row.score) for row in through] == [
        (1, 4, Fraction(16)),
        (2, 2, Fraction(34, 3)),
        (3, 1, Fraction(33, 4)),
        (4, 5, Fraction(29, 4)),
        (5, 3, Fraction(143, 40)),
        (6, 6, Fraction(0)),
    ]


def test_counts_and_rates_stand_beside_the_score() -> None:
    rows = {row.party_id: row for row in standings(RULES, example_lines(), PERSON_DAYS, teams=TEAMS)}
    assert rows[4].counts["visit"] == 32, "a visit over the cap is a visit all the same"
    assert rows[3].counts["visit"] == 8, "a companion's visit is no second one"
    assert rows[2].rates["application"].percent() == "21.4%"  # 3 of 14
    assert rows[2].rates["overall"].percent() == "7.1%"  # 1 of 14
    assert rows[6].rates["acceptance"].percent() == "—"


def test_a_score_opens_to_its_formula() -> None:
    lines = example_lines()
    third = next(row for row in standings(RULES, lines, PERSON_DAYS, teams=TEAMS) if row.party_id == 3)
    opened = explain(RULES, lines, third)
    assert opened.formula == "(8.3×1 + 6×2 + 1×3 + 1×8 + 1×15 − 2) ÷ 7 = 6.3"
    assert sum(part.points for part in opened.parts) == third.points == opened.points
    fourth = next(row for row in standings(RULES, lines, PERSON_DAYS, teams=TEAMS) if row.party_id == 4)
    visits = explain(RULES, lines, fourth).parts[0]
    assert (visits.quantity, visits.scored, visits.points, visits.unscored) == (32, 30, 30, 2)
    sixth = next(row for row in standings(RULES, lines, PERSON_DAYS, teams=TEAMS) if row.party_id == 6)
    assert explain(RULES, lines, sixth).formula == "(0) ÷ 8 = 0.0"


def test_a_score_is_never_explained_by_other_lines() -> None:
    lines = example_lines()
    first = standings(RULES, lines, PERSON_DAYS, teams=TEAMS)[0]
    with pytest.raises(ValueError, match="the lines give"):
        explain(RULES, lines, first, day=DAYS[0])


# --- lines -----------------------------------------------------------------------------------------------------------


def test_a_capped_visit_keeps_its_line_with_no_points() -> None:
    lines = score_lines(RULES, [fact("visit", 1, number, minute=number) for number in range(31)])
    assert [line.points for line in lines] == [1] * 30 + [0]
    assert (lines[-1].why, lines[-1].counted, lines[-1].quantity) == ("cap", False, 1)


def test_the_cap_is_of_a_person_and_a_day() -> None:
    busy = [fact("visit", 1, number, member=11) for number in range(40)]
    partner = [fact("visit", 1, 100 + number, member=12) for number in range(40)]
    tomorrow = [fact("visit", 1, number, member=11, day=DAYS[1]) for number in range(40)]
    assert sum(line.points for line in score_lines(RULES, [*busy, *partner, *tomorrow])) == 90


def test_what_straddles_the_cap_scores_in_part() -> None:
    facts = [replace(fact("visit", 1, 0), share=Fraction(3, 10))]
    facts += [fact("visit", 1, number, minute=number) for number in range(1, 31)]
    last = score_lines(RULES, facts)[-1]
    assert (last.points, last.why, last.counted) == (Fraction(7, 10), "cap_part", True)


def test_a_record_that_comes_twice_scores_once() -> None:
    once = fact("application", 1, 7)
    lines = score_lines(RULES, [once, once])
    assert [(line.points, line.why) for line in lines] == [(8, "points"), (0, "repeat")]
    assert standings(RULES, lines, {}, teams=[1])[0].counts["application"] == 1


def test_declared_tallies_score_only_under_rules_that_count_them() -> None:
    tally = Fact("consult", DAYS[0], 1, None, moment(DAYS[0]), "tally:5", source="declared", quantity=12)
    facts = [tally, fact("consult", 1, 1)]
    totals = {
        counting: sum(line.points for line in score_lines(RuleSet(counting=counting), facts))
        for counting in ("recorded", "declared", "both")
    }
    assert totals == {"recorded": 2, "declared": 24, "both": 26}
    silent = next(line for line in score_lines(RULES, facts) if line.ref == "tally:5")
    assert (silent.why, silent.counted, silent.quantity) == ("source", False, 0)


def test_a_kind_without_points_gives_a_line_of_nothing() -> None:
    only = score_lines(RULES, [fact("approved", 1, 1)])[0]
    assert (only.points, only.why, only.counted) == (0, "no_points", False)


def test_bonuses_and_penalties_are_lines_with_their_reason() -> None:
    by_kind = {line.kind: line for line in score_lines(RULES, [], [bonus(1, 5), bonus(1, -3, minute=1, reason="late")])}
    assert (by_kind["bonus"].points, by_kind["bonus"].reason) == (5, "case_shared")
    assert (by_kind["penalty"].points, by_kind["penalty"].why) == (-3, "penalty")
    half = replace(bonus(1, 0), points=Decimal("2.50"))
    assert score_lines(RULES, [], [half])[0].points == Fraction(5, 2)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        Fact("visit", DAYS[0], 1, 11, datetime(2026, 9, 7, 9, 0), "visit:1")  # noqa: DTZ001
    with pytest.raises(ValueError, match="share"):
        replace(fact("visit", 1, 1), share=Fraction(2))


# --- standings and ties ----------------------------------------------------------------------------------------------


def test_equal_teams_share_a_rank_and_the_next_is_left_free() -> None:
    facts = [fact("consult", team, 1, minute=5) for team in (1, 2)] + [fact("visit", 3, 1)]
    rows = standings(RAW, score_lines(RAW, facts), {}, teams=[1, 2, 3, 4])
    assert [(row.rank, row.party_id) for row in rows] == [(1, 1), (1, 2), (3, 3), (4, 4)]
    assert [row.gap_to_next for row in rows] == [None, None, 1, 1]


def test_more_accepted_cases_win_a_tie_before_anything_else() -> None:
    facts = [fact("accepted", 1, 1, minute=9)] + [fact("visit", 2, number) for number in range(15)]
    rows = standings(RAW, score_lines(RAW, facts), {}, teams=[1, 2])
    assert [(row.rank, row.party_id, row.score) for row in rows] == [(1, 1, 15), (2, 2, 15)]
    assert rows[1].gap_to_next == 0


def tie_of(first: dict[str, int], second: dict[str, int], rules: RuleSet) -> list[int]:
    """Two teams level on points by a bonus; the order in which they stand."""
    teams = {1: first, 2: second}
    facts = [fact(kind, team, at) for team, row in teams.items() for kind, count in row.items() for at in range(count)]
    sums = {team: sum(line.points for line in score_lines(rules, facts) if line.team_id == team) for team in teams}
    level = [bonus(team, int(200 - points)) for team, points in sums.items()]
    return [row.party_id for row in standings(rules, score_lines(rules, facts, level), {}, teams=teams)]


def test_the_acceptance_rate_comes_second_and_the_application_rate_third() -> None:
    better_acceptance = {"consult": 10, "application": 5, "accepted": 2}
    better_application = {"consult": 10, "application": 6, "accepted": 2}
    assert tie_of(better_application, better_acceptance, RAW) == [2, 1]
    other_order = replace(RAW, tie_order=("application_rate", "acceptance_rate"))
    assert tie_of(better_acceptance, better_application, other_order) == [2, 1]


def test_a_rate_under_its_minimum_base_wins_no_tie() -> None:
    small_but_perfect = {"consult": 9, "application": 4, "accepted": 2}
    enough = {"consult": 10, "application": 5, "accepted": 2}
    assert tie_of(small_but_perfect, enough, RAW) == [2, 1]


def test_visits_come_fourth() -> None:
    assert tie_of({"visit": 3}, {"visit": 4}, RAW) == [2, 1]


def test_who_reached_the_points_first_stands_first_and_nothing_worth_nothing_changes_it() -> None:
    facts = [fact("consult", 1, 1, minute=30), fact("consult", 2, 1, minute=20)]
    zero = bonus(2, 0, minute=300)
    rows = standings(RAW, score_lines(RAW, facts, [zero]), {}, teams=[1, 2])
    assert [(row.party_id, row.reached_at) for row in rows] == [(2, moment(DAYS[0], 20)), (1, moment(DAYS[0], 30))]


def test_a_bonus_taken_away_moves_no_time_but_a_replaced_case_counts_from_its_replacement() -> None:
    kept = score_lines(RAW, [fact("consult", 1, 1, minute=10)], [bonus(1, 5, minute=20), bonus(1, -5, minute=40)])
    assert standings(RAW, kept, {}, teams=[1])[0].reached_at == moment(DAYS[0], 10)
    cases = [fact("accepted", 1, 1, minute=10), fact("accepted", 1, 2, minute=90)]
    replaced = score_lines(RAW, cases, [bonus(1, -15, minute=50, reason="returned_file")])
    assert standings(RAW, replaced, {}, teams=[1])[0].reached_at == moment(DAYS[0], 90)


def test_who_never_fell_under_a_sum_has_been_there_the_longest() -> None:
    lines = score_lines(RAW, [], [bonus(1, -5, minute=1), bonus(1, 5, minute=2)])
    rows = standings(RAW, lines, {}, teams=[1, 2])
    assert [(row.rank, row.party_id) for row in rows] == [(1, 2), (2, 1)]
    assert rows[0].reached_at is None


def test_a_hidden_team_takes_no_place() -> None:
    facts = [fact("accepted", 3, 1), fact("consult", 1, 1), fact("visit", 2, 1)]
    rows = standings(RAW, score_lines(RAW, facts), {}, teams=[1, 2, 3], hidden={3})
    assert [(row.rank, row.party_id, row.gap_to_next) for row in rows] == [(1, 1, None), (2, 2, 1)]


def test_a_board_of_persons_follows_the_person_and_leaves_team_tallies_out() -> None:
    rules = replace(RULES, counting="both")
    facts = [fact("accepted", 1, 1, member=11), fact("visit", 1, 1, member=12), fact("consult", 2, 1, member=11)]
    facts.append(Fact("consult", DAYS[0], 1, None, moment(DAYS[0]), "tally:1", source="declared", quantity=50))
    attended = {(11, DAYS[0]): 1, (11, DAYS[1]): 1, (12, DAYS[0]): 1}
    rows = standings(rules, score_lines(rules, facts), attended, teams=[11, 12], per="member")
    assert [(row.member_id, row.team_id, row.score) for row in rows] == [(11, None, Fraction(17, 2)), (12, None, 1)]


def test_points_without_attendance_score_nothing_and_say_so() -> None:
    row = standings(RULES, score_lines(RULES, [fact("accepted", 1, 1)]), {}, teams=[1])[0]
    assert (row.score, row.points, row.attendance_missing) == (0, 15, True)


def test_a_board_is_of_a_day_or_cumulative() -> None:
    with pytest.raises(ValueError, match="not both"):
        in_window([], upto=DAYS[0], day=DAYS[0])


def test_a_score_shows_one_decimal_with_halves_up() -> None:
    assert [shown_score(Fraction(1, 20)), shown_score(Fraction(-9, 4)), shown_score(Fraction(3))] == [
        "0.1",
        "-2.3",
        "3.0",
    ]


# --- properties ------------------------------------------------------------------------------------------------------

FACTS = st.lists(
    st.builds(
        lambda kind, day, team, member, minute, number, share: Fact(
            kind,
            day,
            team,
            team * 10 + member,
            moment(day, minute),
            f"{kind}:{number}",
            share if kind == "visit" else Fraction(1),
        ),
        st.sampled_from(KINDS),
        st.sampled_from(DAYS[:2]),
        st.integers(1, 3),
        st.integers(1, 2),
        st.integers(0, 3),
        st.integers(0, 40),
        st.sampled_from([Fraction(1), Fraction(1), Fraction(3, 10)]),
    ),
    max_size=60,
)
SMALL_CAP = replace(RULES, caps={"visit": 4})
ONE_EACH = {(team, day): team for team in (1, 2, 3) for day in DAYS}


@given(FACTS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(facts: list[Fact], chance: Random) -> None:
    late = list(facts)
    chance.shuffle(late)
    assert score_lines(SMALL_CAP, late) == score_lines(SMALL_CAP, facts)


@given(FACTS)
def test_points_are_the_sum_of_lines_and_days_add_up(facts: list[Fact]) -> None:
    lines = score_lines(SMALL_CAP, facts)
    rows = standings(SMALL_CAP, lines, ONE_EACH, teams=[1, 2, 3])
    assert sum(row.points for row in rows) == sum(line.points for line in lines)
    for row in rows:
        daily = [standings(SMALL_CAP, lines, ONE_EACH, teams=[row.party_id], day=day)[0].points for day in DAYS]
        assert row.points == sum(daily) == explain(SMALL_CAP, lines, row).points
        assert not any(line.points for line in lines if not line.counted)


@given(FACTS)
def test_no_person_scores_over_the_cap_on_a_day(facts: list[Fact]) -> None:
    scored: dict[tuple[int | None, date], Fraction] = {}
    for line in score_lines(SMALL_CAP, facts):
        if line.kind == "visit":
            key = (line.member_id, line.day)
            scored[key] = scored.get(key, Fraction(0)) + line.points
    assert all(points <= 4 for points in scored.values())


@given(FACTS, st.integers(1, 3), st.integers(0, 200))
def test_one_more_accepted_case_never_lowers_a_score_or_a_rank(facts: list[Fact], team: int, minute: int) -> None:
    more = [*facts, fact("accepted", team, 999, minute=minute)]
    before, after = (
        {row.party_id: row for row in standings(SMALL_CAP, score_lines(SMALL_CAP, each), ONE_EACH, teams=[1, 2, 3])}
        for each in (facts, more)
    )
    assert after[team].score > before[team].score
    assert after[team].rank <= before[team].rank
    assert all(after[other].score == before[other].score for other in before if other != team)


@given(st.dictionaries(st.sampled_from(KINDS), st.integers(0, 4)), st.integers(1, 30))
def test_teams_of_four_and_seven_with_equal_results_a_head_tie(each: dict[str, int], minute: int) -> None:
    rules = replace(RULES, minimum_bases={})
    facts = [
        fact(kind, team, 100 * person + number, member=team * 10 + person, minute=minute)
        for team, size in ((1, 4), (2, 7))
        for person in range(size)
        for kind, count in each.items()
        for number in range(count)
    ]
    rows = standings(rules, score_lines(rules, facts), {(1, DAYS[0]): 4, (2, DAYS[0]): 7}, teams=[1, 2])
    assert [row.rank for row in rows] == [1, 1]


# --- rule versions ---------------------------------------------------------------------------------------------------


def test_rules_survive_json_and_equal_rules_give_equal_text() -> None:
    rules = RuleSet(points={"accepted": 20, "visit": 1}, tie_order=("visits",), companion_share=Fraction(1, 3))
    assert RuleSet.from_json(rules.to_json()) == rules
    assert RuleSet.from_body(rules.to_body()) == rules
    assert (
        RuleSet(points={"visit": 1, "accepted": 20}).to_json() == RuleSet(points={"accepted": 20, "visit": 1}).to_json()
    )
    assert RuleSet.from_json("{}") == RuleSet()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "contest.rules_unreadable"),
        ("[]", "contest.rules_unreadable"),
        ('{"points":5}', "contest.rules_unreadable"),
        ('{"companion_share":"1/0"}', "contest.rules_unreadable"),
        ('{"prize":"pen"}', "contest.rules_unknown"),
        ('{"mode":"weighted"}', "contest.rules_choice"),
        ('{"basis":"per_moon"}', "contest.rules_choice"),
        ('{"points":{"visit":-1}}', "contest.rules_number"),
        ('{"points":{"visit":true}}', "contest.rules_number"),
        ('{"points":{"visit":1.5}}', "contest.rules_number"),
        ('{"caps":{"leaflet":5}}', "contest.rules_kind"),
        ('{"tie_order":["luck"]}', "contest.rules_ties"),
        ('{"tie_order":["visits","visits"]}', "contest.rules_ties"),
        ('{"tie_order":[["visits"]]}', "contest.rules_unreadable"),
        ('{"companion_share":"2"}', "contest.rules_number"),
    ],
)
def test_wrong_rules_are_refused_with_the_reason(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        RuleSet.from_json(text)
    assert refused.value.code == code


def test_a_rule_version_cannot_be_changed_from_outside() -> None:
    points = {"visit": 1}
    rules = RuleSet(points=points)
    points["visit"] = 100
    assert rules.points["visit"] == 1
    with pytest.raises(TypeError):
        rules.points["visit"] = 2  # type: ignore[index]
