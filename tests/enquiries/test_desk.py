"""Codes, posters and their texts at the desk: who may do what, and what is printed."""

import pytest
import segno
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from crm.campaigns.plan_commands import add_session
from crm.enquiries import commands
from crm.enquiries.models import PosterCode, PosterText
from crm.enquiries.rules import new_token
from crm.kernel.audit import AuditEntry
from crm.kernel.db import db
from crm.kernel.errors import Forbidden, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from tests.enquiries.scanning import code, send
from tests.moments import NOON


def approved(actor) -> int:
    """The supplied draft, approved by the manager."""
    with unit_of_work():
        text = db.session.scalars(select(PosterText)).one()
        commands.approve_text(actor("mona"), text.id, version=text.version, at=NOON)
        return text.id


def session_of(actor, cast) -> int:
    with unit_of_work():
        return add_session(
            actor("olga"), cast.campaigns["roadshow"], name="东门摆摊", place="东门广场", starts_at=NOON, ends_at=NOON
        ).id


@pytest.mark.parametrize(
    ("who", "member", "outcome"),
    [("olga", None, None), ("olga", "bob", None), ("alice", "bob", None), ("alice", "alice", None), ("bob", "bob", None),
     ("alice", None, Forbidden), ("bob", None, Forbidden), ("bob", "alice", NotFound), ("alice", "dora", NotFound),
     ("olga", "eve", Invalid)],
)  # fmt: skip
def test_who_makes_which_code(actor, cast, who, member, outcome):
    if outcome is None:
        assert code(actor, cast, who=who, member=member).member_id == (member and cast.users[member])
        return
    with pytest.raises(outcome):
        code(actor, cast, who=who, member=member)
    db.session.rollback()
    assert db.session.scalars(select(PosterCode)).all() == []


def test_the_database_holds_one_living_code_of_a_combination(actor, cast):
    mine = code(actor, cast, member="bob")
    with pytest.raises(IntegrityError), unit_of_work():
        db.session.add(
            PosterCode(token=new_token(), campaign_id=mine.campaign_id, member_id=mine.member_id, created_at=NOON)
        )
    with unit_of_work():
        commands.revoke_code(actor("bob"), mine.id, at=NOON)
    assert code(actor, cast, member="bob").id != mine.id


@pytest.mark.parametrize(
    ("who", "whose", "seen"),
    [("olga", "dora", 200), ("alice", "bob", 200), ("alice", "dora", 404), ("bob", "bob", 200), ("bob", "alice", 404),
     ("bob", None, 200), ("mona", None, 403), ("adam", None, 403), ("tim", "bob", 200)],
)  # fmt: skip
def test_who_sees_which_poster(actor, cast, client_of, who, whose, seen):
    mine = code(actor, cast, member=whose)
    for address in ("", "/svg", "/png"):
        assert client_of(who).get(f"/enquiries/codes/{mine.id}{address}").status_code == seen


def test_a_member_revokes_only_the_own_code(actor, cast, client_of):
    own, campaign = code(actor, cast, member="bob"), code(actor, cast)
    assert client_of("bob").post(f"/enquiries/codes/{campaign.id}/revoke").status_code == 403
    assert client_of("bob").post(f"/enquiries/codes/{own.id}/revoke").status_code == 302
    assert client_of("bob").post(f"/enquiries/codes/{own.id}/revoke").status_code == 409


@pytest.mark.parametrize("kind", ["campaign", "session", "member"])
def test_the_poster_carries_code_text_legal_line_and_what_it_is_for(actor, cast, client_of, kind):
    session = session_of(actor, cast) if kind == "session" else None
    mine = code(actor, cast, session=session, member="bob" if kind == "member" else None)
    approved(actor)
    page = client_of("olga").get(f"/enquiries/codes/{mine.id}").text
    text = db.session.scalars(select(PosterText)).one()
    address = f"http://localhost/q/{mine.token}"
    wanted = segno.make(address, error="q", micro=False, boost_error=False).svg_inline(border=4, omitsize=True)
    path = wanted.split(' d="')[1].split('"')[0]
    for words in (text.headline, text.legal_line, "测试农商银行", "东大街路演", address, path):
        assert words in page, words
    assert ("鲍勃" in page) is (kind == "member")
    assert ("东门广场" in page) is (kind == "session")
    assert "style=" not in page


