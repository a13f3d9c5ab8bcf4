"""From records to boards: what counts, for whom, and that what is past stays as it was. Every number is reckoned by hand."""

import uuid
from datetime import timedelta
from fractions import Fraction

import pytest
from sqlalchemy import select, update

from crm.contest.commands import confirm_rules as confirm
from crm.contest.commands import create_contest, propose_rules, start_contest
from crm.contest.queries import open_score, standings_of
from crm.contest.rules import RuleSet
from crm.kernel.actor import SYSTEM
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.errors import Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import imports
from crm.leads.commands import record_stage, void_stage
from crm.leads.ledger import Clocks
from crm.leads.ledger_models import FunnelDay, IntentEntry, StageEntry
from crm.leads.models import Lead
from crm.leads.rules import Stage
from crm.outreach.models import Attendance, Visit
from crm.people import commands as people
from tests import make
from tests.moments import BELL, DAY_1, DAY_2, DAY_3, DAY_6, NOON, YESTERDAY_NOON


@pytest.fixture
def contest(app, cast, actor):
    """The PK of the roadshow, running since the morning of DAY_1."""
    with unit_of_work():
        made = create_contest(
            actor("olga"),
            code="PK-1",
            name="路演 PK",
            campaign_ids=[cast.campaigns["roadshow"]],
            team_ids=list(cast.teams.values()),
            starts_on=DAY_1,
            ends_on=DAY_6,
        )
        start_contest(actor("olga"), made.id, version=1)
    return made.id


def visit(cast, team, member, *, at=NOON, companion=None, valid=True, day=DAY_2, **more):
    values = {"received_at": at, "recorded_at": at, "occurred_at": at} | more
    row = Visit(
        uid=str(uuid.uuid4()),
        campaign_id=cast.campaigns["roadshow"],
        team_id=cast.teams[team],
        member_id=cast.users[member],
        companion_id=cast.users[companion] if companion else None,
        outcome="consulted" if valid else "nobody",
        valid=valid,
        day=day,
        **values,
    )
    db.session.add(row)
    db.session.flush()
    return row


def captured(cast, actor, name, team, **kwargs):
    return make.lead(actor(name), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams[team], **kwargs)


def roll(cast, team, day, *, received=None, **states):
    for login, state in states.items():
        db.session.add(
            Attendance(
                campaign_id=cast.campaigns["roadshow"],
                day=day,
                member_id=cast.users[login],
                team_id=cast.teams[team],
                state=state,
                received_at=received or at_local(day, 8, 30),
            )
        )
    db.session.flush()


def of(board, cast, team):
    return next(row for row in board.rows if row.team_id == cast.teams[team])


def two_days(cast, actor):
    """Red on DAY_1: an accepted case (2 + 8 + 15) and a visit. Red on DAY_2: a consult with intent A (2 + 3), a visit with
    a companion (1 + 0.3) and one that is not valid. Blue on DAY_2: two consults, one with intent C, and three visits."""
    captured(cast, actor, "bob", "red", stage=Stage.ACCEPTED, at=YESTERDAY_NOON)
    visit(cast, "red", "bob", at=YESTERDAY_NOON, day=DAY_1)
    captured(cast, actor, "alice", "red", intent="A")
    visit(cast, "red", "alice", companion="bob")
    visit(cast, "red", "alice", valid=False)
    captured(cast, actor, "charlie", "blue", intent="C")
    captured(cast, actor, "dora", "blue")
    for _ in range(3):
        visit(cast, "blue", "dora")
    # DAY_1: Eve still belonged to Red, so without a roll Red had three people and Blue two.
    roll(cast, "red", DAY_2, alice="present", bob="late")
    roll(cast, "blue", DAY_2, charlie="absent", dora="present")


def test_boards_of_two_days_by_hand(contest, cast, actor):
    with unit_of_work():
        two_days(cast, actor)
    daily = standings_of(actor("olga"), contest, day=DAY_2, cumulative=False)
    red, blue = of(daily, cast, "red"), of(daily, cast, "blue")
    assert (red.points, red.person_days, red.score) == (Fraction("6.3"), 2, Fraction("3.15"))
    assert (blue.points, blue.person_days, blue.score) == (7, 1, 7)
    assert (red.visits, red.consult, red.intent, red.application, red.accepted) == (1, 1, 1, 0, 0)
    assert (blue.visits, blue.consult, blue.intent) == (3, 2, 0)
    assert [row.team_id for row in daily.rows] == [cast.teams["blue"], cast.teams["red"]]
    assert (red.rank, red.rank_before, red.climbed, red.gap_to_next) == (2, 1, -1, Fraction("3.85"))

    total = standings_of(actor("olga"), contest)
    red, blue = of(total, cast, "red"), of(total, cast, "blue")
    assert (red.points, red.person_days) == (Fraction("32.3"), 5)
    assert (blue.points, blue.person_days) == (7, 1)
    assert (red.rank, blue.rank) == (2, 1)
    assert (red.application_rate.k, red.application_rate.n, red.acceptance_rate.percent()) == (1, 2, "100.0%")


