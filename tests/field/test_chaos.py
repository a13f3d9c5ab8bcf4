"""The short form of `make chaos`: nothing is lost and nothing doubled, and the counting notices when something is.

The runner's module says what happens; here it is short enough for every change.
"""

import pytest

from tests.field.chaos import chaos

pytestmark = pytest.mark.slow


def test_250_records_through_a_hostile_network_to_a_server_that_is_killed_arrive_once(tmp_path):
    run = chaos(tmp_path / "bank", submissions=250, kills=4)
    assert run.findings.all == []
    assert (run.submissions, run.kills) == (250, 4)
    assert sum(times for way, times in run.mischief.items() if way != "through") > 50
    assert run.statuses["accepted"] > 100
    assert run.statuses["contested field.contested"] > 0
    assert run.statuses["rejected lead.own_duplicate"] > 0


def test_a_server_that_knows_no_record_again_is_found_out(tmp_path):
    run = chaos(tmp_path / "bank", submissions=120, kills=0, calm=0.2, module="tests.field.careless")
    assert run.findings.doubled


def test_a_phone_that_believes_any_200_is_found_out(tmp_path):
    run = chaos(tmp_path / "bank", submissions=60, kills=0, calm=0.2, hasty=True)
    assert run.findings.lost
