"""The ledger: append-only, one count per lead and stage, projections that equal it."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import ledger, merging
from crm.leads.commands import record_stage, void_stage
from crm.leads.ledger import Clocks
from crm.leads.ledger_models import FunnelDay, LeadStage, StageEntry
from crm.leads.rules import Stage
from tests import make
from tests.moments import NOON


def captured(cast, actor, **kwargs):
    return make.lead(actor, campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], **kwargs)


def test_an_accepted_case_implies_consult_and_application(actor, cast):
    with unit_of_work():
        lead = captured(cast, actor("bob"), stage=Stage.ACCEPTED)
    rows = db.session.execute(select(StageEntry.stage, StageEntry.implied_by_id).order_by(StageEntry.id)).all()
    assert [(row.stage, row.implied_by_id is not None) for row in rows] == [
        ("accepted", False),
        ("consult", True),
        ("application", True),
    ]
    assert {row.stage for row in db.session.scalars(select(LeadStage).where(LeadStage.lead_id == lead.lead_id))} == {
        "consult",
        "application",
        "accepted",
    }
    assert ledger.differences() == []


def test_a_stage_counts_once(actor, cast):
    with unit_of_work():
        lead = captured(cast, actor("bob"))
    with pytest.raises(Conflict), unit_of_work():
        record_stage(actor("bob"), lead.lead_id, Stage.CONSULT, clocks=Clocks.at(NOON))
    assert sum(row.leads for row in db.session.scalars(select(FunnelDay))) == 1


def test_voiding_takes_the_implied_entries_along_and_needs_the_later_stage_gone(actor, cast):
    with unit_of_work():
        lead = captured(cast, actor("alice"))
        first = record_stage(actor("alice"), lead.lead_id, Stage.ACCEPTED, clocks=Clocks.at(NOON), case_number="A-1")
    consult = db.session.scalar(select(StageEntry.id).where(StageEntry.stage == "consult"))
    with pytest.raises(Invalid), unit_of_work():
        void_stage(actor("alice"), lead.lead_id, consult, reason="mistyped", at=NOON)
    with unit_of_work():
        void_stage(actor("alice"), lead.lead_id, first.id, reason="mistyped", at=NOON)
    assert list(db.session.scalars(select(LeadStage.stage))) == ["consult"]
    assert ledger.differences() == []


@pytest.mark.parametrize("statement", ["UPDATE stage_entry SET stage = 'consult'", "DELETE FROM stage_entry"])
def test_the_database_itself_refuses_changes_of_the_ledger(actor, cast, statement):
    with unit_of_work():
        captured(cast, actor("bob"))
    with pytest.raises(DatabaseError, match="append-only"), unit_of_work():
        db.session.execute(text(statement))


def test_a_changed_rollup_is_found(actor, cast):
    with unit_of_work():
        captured(cast, actor("bob"))
        db.session.execute(text("UPDATE funnel_day SET leads = 7"))
    assert len(ledger.differences()) == 1
    with unit_of_work():
        ledger.rebuild()
    assert ledger.differences() == []


def test_a_stage_whose_lower_one_stood_on_another_lead_implies_it_when_the_leads_are_parted(actor, cast):
    """No lead is accepted without an application: else the rates of its campaign would say so."""
    alice = actor("alice")
    with unit_of_work():
        keep, other = (captured(cast, alice, stage=stage).lead_id for stage in (Stage.CONSULT, Stage.ACCEPTED))
        merge = merging.merge(alice, keep=keep, lose=other, reason="", at=NOON)
        record_stage(actor("olga"), keep, Stage.APPROVED, clocks=Clocks.at(NOON))
        merging.undo_merge(alice, merge, reason="", at=NOON + timedelta(hours=1))
    assert standing(keep) == ["accepted", "application", "approved", "consult"]
    assert standing(other) == ["accepted", "application", "consult"]
    accepted = db.session.scalars(
        select(StageEntry).where(StageEntry.lead_id == keep, StageEntry.stage == "accepted")
    ).one()
    assert (accepted.case_number, accepted.occurred_at, accepted.received_at) == (
        "CASE-1",
        NOON,
        NOON + timedelta(hours=1),
    )
    assert db.session.get_one(StageEntry, accepted.implied_by_id).stage == "approved"
    assert ledger.differences() == []


def test_an_undone_twin_leaves_no_gap_below_the_case_that_stands(actor, cast):
    """Both leads of a merge were accepted; undoing one side's entries, those that do not count first, may not hollow the other out."""
    alice, hour = actor("alice"), timedelta(hours=1)
    with unit_of_work():
        keep = captured(cast, alice, stage=Stage.ACCEPTED, at=NOON - hour).lead_id
        other = captured(cast, alice, stage=Stage.CONSULT).lead_id
        record_stage(alice, other, Stage.APPLICATION, clocks=Clocks.at(NOON))
        record_stage(alice, other, Stage.ACCEPTED, clocks=Clocks(NOON - 2 * hour, NOON, NOON), case_number="CASE-2")
        merging.merge(alice, keep=keep, lose=other, reason="", at=NOON)
        for lead, stage in ((other, "application"), (keep, "accepted")):
            entry = select(StageEntry.id).where(
                StageEntry.lead_id == lead, StageEntry.stage == stage, StageEntry.voids_id.is_(None)
            )
            void_stage(alice, keep, db.session.scalars(entry).one(), reason="录错", at=NOON)
    assert standing(keep) == ["accepted", "application", "consult"]
    assert ledger.differences() == []


def standing(lead_id):
    return sorted(db.session.scalars(select(LeadStage.stage).where(LeadStage.lead_id == lead_id)))


@pytest.mark.parametrize(
    ("reached", "most"), [(None, 7), (Stage.CONSULT, 11), (Stage.ACCEPTED, 13)], ids=["none", "consult", "accepted"]
)
def test_a_capture_takes_few_statements(actor, cast, queries, reached, most):
    """One question, then one insert into each table; another for each implied entry; the audit asks for its last hash."""
    bob = actor("bob")
    with unit_of_work():
        captured(cast, bob)
    with queries() as seen, unit_of_work():
        captured(cast, bob, stage=reached, shop="红红饭店", address="东大街5号")
    assert seen.count == most + locks(3 if reached else 2), seen.statements


def test_a_further_stage_takes_few_statements(actor, cast, queries):
    with unit_of_work():
        lead = captured(cast, actor("bob"))
    bob = actor("bob")
    with queries() as seen, unit_of_work():
        record_stage(bob, lead.lead_id, Stage.APPLICATION, clocks=Clocks.at(NOON))
    assert seen.count == 10 + locks(2), seen.statements


def locks(number):
    """On PostgreSQL the ledger and the audit take the turn of the audit's chain, and the person whose phone is taken in is locked."""
    return number * int(db.engine.dialect.name == "postgresql")
