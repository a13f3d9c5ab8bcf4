"""A sheet of districts: the same rows again change nothing, and undo leaves the tree as it was."""

import pytest
from sqlalchemy import select

from crm.campaigns.models import CampaignDistrict
from crm.districts import imports
from crm.districts.models import District
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid
from crm.kernel.unit_of_work import unit_of_work
from tests.moments import DAY_2

SHEET = (
    {"code": "CD", "name": "城东", "kind": "commercial"},
    {"code": "CD-01", "name": "老街商区", "parent": "城东", "kind": "commercial", "address": "老街 1-99 号"},
    {"code": "CD-02", "name": "竹园社区", "parent": "CD", "kind": "community"},
    {"name": "南坡村", "parent": "柳树村", "kind": "rural"},
    {"name": "后街", "parent": "城东/老街商区", "kind": "commercial"},
)
COLUMNS = [column for column in District.__table__.c if column.name not in {"version", "created_at"}]


def tree() -> list[tuple]:
    return [tuple(row) for row in db.session.execute(select(*COLUMNS).order_by(District.id))]


def check(actor, rows) -> list[imports.Verdict]:
    context = imports.open_context(actor("olga"), today=DAY_2)
    return [imports.check_row(context, row) for row in rows]


def apply(actor, rows) -> list[imports.Outcome]:
    with unit_of_work():
        context = imports.open_context(actor("olga"), today=DAY_2)
        return [imports.apply_row(actor("olga"), context, row) for row in rows]


def test_checking_foretells_what_applying_does(actor, cast):
    foretold = [verdict.what for verdict in check(actor, SHEET)]
    assert foretold == [outcome.what for outcome in apply(actor, SHEET)] == ["new"] * 5
    back_street = db.session.scalar(select(District).where(District.name == "后街"))
    assert back_street.depth == 2


def test_the_same_rows_again_change_nothing(actor, cast):
    apply(actor, SHEET)
    before = tree()
    assert [verdict.what for verdict in check(actor, SHEET)] == ["skipped"] * 5
    assert [outcome.what for outcome in apply(actor, SHEET)] == ["skipped"] * 5
    assert tree() == before


def test_a_code_finds_its_district_again_under_another_name_and_place(actor, cast):
    apply(actor, SHEET)
    changed = [{"code": "CD-02", "name": "竹园小区", "parent": "柳树村"}]
    assert [verdict.what for verdict in check(actor, changed)] == ["updated"]
    apply(actor, changed)
    district = db.session.scalar(select(District).where(District.code == "CD-02"))
    assert (district.name, district.parent_id, district.kind) == ("竹园小区", cast.districts["village"], "community")


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ({"name": "新", "parent": "不存在", "kind": "park"}, "parent", "districts.no_parent"),
        ({"name": "新"}, "kind", "districts.no_kind"),
        ({"name": "街" * 300, "kind": "park"}, "name", "districts.name"),
        ({"name": "新", "kind": "park", "note": "长" * 501}, "note", "value.long"),
        ({"name": "新", "kind": "park", "code": "长" * 41}, "code", "value.long"),
        ({"code": "CD", "name": "城东", "parent": "CD-01"}, "parent", "districts.cycle"),
        ({"code": "CD-02", "name": "老街商区"}, "name", "districts.name_taken"),
    ],
)
def test_a_wrong_row_is_refused_with_its_column(actor, cast, row, column, code):
    apply(actor, SHEET)
    before = tree()
    verdict = check(actor, [row])[0]
    assert (verdict.what, verdict.problems[0].column, verdict.problems[0].code) == ("failed", column, code)
    with pytest.raises(Invalid, match=code):
        apply(actor, [row])
    assert tree() == before


def test_undo_leaves_the_tree_as_it_was(actor, cast):
    before = tree()
    market = {"name": "东大街商区", "parent": "城关镇", "address": "新地址", "code": "E-1"}
    done = apply(actor, (*SHEET, market))
    changes = [change for outcome in done for change in outcome.changes]
    with unit_of_work():
        assert imports.undo(actor("olga"), reversed(changes)) == 6
    assert tree() == before


def test_undo_stops_at_a_district_in_use(actor, cast):
    done = apply(actor, SHEET[:1])
    change = done[0].changes[0]
    with unit_of_work():
        db.session.add(CampaignDistrict(campaign_id=cast.campaigns["roadshow"], district_id=change.subject_id))
    with pytest.raises(Conflict, match=r"import.in_use"), unit_of_work():
        imports.undo(actor("olga"), [change])


def later(**changes: object) -> None:
    """What somebody does at a desk after the import."""
    with unit_of_work():
        district = db.session.scalars(select(District).where(District.code == "CD-01")).one()
        for name, value in changes.items():
            setattr(district, name, value)


@pytest.mark.parametrize("changes", [{"address": "新街 1 号"}, {"name": "新街"}, {"active": False}])
def test_undo_stops_at_a_district_that_was_changed_since(actor, cast, changes):
    done = apply(actor, SHEET)
    later(**changes)
    before = tree()
    with pytest.raises(Conflict, match=r"import.changed_since"), unit_of_work():
        imports.undo(actor("olga"), reversed([one for outcome in done for one in outcome.changes]))
    assert tree() == before


def test_undo_of_a_filled_in_district_compares_only_what_the_import_set(actor, cast):
    apply(actor, SHEET)
    done = apply(actor, [{"code": "CD-01", "name": "老街商区", "address": "老街 100 号"}])
    later(note="周五有集市")
    with unit_of_work():
        imports.undo(actor("olga"), done[0].changes)
    district = db.session.scalars(select(District).where(District.code == "CD-01")).one()
    assert (district.address, district.note) == ("老街 1-99 号", "周五有集市")
    done = apply(actor, [{"code": "CD-01", "name": "老街商区", "address": "老街 100 号"}])
    later(address="老街 200 号")
    with pytest.raises(Conflict, match=r"import.changed_since"), unit_of_work():
        imports.undo(actor("olga"), done[0].changes)


KNOWN = {"name": "东大街商区", "parent": "城关镇", "address": "东大街 1 号"}


@pytest.mark.parametrize(
    "rows",
    [
        (SHEET[0], {**SHEET[0], "address": "甲"}, SHEET[0]),
        ({**SHEET[0], "address": "甲"}, {**SHEET[0], "address": "乙"}, {"code": "CD", "name": "城东"}),
        (KNOWN, {**KNOWN, "address": "东大街 2 号"}, KNOWN),
    ],
)
def test_one_district_with_two_meanings_in_a_sheet_fails_in_both_passes(actor, cast, rows):
    verdicts = check(actor, rows)
    assert [one.what for one in verdicts][1:] == ["failed", "skipped"]
    assert verdicts[1].problems[0].code == "districts.twice"
    first, second, third = rows
    with pytest.raises(Invalid, match=r"districts.twice"):
        apply(actor, (first, second))
    assert [outcome.what for outcome in apply(actor, (first, third))] == [verdicts[0].what, "skipped"]
