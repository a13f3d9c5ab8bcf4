"""The tree of districts: places, moves without cycles, a parent's filter, and what a person may do with it."""

import pytest
from sqlalchemy import select, text

from crm.districts import commands, queries
from crm.districts.models import District
from crm.districts.rules import Kind
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work


def make(actor, name, parent_id=None, kind=Kind.COMMERCIAL, **card):
    with unit_of_work():
        return commands.create_district(actor("olga"), name=name, kind=kind, parent_id=parent_id, **card)


def paths() -> dict[str, tuple[str, int]]:
    return {
        row.name: (row.path, row.depth)
        for row in db.session.execute(select(District.name, District.path, District.depth))
    }


def test_a_filter_by_a_parent_includes_its_children(cast):
    ids = cast.districts
    assert queries.subtree_ids(ids["town"]) == {ids["town"], ids["market"], ids["estate"]}
    assert queries.subtree_ids(ids["market"]) == {ids["market"]}
    assert queries.subtree_ids(999) == frozenset()


def test_a_parent_does_not_swallow_a_neighbour_whose_id_begins_alike(actor, cast):
    with unit_of_work():
        for number in range(12):
            commands.create_district(actor("olga"), name=f"片区{number}", kind=Kind.PARK)
    one = db.session.scalar(select(District).where(District.path == "/1/"))
    assert all(
        district.path.startswith("/1/")
        for district in db.session.scalars(select(District).where(queries.below(one.id)))
    )


def test_the_filter_uses_the_index_of_paths(cast):
    if db.engine.dialect.name != "sqlite":
        return
    query = (
        select(District.id)
        .where(queries.below(cast.districts["town"]))
        .compile(db.engine, compile_kwargs={"literal_binds": True})
    )
    plan = " ".join(str(row) for row in db.session.execute(text(f"EXPLAIN QUERY PLAN {query}")))
    assert "ix_district_path (path>? AND path<?)" in plan


def test_moving_takes_everything_below_along(actor, cast):
    shop = make(actor, "一号铺", cast.districts["market"])
    with unit_of_work():
        commands.move_district(actor("olga"), cast.districts["market"], version=1, parent_id=cast.districts["village"])
    village, market = cast.districts["village"], cast.districts["market"]
    assert paths()["东大街商区"] == (f"/{village}/{market}/", 1)
    assert paths()["一号铺"] == (f"/{village}/{market}/{shop.id}/", 2)
    assert shop.id in queries.subtree_ids(village)


def test_a_district_cannot_lie_below_itself(actor, cast):
    before = paths()
    for parent in ("town", "market"):
        with pytest.raises(Invalid, match=r"districts.cycle"), unit_of_work():
            commands.move_district(actor("olga"), cast.districts["town"], version=1, parent_id=cast.districts[parent])
    assert paths() == before


def test_siblings_have_different_names_and_codes_are_unique(actor, cast):
    with pytest.raises(Invalid, match="name_taken"):
        make(actor, "东大街商区", cast.districts["town"])
    with pytest.raises(Invalid, match="name_taken"):
        make(actor, "城关镇")
    make(actor, "东大街商区", cast.districts["village"], code="A-1")
    with pytest.raises(Invalid, match="code_taken"):
        make(actor, "别处", code="A-1")


def test_the_tree_is_not_bottomless(actor, cast):
    parent = None
    for level in range(10):
        parent = make(actor, f"第{level}层", parent).id
    with pytest.raises(Invalid, match="too_deep"):
        make(actor, "再下一层", parent)
    top = db.session.scalar(select(District.id).where(District.name == "第0层"))
    with pytest.raises(Invalid, match="too_deep"), unit_of_work():
        commands.move_district(actor("olga"), top, version=1, parent_id=cast.districts["village"])


def test_taking_a_district_out_of_use_takes_what_lies_below_along(actor, cast):
    with unit_of_work():
        assert commands.set_active(actor("olga"), cast.districts["town"], version=1, active=False) == 3
    assert [label for _, label in queries.district_options(actor("olga"))] == ["柳树村"]
    with pytest.raises(Invalid, match="parent_closed"), unit_of_work():
        commands.set_active(actor("olga"), cast.districts["market"], version=2, active=True)
    with unit_of_work():
        assert commands.set_active(actor("olga"), cast.districts["town"], version=2, active=True) == 3


def test_a_place_is_found_by_code_name_or_path(actor, cast):
    code = make(actor, "二号", cast.districts["market"], code="M-2").id
    make(actor, "二号", cast.districts["estate"])
    assert queries.find_place("M-2").id == code
    assert queries.find_place("城关镇/东大街商区").id == cast.districts["market"]
    assert queries.find_place("东大街商区＞二号").id == code
    assert queries.find_place("没有") is None
    with pytest.raises(Invalid, match="ambiguous"):
        queries.find_place("二号")


def test_full_names_and_options_name_the_way_from_the_top(actor, cast):
    market = cast.districts["market"]
    assert queries.full_names([market]) == {market: "城关镇 / 东大街商区"}
    assert (market, "城关镇 / 东大街商区") in queries.district_options(actor("bob"))
    chosen = queries.district_options(actor("bob"), most=1, chosen=market)
    assert chosen == [(market, "城关镇 / 东大街商区")]


def test_a_stale_card_changes_nothing(actor, cast):
    with pytest.raises(Conflict, match=r"form.stale"), unit_of_work():
        commands.change_district(actor("olga"), cast.districts["town"], version=7, name="新城", kind=Kind.PARK)
    with pytest.raises(NotFound), unit_of_work():
        commands.move_district(actor("olga"), 999, version=1, parent_id=None)
    assert "城关镇" in paths()


def test_two_opposite_moves_at_once_make_no_circle(actor, cast, beside):
    olga, market, village = actor("olga"), cast.districts["market"], cast.districts["village"]
    stall, farm = make(actor, "一号铺", market).id, make(actor, "一组", village).id

    def move(what: int, under: int) -> None:
        commands.move_district(olga, what, version=1, parent_id=under)

    with beside(lambda: move(village, stall)) as refused:
        move(market, farm)
    assert refused == ["districts.cycle"]
    assert db.session.get_one(District, stall).path == f"/{village}/{farm}/{market}/{stall}/"


def test_a_district_made_while_its_parent_moves_lies_where_the_parent_went(actor, cast, beside):
    olga, market, village = actor("olga"), cast.districts["market"], cast.districts["village"]
    card = {"name": "一号铺", "kind": Kind.COMMERCIAL}
    with beside(lambda: commands.create_district(olga, parent_id=market, **card)) as refused:
        commands.move_district(olga, market, version=1, parent_id=village)
    shop = db.session.scalar(select(District).where(District.name == "一号铺"))
    assert (refused, shop.path) == ([], f"/{village}/{market}/{shop.id}/")
