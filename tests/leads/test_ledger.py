"""The ledger: append-only, one count per lead and stage, projections that equal it."""

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
from crm.leads.models import Lead
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


def test_closing_a_gap_below_a_later_stage_leaves_the_later_one_shown(actor, cast):
    """A stage may stand without the one below it: the lower one stood on another lead, which was parted again."""
    with unit_of_work():
        keep, other = (captured(cast, actor("alice"), stage=stage).lead_id for stage in (None, Stage.CONSULT))
        merge = merging.merge(actor("alice"), keep=keep, lose=other, reason="", at=NOON)
        record_stage(actor("alice"), keep, Stage.APPLICATION, clocks=Clocks.at(NOON))
        merging.undo_merge(actor("alice"), merge, reason="", at=NOON)
        record_stage(actor("alice"), keep, Stage.CONSULT, clocks=Clocks.at(NOON))
    assert db.session.scalar(select(Lead.stage).where(Lead.id == keep)) == "application"
    assert ledger.differences() == []


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
    assert seen.count == most + locks(2), seen.statements


def test_a_further_stage_takes_few_statements(actor, cast, queries):
    with unit_of_work():
        lead = captured(cast, actor("bob"))
    bob = actor("bob")
    with queries() as seen, unit_of_work():
        record_stage(bob, lead.lead_id, Stage.APPLICATION, clocks=Clocks.at(NOON))
    assert seen.count == 10 + locks(1), seen.statements


def locks(number):
    """On PostgreSQL the audit's chain takes a lock, and so does the person whose phone is taken in."""
    return number * int(db.engine.dialect.name == "postgresql")
