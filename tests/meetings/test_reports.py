"""The evening report: the figures' own numbers at a moment, stored once, corrected by revisions only."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from crm.contest.queries import both_boards, standings_of
from crm.figures.queries import FunnelQuery, funnel, visits
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.commands import void_stage
from crm.leads.ledger_models import StageEntry
from crm.leads.rules import Stage
from crm.meetings import commands, pledging, storing, tasks
from crm.meetings.models import StoredReport
from crm.meetings.reports import Standings, compose_evening
from crm.meetings.rules import canonical, differences, fingerprint
from crm.outreach import log_commands
from tests.meetings.setting import LATER, a_day, lead, meeting, pk, visit
from tests.moments import BELL, DAY_1, DAY_2, MORNING, NOON

SECOND = timedelta(seconds=1)


def compose(actor, cast, who="olga", team=None, as_of=BELL, day=DAY_2, **kwargs):
    return compose_evening(actor(who), cast.campaigns["roadshow"], team and cast.teams[team], day, as_of, **kwargs)


def store(actor, cast, who="olga", team="red", as_of=BELL, at=BELL, **kwargs):
    with unit_of_work():
        return storing.store_evening_report(
            actor(who),
            campaign_id=cast.campaigns["roadshow"],
            team_id=team and cast.teams[team],
            day=DAY_2,
            as_of=as_of,
            at=at,
            **kwargs,
        )


def test_the_report_says_what_the_funnel_and_the_board_say(actor, cast):
    contest_id = pk(actor, cast)
    a_day(actor, cast)
    body = compose(actor, cast)
    asked = FunnelQuery(campaign_ids=(cast.campaigns["roadshow"],), from_day=DAY_2, to_day=DAY_2, by="team")
    live = funnel(actor("olga"), asked)
    for name in ("consult", "application", "accepted", "approved", "disbursed"):
        assert body["funnel"]["day"][name] == getattr(live.total, name)
        assert [team["day"][name] for team in body["teams"]] == [getattr(row.counts, name) for row in live.rows]
    rate = live.total.application_rate
    assert body["funnel"]["day"]["application_rate"] == {
        "k": rate.k,
        "n": rate.n,
        "percent": rate.percent(),
        "enough": False,
    }
    walked = visits(actor("olga"), asked)
    assert (
        body["visits"]["day"]
        == {"valid": walked.total.valid, "touched": walked.total.touched}
        == {"valid": 3, "touched": 1}
    )
    for name, cumulative in (("daily", False), ("cumulative", True)):
        board = standings_of(actor("olga"), contest_id, day=DAY_2, cumulative=cumulative)
        rows = [(row.rank, row.team_id, row.points_shown, row.score_shown, row.consult) for row in board.rows]
        shown = [
            (row["rank"], row["team_id"], row["points"], row["score"], row["consult"])
            for row in body["standings"][0][name]
        ]
        assert shown == rows
    assert body["funnel"]["day"]["consult"] == 5


def call(actor, cast, *, at, **states):
    """The roll of the red team, called or corrected at that moment."""
    with unit_of_work():
        for who, state in states.items():
            log_commands.set_attendance(
                actor("alice"), cast.campaigns["roadshow"], cast.teams["red"], DAY_2, cast.users[who], state, at=at
            )


def test_a_roll_corrected_after_the_bell_is_news_to_the_next_revision_only(actor, cast):
    pk(actor, cast)
    a_day(actor, cast)
    call(actor, cast, alice="present", bob="present", at=MORNING)
    call(actor, cast, bob="leave", at=BELL + SECOND)
    states = {as_of: compose(actor, cast, team="red", as_of=as_of) for as_of in (BELL, LATER)}
    told = {
        as_of: (
            [row["state"] for row in body["teams"][0]["attendance"]],
            [row["person_days"] for row in body["standings"][0]["daily"] if row["team"] == "红队"],
        )
        for as_of, body in states.items()
    }
    assert told == {BELL: (["present", "present"], [2]), LATER: (["present", "leave"], [1])}


def test_what_the_server_received_at_the_bell_counts_and_a_second_later_does_not(actor, cast):
    lead(actor, cast, "bob", "red", received=BELL - SECOND)
    lead(actor, cast, "bob", "red", received=BELL + SECOND)
    visit(actor, cast, "bob", received=BELL)
    visit(actor, cast, "bob", received=BELL + SECOND)
    body = compose(actor, cast)
    assert body["funnel"]["day"]["consult"] == 1
    assert body["visits"]["day"]["valid"] == 1
    assert compose(actor, cast, as_of=LATER)["funnel"]["day"]["consult"] == 2


def test_composed_the_next_morning_it_is_the_same_to_the_byte(actor, cast):
    pk(actor, cast)
    a_day(actor, cast)
    evening = meeting(actor, cast, team=None)
    with unit_of_work():
        commands.save_minutes(actor("olga"), evening, key="summary", text="先听后说", version=0, at=BELL - SECOND)
        commands.add_todo(actor("olga"), evening, text="补传资料", at=BELL - SECOND)
        commands.add_case_card(actor("olga"), evening, member_id=None, opening="先问生意", at=BELL - SECOND)
    call(actor, cast, bob="present", alice="late", at=BELL - SECOND)
    at_the_bell = canonical(compose(actor, cast))
    call(actor, cast, bob="leave", alice="late", at=LATER)
    lead(actor, cast, "dora", "blue", Stage.ACCEPTED, received=BELL + SECOND)
    visit(actor, cast, "dora", received=BELL + SECOND)
    entry = db.session.scalar(select(StageEntry).where(StageEntry.stage == "consult").order_by(StageEntry.id))
    with unit_of_work():
        void_stage(actor("olga"), entry.lead_id, entry.id, reason="误记", at=LATER)
        commands.save_minutes(actor("olga"), evening, key="summary", text="改过了", version=1, at=LATER)
        commands.add_todo(actor("olga"), evening, text="又一件", at=LATER)
        commands.withdraw_case(actor("olga"), 1, at=LATER)
        pledging.set_pledges(
            actor("olga"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            member_id=None,
            day=DAY_2,
            values={"visits": 9},
            at=LATER,
        )
    assert canonical(compose(actor, cast)) == at_the_bell
    assert canonical(compose(actor, cast, as_of=LATER)) != at_the_bell


def test_who_asks_makes_no_difference(actor, cast):
    pk(actor, cast)
    a_day(actor, cast)
    assert canonical(compose(actor, cast, "alice", "red")) == canonical(compose(actor, cast, "olga", "red"))


def test_a_team_report_holds_that_team_and_the_standings_of_all(actor, cast):
    pk(actor, cast)
    a_day(actor, cast)
    body = compose(actor, cast, "alice", "red")
    assert [team["name"] for team in body["teams"]] == ["红队"]
    assert body["funnel"]["day"]["consult"] == 3
    assert {row["team"] for row in body["standings"][0]["daily"]} == {"红队", "蓝队"}


@pytest.mark.parametrize(("who", "team"), [("alice", "blue"), ("alice", None), ("bob", "blue")])
def test_another_teams_report_is_not_there(actor, cast, who, team):
    with pytest.raises(NotFound):
        compose(actor, cast, who, team)
    with pytest.raises(NotFound):
        store(actor, cast, who, team)


def test_a_member_reads_the_report_and_stores_none(actor, cast):
    assert compose(actor, cast, "bob", "red")["team"]["name"] == "红队"
    with pytest.raises(Forbidden):
        store(actor, cast, "bob")
    with pytest.raises(Forbidden):
        store(actor, cast, "mona")


def test_pledges_stand_beside_what_was_done(actor, cast):
    morning = meeting(actor, cast, kind="morning")
    place = {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"], "day": DAY_2, "at": MORNING}
    with unit_of_work():
        pledging.set_pledges(
            actor("alice"), member_id=cast.users["bob"], values={"consults": "5", "accepted": 1}, **place
        )
        pledging.set_pledges(actor("alice"), member_id=cast.users["alice"], values={"consults": 2}, **place)
        pledging.lock_pledges(actor("alice"), morning, at=MORNING)
    a_day(actor, cast)
    (team,) = compose(actor, cast, team="red")["teams"]
    assert team["pledges"] == [
        {"metric": "consults", "pledged": 7, "done": 3},
        {"metric": "accepted", "pledged": 1, "done": 1},
    ]
    bob = next(row for row in team["members"] if row["name"] == "鲍勃")
    assert bob["pledges"] == [
        {"metric": "consults", "pledged": 5, "done": 2},
        {"metric": "accepted", "pledged": 1, "done": 0},
    ]


def test_the_roll_and_the_logs_are_those_of_the_moment(actor, cast):
    morning = meeting(actor, cast, kind="morning")
    roll = [pledging.Presence(cast.users["alice"], "present"), pledging.Presence(cast.users["bob"], "leave", "培训")]
    with unit_of_work():
        pledging.call_roll(actor("alice"), morning, team_id=cast.teams["red"], roll=roll, at=MORNING)
    evening = meeting(actor, cast)
    with unit_of_work():
        commands.lock_logs(actor("alice"), evening, at=BELL + SECOND)
    (team,) = compose(actor, cast, team="red")["teams"]
    assert [(row["name"], row["state"], row["reason"]) for row in team["attendance"]] == [
        ("爱丽", "present", ""),
        ("鲍勃", "leave", "培训"),
    ]
    assert team["log"]["status"] == "missing"
    assert team["log"]["locked_at"] is None
    (after,) = compose(actor, cast, team="red", words_as_of=LATER)["teams"]
    assert after["log"]["locked_at"] is not None


def test_stored_twice_the_same_is_one_report(actor, cast):
    a_day(actor, cast)
    first, second = store(actor, cast, "alice"), store(actor, cast, "olga", at=LATER)
    assert first.id == second.id
    assert db.session.scalar(select(db.func.count(StoredReport.id))) == 1
    assert first.sha256 == fingerprint(first.body)


def test_a_late_correction_is_a_revision_with_a_reason(actor, cast):
    a_day(actor, cast)
    first = store(actor, cast)
    lead(actor, cast, "bob", "red", received=BELL + SECOND)
    with pytest.raises(Conflict) as refused:
        store(actor, cast, as_of=LATER, at=LATER)
    assert refused.value.code == "report.other_body"
    second = store(actor, cast, as_of=LATER, at=LATER, reason="补录一户")
    assert (first.revision, second.revision) == (1, 2)
    newest, oldest = storing.revisions_of(second)
    assert (newest.reason, oldest.reason) == ("补录一户", "")
    changed = {one.path: (one.before, one.after) for one in newest.changes}
    assert changed["funnel.day.consult"] == ("3", "4")
    assert db.session.get_one(StoredReport, first.id).body["funnel"]["day"]["consult"] == 3


@pytest.mark.parametrize("statement", ["UPDATE stored_report SET revision = 9", "DELETE FROM stored_report"])
def test_the_database_refuses_to_change_a_stored_report(actor, cast, statement):
    store(actor, cast)
    with pytest.raises(DatabaseError, match="append-only"), unit_of_work():
        db.session.execute(text(statement))


def test_a_changed_body_is_found(actor, cast):
    report = store(actor, cast)
    assert list(storing.verify_reports()) == []
    tamper()
    assert list(storing.verify_reports()) == [report.id]
    assert not storing.is_intact(storing.get_report(actor("alice"), report.id))


def tamper():
    """Changes a stored body behind the product's back, with the guard taken away."""
    guards = {
        "sqlite": "DROP TRIGGER stored_report_no_update",
        "postgresql": "DROP TRIGGER stored_report_append_only ON stored_report",
    }
    with unit_of_work():
        db.session.execute(text(guards[db.engine.dialect.name]))
        for row in db.session.execute(select(StoredReport.id, StoredReport.body)).all():
            changed = row.body | {"funnel": {"day": row.body["funnel"]["day"] | {"consult": 99}}}
            db.session.execute(db.update(StoredReport).where(StoredReport.id == row.id).values(body=changed))
    db.session.expire_all()


