"""Other projects' cases, run through the product's own functions.

Inputs and expected numbers are facts taken from the tests of PostHog, Plausible, CTFd, scipy and Odoo. Each number that
a case expects is either run as it stands, or listed under DIFFERS with the reason and with what the product says
instead; the last tests count both lists against the files, so that nothing is passed over in silence. The same lists
stand in prose in `crm/docs/peer-cases.md`.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from crm.contest.engine import score_lines, standings
from crm.contest.rules import Adjustment, RuleSet, Standing
from crm.figures.rules import FUNNEL_STAGES, Rate, StageMark, count_leads, ranks, reached, stage_durations
from crm.leads.duplicates import PartyKey, same_party

ROOT = Path(__file__).resolve().parents[2]
CASES = Path(os.environ.get("CRM_SHARED", ROOT.parent / "shared")) / "data" / "peer_tests"
FILES = {"duplicates_odoo": 2, "funnel_counts": 11, "leaderboard": 5, "rank_ties_scipy": 31, "stage_durations": 1}


def load(name: str) -> list[dict[str, Any]]:
    path = CASES / f"{name}.json"
    if not path.exists():
        pytest.fail(f"the peer cases are not at {CASES}: name their folder's parent with CRM_SHARED")
    content = json.loads(path.read_text(encoding="utf-8"))
    return content["cases"] if isinstance(content, dict) else content


def case(name: str, key: str) -> dict[str, Any]:
    return next(item for item in load(name) if item["id"] == key)


def at(text: str) -> datetime:
    """A case's time; 't1', 't2' are minutes of one day."""
    if text.startswith("t"):
        return datetime(2026, 9, 7, tzinfo=UTC) + timedelta(minutes=int(text[1:]))
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- funnels -----------------------------------------------------------------

FUNNEL_RUN = {
    ("pl_three_goals_with_outsider", "counts"): [2, 2, 1],
    ("pl_three_goals_with_outsider", "all_visitors"): 3,
    ("pl_three_goals_with_outsider", "entering_visitors"): 2,
    ("pl_three_goals_with_outsider", "entering_pct"): "66.67",
    ("pl_three_goals_with_outsider", "never_entering"): 1,
    ("pl_three_goals_with_outsider", "never_entering_pct"): "33.33",
    ("pl_three_goals_with_outsider", "conversion_rate"): ["100", "100", "50"],
    ("pl_three_goals_with_outsider", "dropoff"): [0, 0, 1],
    ("pl_three_goals", "counts"): [2, 2, 1],
    ("pl_three_goals", "all_visitors"): 2,
    ("pl_three_goals", "entering_visitors"): 2,
    ("pl_three_goals", "entering_pct"): "100",
    ("pl_three_goals", "never_entering"): 0,
    ("pl_three_goals", "never_entering_pct"): "0",
    ("pl_three_goals", "conversion_rate"): ["100", "100", "50"],
    ("pl_three_goals", "dropoff"): [0, 0, 1],
    ("pl_no_visits", "counts"): [0, 0, 0],
    ("pl_no_visits", "all_visitors"): 0,
    ("pl_no_visits", "dropoff"): [0, 0, 0],
    ("ph_strict_breakdown", "avg_seconds"): {"Safari": 3600},
}
"""What the product says just as its peers do."""

IMPLIED = "a later stage implies the earlier ones: who applied has consulted, whatever was written down, or when first"
STRICT = f"no order of neighbouring events is asked for, and {IMPLIED}"
FIRST_STEP = "the first stage has no stage before it, so no rate either; peers print 0"
NO_BASE = "a rate without a base is a dash, never 0 %"

