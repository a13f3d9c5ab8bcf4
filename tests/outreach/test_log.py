"""The daily log: tallies that lose nothing, declared beside recorded, handing in, late, locked."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from crm.kernel.audit import AuditEntry
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.rules import Stage
from crm.outreach import log_commands, queries
from crm.outreach.models import Attendance, DailyLog, Tally
from crm.outreach.rules import MOST_A_DAY, count_of
from tests import make
from tests.conftest import counting_queries
from tests.moments import BELL, DAY_1, DAY_2, DAY_3, NOON


def where(cast, team="red", day=DAY_2):
    return {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams[team], "day": day}


def tally(actor, cast, who="bob", *, uid="t-1", delta=1, metric="leaflets", member=None, **place):
    with unit_of_work():
        return log_commands.tally(
            actor(who),
            uid=uid,
            member_id=cast.users[member or who],
            metric=metric,
            delta=delta,
            at=NOON,
            **where(cast, **place),
        )


def declare(actor, cast, who="alice", *, member="bob", metric="consults", value, at=NOON, **facts):
    with unit_of_work():
        cell = log_commands.Cell(cast.users[member], metric, value, **facts)
        (added,) = log_commands.set_declared(actor(who), cells=[cell], at=at, **where(cast))
        return added


def row_of(actor, cast, name, who="alice"):
    grid = queries.day_grid(actor(who), cast.campaigns["roadshow"], cast.teams["red"], DAY_2)
    return next(row for row in grid.rows if row.name == name)


@pytest.mark.parametrize(
    "value", [-1, 1e308, float("nan"), "1.5", 1.5, True, False, None, "NaN", "1e3", "十二", "1" * 400, ""]
)
def test_what_is_no_count_is_refused(value):
    with pytest.raises(Invalid, match=r"count\.form"):
        count_of(value, most=500)


def test_counts_are_whole_numbers_up_to_what_a_day_holds():
    assert [count_of(value, most=500) for value in ("１２", "12", 12, " 0 ", 500)] == [12, 12, 12, 0, 500]
    with pytest.raises(Invalid) as caught:
        count_of(999_999, most=500)
    assert caught.value.facts == {"most": 500}


@pytest.mark.parametrize("value", [-1, 1e308, float("nan"), 1.5, True, 999_999])
def test_a_refused_count_leaves_nothing_behind(actor, cast, value):
    with pytest.raises(Invalid):
        declare(actor, cast, value=value)
    assert db.session.scalar(select(func.count(Tally.id))) == 0


def test_tallies_add_up_and_never_fall_below_zero(actor, cast):
    assert [
        tally(actor, cast, uid="a", delta=5),
        tally(actor, cast, uid="b"),
        tally(actor, cast, uid="c", delta=-2),
    ] == [5, 6, 4]
    with pytest.raises(Invalid, match="below_zero"):
        tally(actor, cast, uid="d", delta=-5)
    with pytest.raises(Invalid, match="most"):
        tally(actor, cast, uid="e", delta=99_999)


def test_the_same_tally_twice_is_one(actor, cast):
    assert [tally(actor, cast), tally(actor, cast)] == [1, 1]
    with pytest.raises(Conflict):
        tally(actor, cast, delta=2)


def test_six_writers_at_once_lose_no_tally(app, actor, cast):
    """Six writers of fifty tallies each on one cell: none is refused, none is lost."""
    lead, errors = actor("alice"), []

    def work(number: int) -> None:
        try:
            with app.app_context():
                for at in range(50):
                    with unit_of_work():
                        log_commands.tally(
                            lead,
                            uid=f"{number}-{at}",
                            member_id=cast.users["bob"],
                            metric="doors",
                            delta=1,
                            at=NOON,
                            **where(cast),
                        )
                db.session.remove()
        except Exception as error:  # shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    db.session.rollback()  # what this session read before is an older snapshot
    assert queries.declared_counts(lead, **where(cast))[cast.users["bob"]] == {"doors": 300}


def test_declared_stands_beside_recorded_with_its_difference(actor, cast):
    with unit_of_work():
        for stage in (Stage.CONSULT, Stage.APPLICATION):
            make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], stage=stage)
    assert [declare(actor, cast, value=5), declare(actor, cast, value=4), declare(actor, cast, value=4)] == [5, -1, 0]
    consults, applications, accepted = row_of(actor, cast, "鲍勃").compared
    assert (consults.recorded, consults.declared, consults.difference) == (2, 4, 2)
    assert (applications.recorded, applications.declared, applications.difference) == (1, None, None)
    assert (accepted.recorded, accepted.declared) == (0, None)
    assert db.session.scalar(select(func.count(Tally.id))) == 2


def test_two_people_at_one_cell_do_not_overwrite_each_other(actor, cast):
    declare(actor, cast, value=5, seen=0)
    with pytest.raises(Conflict, match="cell_moved"):
        declare(actor, cast, "olga", value=7, seen=0)


def test_a_whole_grid_asks_no_more_than_one_cell_of_each_member(actor, cast):
    """The day is held and read once; each further cell is the INSERT that it needs."""
    people = [cast.users["alice"], cast.users["bob"]]
    alice, seen = actor("alice"), []
    for day, metrics in ((DAY_1, ["doors"]), (DAY_2, list(MOST_A_DAY))):
        cells = [log_commands.Cell(person, metric, 3, seen=0) for person in people for metric in metrics]
        with counting_queries() as asked, unit_of_work():
            assert log_commands.set_declared(alice, cells=cells, at=NOON, **where(cast, day=day)) == [3] * len(cells)
        seen.append(asked.count - len(cells))
    assert seen[1] == seen[0]
    declared = queries.declared_counts(alice, **where(cast))
    assert declared == {person: dict.fromkeys(MOST_A_DAY, 3) for person in people}


def test_the_grid_lists_the_roster_and_whoever_else_has_counts(actor, cast):
    with unit_of_work():
        make.lead(
            actor("alice"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            owner_id=cast.users["eve"],
        )
    grid = queries.day_grid(actor("alice"), cast.campaigns["roadshow"], cast.teams["red"], DAY_2)
    assert [(row.name, row.is_lead, row.on_roster) for row in grid.rows] == [
        ("爱丽", True, True), ("鲍勃", False, True), ("伊芙", False, False),
    ]  # fmt: skip
    assert grid.total.compared[0].recorded == 1


def test_a_log_handed_in_after_the_cut_off_is_late(actor, cast):
    for day, at, late in ((DAY_2, BELL, False), (DAY_1, at_local(DAY_1, 17, 30) + timedelta(seconds=1), True)):
        with unit_of_work():
            log = log_commands.submit_log(actor("alice"), at=at, **where(cast, day=day))
        assert (log.status, log.late) == ("submitted", late)
    with unit_of_work():
        again = log_commands.submit_log(actor("alice"), at=BELL + timedelta(hours=2), **where(cast))
    assert (again.submitted_at, again.late) == (BELL, False)


def test_only_the_lead_of_that_team_or_an_organiser_hands_in(actor, cast):
    for who, error in (("bob", Forbidden), ("charlie", NotFound), ("mona", Forbidden)):
        with pytest.raises(error), unit_of_work():
            log_commands.submit_log(actor(who), at=NOON, **where(cast))
    with unit_of_work():
        assert log_commands.submit_log(actor("olga"), at=NOON, **where(cast)).submitted_by_id == cast.users["olga"]


def test_a_locked_log_refuses_writes_until_an_organiser_opens_it(actor, cast):
    with unit_of_work():
        log_commands.lock_log(actor("alice"), at=BELL, **where(cast))
    for act in (
        lambda: tally(actor, cast),
        lambda: declare(actor, cast, value=3),
        lambda: save(actor, cast, highlights="改"),
        lambda: attend(actor, cast, "bob", "late"),
    ):
        with pytest.raises(Conflict, match="locked"):
            act()
    with pytest.raises(Forbidden), unit_of_work():
        log_commands.unlock_log(actor("alice"), reason="补数", at=BELL, **where(cast))
    with pytest.raises(Invalid), unit_of_work():
        log_commands.unlock_log(actor("olga"), reason=" ", at=BELL, **where(cast))
    with unit_of_work():
        log_commands.unlock_log(actor("olga"), reason="漏记一人", at=BELL, **where(cast))
    assert tally(actor, cast) == 1


def test_the_evening_locks_every_team_at_once(actor, cast):
    with unit_of_work():
        logs = log_commands.lock_logs(actor("olga"), campaign_id=cast.campaigns["roadshow"], day=DAY_2, at=BELL)
        again = log_commands.lock_logs(actor("olga"), campaign_id=cast.campaigns["roadshow"], day=DAY_2, at=BELL)
    assert [log.status for log in logs] == ["locked", "locked"]
    assert [log.id for log in again] == [log.id for log in logs]


def save(actor, cast, who="alice", **words):
    with unit_of_work():
        return log_commands.save_log(actor(who), at=NOON, **where(cast), **words)


def attend(actor, cast, member, state, who="alice", at=NOON):
    with unit_of_work():
        return log_commands.set_attendance(
            actor(who), cast.campaigns["roadshow"], cast.teams["red"], DAY_2, cast.users[member], state, "堵车", at=at
        )


def test_words_are_not_overwritten_by_a_stale_form(actor, cast):
    save(actor, cast, version=1, highlights="甲")
    with pytest.raises(Conflict, match="stale"):
        save(actor, cast, version=1, highlights="乙")
    assert queries.log_of(actor("bob"), **where(cast)).highlights == "甲"
    with pytest.raises(Invalid):
        save(actor, cast, plan="长" * 2001)


def test_a_correction_of_the_roll_is_a_further_row_and_the_newest_holds(actor, cast):
    attend(actor, cast, "bob", "present")
    attend(actor, cast, "bob", "late")
    attend(actor, cast, "bob", "late")
    rows = db.session.scalars(select(Attendance).order_by(Attendance.id)).all()
    assert [(row.state, row.recorded_id, row.received_at) for row in rows] == [
        ("present", cast.users["alice"], NOON),
        ("late", cast.users["alice"], NOON),
    ]
    held = queries.attendance_of(actor("bob"), **where(cast))
    assert [(one.member_id, one.state) for one in held.values()] == [(cast.users["bob"], "late")]
    for member, state, who, error in (
        ("bob", "asleep", "alice", Invalid), ("dora", "present", "alice", Invalid), ("bob", "present", "bob", Forbidden),
        ("bob", "present", "charlie", NotFound),
    ):  # fmt: skip
        with pytest.raises(error):
            attend(actor, cast, member, state, who)


def test_a_roll_corrected_after_the_bell_is_late_in_the_audit_and_on_the_page(actor, cast, client_of):
    attend(actor, cast, "alice", "present", at=BELL)
    attend(actor, cast, "bob", "present", at=NOON)
    attend(actor, cast, "bob", "leave", at=BELL + timedelta(minutes=1))
    acts = select(AuditEntry).where(AuditEntry.action == "outreach.attendance").order_by(AuditEntry.id)
    said = [(one.detail["before"], one.detail["state"], one.detail["late"]) for one in db.session.scalars(acts)]
    assert said == [(None, "present", False), (None, "present", False), ("present", "leave", True)]
    assert {row.name: row.presence_late for row in queries.day_grid(actor("olga"), **where(cast)).rows} == {
        "爱丽": False,
        "鲍勃": True,
    }
    address = f"/log?campaign={cast.campaigns['roadshow']}&team={cast.teams['red']}&day={DAY_2}"
    assert client_of("olga").get(address).text.count("点名补录") == 1


@pytest.mark.parametrize(
    ("who", "place", "code"),
    [
        ("bob", {"team": "blue"}, "people.no_team"),
        ("bob", {"day": DAY_3}, "outreach.future_day"),
        ("bob", {"day": DAY_1 - timedelta(days=1)}, "outreach.outside_dates"),
    ],
)
def test_a_tally_has_its_team_and_its_day(actor, cast, who, place, code):
    with pytest.raises(DomainError) as caught:
        tally(actor, cast, who, **place)
    assert caught.value.code == code
    assert db.session.scalar(select(func.count(DailyLog.id))) == 0


def test_members_declare_for_themselves_only(actor, cast):
    with pytest.raises(Forbidden):
        tally(actor, cast, "bob", member="alice")
    with pytest.raises(Invalid, match="not_member"):
        tally(actor, cast, "olga", member="dora")


def test_the_overview_names_who_is_missing_and_who_was_late(actor, cast):
    with unit_of_work():
        log_commands.submit_log(actor("alice"), at=BELL + timedelta(minutes=1), **where(cast))
    rows = queries.logs_of(actor("olga"), DAY_2)
    assert [(row.team, row.status, row.late) for row in rows] == [
        ("红队", "submitted", True),
        ("蓝队", "missing", False),
    ]
    assert [row.team for row in queries.logs_of(actor("charlie"), DAY_2)] == ["蓝队"]
    assert queries.logs_of(actor("olga"), DAY_1 - timedelta(days=3)) == ()
