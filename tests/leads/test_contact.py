"""Who said no stays unbothered through merges and partings; what was kept on a consent goes with it."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import contact, editing, merging
from crm.leads.commands import LeadCard
from crm.leads.models import DoNotContact, Lead, LeadEvent
from crm.leads.timeline import timeline
from tests import make
from tests.moments import NOON

FIRST, SECOND = "13811110001", "13811110002"


@pytest.fixture
def pair(cast, actor):
    """Two leads of Alice's with two phones, merged: (kept, lost, the merge)."""
    alice = actor("alice")
    place = {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"]}
    with unit_of_work():
        kept, lost = (make.lead(alice, **place, phone=phone).lead_id for phone in (FIRST, SECOND))
        return kept, lost, merging.merge(alice, keep=kept, lose=lost, reason="", at=NOON)


def silent():
    return set(db.session.scalars(select(Lead.id).where(Lead.no_contact)))


def test_no_contact_reaches_the_whole_family_and_outlives_the_merge(actor, cast, pair):
    kept, lost, merge = pair
    with unit_of_work():
        assert contact.do_not_contact(actor("alice"), kept, reason="不要再打", at=NOON) == 2
    assert silent() == {kept, lost}
    assert db.session.scalar(select(func.count()).select_from(DoNotContact)) == 2
    with unit_of_work():
        merging.undo_merge(actor("alice"), merge, reason="", at=NOON)
    assert silent() == {kept, lost}
    with unit_of_work():  # the merged phone is silent in every campaign to come
        later = make.lead(
            actor("dora"), campaign_id=cast.campaigns["walk_in"], team_id=cast.teams["blue"], phone=SECOND
        )
    assert later.lead_id in silent()


def test_a_person_is_found_through_the_merges_of_other_leads(actor, cast, pair):
    kept, lost, _ = pair
    with unit_of_work():
        elsewhere = make.lead(
            actor("dora"), campaign_id=cast.campaigns["walk_in"], team_id=cast.teams["blue"], phone=SECOND
        ).lead_id
    with unit_of_work():
        assert contact.do_not_contact(actor("dora"), elsewhere, reason="不要再打", at=NOON) == 3
    assert silent() == {kept, lost, elsewhere}


def test_who_is_silent_by_a_merge_may_still_say_so_and_stays_so_when_it_is_undone(actor, cast):
    alice = actor("alice")
    place = {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"]}
    with unit_of_work():
        kept, lost = (make.lead(alice, **place, phone=phone).lead_id for phone in (FIRST, SECOND))
        contact.do_not_contact(alice, lost, reason="不要再打", at=NOON)
    with unit_of_work():
        merge = merging.merge(alice, keep=kept, lose=lost, reason="", at=NOON)
        contact.do_not_contact(alice, kept, reason="这个也不要", at=NOON)
    with pytest.raises(Conflict, match="no_contact_already"), unit_of_work():
        contact.do_not_contact(alice, kept, reason="再说一遍", at=NOON)
    with unit_of_work():
        merging.undo_merge(alice, merge, reason="", at=NOON)
    assert silent() == {kept, lost}


def test_a_merged_record_shows_its_phone_to_nobody(actor, client_of, pair):
    _, lost, _ = pair
    with pytest.raises(Forbidden), unit_of_work():
        contact.reveal_phone(actor("olga"), lost, reason="check", at=NOON)
    assert "138 1111 0002" not in client_of("alice").post(f"/leads/{lost}/reveal", data={"reason": "check"}).text


@pytest.mark.parametrize("what", ["financial", "everything"])
def test_financial_facts_go_with_their_consent(actor, client_of, cast, what):
    values = {
        "name": "王五", "phone": FIRST, "trade": "catering", "enquiry": "y", "financial": "y", "how": "paper", "owner": cast.users["bob"],
        "campaign_id": cast.campaigns["roadshow"], "stage": "consult", "turnover": "over_500", "lender": "某某银行", "purpose": "进货",
    }  # fmt: skip
    assert client_of("bob").post("/leads/new", data=values).status_code == 302
    lead = db.session.scalar(select(Lead.id))
    with unit_of_work():
        other = make.lead(
            actor("bob"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            details={"lender": "某某银行"},
        ).lead_id
        merging.merge(actor("alice"), keep=lead, lose=other, reason="", at=NOON)
    assert "某某银行" in client_of("mona").get(f"/leads/{lead}").text
    assert client_of("bob").post(f"/leads/{lead}/withdraw", data={"what": what, "reason": "来电"}).status_code == 302
    assert list(db.session.scalars(select(Lead.details).order_by(Lead.id))) == [{"purpose": "进货"}, {}]
    for page in (lead, other):
        assert "某某银行" not in client_of("mona").get(f"/leads/{page}").text


def test_the_story_keeps_no_value_of_the_further_facts(actor, cast, pair):
    kept, *_ = pair
    card = LeadCard(name="张三", phone="", trade="catering", details={"lender": "某某银行"})
    with unit_of_work():
        version = db.session.get_one(Lead, kept).version
        editing.edit_lead(actor("alice"), kept, version=version, card=card, at=NOON)
    assert "某某银行" not in str(list(db.session.scalars(select(LeadEvent.detail))))


def test_what_a_merged_record_brought_is_told_as_counting_on_its_own_page_too(actor, client_of, cast):
    alice = actor("alice")
    place = {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"]}
    with unit_of_work():
        kept = make.lead(alice, **place, phone=FIRST).lead_id
        lost = make.lead(alice, **place, phone=SECOND, at=NOON - timedelta(hours=1)).lead_id
        merging.merge(alice, keep=kept, lose=lost, reason="", at=NOON)
    assert [line.counts for line in timeline(alice, lost) if line.kind == "stage"] == [True]
    assert "不计数" in client_of("alice").get(f"/leads/{kept}").text
    assert "不计数" not in client_of("alice").get(f"/leads/{lost}").text