FUNNEL_DIFFERS: dict[tuple[str, str], tuple[str, Any]] = {
    ("ph_ordered_basic", "counts"): (IMPLIED, [5, 4, 3]),
    ("ph_merged_people", "counts"): (IMPLIED, [4, 4, 3]),
    ("ph_two_steps_messed_order", "counts"): (IMPLIED, [5, 3]),
    ("ph_any_event", "counts"): ("a stage counts once a lead: repeats of one event are no progress", [5, 0, 0]),
    ("ph_skipped_step", "counts"): (IMPLIED, [1, 1, 1]),
    ("ph_strict_basic", "counts"): (STRICT, [8, 7, 5]),
    ("ph_strict_basic", "step2"): (STRICT, ["p2", "p3", "p4", "p5", "p6", "p7", "p8"]),
    ("ph_strict_basic", "step3"): (STRICT, ["p3", "p4", "p5", "p7", "p8"]),
    ("ph_strict_breakdown", "counts"): (STRICT, [2, 2]),
    ("ph_strict_breakdown", "by_group"): (STRICT, {"Chrome": [1, 1], "Safari": [1, 1]}),
    ("ph_salesforce_lead_opportunity_close", "counts"): (IMPLIED, [7, 5, 3]),
    ("pl_three_goals_with_outsider", "conversion_rate_step"): (FIRST_STEP, ["100", "50"]),
    ("pl_three_goals_with_outsider", "dropoff_pct"): (FIRST_STEP, ["0", "50"]),
    ("pl_three_goals", "conversion_rate_step"): (FIRST_STEP, ["100", "50"]),
    ("pl_no_visits", "entering_pct"): (NO_BASE, "—"),
    ("pl_no_visits", "conversion_rate"): (NO_BASE, ["—", "—", "—"]),
}
"""What the product says otherwise: the reason, and its own answer."""


def marks_of(item: dict[str, Any]) -> list[StageMark]:
    """A case's events in the product's words: its steps become consult, application, accepted."""
    if item["steps"][0] is None:
        return [StageMark(event["lead"], FUNNEL_STAGES[0], at(event["at"])) for event in item["events"]]
    stage = dict(zip(item["steps"], FUNNEL_STAGES, strict=False))
    return [StageMark(event["lead"], stage.get(event["event"], "none"), at(event["at"])) for event in item["events"]]


def stages_of(item: dict[str, Any]) -> tuple[str, ...]:
    return FUNNEL_STAGES[: len(item["steps"])]


def counts_of(item: dict[str, Any], group: str | None = None) -> list[int]:
    groups = item.get("group", {})
    marks = [mark for mark in marks_of(item) if group is None or groups[mark.lead] == group]
    within = timedelta(days=item["window_days"]) if item["window_days"] else None
    counts = count_leads(marks, stages=stages_of(item), merged=item.get("merge"), within=within)
    return list(counts.values())


def percent(k: int, n: int) -> str:
    """The product's percentage, in its peers' spelling: no sign, no zeros at the end."""
    text = Rate(k, n).percent(2).removesuffix("%")
    return text.rstrip("0").rstrip(".") if "." in text else text


def mean_seconds(item: dict[str, Any]) -> dict[str, float]:
    first, last = stages_of(item)[0], stages_of(item)[-1]
    result = {}
    for group in sorted(set(item["group"].values())):
        marks = [mark for mark in marks_of(item) if item["group"][mark.lead] == group]
        spans = [times[last] - times[first] for times in reached(marks).values() if last in times]
        result[group] = sum(spans, timedelta(0)).total_seconds() / len(spans)
    return result


def leads_at(item: dict[str, Any], number: int) -> list[str]:
    stage = FUNNEL_STAGES[number - 1]
    return sorted(str(lead) for lead, times in reached(marks_of(item)).items() if stage in times)


def product_funnel(item: dict[str, Any], key: str) -> Any:
    """What the product answers to one of the numbers that a case expects."""
    counts = counts_of(item)
    steps = list(pairwise(counts))
    everyone = len({event["lead"] for event in item["events"]})
    answers = {
        "counts": lambda: counts,
        "step2": lambda: leads_at(item, 2),
        "step3": lambda: leads_at(item, 3),
        "by_group": lambda: {group: counts_of(item, group) for group in sorted(set(item["group"].values()))},
        "avg_seconds": lambda: {"Safari": mean_seconds(item)["Safari"]},
        "all_visitors": lambda: everyone,
        "entering_visitors": lambda: counts[0],
        "entering_pct": lambda: percent(counts[0], everyone),
        "never_entering": lambda: everyone - counts[0],
        "never_entering_pct": lambda: percent(everyone - counts[0], everyone),
        "conversion_rate": lambda: [percent(count, counts[0]) for count in counts],
        "conversion_rate_step": lambda: [percent(after, before) for before, after in steps],
        "dropoff": lambda: [0, *(before - after for before, after in steps)],
        "dropoff_pct": lambda: [percent(before - after, before) for before, after in steps],
    }
    return answers[key]()


