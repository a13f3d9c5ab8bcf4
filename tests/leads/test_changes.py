"""Editing, assigning, merging, showing a phone, and "do not contact"."""

import hashlib
import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from crm.kernel.audit import AuditEntry
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from crm.kernel.paging import PER_PAGE
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import assigning, contact, editing, ledger, merging
from crm.leads.commands import LeadCard, record_stage, void_stage
from crm.leads.ledger import Clocks
from crm.leads.ledger_models import FunnelDay, LeadStage, StageEntry
from crm.leads.models import Clash, Consent, Lead, PhoneReveal
from crm.leads.queries import DueCounts, count_due, follow_ups, get_lead
from crm.leads.rules import REVEALS_A_DAY, Stage
from crm.leads.timeline import timeline
from crm.people import commands as people
from tests import make
from tests.moments import DAY_2, DAY_3, NOON, YESTERDAY_NOON

PHONE = "13800138000"


@pytest.fixture
def captured(cast, actor):
    """captured("bob", ...) is the id of a new lead of that person's team."""

    def take(who="bob", team="red", campaign="roadshow", **card):
        with unit_of_work():
            return make.lead(actor(who), campaign_id=cast.campaigns[campaign], team_id=cast.teams[team], **card).lead_id

    return take


def card(**values):
    return LeadCard(**({"name": "张三", "phone": "", "trade": "catering"} | values))


def test_an_edit_leaves_the_empty_phone_alone_and_tells_what_changed(actor, captured):
    lead = captured(phone=PHONE)
    before = get_lead(actor("bob"), lead).phone_key
    with unit_of_work():
        done = editing.edit_lead(actor("bob"), lead, version=1, card=card(shop="新店", note="x"), at=NOON)
    after = get_lead(actor("bob"), lead)
    assert done.changed == ("shop", "note")
    assert (after.phone_key, after.version, "新店" in after.search_text) == (before, 2, True)


def test_the_story_of_a_changed_phone_is_masked(actor, captured):
    lead = captured(phone=PHONE)
    with unit_of_work():
        editing.edit_lead(actor("bob"), lead, version=1, card=card(phone="13911112222"), at=NOON)
    told = str([line.facts for line in timeline(actor("bob"), lead)])
    assert "138****8000" in told
    assert "13911112222" not in told + str(list(db.session.scalars(select(AuditEntry.detail))))


def test_a_changed_phone_meets_the_own_team_and_the_other(actor, captured):
    lead, own, other = captured(), captured(phone="13911110001"), captured("dora", "blue", phone="13911110002")
    with pytest.raises(Invalid, match=f"lead={own}"), unit_of_work():
        editing.edit_lead(actor("bob"), lead, version=1, card=card(phone="13911110001"), at=NOON)
    with unit_of_work():
        done = editing.edit_lead(actor("bob"), lead, version=1, card=card(name="改名", phone="13911110002"), at=NOON)
    assert (done.changed, done.claimed_on) == ((), DAY_2)
    assert db.session.scalar(select(Clash.lead_id)) == other
    assert get_lead(actor("bob"), lead).name == "张三"


def test_a_stale_edit_is_a_conflict(actor, captured):
    lead = captured()
    with pytest.raises(Conflict, match=r"form\.stale"), unit_of_work():
        editing.edit_lead(actor("bob"), lead, version=7, card=card(), at=NOON)


def test_follow_ups_are_planned_from_today_on_and_only_where_a_call_is_allowed(actor, captured):
    lead = captured()
    for day in (DAY_2 - timedelta(days=1), DAY_2 + timedelta(days=400)):
        with pytest.raises(Invalid), unit_of_work():
            editing.set_follow_up(actor("bob"), lead, day, at=NOON)
    with unit_of_work():
        editing.set_follow_up(actor("bob"), lead, DAY_3, at=NOON)
        editing.exit_lead(actor("bob"), lead, "refused", reason="", at=NOON)
    with pytest.raises(Invalid), unit_of_work():
        editing.set_follow_up(actor("bob"), lead, DAY_3, at=NOON)
    assert get_lead(actor("bob"), lead).follow_up_on is None