def test_without_an_approved_text_nothing_is_printed(actor, cast, client_of):
    mine = code(actor, cast)
    page = client_of("olga").get(f"/enquiries/codes/{mine.id}").text
    assert "尚无已批准的海报文案" in page
    assert "data-print" not in page
    text = db.session.scalars(select(PosterText)).one()
    assert text.headline not in page


def test_a_text_is_approved_by_a_second_person_of_the_bank_and_fixed_from_then_on(actor, cast, client_of):
    words = {"headline": "先问问", "body": "扫码", "legal_line": "须经审批"}
    olga, mona = client_of("olga"), client_of("mona")
    assert olga.post("/enquiries/texts/new", data=words).status_code == 302
    text = db.session.scalars(select(PosterText).where(PosterText.number == 2)).one()
    where = f"/enquiries/texts/{text.id}"
    assert olga.post(f"{where}/approve", data={"version": 1}).status_code == 403
    assert client_of("tim").post(f"{where}/approve", data={"version": 1}).status_code == 403
    assert client_of("alice").post(f"{where}/approve", data={"version": 1}).status_code == 403
    assert olga.post(f"{where}/edit", data={**words, "body": "扫一扫", "version": 1}).status_code == 302
    assert mona.post(f"{where}/approve", data={"version": 1}).status_code == 409  # it reads otherwise than she read it
    assert mona.post(f"{where}/approve", data={"version": 2}).status_code == 302
    assert olga.post(f"{where}/edit", data={**words, "body": "利率最低", "version": 3}).status_code == 422
    db.session.rollback()
    text = db.session.get_one(PosterText, text.id)
    assert (text.state, text.body, text.approver_id) == ("approved", "扫一扫", cast.users["mona"])
    assert olga.post(f"{where}/retire", data={"version": 3}).status_code == 302
    acts = db.session.scalars(
        select(AuditEntry.action).where(AuditEntry.subject == "poster_text").order_by(AuditEntry.id)
    ).all()
    assert [one.partition(".")[2] for one in acts] == ["write_text", "change_text", "approve_text", "retire_text"]


def test_the_database_knows_that_a_second_person_is_another(actor, cast):
    with pytest.raises(IntegrityError), unit_of_work() as session:
        session.execute(update(PosterText).values(author_id=cast.users["olga"], approver_id=cast.users["olga"]))


def test_the_list_offers_a_code_for_campaign_sessions_and_members_and_finds_by_name(actor, cast, client_of, queries):
    session_of(actor, cast)
    code(actor, cast, member="bob")
    campaign = cast.campaigns["roadshow"]
    olga = client_of("olga")
    with queries() as seen:
        page = olga.get(f"/enquiries/codes?campaign={campaign}").text
    assert seen.count <= 20
    for words in ("东大街路演", "东门摆摊", "红队", "鲍勃", "朵拉"):
        assert words in page
    found = olga.get(f"/enquiries/codes?campaign={campaign}&q=鲍").text
    assert "鲍勃" in found
    assert "朵拉" not in found.split("<main")[1]
    bob = client_of("bob").get(f"/enquiries/codes?campaign={campaign}").text.split("<main")[1]
    assert "朵拉" not in bob
    assert "爱丽" not in bob


def test_the_own_code_is_made_and_shown_on_one_page(actor, cast, client_of):
    bob, campaign = client_of("bob"), cast.campaigns["roadshow"]
    assert "生成我的二维码" in bob.get("/enquiries/mine").text
    made = bob.post("/enquiries/codes", data={"campaign": campaign, "member": cast.users["bob"], "next": "mine"})
    assert made.location == "/enquiries/mine"
    mine = db.session.scalars(select(PosterCode)).one()
    assert f"/q/{mine.token}" in bob.get("/enquiries/mine").text
    assert "eq-code" in bob.get("/enquiries/mine").text
    assert client_of("olga").get("/enquiries/mine").status_code == 403


@pytest.mark.parametrize(("who", "status"), [("olga", 200), ("tim", 403), ("alice", 403), ("bob", 403), ("mona", 403)])
def test_who_looks_through_what_came_in(actor, cast, client_of, nobody, clock, who, status):
    send(nobody, code(actor, cast).token, clock, seconds=1)
    for lane in ("", "?lane=held"):
        assert client_of(who).get(f"/enquiries{lane}").status_code == status
    for act in ("release", "drop"):
        answer = client_of("tim" if who == "olga" else who).post(f"/enquiries/1/{act}")
        assert answer.status_code == 403
