"""Many leads at once mean the same as one by one."""

from datetime import timedelta

from sqlalchemy import select

from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import ledger
from crm.leads.bulk import BulkLead, Reached, insert_leads
from crm.leads.commands import ConsentGiven
from crm.leads.ledger_models import StageEntry
from crm.leads.models import Lead
from crm.leads.party import open_phone
from crm.leads.rules import Stage
from tests.moments import NOON, YESTERDAY_NOON


def test_bulk_leads_are_counted_like_single_ones(actor, cast):
    leads = [
        BulkLead(
            uid=f"bulk-{place}",
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            owner_id=cast.users["bob"],
            name="王䶮",
            phone=f"138{place:08d}",
            intent="A",
            consent=ConsentGiven(enquiry=True),
            stages=(Reached(Stage.CONSULT, YESTERDAY_NOON), Reached(Stage.ACCEPTED, NOON, "CASE"))
            if place % 2
            else (Reached(Stage.APPLICATION, NOON),),
        )
        for place in range(10)
    ]
    with unit_of_work():
        ids = insert_leads(actor("alice"), leads, at=NOON + timedelta(minutes=1), source="import", batch_id=1)
    assert ledger.differences() == []
    implied = db.session.execute(
        select(StageEntry.stage, StageEntry.lead_id).where(StageEntry.implied_by_id.is_not(None))
    ).all()
    assert sorted(stage for stage, _ in implied) == ["application"] * 5 + ["consult"] * 5
    wrong = [
        row
        for row in db.session.scalars(select(StageEntry).where(StageEntry.implied_by_id.is_not(None)))
        if db.session.get_one(StageEntry, row.implied_by_id).lead_id != row.lead_id
    ]
    assert wrong == []
    first = db.session.get_one(Lead, ids[0])
    assert (open_phone(first), first.stage) == ("13800000000", "application")