def test_the_due_list_sorts_by_day_then_class_and_leaves_out_who_must_not_be_called(actor, captured):
    late, now_c, now_a, soon, gone, silent = (captured() for _ in range(6))
    plan = ((late, -1, "C"), (now_c, 0, "C"), (now_a, 0, "A"), (soon, 3, "B"), (gone, 0, "A"), (silent, 0, "A"))
    with unit_of_work():
        for lead, days, intent in plan:
            row = db.session.get_one(Lead, lead)
            row.follow_up_on, row.intent = DAY_2 + timedelta(days=days), intent
        db.session.get_one(Lead, gone).exit_code = "refused"
        db.session.get_one(Lead, silent).historical = True
    due = follow_ups(actor("bob"), today=DAY_2)
    assert [[row.id for row in rows] for rows in (due.overdue, due.today, due.coming)] == [
        [late],
        [now_a, now_c],
        [soon],
    ]
    assert follow_ups(actor("alice"), today=DAY_2).today == ()
    assert len(follow_ups(actor("alice"), today=DAY_2, mine=False).today) == 2


def test_the_number_of_who_is_due_is_whole_where_the_list_is_cut(actor, cast, captured, client_of, queries):
    leads = [captured() for _ in range(5)]
    with unit_of_work():
        db.session.execute(update(Lead).where(Lead.id.in_(leads)).values(follow_up_on=DAY_2 - timedelta(days=1)))
    due = follow_ups(actor("bob"), today=DAY_2, most=2)
    assert (len(due.overdue), due.counts) == (2, DueCounts(overdue=5))
    alice = actor("alice")
    with queries() as seen:
        assert count_due(alice, today=DAY_2, mine=False, team_id=cast.teams["red"]) == due.counts
    assert seen.count == 1
    assert count_due(alice, today=DAY_2, mine=False, team_id=cast.teams["blue"]) == DueCounts()
    more = [captured() for _ in range(PER_PAGE)]
    with unit_of_work():
        db.session.execute(update(Lead).where(Lead.id.in_(more)).values(follow_up_on=DAY_2 - timedelta(days=1)))
    page = client_of("bob").get("/leads/follow-ups?whose=mine").text
    assert f"共 {PER_PAGE + 5} 位" in page
    assert f"due=overdue&amp;owner={cast.users['bob']}" in page


def test_a_lead_is_given_only_to_a_member_of_its_team_today(actor, cast, captured):
    lead = captured()
    for name in ("dora", "eve", "olga"):
        with pytest.raises(Invalid, match="not_in_team"), unit_of_work():
            assigning.assign(actor("alice"), lead, to=cast.users[name], at=NOON)
    with unit_of_work():
        assigning.assign(actor("alice"), lead, to=cast.users["alice"], at=NOON)
    assert get_lead(actor("alice"), lead).owner_id == cast.users["alice"]
    assert db.session.scalar(select(StageEntry.credited_id)) == cast.users["bob"]


def test_many_leads_change_hands_together_or_not_at_all(actor, cast, captured):
    mine, theirs = [captured() for _ in range(3)], captured("dora", "blue")
    with pytest.raises(NotFound), unit_of_work():
        assigning.bulk_assign(actor("alice"), [*mine, theirs], to=cast.users["alice"], at=NOON)
    with pytest.raises(Invalid), unit_of_work():
        assigning.bulk_assign(actor("olga"), [*mine, theirs], to=cast.users["alice"], at=NOON)
    with pytest.raises(Invalid, match="too_many"), unit_of_work():
        assigning.bulk_assign(actor("alice"), range(1, 203), to=cast.users["alice"], at=NOON)
    with unit_of_work():
        assert assigning.bulk_assign(actor("alice"), mine * 2, to=cast.users["alice"], at=NOON).changed == 3


def test_who_must_not_be_contacted_is_given_to_nobody_to_work_on(actor, cast, captured):
    silent, other = captured(), captured()
    with unit_of_work():
        contact.do_not_contact(actor("bob"), silent, reason="别再打了", at=NOON)
    with pytest.raises(Invalid, match="no_contact"), unit_of_work():
        assigning.assign(actor("alice"), silent, to=cast.users["alice"], at=NOON)
    with unit_of_work():
        done = assigning.bulk_assign(actor("alice"), [silent, other], to=cast.users["alice"], at=NOON)
    assert (done.changed, done.silent) == (1, 1)
    assert get_lead(actor("alice"), silent).owner_id == cast.users["bob"]


