"""The figures at the terminal, and the page of definitions."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import crm.kernel.terminal as terminal
from crm.figures.console import definitions_command, definitions_markdown, funnel_command
from crm.kernel.errors import NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.rules import Stage
from tests import make
from tests.moments import DAY_2


@pytest.fixture
def run(app, monkeypatch):
    monkeypatch.setattr(terminal, "application", lambda: app)
    return lambda command, *arguments: CliRunner().invoke(command, list(arguments), catch_exceptions=False).output


def test_rows_as_json_hold_counts_and_rates(run, cast, actor):
    with unit_of_work():
        for stage in (Stage.CONSULT, Stage.ACCEPTED, Stage.CONSULT):
            make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], stage=stage)
    (row,) = json.loads(run(funnel_command, "--json", "--campaign", "C-ROAD"))
    assert (row["key"], row["code"], row["label"]) == (str(cast.campaigns["roadshow"]), "C-ROAD", "东大街路演")
    assert (row["consult"], row["application"], row["accepted"]) == (3, 1, 1)
    assert row["application_rate"] == 1 / 3
    assert row["acceptance_rate"] == 1.0
    for by in ("team", "district", "model", "member", "day"):
        (other,) = json.loads(
            run(funnel_command, "--json", "--by", by, "--view", "cohort", "--from", DAY_2.isoformat())
        )
        assert other["consult"] == 3, by
    table = run(funnel_command, "--by", "team", "--campaign", str(cast.campaigns["roadshow"]))
    assert "红队" in table
    assert "TOTAL" in table
    assert "样本不足" in table  # three consults carry no rate, here as on the page
    assert "33.3%" not in table


def test_an_empty_installation_prints_nothing_and_an_unknown_campaign_is_refused(run):
    assert json.loads(run(funnel_command, "--json")) == []
    assert "—" in run(funnel_command)
    with pytest.raises(NotFound):
        run(funnel_command, "--campaign", "nowhere")


def test_the_page_of_definitions_is_the_definitions(run, app):
    page = Path(app.root_path) / "docs" / "figures.md"
    assert run(definitions_command, "--markdown") == page.read_text(encoding="utf-8")
    codes = [one["code"] for one in json.loads(run(definitions_command, "--json"))]
    assert len(codes) == len(set(codes))
    assert {"visits_valid", "consult", "application_rate", "person_days"} <= set(codes)
    with app.test_request_context():
        assert "申请率" in definitions_markdown()
