"""The evening report at the terminal."""

import json
from datetime import timedelta

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import func, select

from crm.jobs import console as jobs
from crm.kernel import terminal
from crm.kernel.db import db
from crm.meetings import console
from crm.meetings.models import StoredReport
from tests.meetings.setting import LATER, a_day, lead, meeting, pk
from tests.meetings.test_reports import store, tamper
from tests.moments import BELL, DAY_2, NOON


@pytest.fixture
def run(app, cast, monkeypatch):
    monkeypatch.setattr(terminal, "application", lambda: app)

    def call(command, *words):
        result = CliRunner().invoke(command, words, catch_exceptions=not words or "--raise" not in words)
        return result

    return call


WHERE = ("--campaign", "C-ROAD", "--day", DAY_2.isoformat())


def test_without_a_stored_report_it_is_composed_and_not_kept(run, actor, cast):
    pk(actor, cast)
    a_day(actor, cast)
    answer = json.loads(run(console.evening, *WHERE, "--json").output)
    assert answer["stored"] is False
    assert answer["funnel"]["day"]["consult"] == 5
    assert len(answer["standings"]) == 1
    assert db.session.scalar(select(func.count(StoredReport.id))) == 0


def test_the_stored_one_is_printed_as_it_was_stored(run, actor, cast):
    a_day(actor, cast)
    kept = store(actor, cast, team=None)
    lead(actor, cast, "bob", "red", received=BELL + timedelta(minutes=5))
    answer = json.loads(run(console.evening, *WHERE, "--json").output)
    assert (answer["stored"], answer["sha256"]) == (True, kept.sha256)
    assert answer["funnel"]["day"]["consult"] == 5


def test_until_it_is_stored_it_says_what_the_page_says(run, actor, cast, client_of):
    pk(actor, cast)
    a_day(actor, cast)
    room = meeting(actor, cast, team=None)
    with time_machine.travel(LATER, tick=False):
        lead(actor, cast, "bob", "red", at=NOON, received=BELL + timedelta(hours=1))
        before = json.loads(run(console.evening, *WHERE, "--json").output)
        assert client_of("olga").post(f"/meetings/{room}/report", data={}).status_code == 302
        page = json.loads(run(console.evening, *WHERE, "--json").output)
    about = ("stored", "revision", "sha256")
    assert {**before, **dict.fromkeys(about)} == {**page, **dict.fromkeys(about)}
    assert before["funnel"]["day"]["consult"] == 5


def test_a_day_before_the_campaign_is_told_with_its_first_day(run, cast):
    said = run(console.evening, "--campaign", "C-ROAD", "--day", "2020-01-01")
    assert said.exit_code == 1
    assert "C-ROAD begins on" in said.output


def test_a_correction_counts_late_entries_with_a_reason(run, actor, cast):
    a_day(actor, cast)
    with time_machine.travel(LATER, tick=False):
        lead(actor, cast, "bob", "red", at=NOON, received=BELL + timedelta(hours=1))
        assert json.loads(run(console.evening, *WHERE, "--store", "--json").output)["funnel"]["day"]["consult"] == 5
        assert run(console.evening, *WHERE, "--store", "--late").exit_code == 2
        corrected = json.loads(run(console.evening, *WHERE, "--store", "--late", "--reason", "补录", "--json").output)
    assert (corrected["revision"], corrected["funnel"]["day"]["consult"]) == (2, 6)


def test_store_keeps_it_and_a_table_is_for_people(run, cast, actor):
    a_day(actor, cast)
    assert json.loads(run(console.evening, *WHERE, "--team", "红队", "--store", "--json").output)["revision"] == 1
    shown = run(console.evening, *WHERE, "--team", "红队").output
    assert "红队" in shown
    assert "stored, revision 1" in shown


def test_a_changed_report_is_not_printed_as_if_it_stood(run, actor, cast):
    store(actor, cast, team=None)
    assert run(console.verify).exit_code == 0
    tamper()
    assert run(console.verify, "--json").exit_code == 1
    assert run(console.evening, *WHERE).exit_code == 1


def test_jobs_are_listed_and_caught_up(run, cast):
    listed = json.loads(run(jobs.list_jobs, "--json").output)
    assert {"evening_reports", "old_uploads"} < set(listed["jobs"])
    assert run(jobs.catch_up_now, "--json").exit_code == 0
    after = json.loads(run(jobs.list_jobs, "--json").output)
    assert after["due"] == []
    assert after["ran"]