@pytest.mark.parametrize(("key", "number"), sorted(FUNNEL_RUN))
def test_a_funnel_says_what_its_peers_say(key: str, number: str) -> None:
    item = case("funnel_counts", key)
    assert product_funnel(item, number) == item["expected"][number] == FUNNEL_RUN[key, number]


@pytest.mark.parametrize(("key", "number"), sorted(FUNNEL_DIFFERS))
def test_a_funnel_of_another_policy_gives_the_products_own_answer(key: str, number: str) -> None:
    item = case("funnel_counts", key)
    _, answer = FUNNEL_DIFFERS[key, number]
    assert product_funnel(item, number) == answer
    assert answer != item["expected"][number], "no difference: it belongs to the cases that are run"


def test_every_number_of_every_funnel_case_is_run_or_listed() -> None:
    expected = {(item["id"], number) for item in load("funnel_counts") for number in item["expected"]}
    assert set(FUNNEL_RUN) | set(FUNNEL_DIFFERS) == expected
    assert not set(FUNNEL_RUN) & set(FUNNEL_DIFFERS)


# --- leaderboards ------------------------------------------------------------

BOARDS_RUN = {
    "ctfd_score_then_award",
    "ctfd_tie_by_first_to_reach",
    "ctfd_zero_points_do_not_break_ties",
    "ctfd_hidden_member_takes_no_place",
    "ctfd_top10_and_bracket",
}
BOARDS_DIFFER = {
    "absent_without_points": "a party that takes part is listed with 0 points: a team must see that it has none",
}
"""Not a number of a case but a habit in the note of one: 'a member without points is absent'."""

BY_POINTS = RuleSet(basis="raw")


def board_of(item: dict[str, Any], steps: int, *, only: set[str] | None = None) -> dict[str, Standing]:
    """The board after some steps of a case. Free points are bonuses here, and users are teams."""
    added = [event for step in item["steps"][:steps] for event in step["add"]]
    names = sorted({event[0] for step in item["steps"] for event in step["add"]})
    ids = {name: number for number, name in enumerate(names, start=1)}
    lines = score_lines(
        BY_POINTS,
        [],
        [
            Adjustment(date(2026, 9, 7), ids[name], None, points, "case", "peer", f"event:{number}", at(when))
            for number, (name, points, when) in enumerate(added)
        ],
    )
    hidden = {ids[name] for name in item.get("hidden", [])}
    shown = [ids[name] for name in names if only is None or name in only]
    rows = standings(BY_POINTS, lines, {}, teams=shown, hidden=hidden)
    return {names[row.party_id - 1]: row for row in rows}


def place(text: str) -> int:
    return int("".join(filter(str.isdigit, text)))


@pytest.mark.parametrize("key", sorted(BOARDS_RUN))
def test_a_board_says_what_its_peers_say(key: str) -> None:
    item = case("leaderboard", key)
    for number, step in enumerate(item["steps"], start=1):
        board = board_of(item, number)
        for name, (points, rank) in step.get("expect", {}).items():
            assert (board[name].points, board[name].rank) == (Fraction(points), place(rank))
        if "expect_order" in step:
            assert [name for name, row in board.items() if row.points][: len(step["expect_order"])] == step[
                "expect_order"
            ]
        assert not set(step.get("expect_absent", [])) & set(board)
        for bracket, expected in step.get("expect_bracket", {}).items():
            members = {name for name, its in item["brackets"].items() if str(its) == bracket}
            inside = board_of(item, number, only=members)
            assert {name: [row.points, row.rank] for name, row in inside.items()} == {
                name: [points, place(rank)] for name, (points, rank) in expected.items()
            }


def test_a_party_without_points_is_listed_where_a_peer_leaves_it_out() -> None:
    item = case("leaderboard", "ctfd_tie_by_first_to_reach")
    board = board_of(item, 1)
    assert (board["user2"].points, board["user2"].rank) == (0, 2)
    assert BOARDS_DIFFER["absent_without_points"]


def test_every_board_is_run_and_says_nothing_that_is_not_checked() -> None:
    items = load("leaderboard")
    assert {item["id"] for item in items} == BOARDS_RUN
    said = {key for item in items for step in item["steps"] for key in step}
    assert said == {"add", "expect", "expect_order", "expect_absent", "expect_bracket"}


# --- ranks and durations -----------------------------------------------------


@pytest.mark.parametrize("number", range(FILES["rank_ties_scipy"]))
def test_ranks_are_those_of_scipy(number: int) -> None:
    item = load("rank_ties_scipy")[number]
    assert ranks(item["values"], item["method"]) == item["expected"]


