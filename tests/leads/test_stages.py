"""Who may record a stage, of which lead, under which number and at which time."""

import pytest
from sqlalchemy import select

from crm.kernel.db import db
from crm.kernel.errors import DomainError, Forbidden, Invalid
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import editing, ledger
from crm.leads.commands import record_stage
from crm.leads.ledger import Clocks
from crm.leads.ledger_models import StageEntry
from crm.leads.models import Lead
from crm.leads.rules import Stage
from tests import make
from tests.moments import NOON


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
    assert client_of("bob").post(f"/leads/{lead}/stage", data={"stage": "application"}).status_code == 422
    assert entries() == [("consult", None)]
