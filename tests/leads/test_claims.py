"""T14: one phone in many spellings is one claim, also when everybody claims it at once."""

import threading
from collections import Counter

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from crm.kernel.db import db
from crm.kernel.errors import Invalid
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import imports, ledger
from crm.leads.clashes import list_clashes
from crm.leads.models import Clash, Lead
from tests import make
from tests.moments import DAY_2, NOON

SPELLINGS = (
    "138 0013 8000", "+86-13800138000", "１３８００１３８０００", "8613800138000", "013800138000", 13800138000.0, "1.3800138E+10",
    "138-0013-8000", "0086 138 0013 8000", " 13800138000 ", "(138)00138000", "+86 138 0013 8000",
)  # fmt: skip


def test_twelve_spellings_of_a_phone_are_one_claim(cast, actor):
    assert len(set(SPELLINGS)) == 12
    answers = []
    for place, phone in enumerate(SPELLINGS):
        name, team = ("bob", "red") if place == 0 else ("dora", "blue")
        with unit_of_work():
            answers.append(
                make.lead(actor(name), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams[team], phone=phone)
            )
    assert len({answer.lead_id for answer in answers}) == 1
    assert db.session.scalar(select(func.count()).select_from(Clash)) == 11
    with pytest.raises(Invalid, match="own_duplicate"), unit_of_work():
        make.lead(actor("alice"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], phone=SPELLINGS[3])


def test_the_same_phone_is_another_claim_in_another_campaign(cast, actor):
    with unit_of_work():
        for campaign in ("roadshow", "walk_in"):
            make.lead(actor("bob"), campaign_id=cast.campaigns[campaign], team_id=cast.teams["red"], phone=SPELLINGS[0])
    assert db.session.scalar(select(func.count()).select_from(Lead)) == 2


def test_two_people_on_one_shops_landline_are_two_customers(cast, actor):
    with unit_of_work():
        for name, team in (("bob", "red"), ("dora", "blue")):
            answer = make.lead(
                actor(name),
                campaign_id=cast.campaigns["roadshow"],
                team_id=cast.teams[team],
                phone="0571-87654321",
                name=name,
            )
            assert answer.clash_id is None


def test_a_licence_number_is_a_claim_too(cast, actor):
    with unit_of_work():
        first = make.lead(
            actor("bob"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            licence_number="91330000MA27X00000",
        )
        second = make.lead(
            actor("dora"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["blue"],
            licence_number="９１３３００００ ma27x00000",
        )
    assert (second.lead_id, second.claimed_on) == (first.lead_id, DAY_2)


def test_the_same_name_at_the_same_place_keeps_both_and_asks_the_referee(cast, actor):
    with unit_of_work():
        for name, team in (("bob", "red"), ("dora", "blue")):
            make.lead(
                actor(name),
                campaign_id=cast.campaigns["roadshow"],
                team_id=cast.teams[team],
                shop="张记 面馆",
                address="东大街５号",
            )
    (clash,) = list_clashes(actor("olga")).items
    assert (clash.matched_by, clash.holder.team, clash.claimant.team) == ("name_place", "红队", "蓝队")
    assert clash.claimant.lead_id not in (None, clash.holder.lead_id)


def test_six_teams_at_once_make_exactly_one_lead_of_each_phone(app, cast, actor):
    """Six threads with fifty phones each, the same ones: fifty leads, the others refused politely, no error."""
    people = [
        ("alice", "red"),
        ("bob", "red"),
        ("charlie", "blue"),
        ("dora", "blue"),
        ("alice", "red"),
        ("dora", "blue"),
    ]
    actors = [(actor(name), cast.teams[team]) for name, team in people]
    answers: Counter[str] = Counter()
    start = threading.Barrier(len(actors))

    def claim(who, team_id, turn):
        with app.app_context():
            start.wait()
            for step in range(50):
                phone = f"137{(step + turn * 8) % 50:08d}"
                answers[attempt(who, team_id, phone, cast.campaigns["roadshow"])] += 1
            db.session.remove()

    threads = [threading.Thread(target=claim, args=(who, team, turn)) for turn, (who, team) in enumerate(actors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()  # what this thread read before is an older snapshot
    assert answers.pop("lead") == 50
    assert sum(answers.values()) == 250
    assert set(answers) == {"clash", "lead.own_duplicate"}
    assert db.session.scalar(select(func.count()).select_from(Lead)) == 50
    assert ledger.differences() == []


def attempt(who, team_id, phone, campaign_id):
    """What the product answers to one claim: "lead", "clash" or the code of its refusal."""
    try:
        with unit_of_work():
            answer = make.lead(who, campaign_id=campaign_id, team_id=team_id, phone=phone)
    except Invalid as error:
        return error.code
    return "lead" if answer.clash_id is None else "clash"


def test_the_database_itself_refuses_a_second_claim(cast, actor):
    """Not only the question before the insert: a row written around it is refused as well."""
    with unit_of_work():
        make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], phone="13800138000")
    first = db.session.scalar(select(Lead))
    with pytest.raises(IntegrityError), unit_of_work():
        db.session.execute(
            db.insert(Lead).values(
                uid="x",
                campaign_id=first.campaign_id,
                phone_key=first.phone_key,
                details={},
                created_at=first.created_at,
                updated_at=first.created_at,
            )
        )


def brought_in(who, *rows):
    with unit_of_work():
        context = imports.open_context(who, today=DAY_2, at=NOON, writes=True)
        return [one.what for one in imports.apply_rows(who, context, rows, at=NOON)]


def test_a_sheets_claim_on_another_teams_customer_goes_to_the_referee_once(cast, actor):
    with unit_of_work():
        place = {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"]}
        held = make.lead(actor("bob"), **place, phone=SPELLINGS[0], licence_number="91330000MA27X00000").lead_id
    row = {"name": "张三", "phone": "13800138000", "consent": True, "campaign": "C-ROAD", "team": "蓝队"}
    for _ in range(2):
        assert brought_in(actor("charlie"), row) == ["failed"]
    (clash,) = db.session.scalars(select(Clash))
    assert (clash.lead_id, clash.team_id, clash.matched_by) == (held, cast.teams["blue"], "phone")
    # A historical row claims nobody: it may not be contacted.
    assert brought_in(actor("charlie"), row | {"phone": "", "licence_number": "91330000MA27X00000"}) == ["failed"]
    assert len(list(db.session.scalars(select(Clash)))) == 1


def test_a_row_without_a_team_means_the_holders(cast, actor):
    with unit_of_work():
        place = {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"]}
        held = make.lead(actor("bob"), **place, phone=SPELLINGS[0]).lead_id
    row = {"name": "张三", "phone": "13800138000", "consent": True, "campaign": "C-ROAD", "shop": "新店"}
    assert brought_in(actor("olga"), row) == ["updated"]
    lead = db.session.get_one(Lead, held)
    assert (lead.shop, lead.team_id) == ("新店", cast.teams["red"])
    assert list(db.session.scalars(select(Clash))) == []
