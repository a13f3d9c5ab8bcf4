"""The stage itself: what one test leaves behind, the next never sees."""

from sqlalchemy import text

from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from tests import make


def everything():
    with db.engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(table.select()))) for table in db.metadata.sorted_tables
        }


def test_new_changed_and_missing_rows_are_all_put_right(stage, cast, actor):
    before = everything()
    with unit_of_work():
        first = make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"]).lead_id
    with unit_of_work():
        db.session.execute(text("UPDATE team SET name = '绿队' WHERE name = '红队'"))
        db.session.execute(text("DELETE FROM campaign_district"))
    left = {name for name, rows in everything().items() if rows != before[name]}
    assert {"lead", "stage_entry", "audit_entry", "team", "campaign_district"} <= left
    stage[2]()
    assert everything() == before
    with unit_of_work():
        again = make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"]).lead_id
    assert again == first
