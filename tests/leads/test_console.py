"""The ledger's commands: sums that differ are told, and written anew."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

import crm.kernel.terminal as terminal
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.console import check_ledger, rebuild_ledger
from crm.leads.ledger_models import FunnelDay
from tests import make


@pytest.fixture
def run(app, monkeypatch):
    """run(command, *arguments) is (exit code, output)."""

    monkeypatch.setattr(terminal, "application", lambda: app)

    def call(command, *arguments):
        result = CliRunner().invoke(command, list(arguments))
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.output

    return call


def test_sums_that_differ_are_told_and_written_anew(run, actor, cast):
    with unit_of_work():
        make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"])
    assert run(check_ledger)[0] == 0
    with unit_of_work():
        db.session.execute(text("UPDATE funnel_day SET leads = 7"))
    code, told = run(check_ledger, "--json")
    assert (code, len(json.loads(told)["differences"])) == (1, 1)
    assert run(rebuild_ledger, "--json") == (0, run(check_ledger, "--json")[1])
    assert list(db.session.scalars(select(FunnelDay.leads))) == [1]