def test_a_report_holds_no_float():
    with pytest.raises(ValueError, match="float"):
        canonical({"rate": {"of": [1, 0.5]}})
    assert canonical({"b": 1, "a": "外拓"}) == '{"a":"外拓","b":1}'


def test_differences_name_the_place():
    before, after = {"a": {"b": [1, 2]}, "c": "x"}, {"a": {"b": [1, 3, 4]}, "d": "y"}
    assert [(one.path, one.before, one.after) for one in differences(before, after)] == [
        ("a.b.2", "2", "3"), ("a.b.3", "", "4"), ("c", "x", ""), ("d", "", "y"),
    ]  # fmt: skip


def test_a_day_before_the_contest_has_no_standings_and_breaks_nothing(actor, cast):
    assert compose(actor, cast, day=DAY_1, as_of=NOON)["standings"] == []


def test_the_reports_of_a_day_read_the_records_of_the_pk_once(actor, cast, queries):
    """However many reports are composed together: one reading, for the boards of the day and so far of every report."""
    pk(actor, cast)
    a_day(actor, cast)
    db.session.remove()
    with queries() as seen:
        prepared = tasks.composed(BELL)
    assert [one.team_id for one in prepared] == [None, cast.teams["red"], cast.teams["blue"]]
    for table in ("FROM intent_entry LEFT OUTER JOIN lead_merge", "FROM adjustment \nWHERE adjustment.contest_id"):
        assert len([one for one in seen.statements if table in one and "max(" not in one]) == 1, table
    assert seen.count <= 135


