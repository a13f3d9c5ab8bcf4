"""A choice of the phone's matrix; `make matrix` runs all of it."""

import random
from collections.abc import Iterator
from itertools import combinations, product

import pytest
from playwright.sync_api import Browser

from tests.browser.matrix import AXES, EXCLUDED, Case, Runner, all_pairs, pairs_of
from tests.browser.own_server import own_server
from tests.browser.serving import Served

CASES = all_pairs()
QUICK = [case for case in CASES if case.process != "server migrated" and case.data != "sixty"]
SAMPLE = random.Random(3).sample(QUICK, 5)


@pytest.fixture(scope="module")
def runner(server: Served, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A server and a browser for all cases."""
    folder = tmp_path_factory.mktemp("matrix")
    with own_server(server, folder) as own:
        yield Runner(browser, own, folder)


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_a_case_of_the_matrix_holds(case: Case, runner: Runner) -> None:
    assert runner.run(case) == []


def test_every_two_things_happen_together_in_some_case() -> None:
    met = set().union(*(pairs_of({axis: getattr(case, axis) for axis in AXES}) for case in CASES))
    wanted = {
        frozenset({(one, first), (other, second)})
        for one, other in combinations(AXES, 2)
        for first, second in product(AXES[one], AXES[other])
    }
    assert wanted - met == set(EXCLUDED)


def test_the_matrix_tells_of_a_record_that_the_server_lost(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the server forgets one row before the comparison."""
    case = Case("reply lost", "goes on", "valid", "one", "right", "private")
    received = type(runner.server).received

    def forgetful(server: object, device: str) -> dict[str, tuple[str, str]]:
        return dict(list(received(server, device).items())[1:])

    monkeypatch.setattr(type(runner.server), "received", forgetful)
    assert any("the server has" in line for line in runner.run(case))
