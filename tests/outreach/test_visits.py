"""Visits: touched and valid, once each, on the bank's day, in the team of that day."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from crm.campaigns.commands import set_status
from crm.campaigns.rules import Status
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.ledger import Clocks
from crm.outreach import commands, log_commands, queries
from crm.outreach.commands import VisitDraft
from crm.outreach.models import Visit
from crm.people import commands as people
from tests.moments import DAY_1, DAY_2, DAY_3, DAY_6, NOON, YESTERDAY_NOON


def record(actor, cast, who="bob", *, uid="u-1", at=NOON, member=None, **facts):
    values = {"campaign_id": cast.campaigns["roadshow"], "outcome": "consulted"} | facts
    with unit_of_work():
        return commands.record_visit(
            actor(who), uid=uid, member_id=cast.users[member or who], clocks=Clocks.at(at), **values
        )


def counts(actor, cast, who="alice", day=DAY_2):
    return queries.recorded_counts(actor(who), cast.campaigns["roadshow"], cast.teams["red"], day)


def test_touched_and_valid_are_counted_side_by_side(actor, cast):
    for number, outcome in enumerate(
        ("nobody", "refused", "consulted", "interested", "applied", "customer", "ineligible")
    ):
        record(actor, cast, uid=f"u-{number}", outcome=outcome)
    assert counts(actor, cast)[cast.users["bob"]] == {"visits_touched": 2, "visits_valid": 5}


def test_a_visit_carries_the_team_and_the_district_of_the_moment(actor, cast):
    visit = record(actor, cast)
    assert (visit.team_id, visit.district_id, visit.day) == (cast.teams["red"], cast.districts["market"], DAY_2)
    with unit_of_work():
        people.join_team(
            actor("olga"), user_id=cast.users["bob"], team_id=cast.teams["blue"], on=DAY_2 + timedelta(days=1)
        )
    late = record(actor, cast, "olga", member="bob", uid="u-2", at=NOON - timedelta(hours=1))
    assert late.team_id == cast.teams["red"]


def test_the_bank_s_day_begins_at_midnight_there(actor, cast):
    at = datetime(DAY_1.year, DAY_1.month, DAY_1.day, 23, 30, tzinfo=UTC)
    assert record(actor, cast, at=at).day == DAY_2


def test_the_same_visit_twice_is_one(actor, cast):
    first = record(actor, cast, note="早餐店")
    again = record(actor, cast, note="早餐店")
    assert first.id == again.id
    for changed in ({"note": "面馆"}, {"outcome": "refused"}, {"at": NOON - timedelta(minutes=1)}, {"who": "alice"}):
        with pytest.raises(Conflict):
            record(actor, cast, **({"note": "早餐店"} | changed))
    assert len(list(db.session.scalars(select(Visit.id)))) == 1


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"at": NOON + timedelta(minutes=6)}, "visit.future"),
        ({"at": at_local(DAY_1 - timedelta(days=1), 12)}, "outreach.no_team"),
        ({"outcome": "magic"}, "visit.outcome"),
        ({"note": "长" * 501}, "visit.note_long"),
        ({"uid": "u" * 37}, "visit.uid"),
        ({"companion_id": 99_999}, "visit.no_companion"),
    ],
)
def test_what_cannot_have_happened_is_refused(actor, cast, facts, code):
    at = facts.get("at", NOON)
    values = {key: value for key, value in facts.items() if key not in ("at", "uid")}
    with pytest.raises(Invalid) as caught, unit_of_work():
        commands.record_visit(
            actor("bob"),
            uid=facts.get("uid", "u-1"),
            member_id=cast.users["bob"],
            clocks=Clocks(at, NOON, NOON),
            **({"campaign_id": cast.campaigns["roadshow"], "outcome": "consulted"} | values),
        )
    assert caught.value.code == code
    assert db.session.scalar(select(Visit.id)) is None


def test_a_member_records_only_for_himself_and_a_lead_for_the_team(actor, cast):
    with pytest.raises(Forbidden):
        record(actor, cast, "bob", member="alice")
    with pytest.raises(NotFound):
        record(actor, cast, "alice", member="dora")
    assert record(actor, cast, "alice", member="bob").recorded_id == cast.users["alice"]


def test_a_companion_is_somebody_else(actor, cast):
    with pytest.raises(Invalid, match="companion_self"):
        record(actor, cast, companion_id=cast.users["bob"])
    assert record(actor, cast, companion_id=cast.users["dora"]).companion_id == cast.users["dora"]


def test_a_closed_campaign_takes_no_visits(actor, cast):
    with unit_of_work():
        set_status(actor("olga"), cast.campaigns["roadshow"], Status.CLOSED)
    with pytest.raises(Invalid, match="campaign_closed"):
        record(actor, cast)


def test_walk_in_visits_belong_to_no_drive(actor, cast):
    assert record(actor, cast, campaign_id=cast.campaigns["walk_in"]).team_id == cast.teams["red"]


def test_many_visits_go_by_the_same_rules(actor, cast):
    drafts = [
        VisitDraft(f"u-{n}", cast.users["bob"], "consulted" if n % 2 else "nobody", Clocks.at(NOON)) for n in range(40)
    ]
    with unit_of_work():
        assert commands.record_visits(actor("olga"), campaign_id=cast.campaigns["roadshow"], drafts=drafts) == 40
    with unit_of_work():
        assert commands.record_visits(actor("olga"), campaign_id=cast.campaigns["roadshow"], drafts=drafts) == 0
    assert counts(actor, cast)[cast.users["bob"]] == {"visits_touched": 20, "visits_valid": 20}


def test_an_undone_visit_stays_and_counts_no_more(actor, cast):
    visit = record(actor, cast)
    with pytest.raises(NotFound), unit_of_work():
        commands.void_visit(actor("charlie"), visit.id, reason="不是我们的", at=NOON)
    with pytest.raises(Invalid), unit_of_work():
        commands.void_visit(actor("alice"), visit.id, reason="  ", at=NOON)
    with unit_of_work():
        commands.void_visit(actor("alice"), visit.id, reason="误点", at=NOON)
    with pytest.raises(Conflict), unit_of_work():
        commands.void_visit(actor("alice"), visit.id, reason="误点", at=NOON)
    assert counts(actor, cast) == {}
    page = queries.visits_of(actor("alice"), cast.campaigns["roadshow"], cast.teams["red"], DAY_2)
    assert [(row.void_reason, row.voided_at is not None) for row in page.items] == [("误点", True)]


def test_what_arrives_after_the_lock_is_a_late_entry(actor, cast):
    road, red = cast.campaigns["roadshow"], cast.teams["red"]
    early = record(actor, cast, uid="early")
    with unit_of_work():
        log_commands.lock_log(actor("alice"), campaign_id=road, team_id=red, day=DAY_2, at=NOON + timedelta(hours=6))
        commands.record_visit(
            actor("bob"),
            uid="late",
            campaign_id=road,
            member_id=cast.users["bob"],
            outcome="consulted",
            clocks=Clocks(NOON, NOON, NOON + timedelta(hours=7)),
        )
    row = next(row for row in queries.day_grid(actor("alice"), road, red, DAY_2).rows if row.name == "鲍勃")
    assert (row.valid, row.late_entries) == (2, 1)
    assert {row.late_entry for row in queries.visits_of(actor("alice"), road, red, DAY_2).items} == {True, False}
    with pytest.raises(Conflict, match="locked"), unit_of_work():
        commands.void_visit(actor("bob"), early.id, reason="误点", at=NOON)


@pytest.mark.parametrize("who", ["tim", "audrey"])
def test_a_trainer_from_outside_and_an_auditor_see_counts_and_no_notes(actor, cast, who):
    record(actor, cast, note="王老板说下周")
    page = queries.visits_of(actor(who), cast.campaigns["roadshow"], cast.teams["red"], DAY_2)
    assert [row.note for row in page.items] == [""]
    assert counts(actor, cast, who)[cast.users["bob"]]["visits_valid"] == 1


def test_the_pk_gets_valid_visits_as_they_were_known(actor, cast):
    road = cast.campaigns["roadshow"]
    record(actor, cast, uid="valid", companion_id=cast.users["alice"])
    record(actor, cast, uid="touched", outcome="nobody")
    undone = record(actor, cast, uid="undone")
    with unit_of_work():
        commands.void_visit(actor("alice"), undone.id, reason="误点", at=NOON + timedelta(hours=1))
    facts = queries.valid_visits([road], DAY_1, DAY_6)
    assert [(fact.member_id, fact.companion_id, fact.day) for fact in facts] == [
        (cast.users["bob"], cast.users["alice"], DAY_2)
    ]
    assert len(queries.valid_visits([road], DAY_1, DAY_6, as_of=NOON + timedelta(minutes=1))) == 2
    assert queries.valid_visits([road], DAY_1, DAY_6, as_of=YESTERDAY_NOON) == []


def test_person_days_are_those_attended_and_else_the_roster(actor, cast):
    road, red, blue = cast.campaigns["roadshow"], cast.teams["red"], cast.teams["blue"]
    with unit_of_work():
        for who, state in (("alice", "late"), ("bob", "leave")):
            log_commands.set_attendance(actor("alice"), road, red, DAY_2, cast.users[who], state, "家中有事", at=NOON)
    record(actor, cast, uid="first", at=YESTERDAY_NOON)
    days = queries.person_days([road, cast.campaigns["walk_in"]], DAY_1, DAY_3)
    # Eve was in the red team on the first day only; nobody took attendance there, but somebody worked.
    assert days == {(red, DAY_1): 3, (red, DAY_2): 1}
    assert (blue, DAY_2) not in days  # neither a roll nor a record: no person-day that could thin a score
    assert queries.attended_members([road], DAY_2, DAY_2)[red, DAY_2] == {cast.users["alice"]}