def test_of_who_must_not_be_contacted_only_the_branch_s_answer_to_an_application_is_noted(actor, captured, client_of):
    talked, applied = captured(), captured(stage=Stage.APPLICATION)
    with unit_of_work():
        for lead in (talked, applied):
            contact.do_not_contact(actor("bob"), lead, reason="别再打了", at=NOON)
    with pytest.raises(Invalid, match="no_contact"), unit_of_work():
        record_stage(actor("bob"), talked, Stage.APPLICATION, clocks=Clocks.at(NOON))
    with pytest.raises(Invalid, match="no_contact"), unit_of_work():
        record_stage(actor("bob"), talked, Stage.ACCEPTED, clocks=Clocks.at(NOON), case_number="SL-1")
    pages = {lead: client_of("bob").get(f"/leads/{lead}").text for lead in (talked, applied)}
    assert [f'id="stage-{Stage.ACCEPTED}"' in pages[lead] for lead in (talked, applied)] == [False, True]
    with unit_of_work():
        record_stage(actor("bob"), applied, Stage.ACCEPTED, clocks=Clocks.at(NOON), case_number="SL-2")
        record_stage(actor("mona"), applied, Stage.APPROVED, clocks=Clocks.at(NOON))
    assert get_lead(actor("bob"), applied).stage == "approved"


def test_a_new_phone_whose_person_said_no_silences_the_lead(actor, captured):
    said_no, lead = captured(phone="13800138000"), captured(intent="A")
    with unit_of_work():
        contact.do_not_contact(actor("bob"), said_no, reason="别再打了", at=NOON)
        editing.edit_lead(actor("bob"), said_no, version=2, card=card(phone="13911112222"), at=NOON)
        editing.edit_lead(actor("bob"), lead, version=1, card=card(phone="13800138000", intent="A"), at=NOON)
    after = get_lead(actor("bob"), lead)
    assert (after.no_contact, after.follow_up_on) == (True, None)
    assert "no_contact" in {line.kind for line in timeline(actor("bob"), lead)}


def state():
    """A hash of all that a merge may touch, version and time of change aside."""
    skipped = {"version", "updated_at"}
    leads = [
        {k: str(v) for k, v in row.items() if k not in skipped}
        for row in db.session.execute(text("SELECT * FROM lead ORDER BY id")).mappings()
    ]
    stages = [tuple(row) for row in db.session.execute(text("SELECT * FROM lead_stage ORDER BY lead_id, stage"))]
    sums = [
        tuple(row)
        for table in ("funnel_day", "member_day")
        for row in db.session.execute(text(f"SELECT * FROM {table} WHERE leads <> 0 ORDER BY 1, 2, 3, 4, 5"))
    ]
    grams = [tuple(row) for row in db.session.execute(text("SELECT gram, lead_id FROM lead_gram ORDER BY 1, 2"))]
    return hashlib.sha256(json.dumps([leads, stages, sums, grams], default=str).encode()).hexdigest()


def test_a_merge_and_its_undoing_leave_everything_as_it_was(actor, captured):
    keep = captured(name="", stage=Stage.APPLICATION)
    lose = captured("alice", shop="张记面馆", intent="A", at=YESTERDAY_NOON, stage=Stage.ACCEPTED)
    third = captured(note="第三条", licence_number="91330000MA27X00000")
    before = state()
    with unit_of_work():
        first = merging.merge(actor("alice"), keep=lose, lose=third, reason="同一人", at=NOON)
    between = state()
    with unit_of_work():
        second = merging.merge(actor("alice"), keep=keep, lose=lose, reason="同一人", at=NOON)
    merged = get_lead(actor("alice"), keep)
    assert (merged.name, merged.shop, merged.intent, merged.stage) == ("张三", "张记面馆", "A", "accepted")
    assert {row.merged_into_id for row in db.session.scalars(select(Lead).where(Lead.id != keep))} == {keep}
    assert db.session.scalar(select(func.count()).select_from(LeadStage)) == 3
    assert ledger.differences() == []
    with pytest.raises(Invalid, match="merge_later"), unit_of_work():
        merging.undo_merge(actor("alice"), first, reason="", at=NOON)
    with unit_of_work():
        merging.undo_merge(actor("alice"), second, reason="弄错了", at=NOON)
    assert state() == between
    with unit_of_work():
        merging.undo_merge(actor("alice"), first, reason="弄错了", at=NOON)
    assert state() == before
    assert ledger.differences() == []
    with pytest.raises(Conflict), unit_of_work():
        merging.undo_merge(actor("alice"), first, reason="", at=NOON)


