"""One place that commits: all or nothing, no stray writes, hooks after the commit, no lost update."""

import threading

import pytest
from sqlalchemy import select, text, update

from crm.kernel.actor import SYSTEM, Actor, Role
from crm.kernel.db import MANY, WriteOutsideUnit, db, tell_planner
from crm.kernel.errors import Conflict, Invalid
from crm.kernel.submissions import remember, replayed
from crm.kernel.unit_of_work import after_commit, unit_of_work
from crm.people.models import Team, User
from crm.wiring import GRANTS
from tests.conftest import counting_queries


def test_an_error_undoes_everything_and_runs_no_hook(app, cast):
    ran = []

    def rename_and_fail():
        with unit_of_work() as session:
            session.get_one(Team, cast.teams["red"]).name = "x"
            session.flush()
            after_commit(lambda: ran.append("hook"))
            raise Invalid("people.name")

    with pytest.raises(Invalid):
        rename_and_fail()
    assert db.session.get_one(Team, cast.teams["red"], populate_existing=True).name == "红队"
    assert ran == []


def test_hooks_run_once_the_change_is_on_disk(app, cast):
    seen = []
    with unit_of_work() as session:
        session.get_one(Team, cast.teams["red"]).name = "新红队"
        after_commit(lambda: seen.append(db.session.scalar(select(Team.name).where(Team.id == cast.teams["red"]))))
        assert seen == []
    assert seen == ["新红队"]


def test_writing_outside_a_unit_is_refused(app, cast):
    db.session.get_one(Team, cast.teams["red"]).name = "x"
    with pytest.raises(WriteOutsideUnit):
        db.session.flush()
    db.session.rollback()


def test_units_do_not_nest(app):
    with unit_of_work(), pytest.raises(RuntimeError), unit_of_work():
        pass
    with pytest.raises(RuntimeError):
        after_commit(print)


def test_no_update_is_lost_between_writers(app, cast):
    team = cast.teams["red"]

    def add() -> None:
        with app.app_context():
            for _ in range(25):
                with unit_of_work() as session:
                    session.execute(update(Team).where(Team.id == team).values(version=Team.version + 1))
            db.session.remove()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.session.get_one(Team, team, populate_existing=True).version == 101


def test_sqlite_runs_with_the_pragmas_that_lose_nothing(app):
    if db.engine.dialect.name != "sqlite":
        return
    found = {
        name: db.session.scalar(text(f"PRAGMA {name}"))
        for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
    }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_the_same_submission_replays_and_other_content_is_a_conflict(actor):
    bob, dora, uid = actor("bob"), actor("dora"), "4f5c64c0-6a7c-4a06-9fd2-bb1f7a7f9a01"
    with unit_of_work():
        assert replayed(bob, uid, {"a": 1}) is None
        remember(bob, uid, {"a": 1}, {"id": 7})
    assert replayed(bob, uid, {"a": 1}) == {"id": 7}
    for who, content in ((bob, {"a": 2}), (dora, {"a": 1})):
        with pytest.raises(Conflict):
            replayed(who, uid, content)


def test_the_system_may_everything_and_is_nobody(app):
    assert all(SYSTEM.may(permission) for permissions in GRANTS.values() for permission in permissions)
    assert SYSTEM.user_id is None
    assert SYSTEM.sees_all_teams
    assert not Actor(user_id=1, name="x", role=Role.ADMIN).may("people.view")


def test_an_actor_has_the_rights_of_this_moment(actor, cast):
    assert actor("alice").lead_of == {cast.teams["red"]}
    assert actor("eve").team_ids == frozenset()
    assert not any(name.startswith("leads.") for name in actor("tim").permissions)
    with unit_of_work() as session:
        session.get_one(User, cast.users["bob"]).role = "manager"
    assert actor("bob").sees_all_teams


def test_after_many_rows_postgresql_is_told_what_the_tables_look_like(app):
    with counting_queries() as seen, unit_of_work():
        tell_planner(MANY - 1)
    assert seen.count == 0
    with unit_of_work():
        tell_planner(MANY)
    if db.engine.dialect.name == "postgresql":
        known = db.session.scalar(text("SELECT reltuples FROM pg_class WHERE relname = 'user_account'"))
        assert known == db.session.scalar(text("SELECT count(*) FROM user_account"))
