"""Pages of the districts: who may open them, what a mistake says, and that nothing typed becomes markup."""

import pytest
from sqlalchemy import select

from crm.districts import queries
from crm.districts.commands import plant
from crm.districts.models import District
from crm.districts.rules import Kind
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work

CARD = {"name": "新街", "kind": "commercial", "code": "", "address": "", "note": ""}


def test_everybody_sees_the_tree_and_organisers_may_change_it(client_of, cast):
    for name in ("bob", "mona", "olga"):
        page = client_of(name).get("/districts")
        assert page.status_code == 200
        assert "城关镇" in page.text
        assert ("/districts/new" in page.text) == (name == "olga")
    assert client_of("bob").post("/districts/new", data=CARD).status_code == 403
    assert client_of(None).get("/districts").status_code == 302


def test_an_organiser_makes_edits_moves_and_closes_a_district(client_of, cast):
    olga = client_of("olga")
    made = olga.post(f"/districts/new?parent={cast.districts['town']}", data=CARD | {"code": "N-1"})
    assert made.status_code == 302
    district = db.session.scalar(select(District).where(District.code == "N-1"))
    assert district.parent_id == cast.districts["town"]
    edited = olga.post(f"/districts/{district.id}/edit", data=CARD | {"name": "新新街", "version": 1})
    moved = olga.post(f"/districts/{district.id}/move", data={"parent": "柳树村", "version": 2})
    closed = olga.post(f"/districts/{district.id}/active", data={"active": "0", "version": 3})
    assert [edited.status_code, moved.status_code, closed.status_code] == [302, 302, 302]
    db.session.expire_all()
    assert (district.name, district.parent_id, district.active) == ("新新街", cast.districts["village"], False)
    shown = olga.get(f"/districts/{district.id}").text
    assert "新新街" in shown
    assert "柳树村" in shown


def test_a_mistake_is_named_and_what_was_typed_stays(client_of, cast):
    olga = client_of("olga")
    taken = olga.post("/districts/new", data=CARD | {"name": "城关镇", "note": "逢五赶集"})
    assert taken.status_code == 422
    assert "逢五赶集" in taken.text
    long = olga.post("/districts/new", data=CARD | {"name": "街" * 300})
    assert long.status_code == 422
    kind = olga.post("/districts/new", data=CARD | {"kind": "moon"})
    assert kind.status_code == 422
    nowhere = olga.post(f"/districts/{cast.districts['market']}/move", data={"parent": "没有", "version": 1})
    assert nowhere.status_code == 422
    stale = olga.post(f"/districts/{cast.districts['market']}/edit", data=CARD | {"version": 9})
    assert stale.status_code == 409
    assert db.session.scalar(select(db.func.count()).select_from(District)) == 4


def test_the_same_form_twice_makes_one_district(client_of, cast):
    card = CARD | {"client_uid": "7c1b8b8e-5c1c-4d4e-8a59-0e8f0a4b9d10"}
    answers = [client_of("olga").post("/districts/new", data=card).headers["Location"] for _ in range(2)]
    assert answers[0] == answers[1]


def test_a_missing_district_and_an_impossible_number_answer_404(client_of, cast):
    olga = client_of("olga")
    for path in ("/districts/999", "/districts/999/edit", "/districts/999/branch", f"/districts/{2**63}"):
        assert olga.get(path).status_code == 404
    assert olga.get(f"/districts/new?parent={2**63}").status_code == 404


def test_markup_in_a_name_is_shown_as_text(client_of, cast):
    olga = client_of("olga")
    evil = "<script>alert(1)<b>"
    olga.post("/districts/new", data=CARD | {"name": evil, "address": evil, "note": evil, "code": "X"})
    district = db.session.scalar(select(District).where(District.code == "X"))
    for path in ("/districts", "/districts?q=script", f"/districts/{district.id}", f"/districts/{district.id}/edit"):
        page = olga.get(path).text
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert(1)" not in page


def test_search_takes_wildcards_literally(client_of, cast):
    assert "没有符合的区域" in client_of("bob").get("/districts?q=%25").text
    assert "东大街商区" in client_of("bob").get("/districts?q=东大街").text


@pytest.fixture
def big_tree(app, cast):
    with unit_of_work():
        top = plant(name="大区", kind=Kind.PARK, parent=None, code="BIG", address="", note="")
        rows = [
            {"name": f"网格{n}", "kind": "rural", "parent_id": top.id, "depth": 1, "created_at": top.created_at}
            for n in range(2000)
        ]
        db.session.execute(District.__table__.insert(), rows)
        own = db.cast(District.id, db.String)
        db.session.execute(db.update(District).where(District.path == "").values(path=top.path + own + "/"))
    return top.id


def test_a_large_tree_is_shown_piece_by_piece_with_few_questions(client_of, queries, big_tree):
    bob = client_of("bob")
    with queries() as seen:
        tree = bob.get("/districts")
    assert "网格1999" not in tree.text
    assert seen.count <= 6
    with queries() as seen:
        branch = bob.get(f"/districts/{big_tree}/branch")
    assert branch.text.count("<li>") == 201
    assert seen.count <= 6


def test_forty_thousand_options_stay_a_short_list(actor, big_tree):
    assert len(queries.district_options(actor("bob"), most=100)) == 100
