"""The page of examples says what the commands really print; and the contacts of a real bank come in exactly.

The commands run once; the months are counted here from the file itself, by nothing of the product.
"""

import csv
from collections import Counter
from pathlib import Path

import pytest

from tests.whole.examples import Run, examples, run_all

pytestmark = pytest.mark.slow
FILE = "uci_bank/contacts_dated_derived.csv"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> list[Run]:
    """Every example of the page, run once."""
    return run_all(tmp_path_factory.mktemp("examples"), shared / "data")


def found(runs: list[Run], *words: str) -> list[Run]:
    return [run for run in runs if all(word in run.example.command for word in words)]


def numberless(answer: dict) -> dict:
    """The answer with 0 for the number of its batch; a rehearsal has none."""
    return {**answer, "batch": None if answer["batch"] is None else 0}


def test_the_page_has_examples():
    assert len(examples()) >= 8
    assert sum(example.says is not None for example in examples()) >= 5


def test_every_example_ends_well_and_prints_what_the_page_says(runs):
    wrong = [(run.example.command, run.code, run.err[-300:]) for run in runs if run.code != 0]
    assert wrong == []
    for run in runs:
        if run.example.says is not None:
            assert numberless(run.answer()) == run.example.says, run.example.command


def test_each_month_has_the_counts_of_the_file(runs, shared):
    consults: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    with (shared / "data" / FILE).open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            month = f"UCI-{row['contact_date'][:7]}"
            consults[month] += 1
            accepted[month] += row["y"] == "yes"
    (run,) = found(runs, "figures funnel")
    rows = {row["code"]: row for row in run.answer() if row["code"].startswith("UCI-")}
    assert len(rows) == 30
    assert {code: row["consult"] for code, row in rows.items()} == dict(consults)
    assert {code: row["accepted"] for code, row in rows.items()} == {code: accepted[code] for code in consults}
    assert (sum(consults.values()), sum(accepted.values())) == (45_211, 5_289)
    assert all(row["application"] == row["accepted"] for row in rows.values())


def test_the_import_stays_small(runs):
    peaks = [run.peak for run in found(runs, FILE)]
    assert len(peaks) == 3
    assert max(peaks) < 300, peaks