def test_persons_have_a_board_of_their_own(contest, cast, actor):
    with unit_of_work():
        two_days(cast, actor)
    board = standings_of(actor("olga"), contest, per="member")
    points = {row.name: (row.points, row.person_days) for row in board.rows}
    assert points == {
        "爱丽": (6, 2),
        "鲍勃": (Fraction("26.3"), 2),
        "伊芙": (0, 1),
        "查理": (2, 0),
        "朵拉": (5, 1),
    }
    assert {row.name: row.team_name for row in board.rows}["伊芙"] == "红队"


def test_the_board_equals_a_recomputation_from_the_ledger(contest, cast, actor):
    with unit_of_work():
        two_days(cast, actor)
        lead = captured(cast, actor, "dora", "blue", stage=Stage.APPLICATION)
        record_stage(actor("dora"), lead.lead_id, Stage.ACCEPTED, clocks=Clocks.at(NOON), case_number="X-1")
    each = {"consult": 2, "application": 8, "accepted": 15}
    voided = {row.voids_id for row in db.session.query(StageEntry).filter(StageEntry.voids_id.is_not(None))}
    for name in ("red", "blue"):
        team = cast.teams[name]
        entries = db.session.query(StageEntry).filter_by(team_id=team, voids_id=None)
        first = {(one.lead_id, one.stage) for one in entries if one.id not in voided}
        visits = db.session.query(Visit).filter_by(team_id=team, valid=True, voided_at=None).all()
        points = sum(each[stage] for _, stage in first) + len(visits)
        points += sum(Fraction(3, 10) for one in visits if one.companion_id)
        points += 3 * db.session.query(Lead).filter(Lead.team_id == team, Lead.intent.in_(("A", "B"))).count()
        assert of(standings_of(actor("olga"), contest), cast, name).points == points


def test_what_the_bank_feeds_back_is_nobodys_day_in_the_field(contest, cast, actor):
    with unit_of_work():
        two_days(cast, actor)
        case = captured(cast, actor, "bob", "red", stage=Stage.ACCEPTED, at=YESTERDAY_NOON)
    before = of(standings_of(actor("olga"), contest, day=DAY_2), cast, "red")
    with unit_of_work():
        record_stage(actor("olga"), case.lead_id, Stage.APPROVED, clocks=Clocks.at(at_local(DAY_3, 10)))
    board = standings_of(actor("olga"), contest, day=DAY_3, at=at_local(DAY_3, 20))
    assert of(board, cast, "red").person_days == before.person_days


def test_a_cumulative_board_tells_each_day_on_which_somebody_was_there(contest, cast, actor):
    with unit_of_work():
        two_days(cast, actor)
    board = standings_of(actor("olga"), contest, day=DAY_3, at=at_local(DAY_3, 20))
    assert board.days == (DAY_1, DAY_2)  # nobody worked on DAY_3
    each = [standings_of(actor("olga"), contest, day=day, cumulative=False) for day in board.days]
    for row in board.rows:
        alone = [next(one for one in daily.rows if one.team_id == row.team_id).score for daily in each]
        assert list(row.by_day) == alone
    assert all(daily.days == () for daily in each)
    persons = standings_of(actor("olga"), contest, day=DAY_2, per="member")
    assert all(len(row.by_day) == 2 for row in persons.rows)


def test_historical_records_score_nothing(contest, cast, actor):
    row = {"name": "李", "accepted_on": DAY_2, "intent": "A", "campaign": "C-ROAD", "team": "红队", "officer": "alice"}
    numbered = row | {"phone": "13900007777", "consent": True, "case_number": "K-7"}
    with unit_of_work():
        context = imports.open_context(actor("alice"), today=DAY_2, at=NOON, writes=True)
        said = imports.apply_rows(actor("alice"), context, [row, row, row | {"consent": True}, numbered], at=NOON)
    assert [one.what for one in said] == ["new"] * 4
    for board in (standings_of(actor("olga"), contest), standings_of(actor("olga"), contest, as_of=BELL)):
        assert of(board, cast, "red").points == 2 + 8 + 15 + 3
    assert sum(db.session.scalars(select(FunnelDay.leads).where(FunnelDay.stage == "accepted"))) == 4


