"""Rates, intervals, ranks, counts of leads and time in a stage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.figures.rules import (
    FUNNEL_STAGES,
    MINIMUM_BASE,
    FunnelCounts,
    Rate,
    StageMark,
    competition_ranks,
    count_leads,
    ranks,
    reached,
    round_half_up,
    stage_durations,
)

MONDAY = datetime(2026, 9, 7, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (Fraction(3, 20), 1, "0.2"),
        (Fraction(1, 4), 1, "0.3"),
        (Fraction(-1, 4), 1, "-0.3"),
        (Fraction(-1, 100), 1, "0.0"),
        (Fraction(2, 3), 2, "0.67"),
        (Fraction(5, 2), 0, "3"),
        (Fraction(7), 1, "7.0"),
        (Fraction(10**12), 1, "1000000000000.0"),
    ],
)
def test_halves_round_away_from_zero(value: Fraction, digits: int, shown: str) -> None:
    assert str(round_half_up(value, digits)) == shown


@given(st.fractions(), st.integers(0, 4))
def test_rounding_is_off_by_half_a_unit_at_most(value: Fraction, digits: int) -> None:
    rounded = Fraction(round_half_up(value, digits))
    assert abs(rounded - value) <= Fraction(1, 2 * 10**digits)


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (Rate(1, 8), "12.5%"),
        (Rate(1, 16), "6.3%"),
        (Rate(0, 5), "0.0%"),
        (Rate(5, 5), "100.0%"),
        (Rate(12, 10), "120.0%"),
        (Rate(0, 0), "—"),
        (Rate(3, 0), "—"),
    ],
)
def test_a_rate_reads_as_people_expect(rate: Rate, shown: str) -> None:
    assert rate.percent() == shown


def test_a_rate_without_base_has_neither_value_nor_interval() -> None:
    assert Rate(0, 0).value is None
    assert Rate(0, 0).interval() is None
    assert not Rate(0, 0).enough(0)


def test_a_rate_over_one_keeps_its_value_but_has_no_interval() -> None:
    assert Rate(12, 10).value == Fraction(6, 5)
    assert Rate(12, 10).interval() is None


def test_a_rate_counts_things() -> None:
    with pytest.raises(ValueError, match="counts things"):
        Rate(-1, 3)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3 (Wilson without continuity correction).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_the_published_one(k: int, n: int, low: float, high: float) -> None:
    interval = Rate(k, n).interval()
    assert interval is not None
    assert interval[0] == pytest.approx(low, abs=5e-5)
    assert interval[1] == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_rate_and_lies_within_zero_and_one(pair: tuple[int, int]) -> None:
    k, n = pair
    interval = Rate(k, n).interval()
    assert interval is not None
    assert 0 <= interval[0] <= k / n <= interval[1] <= 1


def test_a_rate_is_trusted_from_its_minimum_base_on() -> None:
    assert Rate(2, MINIMUM_BASE["consult"]).enough(MINIMUM_BASE["consult"])
    assert not Rate(2, MINIMUM_BASE["consult"] - 1).enough(MINIMUM_BASE["consult"])


def test_a_funnel_gives_three_rates_with_their_bases() -> None:
    funnel = FunnelCounts(consult=20, application=8, accepted=3)
    assert funnel.application_rate == Rate(8, 20)
    assert funnel.acceptance_rate == Rate(3, 8)
    assert funnel.overall_rate == Rate(3, 20)


def test_funnels_add_up_stage_by_stage() -> None:
    whole = FunnelCounts(1, 2, 3, 4, 5) + FunnelCounts(10, 20, 30, 40, 50)
    assert whole == FunnelCounts(11, 22, 33, 44, 55)
    assert sum([whole], FunnelCounts()) == whole
    assert FunnelCounts.of({"consult": 4, "visit": 9}) == FunnelCounts(consult=4)


def test_the_greatest_key_leads_and_equal_keys_share_a_rank() -> None:
    assert competition_ranks([(5, 1), (9, 0), (5, 1), (5, 0)]) == [2, 1, 2, 4]
    assert competition_ranks([(5,), (9,), (5,)], highest_first=False) == [1, 3, 1]
    assert competition_ranks([(9,), (9,), (1,)]) == [1, 1, 3]
    empty: list[tuple[int]] = []
    assert competition_ranks(empty) == []


@given(st.lists(st.integers(-5, 5)))
def test_a_competition_rank_is_one_more_than_the_number_of_better_keys(values: list[int]) -> None:
    assert competition_ranks(values) == [1 + sum(other > value for other in values) for value in values]


@given(st.lists(st.integers(-5, 5)))
def test_the_mean_rank_lies_halfway_between_the_lowest_and_the_highest(values: list[int]) -> None:
    means = [(low + high) / 2 for low, high in zip(ranks(values, "min"), ranks(values, "max"), strict=True)]
    assert ranks(values, "average") == means
    assert sorted(ranks(values, "ordinal")) == list(range(1, len(values) + 1))


def mark(lead: str, stage: str, hours: int) -> StageMark:
    return StageMark(lead, stage, MONDAY + timedelta(hours=hours))


def test_a_later_stage_implies_the_earlier_ones_at_its_own_time() -> None:
    assert reached([mark("Wang", "accepted", 5), mark("Wang", "consult", 1), mark("Wang", "application", 9)]) == {
        "Wang": {
            "consult": MONDAY + timedelta(hours=1),
            "application": MONDAY + timedelta(hours=5),
            "accepted": MONDAY + timedelta(hours=5),
        }
    }


def test_a_lead_counts_once_per_stage_and_other_events_not_at_all() -> None:
    counts = count_leads([mark("Wang", "consult", 1), mark("Wang", "consult", 2), mark("Li", "visit", 1)])
    assert counts == {"consult": 1, "application": 0, "accepted": 0, "approved": 0, "disbursed": 0}


def test_merged_leads_count_as_the_one_kept_over_several_merges() -> None:
    marks = [mark("a", "consult", 3), mark("b", "accepted", 2), mark("c", "consult", 1)]
    merged = {"a": "b", "b": "c"}
    assert count_leads(marks, merged=merged)["consult"] == 1
    assert reached(marks, merged=merged)["c"]["consult"] == MONDAY + timedelta(hours=1)


def test_a_circle_of_merges_is_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        count_leads([mark("a", "consult", 1)], merged={"a": "b", "b": "a"})


def test_a_cohort_may_ask_who_got_there_within_days() -> None:
    marks = [mark("a", "consult", 0), mark("a", "application", 24), mark("a", "accepted", 24 * 3 + 1)]
    assert count_leads(marks, within=timedelta(days=3))["accepted"] == 0
    assert count_leads(marks, within=timedelta(days=4))["accepted"] == 1
    assert count_leads(marks, within=timedelta(days=1))["application"] == 1


MARKS = st.lists(
    st.builds(mark, st.sampled_from("abcde"), st.sampled_from(FUNNEL_STAGES), st.integers(0, 99)), max_size=30
)


@given(MARKS, st.randoms(use_true_random=False))
def test_the_order_of_marks_changes_no_count_and_stages_never_grow(marks: list[StageMark], chance: Random) -> None:
    shuffled = list(marks)
    chance.shuffle(shuffled)
    assert reached(shuffled) == reached(marks)
    counts = list(count_leads(marks).values())
    assert counts == sorted(counts, reverse=True)


@given(MARKS)
def test_counts_equal_an_independent_recount(marks: list[StageMark]) -> None:
    best: dict[object, int] = {}
    for each in marks:
        best[each.lead] = max(best.get(each.lead, -1), FUNNEL_STAGES.index(each.stage))
    recount = {stage: sum(top >= at for top in best.values()) for at, stage in enumerate(FUNNEL_STAGES)}
    assert count_leads(marks) == recount


def test_time_in_a_stage_adds_up_and_the_future_is_unknown() -> None:
    entries = [
        (MONDAY + timedelta(hours=2), "application"),
        (MONDAY, "consult"),
        (MONDAY + timedelta(hours=5), "accepted"),
    ]
    assert stage_durations(entries, MONDAY + timedelta(hours=3)) == {
        "consult": timedelta(hours=2),
        "application": timedelta(hours=1),
    }
    assert stage_durations([], MONDAY) == {}


def test_a_percentage_keeps_the_digits_asked_for() -> None:
    assert Rate(2, 3).percent(2) == "66.67%"
    assert Decimal(Rate(1, 2).percent(0).rstrip("%")) == 50