def test_composed_together_or_alone_a_report_is_the_same(actor, cast):
    contest_id = pk(actor, cast)
    a_day(actor, cast)
    lead(actor, cast, "bob", "red", Stage.ACCEPTED, at=NOON - timedelta(days=1))
    for one in tasks.composed(BELL):
        team = next((name for name, team_id in cast.teams.items() if team_id == one.team_id), None)
        assert canonical(one.body) == canonical(compose(actor, cast, team=team))
    daily, cumulative = both_boards(actor("olga"), contest_id, day=DAY_2, as_of=BELL)
    assert daily == standings_of(actor("olga"), contest_id, day=DAY_2, cumulative=False, as_of=BELL)
    assert cumulative == standings_of(actor("olga"), contest_id, day=DAY_2, as_of=BELL)
    assert daily.rows != cumulative.rows


def test_a_contest_begun_after_the_bell_is_not_in_the_report_of_the_bell(actor, cast):
    a_day(actor, cast)
    before = canonical(compose(actor, cast))
    pk(actor, cast, at=BELL + SECOND)
    assert canonical(compose(actor, cast)) == before
    assert len(compose(actor, cast, as_of=LATER)["standings"]) == 1


def test_standings_of_another_day_or_moment_are_refused(actor, cast):
    for other in (Standings(DAY_1, BELL), Standings(DAY_2, LATER)):
        with pytest.raises(ValueError, match="another day"):
            compose(actor, cast, standings=other)


def test_a_report_takes_the_same_number_of_queries_however_much_happened(actor, cast, queries):
    pk(actor, cast)
    a_day(actor, cast)
    with queries() as few:
        compose(actor, cast)
    for _ in range(3):
        a_day(actor, cast)
    with queries() as many:
        compose(actor, cast)
    assert abs(many.count - few.count) <= 1
