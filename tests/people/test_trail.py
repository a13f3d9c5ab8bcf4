"""The audit: append-only, chained, and readable by auditors alone."""

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DatabaseError

from crm.kernel import audit
from crm.kernel.actor import SYSTEM
from crm.kernel.audit import AuditEntry, broken_entries
from crm.kernel.db import db
from crm.kernel.errors import Forbidden
from crm.kernel.unit_of_work import unit_of_work
from crm.people import commands, trail
from tests.moments import DAY_1, DAY_2


def unguarded(statement: str) -> None:
    """As somebody with the database's own rights would do it: the guard taken away, the byte changed."""
    with unit_of_work() as session:
        if db.engine.dialect.name == "postgresql":
            session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only"))
        else:
            session.execute(text("DROP TRIGGER audit_entry_no_update"))
            session.execute(text("DROP TRIGGER audit_entry_no_delete"))
        session.execute(text(statement))
        if db.engine.dialect.name == "postgresql":
            session.execute(text("ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_append_only"))
    db.session.expire_all()


@pytest.mark.parametrize("statement", ["UPDATE audit_entry SET actor_name = 'x'", "DELETE FROM audit_entry"])
def test_the_database_itself_refuses_to_change_the_audit(app, statement):
    with pytest.raises(DatabaseError, match="append-only"), unit_of_work() as session:
        session.execute(text(statement))


def test_the_program_cannot_change_it_either(app):
    with pytest.raises(DatabaseError, match="append-only"), unit_of_work() as session:
        session.execute(update(AuditEntry).values(action="x"))
    first = db.session.scalar(select(AuditEntry).limit(1))
    with pytest.raises(DatabaseError, match="append-only"), unit_of_work() as session:
        session.delete(first)


def test_a_whole_chain_has_no_broken_entry(app):
    assert list(broken_entries()) == []
    assert trail.verify(SYSTEM).entries > 10


def test_a_changed_byte_is_named(app):
    unguarded("UPDATE audit_entry SET actor_name = actor_name || '.' WHERE id = 5")
    assert list(broken_entries()) == [5]


def test_an_entry_changed_together_with_its_hash_breaks_the_next(app):
    entry = db.session.get_one(AuditEntry, 5)
    db.session.expunge(entry)
    entry.actor_name = "x"
    unguarded(f"UPDATE audit_entry SET actor_name = 'x', hash = '{audit.digest(entry)}' WHERE id = 5")
    assert list(broken_entries()) == [6]


def test_a_missing_entry_is_noticed(app):
    unguarded("DELETE FROM audit_entry WHERE id = 5")
    assert list(broken_entries()) == [6]


def test_an_act_and_its_entry_stand_or_fall_together(app):
    before = trail.trail(SYSTEM).total
    with pytest.raises(ZeroDivisionError), unit_of_work():
        1 / len(commands.create_team(SYSTEM, name="消失组").slogan)
    assert trail.trail(SYSTEM).total == before


def test_auditors_alone_read_the_audit(client_of, actor, cast):
    statuses = {name: client_of(name).get("/audit").status_code for name in cast.users}
    assert statuses.pop("audrey") == 200
    assert set(statuses.values()) == {403}
    with pytest.raises(Forbidden):
        trail.trail(actor("adam"))


def test_filters_by_person_act_record_and_day(client_of, actor, cast):
    with unit_of_work():
        team = commands.create_team(actor("olga"), name="绿队").id
    found = trail.trail(SYSTEM, person="欧佳")
    assert [(row.action, row.subject_id, row.detail) for row in found.items] == [
        ("people.create_team", team, {"name": "绿队"})
    ]
    assert trail.trail(SYSTEM, person="OLGA").total == 1
    assert trail.trail(SYSTEM, action="people.create_user").total == len(cast.users)
    assert trail.trail(SYSTEM, action="people").total == trail.trail(SYSTEM).total
    assert trail.trail(SYSTEM, action="peop").total == 0
    assert trail.trail(SYSTEM, subject="team", subject_id=team).total == 1
    assert trail.trail(SYSTEM, first=DAY_2, last=DAY_2).total == trail.trail(SYSTEM).total
    assert trail.trail(SYSTEM, last=DAY_1).total == 0
    page = client_of("audrey").get("/audit?person=欧佳&from=2026-11-17&to=nonsense&id=99999999999999999999")
    assert page.status_code == 200


def test_the_auditor_checks_the_chain_on_the_page(client_of):
    assert "链条完整" in client_of("audrey").get("/audit?verify=1").text
    unguarded("UPDATE audit_entry SET actor_name = 'x' WHERE id = 7")
    page = client_of("audrey").get("/audit?verify=1").text
    assert "链条已断" in page
    assert "：7" in page


def test_the_page_of_the_audit_asks_a_fixed_number_of_questions(client_of, queries):
    audrey = client_of("audrey")
    with queries() as seen:
        audrey.get("/audit")
    assert seen.count <= 7


def test_no_text_carries_a_phone_into_the_audit(app):
    with unit_of_work():
        audit.record(
            SYSTEM,
            "test.act",
            "thing",
            13900009999,
            reason="别再打13900009999",
            on=DAY_1,
            before={"note": ["139 0000 9999"]},
        )
    entry = db.session.scalar(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1))
    assert entry.detail == {"reason": "别再打****", "on": DAY_1.isoformat(), "before": {"note": ["****"]}}
    assert entry.subject_id == 13900009999
    assert list(broken_entries()) == []