def test_what_is_undone_scores_no_more(contest, cast, actor):
    with unit_of_work():
        lead = captured(cast, actor, "alice", "red", stage=Stage.APPLICATION)
        undone = visit(cast, "red", "bob")
        visit(cast, "red", "bob")
    assert of(standings_of(actor("olga"), contest), cast, "red").points == 2 + 8 + 2
    application = db.session.query(StageEntry).filter_by(lead_id=lead.lead_id, stage="application").one()
    with unit_of_work():
        void_stage(actor("alice"), lead.lead_id, application.id, reason="mistyped", at=NOON + timedelta(minutes=5))
        db.session.execute(update(Visit).where(Visit.id == undone.id).values(voided_at=NOON, void_reason="twice"))
    assert of(standings_of(actor("olga"), contest), cast, "red").points == 1


def test_a_board_as_of_a_moment_is_what_the_server_knew_then(contest, cast, actor):
    late = BELL + timedelta(minutes=1)
    with unit_of_work():
        two_days(cast, actor)
    then = standings_of(actor("olga"), contest, day=DAY_2, as_of=BELL)
    with unit_of_work():
        offline = Clocks(NOON, NOON, late)
        lead = make.lead(actor("dora"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["blue"])
        db.session.execute(update(Visit).values(voided_at=late, void_reason="x"))
        record_stage(actor("dora"), lead.lead_id, Stage.ACCEPTED, clocks=offline, case_number="L-1")
    again = standings_of(actor("olga"), contest, day=DAY_2, as_of=BELL)
    # The new lead itself was received at noon and counts; what came after the bell does not.
    assert of(again, cast, "blue").points == of(then, cast, "blue").points + 2
    assert of(again, cast, "red").points == of(then, cast, "red").points
    assert of(standings_of(actor("olga"), contest, day=DAY_2), cast, "blue").points == 4 + 2 + 8 + 15


def test_a_roll_corrected_after_the_bell_leaves_the_board_of_the_bell_as_it_was(contest, cast, actor):
    with unit_of_work():
        two_days(cast, actor)
    at_the_bell = standings_of(actor("olga"), contest, day=DAY_2, as_of=BELL)
    live = standings_of(actor("olga"), contest, day=DAY_2)
    assert live.rows == at_the_bell.rows
    with unit_of_work():
        roll(cast, "blue", DAY_2, received=BELL + timedelta(seconds=1), charlie="late")
        roll(cast, "red", DAY_2, received=BELL + timedelta(seconds=1), bob="leave")
    assert standings_of(actor("olga"), contest, day=DAY_2, as_of=BELL).rows == at_the_bell.rows
    now = standings_of(actor("olga"), contest, day=DAY_2)
    assert now.etag != live.etag
    days = {name: (of(live, cast, name).person_days, of(now, cast, name).person_days) for name in cast.teams}
    assert days == {"red": (5, 4), "blue": (1, 2)}
    assert of(now, cast, "blue").score == Fraction(7, 2)


def test_a_roll_corrected_before_the_bell_is_what_the_bell_hears(contest, cast, actor):
    with unit_of_work():
        two_days(cast, actor)
        roll(cast, "blue", DAY_2, received=BELL, charlie="late")
    board = standings_of(actor("olga"), contest, day=DAY_2, as_of=BELL)
    assert of(board, cast, "blue").person_days == 2
    assert of(standings_of(actor("olga"), contest, day=DAY_2, as_of=NOON), cast, "blue").person_days == 1


def test_transfers_move_no_past_day(contest, cast, actor):
    with unit_of_work():
        two_days(cast, actor)
    before = standings_of(actor("olga"), contest, day=DAY_2)
    with unit_of_work():
        people.join_team(SYSTEM, user_id=cast.users["bob"], team_id=cast.teams["blue"], on=DAY_3)
        db.session.execute(update(Lead).values(team_id=cast.teams["blue"], owner_id=cast.users["dora"]))
    after = standings_of(actor("olga"), contest, day=DAY_2)
    assert after.rows == before.rows
    assert after.etag != before.etag


def test_equal_teams_share_a_place(contest, cast, actor):
    with unit_of_work():
        for name, team in (("alice", "red"), ("charlie", "blue")):
            captured(cast, actor, name, team)
    board = standings_of(actor("olga"), contest, day=DAY_2, cumulative=False)
    assert [row.rank for row in board.rows] == [1, 1]
    with unit_of_work():
        visit(cast, "blue", "dora", at=NOON + timedelta(minutes=1))
    assert [row.rank for row in standings_of(actor("olga"), contest, day=DAY_2, cumulative=False).rows] == [1, 2]


def test_an_intent_scores_once_and_only_with_consent(contest, cast, actor):
    with unit_of_work():
        with_consent = captured(cast, actor, "alice", "red", intent="B", stage=None)
        without = Lead(
            uid=str(uuid.uuid4()),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            details={},
            created_at=NOON,
            updated_at=NOON,
        )
        db.session.add(without)
        db.session.flush()
        for lead_id in (with_consent.lead_id, without.id):
            make_intent(cast, lead_id, "A")
    assert of(standings_of(actor("olga"), contest), cast, "red").points == 3


def make_intent(cast, lead_id, intent):
    db.session.add(
        IntentEntry(
            lead_id=lead_id,
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            credited_id=cast.users["alice"],
            intent=intent,
            day=DAY_2,
            occurred_at=NOON + timedelta(minutes=1),
            received_at=NOON + timedelta(minutes=1),
        )
    )


def test_a_further_version_scores_only_what_comes_after_it(contest, cast, actor):
    switch = NOON + timedelta(hours=1)
    with unit_of_work():
        captured(cast, actor, "alice", "red")
        row = propose_rules(
            actor("olga"),
            contest,
            version=2,
            rules=RuleSet(points={"visit": 1, "consult": 4}),
            in_force_from=switch,
            reason="more talk",
            at=NOON,
        )
        visit(cast, "red", "bob", at=switch + timedelta(minutes=1))
        later = make.lead(
            actor("alice"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            stage=None,
        )
        clocks = Clocks(switch, switch, switch)
        record_stage(actor("alice"), later.lead_id, Stage.CONSULT, clocks=clocks)
    evening = at_local(DAY_2, 20)
    assert of(standings_of(actor("olga"), contest, at=evening), cast, "red").points == 2 + 2 + 1
    with unit_of_work():
        confirm(actor("mona"), contest, row.number, at=NOON + timedelta(minutes=1))
    board = standings_of(actor("olga"), contest, at=evening)
    assert (of(board, cast, "red").points, board.rules_number) == (2 + 4 + 1, 2)
    opened = open_score(actor("olga"), contest, team_id=cast.teams["red"], at=evening)
    assert opened.explanation.formula == "(1×2 + 1×1 + 1×4) ÷ 2 = 3.5"
    assert [line.rules_number for line in opened.lines.items] == [2, 2, 1]


def test_a_confirmation_never_reaches_back(contest, cast, actor):
    switch = NOON + timedelta(hours=1)
    with unit_of_work():
        row = propose_rules(
            actor("olga"),
            contest,
            version=2,
            rules=RuleSet(points={"visit": 9}),
            in_force_from=switch,
            reason="r",
            at=NOON,
        )
        visit(cast, "red", "bob", at=switch + timedelta(minutes=1))
        confirm(actor("mona"), contest, row.number, at=switch + timedelta(minutes=2))
        visit(cast, "red", "bob", at=switch + timedelta(minutes=3))
    assert of(standings_of(actor("olga"), contest, at=at_local(DAY_2, 20)), cast, "red").points == 1 + 9


def test_the_opened_score_shows_its_lines_and_hides_the_customers_of_others(contest, cast, actor):
    with unit_of_work():
        two_days(cast, actor)
    for name, seen in (("alice", True), ("charlie", False), ("olga", True), ("tim", False), ("audrey", False)):
        opened = open_score(actor(name), contest, team_id=cast.teams["red"])
        assert opened.explanation.points == opened.row.points == sum(line.line.points for line in opened.lines.items)
        assert any(line.lead_id for line in opened.lines.items) is seen
    with pytest.raises(NotFound):
        open_score(actor("olga"), contest, team_id=999)
    with pytest.raises(Invalid):
        standings_of(actor("olga"), contest, day=DAY_6 + timedelta(days=1))


def test_only_campaigns_teams_and_days_of_the_contest_count(contest, cast, actor):
    with unit_of_work():
        make.lead(actor("alice"), campaign_id=cast.campaigns["walk_in"], team_id=cast.teams["red"])
        visit(cast, "red", "bob", day=DAY_1 - timedelta(days=1), at=YESTERDAY_NOON - timedelta(days=1))
    assert standings_of(actor("olga"), contest).rows[0].points == 0


def test_the_number_of_statements_does_not_grow_with_the_records(contest, cast, actor, queries):
    organiser = actor("olga")
    with unit_of_work():
        two_days(cast, actor)
    with queries() as few:
        standings_of(organiser, contest)
    with unit_of_work():
        for _ in range(12):
            captured(cast, actor, "bob", "red", intent="A")
            visit(cast, "red", "bob")
    with queries() as many:
        standings_of(organiser, contest)
    assert many.count == few.count <= 14