def test_time_in_stages_is_that_of_odoo() -> None:
    item = case("stage_durations", "odoo_stage_durations")
    entries = [(at(event["at"]), event["stage"]) for event in item["stage_events"]]
    minutes = {
        stage or "none": span / timedelta(minutes=1)
        for stage, span in stage_durations(entries, at(item["as_of"])).items()
    }
    assert minutes == item["expected_minutes"]


# --- duplicates --------------------------------------------------------------

NOT_A_SIGN = (
    "no e-mail is kept, and neither a shared mail domain, a part of a name, a name alone nor a parent company makes "
    "two records one customer: a wrong clash costs a team its customer"
)
DUPLICATES_DIFFER: dict[str, tuple[str, dict[str, list[int]]]] = {
    "odoo_potential_duplicates": (NOT_A_SIGN, {str(number): [number] for number in range(1, 15)}),
    "odoo_duplicates_invalid_email": (NOT_A_SIGN, {str(number): [number] for number in range(1, 6)}),
}
AT_ONE_PLACE = {"4": [4, 5], "5": [4, 5], "6": [6, 7], "7": [6, 7]}
"""The groups that the product and its peer share once the records also name one place."""


def groups_of(item: dict[str, Any], place_name: str | None) -> dict[str, list[int]]:
    parties = {
        lead["id"]: PartyKey(name=lead.get("partner_name") or lead.get("contact_name"), place=place_name)
        for lead in item["leads"]
    }
    return {
        str(number): [other for other in parties if other == number or same_party(key, parties[other])]
        for number, key in parties.items()
    }


@pytest.mark.parametrize("key", sorted(DUPLICATES_DIFFER))
def test_duplicates_follow_the_products_own_three_signs(key: str) -> None:
    item = case("duplicates_odoo", key)
    _, answer = DUPLICATES_DIFFER[key]
    assert groups_of(item, None) == answer != item["expected"]


def test_the_same_name_at_the_same_place_is_found_as_a_peer_finds_the_name() -> None:
    item = case("duplicates_odoo", "odoo_potential_duplicates")
    found = groups_of(item, "人民路 8 号")
    assert {key: group for key, group in found.items() if len(group) > 1} == AT_ONE_PLACE
    assert {key: item["expected"][key] for key in AT_ONE_PLACE} == AT_ONE_PLACE


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        (PartyKey(phone="13800138000"), PartyKey(phone="13800138000", name="张伟"), "phone"),
        (PartyKey(phone="+8657188888888"), PartyKey(phone="+8657188888888"), None),
        (PartyKey(licence="91330100ma27xxxx0a"), PartyKey(licence="91330100MA27XXXX0A"), "licence"),
        (PartyKey(name="张 伟", place="Ａ座 1 号"), PartyKey(name="张伟", place="a座1号"), "name_place"),
        (PartyKey(name="张伟", place="A座"), PartyKey(name="张伟", place="B座"), None),
        (PartyKey(name="张伟"), PartyKey(name="张伟"), None),
        (PartyKey(phone="", licence=" ", place="A座"), PartyKey(phone="", licence=" ", place="A座"), None),
    ],
)
def test_one_customer_is_known_by_phone_licence_or_name_at_a_place(
    a: PartyKey, b: PartyKey, reason: str | None
) -> None:
    assert same_party(a, b) == same_party(b, a) == reason


def test_every_duplicate_case_is_listed() -> None:
    assert {item["id"] for item in load("duplicates_odoo")} == set(DUPLICATES_DIFFER)


# --- nothing passed over -----------------------------------------------------


def test_the_files_hold_the_cases_that_were_counted() -> None:
    assert {path.stem: len(load(path.stem)) for path in CASES.glob("*.json")} == FILES


def test_every_difference_has_its_reason() -> None:
    reasons = [reason for reason, _ in [*FUNNEL_DIFFERS.values(), *DUPLICATES_DIFFER.values()]]
    assert all(len(reason) > 20 for reason in [*reasons, *BOARDS_DIFFER.values()])


def test_the_page_of_peer_cases_names_every_case() -> None:
    page = (ROOT / "crm" / "docs" / "peer-cases.md").read_text(encoding="utf-8")
    named = [item["id"] for name in FILES for item in load(name) if "id" in item]
    assert [key for key in named if f"`{key}`" not in page] == []
