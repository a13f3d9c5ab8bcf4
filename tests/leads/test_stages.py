"""Who may record a stage, of which lead, under which number and at which time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from crm.kernel.db import db
from crm.kernel.errors import DomainError, Forbidden, Invalid
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import editing, imports, ledger
from crm.leads.commands import record_stage, void_stage
from crm.leads.ledger import Clocks
from crm.leads.ledger_models import StageEntry
from crm.leads.models import Lead
from crm.leads.rules import Stage
from tests import make
from tests.moments import DAY_1, DAY_2, NOON, YESTERDAY_NOON


@pytest.fixture
def lead(cast, actor):
    """A lead of Bob's that consulted."""
    with unit_of_work():
        return make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"]).lead_id


def reach(who, lead, stage, **kwargs):
    with unit_of_work():
        record_stage(who, lead, stage, clocks=Clocks.at(NOON), **kwargs)


def entries():
    rows = db.session.execute(select(StageEntry.stage, StageEntry.case_number).order_by(StageEntry.id))
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("late", ["accepted", "approved", "disbursed"])
def test_no_case_is_accepted_without_its_number_even_when_a_later_stage_implies_it(actor, lead, late):
    with pytest.raises(Invalid, match=r"stage\.case_number"):
        reach(actor("olga"), lead, Stage(late))
    assert entries() == [("consult", None)]


def test_the_implied_case_carries_the_number(actor, lead):
    reach(actor("olga"), lead, Stage.APPROVED, case_number="A-7")
    assert ("accepted", "A-7") in entries()
    assert ("application", None) in entries()
    reach(actor("olga"), lead, Stage.DISBURSED)  # the number is known by now
    assert ledger.differences() == []


@pytest.mark.parametrize("late", ["approved", "disbursed"])
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_what_the_bank_feeds_back_is_not_recorded_by_those_whom_it_measures(actor, client_of, lead, name, late):
    with pytest.raises(Forbidden, match=r"stage\.confirm"):
        reach(actor(name), lead, Stage(late), case_number="A-7")
    for act in ("stage", "feedback"):
        answer = client_of(name).post(f"/leads/{lead}/{act}", data={"stage": late, "case_number": "A-7"})
        assert answer.status_code == 403
    assert entries() == [("consult", None)]
    assert f"stage-{late}" not in client_of(name).get(f"/leads/{lead}").text


@pytest.mark.parametrize("reached", list(Stage))
def test_a_stage_is_undone_by_those_who_could_record_it(actor, client_of, lead, reached):
    if reached is not Stage.CONSULT:
        reach(actor("olga"), lead, reached, case_number="A-7")
    entry = db.session.scalar(select(StageEntry.id).where(StageEntry.stage == reached.value))
    allowed = reached in ("consult", "application", "accepted")
    assert (f"void-{entry}" in client_of("alice").get(f"/leads/{lead}").text) == allowed
    answer = client_of("alice").post(f"/leads/{lead}/void", data={"entry_id": entry, "reason": "录错"})
    assert answer.status_code == (302 if allowed else 403)
    if not allowed:
        with pytest.raises(Forbidden, match=r"stage\.confirm"), unit_of_work():
            void_stage(actor("alice"), lead, entry, reason="录错", at=NOON)
        assert f"void-{entry}" in client_of("olga").get(f"/leads/{lead}").text
        client_of("olga").post(f"/leads/{lead}/void", data={"entry_id": entry, "reason": "录错"})
    assert db.session.scalar(select(StageEntry.id).where(StageEntry.voids_id == entry)) is not None


@pytest.mark.parametrize("name", ["olga", "mona"])
def test_organisers_and_managers_record_it_on_the_page(client_of, lead, name):
    page = client_of(name).get(f"/leads/{lead}").text
    assert "stage-approved" in page
    assert ("stage-application" in page) == (name == "olga")
    form = {"stage": "approved", "case_number": "A-7"}
    assert client_of(name).post(f"/leads/{lead}/feedback", data=form).status_code == 302
    assert entries()[-2:] != [("consult", None)]
    assert db.session.scalar(select(Lead.stage)) == "approved"
    assert client_of(name).post(f"/leads/{lead}/feedback", data={"stage": "consult"}).status_code == 422