def test_what_somebody_wrote_after_the_merge_stays_when_it_is_undone(actor, captured):
    keep, lose = captured(shop=""), captured(shop="旧店")
    with unit_of_work():
        merge = merging.merge(actor("alice"), keep=keep, lose=lose, reason="", at=NOON)
        version = db.session.get_one(Lead, keep).version
    with unit_of_work():
        editing.edit_lead(actor("alice"), keep, version=version, card=card(shop="新店"), at=NOON)
    with unit_of_work():
        merging.undo_merge(actor("alice"), merge, reason="", at=NOON)
    assert get_lead(actor("alice"), keep).shop == "新店"


def test_what_cannot_be_merged(actor, cast, captured):
    lead, foreign, elsewhere = captured(), captured("dora", "blue"), captured(campaign="walk_in")
    for keep, lose, error in (
        (lead, lead, Invalid),
        (lead, elsewhere, Invalid),
        (lead, foreign, NotFound),
        (lead, 99_999, NotFound),
    ):
        with pytest.raises(error), unit_of_work():
            merging.merge(actor("alice"), keep=keep, lose=lose, reason="", at=NOON)


def test_only_those_who_answer_for_a_lead_see_its_phone(actor, captured):
    lead = captured("alice", phone=PHONE)
    for name in ("alice", "olga", "mona"):
        with unit_of_work():
            assert contact.reveal_phone(actor(name), lead, reason="check", at=NOON) == PHONE
    with pytest.raises(Forbidden), unit_of_work():
        contact.reveal_phone(actor("bob"), lead, reason="check", at=NOON)
    for name in ("charlie", "tim", "audrey"):
        with pytest.raises(NotFound), unit_of_work():
            contact.reveal_phone(actor(name), lead, reason="check", at=NOON)
    assert db.session.scalar(select(func.count()).select_from(PhoneReveal)) == 3
    assert db.session.scalar(select(func.count()).where(AuditEntry.action == "leads.reveal")) == 3


def test_looks_are_limited_for_each_person_and_day(actor, captured):
    lead = captured(phone=PHONE)
    with unit_of_work():
        for _ in range(REVEALS_A_DAY):
            contact.reveal_phone(actor("bob"), lead, reason="follow_up", at=NOON)
    with pytest.raises(TooMany), unit_of_work():
        contact.reveal_phone(actor("bob"), lead, reason="follow_up", at=NOON)
    with unit_of_work():
        assert contact.reveal_phone(actor("alice"), lead, reason="check", at=NOON)
        assert contact.reveal_phone(actor("bob"), lead, reason="follow_up", at=at_local(DAY_3, 0, 1))


