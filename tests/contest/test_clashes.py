"""Clashes before the referee: both claims, a decision that moves the customer with its credit, both teams told, one appeal."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select, update

from crm.contest.clashing import appeal_clash, decide_clash, sealed_at
from crm.contest.queries import standings_of
from crm.figures.queries import FunnelQuery, funnel
from crm.kernel import terminal
from crm.kernel.actor import Role
from crm.kernel.audit import AuditEntry
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import ledger
from crm.leads.clashes import count_waiting, get_case, list_clashes, team_clash
from crm.leads.commands import ConsentGiven, LeadCard, capture_lead
from crm.leads.ledger import Clocks
from crm.leads.ledger_models import StageEntry
from crm.leads.models import Clash, Lead, LeadEvent
from crm.leads.queries import get_lead
from crm.leads.rules import Sign, Stage
from crm.meetings.models import StoredReport
from crm.meetings.storing import is_intact, store_evening_report
from crm.people import commands as people
from crm.people import inbox
from crm.people.inbox_models import InboxMessage
from tests import make
from tests.meetings import setting
from tests.moments import BELL, DAY_2, DAY_3, NOON
from tests.reckoning.comparing import Reader, compare_boards, compare_funnel
from tests.reckoning.raw import Raw

PHONE = "13800138000"
EARLIER = NOON - timedelta(hours=2)
LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def contest(cast, actor):
    """The PK of both teams, with the customary bell."""
    return setting.pk(actor, cast)


def captured(cast, actor, who, team, **card):
    with unit_of_work():
        return make.lead(actor(who), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams[team], **card)


@pytest.fixture
def clash(cast, actor):
    """Bob has the customer, with an application and intent A; Dora of the other team registers the same phone."""
    captured(cast, actor, "bob", "red", phone=PHONE, name="欧阳", stage=Stage.APPLICATION, intent="A")
    return captured(cast, actor, "dora", "blue", phone=PHONE, name="欧阳").clash_id


@pytest.fixture
def neighbours(cast, actor):
    """Two leads of the same name at the same place: both teams have one."""
    place = {"shop": "张记面馆", "address": "东大街5号"}
    captured(cast, actor, "bob", "red", **place, stage=Stage.APPLICATION)
    captured(cast, actor, "dora", "blue", **place)
    return db.session.scalar(select(Clash.id))


def decided(actor, clash_id, outcome, *, by="olga", version=None, at=LATER, reason="先到先得"):
    with unit_of_work():
        seen = version or db.session.get_one(Clash, clash_id).version
        return decide_clash(actor(by), clash_id, version=seen, outcome=outcome, reason=reason, at=at)


def appealed(actor, clash_id, *, by="dora", at=LATER):
    with unit_of_work():
        return appeal_clash(actor(by), clash_id, words="我方先谈成", at=at)


def told(cast, name):
    """The codes of what somebody was told, in order."""
    query = select(InboxMessage.code).where(InboxMessage.user_id == cast.users[name]).order_by(InboxMessage.id)
    return list(db.session.scalars(query))


def second_referee(cast, actor):
    """Another organiser: paula."""
    with unit_of_work():
        made = people.create_user(actor("adam"), login="paula", name="保拉", role=Role.ORGANISER, external=False)
    cast.users["paula"] = made.id


def credit(actor, cast, contest):
    """By team: what the funnel and the board say of consults, applications and intents."""
    rows = funnel(actor("olga"), FunnelQuery(by="team")).rows
    counts = {int(row.key): (row.counts.consult, row.counts.application) for row in rows}
    board = {row.team_id: row for row in standings_of(actor("olga"), contest, at=NOON + timedelta(hours=8)).rows}
    found = {}
    for name, team in cast.teams.items():
        row = board[team]
        assert counts.get(team, (0, 0)) == (row.consult, row.application), name
        found[name] = (row.consult, row.application, row.intent)
    return found


# --- the queue -------------------------------------------------------------------------------------------------------


def test_the_referee_reads_both_claims_with_their_clocks_and_consents(cast, actor, clash):
    case = get_case(actor("olga"), clash)
    assert (case.holder.team, case.holder.officer, case.claimant.team, case.claimant.officer) == (
        "红队", "鲍勃", "蓝队", "朵拉",
    )  # fmt: skip
    assert case.holder.phone == case.claimant.phone == "138****8000"
    assert (case.holder.stage, case.claimant.stage) == ("application", "consult")
    assert case.holder_consent.enquiry
    assert case.sign is Sign.FIRST
    assert [one.id for one in list_clashes(actor("olga"), state="waiting").items] == [clash]
    assert count_waiting(actor("olga")) == 1


@pytest.mark.parametrize("name", ["alice", "bob", "mona", "tim", "audrey", "adam"])
def test_nobody_else_reads_the_queue_or_decides(actor, client_of, clash, name):
    assert count_waiting(actor(name)) == 0
    for path in ("/clashes", f"/clashes/{clash}"):
        assert client_of(name).get(path).status_code == 403
    assert client_of(name).post(f"/clashes/{clash}").status_code == 403
    with pytest.raises(Forbidden):
        decided(actor, clash, "holder", by=name)


def test_a_claim_received_later_that_happened_earlier_is_marked_and_wins_nothing(cast, actor):
    captured(cast, actor, "bob", "red", phone=PHONE)
    early = Clocks(EARLIER, EARLIER + timedelta(minutes=1), LATER, EARLIER - timedelta(hours=1))
    with unit_of_work():
        found = capture_lead(
            actor("dora"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["blue"],
            owner_id=cast.users["dora"], card=LeadCard(name="张三", phone=PHONE, trade="catering"),
            consent=ConsentGiven(enquiry=True), clocks=early,
        )  # fmt: skip
    case = get_case(actor("olga"), found.clash_id)
    assert case.sign is Sign.CLAIM_EARLIER
    assert case.claimant.skewed
    assert (case.claimant.occurred_raw, case.claimant.recorded_at) == (early.occurred_raw, early.recorded_at)
    assert db.session.get_one(Lead, case.lead_id).team_id == cast.teams["red"]


def test_the_queue_asks_no_more_for_many_clashes(cast, actor, client_of, queries, clash):
    def asked(path):
        with queries() as seen:
            assert client_of("olga").get(path).status_code == 200
        return seen.count

    first = asked("/clashes")
    for number in range(12):
        for name, team in (("bob", "red"), ("dora", "blue")):
            captured(cast, actor, name, team, phone=f"1370000{number:04d}")
    assert asked("/clashes") <= first + 1
    assert first <= 14
    assert asked(f"/clashes/{clash}") <= 32


# --- decisions -------------------------------------------------------------------------------------------------------


def test_both_teams_are_told_of_the_clash_and_of_the_decision(cast, actor, clash):
    assert told(cast, "bob") == told(cast, "alice") == ["clash.claimed_too"]
    assert told(cast, "dora") == told(cast, "charlie") == ["clash.claimed"]
    decided(actor, clash, "holder")
    assert told(cast, "bob") == told(cast, "alice") == ["clash.claimed_too", "clash.kept"]
    assert told(cast, "dora") == told(cast, "charlie") == ["clash.claimed", "clash.refused"]
    assert told(cast, "olga") == []
    facts = str([row.facts for row in db.session.scalars(select(InboxMessage))])
    assert "欧阳" not in facts
    assert "8000" not in facts


def test_the_losing_team_reads_the_day_and_the_result_and_nothing_of_the_customer(cast, actor, client_of, clash):
    decided(actor, clash, "holder")
    page = client_of("dora").get(f"/clashes/{clash}/result").text
    assert "先到先得" in page
    assert DAY_2.isoformat() in page
    for secret in ("欧阳", "138****8000", "鲍勃", "红队"):
        assert secret not in page
    assert client_of("charlie").get("/clashes/ours").status_code == 200
    assert client_of("eve").get(f"/clashes/{clash}/result").status_code == 404


def test_staying_moves_nothing(cast, actor, contest, clash):
    before = credit(actor, cast, contest)
    entries = db.session.scalar(select(func.max(StageEntry.id)))
    decided(actor, clash, "holder")
    assert credit(actor, cast, contest) == before == {"red": (1, 1, 1), "blue": (0, 0, 0)}
    assert db.session.scalar(select(func.max(StageEntry.id))) == entries


def test_going_to_the_claimant_moves_the_lead_and_its_credit_and_funnel_board_and_reckoning_agree(
    app, cast, actor, contest, clash, monkeypatch
):
    monkeypatch.setattr(terminal, "application", lambda: app)
    lead = db.session.get_one(Clash, clash).lead_id
    decided(actor, clash, "claimant")
    moved = db.session.get_one(Lead, lead)
    assert (moved.team_id, moved.owner_id, moved.district_id) == (
        cast.teams["blue"], cast.users["dora"], cast.districts["village"],
    )  # fmt: skip
    assert credit(actor, cast, contest) == {"red": (0, 0, 0), "blue": (1, 1, 1)}
    assert ledger.differences() == []
    raw, reader = Raw.read(), Reader(app, cast.users["olga"])
    compare_funnel(reader, raw, "team", "period", DAY_2, DAY_3)
    compare_funnel(reader, raw, "member", "period", DAY_2, DAY_3)
    for per in ("team", "member"):
        compare_boards(reader, raw, contest, DAY_2, per, at=BELL)
    get_lead(actor("dora"), lead)
    for name in ("bob", "alice"):
        with pytest.raises(NotFound):
            get_lead(actor(name), lead)
    kinds = list(db.session.scalars(select(LeadEvent.kind).where(LeadEvent.lead_id == lead).order_by(LeadEvent.id)))
    assert kinds[-2:] == ["clash", "clash_decided"]
    assert "leads.decide_clash" in list(db.session.scalars(select(AuditEntry.action)))


def test_a_decision_after_the_bell_leaves_the_sealed_day_as_it_was(cast, actor, contest, clash):
    place = {"campaign_id": cast.campaigns["roadshow"], "team_id": None}
    with unit_of_work():
        report = store_evening_report(actor("olga"), **place, day=DAY_2, as_of=BELL, at=BELL).id
    body = db.session.get_one(StoredReport, report).body

    def board():
        rows = standings_of(actor("olga"), contest, day=DAY_2, as_of=BELL).rows
        return [(row.team_id, row.rank, row.points, row.consult, row.application, row.intent) for row in rows]

    sealed = board()
    after = at_local(DAY_3, 9)
    with time_machine.travel(after, tick=True):
        decided(actor, clash, "claimant", at=after)
        assert board() == sealed
        with unit_of_work():
            again = store_evening_report(actor("olga"), **place, day=DAY_2, as_of=BELL, at=after)
        assert again.id == report
        assert (again.body, is_intact(again)) == (body, True)
        now = {row.team_id: (row.consult, row.application, row.intent) for row in standings_of(
            actor("olga"), contest, day=DAY_2, at=after).rows}  # fmt: skip
    assert now == {cast.teams["red"]: (0, 0, 0), cast.teams["blue"]: (1, 1, 1)}


def test_what_the_branch_answered_stays_where_it_was_and_a_case_keeps_its_number(cast, actor):
    captured(cast, actor, "bob", "red", phone=PHONE, stage=Stage.ACCEPTED)
    clash = captured(cast, actor, "dora", "blue", phone=PHONE).clash_id
    decided(actor, clash, "claimant")
    standing = ledger.case_number_of(db.session.get_one(Clash, clash).lead_id)
    assert standing == "CASE-1"
    assert ledger.differences() == []


def test_one_customer_of_two_leads_is_merged_into_the_winners(cast, actor, contest, neighbours):
    case = get_case(actor("olga"), neighbours)
    decided(actor, neighbours, "claimant")
    lost, kept = db.session.get_one(Lead, case.lead_id), db.session.get_one(Lead, case.claimant.lead_id)
    assert (lost.merged_into_id, kept.merged_into_id) == (kept.id, None)
    assert lost.team_id == kept.team_id == cast.teams["blue"]
    assert credit(actor, cast, contest) == {"red": (0, 0, 0), "blue": (1, 1, 0)}
    with pytest.raises(NotFound):
        get_lead(actor("bob"), lost.id)


def test_two_customers_stay_two(cast, actor, contest, neighbours):
    decided(actor, neighbours, "different")
    assert credit(actor, cast, contest) == {"red": (1, 1, 0), "blue": (1, 0, 0)}
    assert list(db.session.scalars(select(Lead.id).where(Lead.merged_into_id.is_not(None)))) == []
    assert told(cast, "bob")[-1] == told(cast, "dora")[-1] == "clash.different"
    with pytest.raises(Forbidden, match="not_lost"):
        appealed(actor, neighbours)


def test_a_phone_is_one_customers(actor, clash):
    with pytest.raises(Invalid, match="outcome"):
        decided(actor, clash, "different")


@pytest.mark.parametrize(("reason", "code"), [(" ", "clash.reason"), ("客户 13800138000", "words.phone")])
def test_a_decision_needs_a_reason_that_both_teams_may_read(actor, clash, reason, code):
    with pytest.raises(Invalid, match=code):
        decided(actor, clash, "holder", reason=reason)


def test_of_two_referees_one_comes_first(cast, actor, client_of, clash):
    second_referee(cast, actor)
    data = {"outcome": "holder", "reason": "先到", "version": "1"}
    assert client_of("olga").post(f"/clashes/{clash}", data=data).status_code == 302
    late = client_of("paula").post(f"/clashes/{clash}", data=data | {"outcome": "claimant"})
    assert late.status_code == 409
    assert db.session.get_one(Clash, clash).outcome == "holder"
    with pytest.raises(Conflict, match="decided"):
        decided(actor, clash, "claimant")


def test_two_referees_at_the_same_moment_decide_once(cast, actor, clash, beside):
    second_referee(cast, actor)
    olga, paula = actor("olga"), actor("paula")

    def claimant() -> None:
        decide_clash(paula, clash, version=1, outcome="claimant", reason="后到", at=LATER)

    with beside(claimant) as refused:
        decide_clash(olga, clash, version=1, outcome="holder", reason="先到", at=LATER)
    assert refused == ["form.stale"]
    assert db.session.get_one(Clash, clash).outcome == "holder"


# --- the appeal ------------------------------------------------------------------------------------------------------


def test_the_first_bell_after_the_claim_closes_the_appeal(cast, contest):
    campaign = cast.campaigns["roadshow"]
    assert sealed_at(campaign, NOON) == BELL
    assert sealed_at(campaign, BELL) == at_local(DAY_3, 17, 30)
    assert sealed_at(cast.campaigns["walk_in"], NOON) == BELL


def test_the_team_that_lost_appeals_once_and_until_the_seal(cast, actor, contest, clash):
    with pytest.raises(Conflict, match="not_decided"):
        appealed(actor, clash)
    decided(actor, clash, "holder")
    with pytest.raises(Forbidden, match="not_lost"):
        appealed(actor, clash, by="bob")
    with pytest.raises(NotFound):
        appealed(actor, clash, by="eve")
    with pytest.raises(Conflict, match="sealed"):
        appealed(actor, clash, at=BELL)
    appealed(actor, clash, by="charlie", at=BELL - timedelta(seconds=1))
    assert db.session.get_one(Clash, clash).state == "appealed"
    assert told(cast, "bob")[-1] == told(cast, "alice")[-1] == "clash.appealed"
    assert told(cast, "olga") == ["clash.to_decide"]
    with pytest.raises(Conflict, match="appealed"):
        appealed(actor, clash)
    assert count_waiting(actor("olga")) == 1


def test_after_the_seal_the_page_says_so_and_answers_409(actor, client_of, contest, clash):
    decided(actor, clash, "holder")
    assert "申诉" in client_of("dora").get(f"/clashes/{clash}/result").text
    with time_machine.travel(BELL + timedelta(minutes=1), tick=True):
        dora = client_of("dora")
        page = dora.get(f"/clashes/{clash}/result").text
        assert 'name="words"' not in page
        answer = dora.post(f"/clashes/{clash}/appeal", data={"words": "再看看"})
    assert answer.status_code == 409
    assert "封榜" in answer.text
    assert "再看看" in answer.text


def test_another_referee_decides_the_appeal_where_there_is_one(cast, actor, contest, clash):
    decided(actor, clash, "holder")
    appealed(actor, clash)
    second_referee(cast, actor)
    with pytest.raises(Invalid, match="other_referee"):
        decided(actor, clash, "claimant")
    assert not get_case(actor("olga"), clash).may_decide
    decided(actor, clash, "claimant", by="paula")
    assert credit(actor, cast, contest) == {"red": (0, 0, 0), "blue": (1, 1, 1)}
    assert get_case(actor("olga"), clash).earlier.outcome == "holder"
    with pytest.raises(Conflict, match="appealed"):
        appealed(actor, clash, by="bob")


@pytest.mark.parametrize("first", ["clash", "neighbours"])
def test_an_appeal_that_succeeds_puts_back_what_was_moved(cast, actor, contest, request, first):
    clash = request.getfixturevalue(first)
    before = credit(actor, cast, contest)
    lead = db.session.get_one(Clash, clash).lead_id
    owner = db.session.get_one(Lead, lead).owner_id
    decided(actor, clash, "claimant")
    assert credit(actor, cast, contest) != before
    appealed(actor, clash, by="bob")
    decided(actor, clash, "holder")  # the only referee: so be it
    back = db.session.get_one(Lead, lead)
    assert (back.team_id, back.owner_id, back.merged_into_id) == (cast.teams["red"], owner, None)
    wanted = {"red": (1, 1, 1), "blue": (0, 0, 0)} if first == "clash" else {"red": (1, 1, 0), "blue": (0, 0, 0)}
    assert credit(actor, cast, contest) == wanted
    assert ledger.differences() == []
    assert told(cast, "bob")[-1] == "clash.kept"


def test_a_decision_that_is_upheld_moves_nothing_twice(cast, actor, contest, clash):
    decided(actor, clash, "claimant")
    appealed(actor, clash, by="bob")
    newest = db.session.scalar(select(func.max(StageEntry.id)))
    decided(actor, clash, "claimant")
    assert db.session.scalar(select(func.max(StageEntry.id))) == newest
    assert credit(actor, cast, contest)["blue"] == (1, 1, 1)


def test_the_pages_decide_and_appeal(cast, actor, client_of, contest, clash):
    olga = client_of("olga")
    assert olga.get("/leads/clashes").location == "/clashes"
    for path in ("/clashes", "/clashes?state=all", "/clashes?state=decided", f"/clashes/{clash}"):
        assert olga.get(path).status_code == 200
    empty = olga.post(f"/clashes/{clash}", data={"version": "1", "outcome": "holder"})
    assert empty.status_code == 422
    assert olga.post(
        f"/clashes/{clash}", data={"version": "1", "outcome": "holder", "reason": "先到"}
    ).location == "/clashes"  # fmt: skip
    dora = client_of("dora")
    assert dora.post(f"/clashes/{clash}/appeal", data={"words": ""}).status_code == 422
    assert dora.post(f"/clashes/{clash}/appeal", data={"words": "请再看"}).status_code == 302
    assert team_clash(actor("dora"), clash).appeal == "请再看"
    assert team_clash(actor("bob"), clash).appeal == ""
    assert "请再看" not in client_of("bob").get(f"/clashes/{clash}/result").text
    assert "请再看" in olga.get(f"/clashes/{clash}").text


def test_the_organiser_s_first_page_counts_what_waits(client_of, clash):
    assert "1 起撞单待裁定" in client_of("olga").get("/today").text


def test_what_one_was_told_stands_on_the_first_page_and_leads_there(cast, actor, client_of, clash):
    dora = client_of("dora")
    assert DAY_2.isoformat() in dora.get("/today").text
    one = inbox.unread(actor("dora"))
    assert one.total == 1
    answer = dora.post(f"/messages/{one.newest[0].id}/read", data={"open": "1"})
    assert answer.location == f"/clashes/{clash}/result"
    assert inbox.unread(actor("dora")).total == 0


def test_an_old_clash_without_its_clocks_can_be_decided(cast, actor, contest, clash):
    with unit_of_work():
        db.session.execute(update(Clash).values(recorded_at=None, owner_id=None))
    assert replace(get_case(actor("olga"), clash).claimant).recorded_at is None
    decided(actor, clash, "claimant")
    assert credit(actor, cast, contest)["blue"] == (1, 1, 1)