@pytest.mark.parametrize("state", ["historical", "left"])
def test_a_stage_is_refused_where_the_page_offers_none(actor, client_of, lead, state):
    with unit_of_work():
        if state == "left":
            editing.exit_lead(actor("bob"), lead, "refused", reason="", at=NOON)
        else:
            db.session.get_one(Lead, lead).historical = True
    with pytest.raises(DomainError):
        reach(actor("bob"), lead, Stage.APPLICATION)
    answer = client_of("bob").post(f"/leads/{lead}/stage", data={"stage": "application"})
    assert answer.status_code == {"left": 409, "historical": 422}[state]
    assert entries() == [("consult", None)]


LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("when", ["0001-01-01T00:00", "1990-01-01T00:00", "2026-11-15T23:59", "9999-12-31T23:59"])
def test_nothing_happened_before_the_campaign_or_after_now(client_of, cast, lead, when):
    bob = client_of("bob")
    assert bob.post(f"/leads/{lead}/stage", data={"stage": "application", "happened": when}).status_code == 422
    form = {
        "name": "王五", "phone": "13900001111", "trade": "catering", "enquiry": "y", "how": "paper", "stage": "consult",
        "campaign_id": cast.campaigns["roadshow"], "owner": cast.users["bob"], "happened": when,
    }  # fmt: skip
    assert bob.post("/leads/new", data=form).status_code == 422
    assert entries() == [("consult", None)]


def test_an_application_may_be_dated_before_its_consult_but_not_before_the_campaign(actor, lead):
    with pytest.raises(Invalid, match=r"stage\.too_early"), unit_of_work():
        record_stage(actor("bob"), lead, Stage.APPLICATION, clocks=Clocks(LONG_AGO, NOON, NOON))
    with unit_of_work():
        record_stage(actor("bob"), lead, Stage.APPLICATION, clocks=Clocks(YESTERDAY_NOON, NOON, NOON))
    assert len(entries()) == 2


def test_who_walks_in_waits_for_no_campaign(actor, cast):
    with unit_of_work():
        place = {"campaign_id": cast.campaigns["walk_in"], "team_id": cast.teams["red"]}
        assert make.lead(actor("bob"), **place, at=NOON - timedelta(days=700)).lead_id


@pytest.mark.parametrize("days", [-1, 400])
def test_a_new_lead_is_planned_from_today_on_within_a_year(client_of, cast, days):
    on = (DAY_2 + timedelta(days=days)).isoformat()
    form = {
        "name": "王五", "phone": "13900001111", "trade": "catering", "enquiry": "y", "how": "paper", "stage": "consult",
        "campaign_id": cast.campaigns["roadshow"], "owner": cast.users["bob"], "follow_up_on": on,
    }  # fmt: skip
    assert client_of("bob").post("/leads/new", data=form).status_code == 422
    assert client_of("bob").post("/leads/new", data=form | {"follow_up_on": DAY_2.isoformat()}).status_code == 302
    assert db.session.scalar(select(Lead.follow_up_on)) == DAY_2


def test_a_sheet_dates_stages_as_freely_as_a_page(actor):
    row = {
        "name": "李",
        "phone": "13900007777",
        "consent": True,
        "campaign": "C-ROAD",
        "team": "红队",
        "consult_on": DAY_2,
    }
    with unit_of_work():
        context = imports.open_context(actor("olga"), today=DAY_2, at=NOON, writes=True)
        free = imports.apply_rows(actor("olga"), context, [row | {"application_on": DAY_1}], at=NOON)
        early = imports.apply_rows(
            actor("olga"), context, [row | {"phone": "", "accepted_on": DAY_1 - timedelta(days=1)}], at=NOON
        )
    assert [one.what for one in (*free, *early)] == ["new", "failed"]
    assert [(one.column, one.code) for one in early[0].problems] == [("accepted_on", "stage.too_early")]
    assert ledger.differences() == []