def test_do_not_contact_holds_for_all_leads_of_a_person_at_once_and_for_those_to_come(actor, captured):
    here = captured(phone=PHONE, intent="A")
    there = captured("dora", "blue", campaign="walk_in", phone="+86 138-0013-8000", intent="A")
    other = captured(phone="13911112222", intent="A")
    with unit_of_work():
        assert contact.do_not_contact(actor("bob"), here, reason="不要再打", at=NOON) == 2
    later = captured("olga", campaign="walk_in", phone="13911113333")
    assert {row.id for row in db.session.scalars(select(Lead).where(Lead.no_contact))} == {here, there}
    assert db.session.scalar(select(Lead.follow_up_on).where(Lead.id == there)) is None
    for name, lead in (("bob", here), ("dora", there)):
        with pytest.raises(Invalid, match="no_contact"), unit_of_work():
            contact.reveal_phone(actor(name), lead, reason="follow_up", at=NOON)
        with pytest.raises(Invalid, match="no_contact"), unit_of_work():
            editing.set_follow_up(actor(name), lead, DAY_3, at=NOON)
    due = follow_ups(actor("olga"), today=DAY_2, mine=False)
    assert {row.id for row in (*due.overdue, *due.today, *due.coming)} == {other}
    assert "不要再打" not in str([line.facts for line in timeline(actor("dora"), there)])
    assert not db.session.get_one(Lead, later).no_contact


def test_a_person_who_said_no_stays_so_in_the_next_campaign(actor, captured):
    lead = captured(phone=PHONE)
    with unit_of_work():
        contact.do_not_contact(actor("bob"), lead, reason="不要再打", at=NOON)
    again = captured("olga", campaign="walk_in", phone=PHONE, intent="A")
    row = db.session.get_one(Lead, again)
    assert (row.no_contact, row.follow_up_on) == (True, None)


def test_a_withdrawn_consent_is_a_new_record_and_everything_means_no_contact(actor, captured):
    lead = captured(phone=PHONE)
    with pytest.raises(Conflict), unit_of_work():
        contact.withdraw_consent(actor("bob"), lead, "marketing", reason="", at=NOON)
    with unit_of_work():
        contact.withdraw_consent(actor("bob"), lead, "everything", reason="来电要求", at=NOON)
    consents = list(db.session.scalars(select(Consent.enquiry).order_by(Consent.id)))
    assert consents == [True, False]
    assert db.session.get_one(Lead, lead).no_contact


def test_credit_stays_where_it_was_earned_when_a_member_moves(actor, cast, captured):
    """T13: transfers only touch what comes later; the leads stay with the team that won them."""
    lead = captured()
    with unit_of_work():
        people.join_team(actor("olga"), user_id=cast.users["bob"], team_id=cast.teams["blue"], on=DAY_2)
    with pytest.raises(NotFound):
        get_lead(actor("bob"), lead)
    assert get_lead(actor("alice"), lead).team_id == cast.teams["red"]
    with unit_of_work():
        record_stage(actor("alice"), lead, Stage.APPLICATION, clocks=Clocks.at(NOON))
    assert {row.team_id for row in db.session.scalars(select(FunnelDay))} == {cast.teams["red"]}


def test_undoing_and_recording_again_wins_neither_time_nor_a_second_count(actor, cast, captured):
    """T15: the undone entry keeps its time, the claim keeps its day, and the stage counts once."""
    lead = captured(at=YESTERDAY_NOON)
    claimed = get_lead(actor("alice"), lead).created_at
    entry = db.session.scalar(select(StageEntry))
    with unit_of_work():
        void_stage(actor("alice"), lead, entry.id, reason="录错", at=NOON)
        record_stage(actor("alice"), lead, Stage.CONSULT, clocks=Clocks.at(NOON))
    assert get_lead(actor("alice"), lead).created_at == claimed
    assert db.session.get_one(StageEntry, entry.id).occurred_at == YESTERDAY_NOON
    assert sum(db.session.scalars(select(FunnelDay.leads))) == 1
    assert ledger.differences() == []


def test_an_entry_of_another_lead_answers_like_a_missing_one(actor, captured):
    mine = captured()
    captured("dora", "blue")
    foreign = db.session.scalar(select(StageEntry.id).order_by(StageEntry.id.desc()))
    for entry in (foreign, 999_999):
        with pytest.raises(NotFound, match=r"stage\.no_entry"), unit_of_work():
            void_stage(actor("alice"), mine, entry, reason="x", at=NOON)


def test_the_story_names_who_stated_the_intent_not_whom_it_credits(actor, captured):
    lead = captured("bob")
    with unit_of_work():
        editing.set_intent(actor("alice"), lead, "B", at=NOON)
    assert [line.who for line in timeline(actor("bob"), lead) if line.kind == "intent"] == ["爱丽"]
