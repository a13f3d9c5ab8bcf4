"""Two transactions at once on one customer. On SQLite the second waits at the door; on a server database locks must see to it."""

import pytest
from sqlalchemy import func, select

from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import contact, editing, imports, ledger, merging
from crm.leads.commands import LeadCard, record_stage, void_stage
from crm.leads.ledger import Clocks
from crm.leads.ledger_models import StageEntry
from crm.leads.models import Lead
from crm.leads.rules import Stage
from tests import make
from tests.moments import DAY_2, NOON

FIRST, SECOND = "13811110001", "13811110002"


@pytest.fixture
def lead(cast, actor):
    """A lead of Bob's that consulted."""
    with unit_of_work():
        place = {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"]}
        return make.lead(actor("bob"), **place, phone=FIRST).lead_id


@pytest.mark.parametrize("act", ["capture", "edit", "import"])
def test_who_says_no_while_the_phone_is_taken_in_elsewhere_is_silent_there_too(actor, cast, lead, beside, act):
    alice, dora = actor("alice"), actor("dora")
    place = {"campaign_id": cast.campaigns["walk_in"], "team_id": cast.teams["blue"]}
    with unit_of_work():
        other = make.lead(dora, **place, phone=SECOND).lead_id

    def take_in() -> None:
        if act == "capture":
            make.lead(dora, **place, phone=FIRST)
        elif act == "edit":
            card = LeadCard(name="张三", phone=FIRST, trade="catering")
            editing.edit_lead(dora, other, version=1, card=card, at=NOON)
        else:
            context = imports.open_context(dora, today=DAY_2, at=NOON, writes=True)
            row = {"name": "张三", "phone": FIRST, "consent": True, "team": "蓝队"}
            imports.apply_rows(dora, context, [row], at=NOON)

    with beside(take_in) as refused:
        contact.do_not_contact(alice, lead, reason="不要再打", at=NOON)
    key = db.session.get_one(Lead, lead).person_key
    assert refused == []
    assert set(db.session.scalars(select(Lead.no_contact).where(Lead.person_key == key))) == {True}


def test_a_stage_recorded_twice_at_once_stands_once(actor, lead, beside):
    bob = actor("bob")

    def reach() -> None:
        record_stage(bob, lead, Stage.APPLICATION, clocks=Clocks.at(NOON))

    with beside(reach) as refused:
        reach()
    assert refused == ["stage.reached"]
    assert ledger.differences() == []


def test_an_entry_undone_twice_at_once_is_undone_once(actor, lead, beside):
    alice, entry = actor("alice"), db.session.scalar(select(StageEntry.id))

    def undo() -> None:
        void_stage(alice, lead, entry, reason="录错", at=NOON)

    with beside(undo) as refused:
        undo()
    assert refused == ["stage.voided"]
    assert db.session.scalar(select(func.count()).where(StageEntry.voids_id == entry)) == 1


def test_a_stage_of_a_lead_that_is_being_merged_goes_astray_nowhere(actor, cast, lead, beside):
    alice = actor("alice")
    with unit_of_work():
        kept = make.lead(alice, campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"]).lead_id

    def reach() -> None:
        record_stage(alice, lead, Stage.APPLICATION, clocks=Clocks.at(NOON))

    with beside(reach) as refused:
        merging.merge(alice, keep=kept, lose=lead, reason="", at=NOON)
    assert refused == ["lead.merged"]
    assert ledger.differences() == []
