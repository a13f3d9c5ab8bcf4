"""A roster sheet: people, teams and memberships by row; the same rows again change nothing, undo leaves all as it was."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from crm.kernel.actor import Role
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid
from crm.kernel.unit_of_work import unit_of_work
from crm.people import commands, imports
from crm.people.models import Membership, Team, User
from crm.people.queries import membership_history, phone_of, user_by_login
from tests.moments import DAY_1, DAY_2

SHEET = (
    {
        "login": "zhaolin",
        "name": "赵林",
        "role": "member",
        "team": "飞虎组",
        "phone": "13900000011",
        "joined_on": DAY_1,
    },
    {"login": "sunyao", "name": "孙垚", "role": "team_lead", "team": "飞虎组", "is_lead": True},
    {"login": "bob", "name": "鲍勃", "team": "飞虎组", "joined_on": DAY_2},
)


def check(actor, rows, who="adam") -> list[imports.Verdict]:
    context = imports.open_context(actor(who), today=DAY_2)
    return [imports.check_row(context, row) for row in rows]


def apply(actor, rows, who="adam") -> list[imports.Outcome]:
    with unit_of_work():
        context = imports.open_context(actor(who), today=DAY_2)
        return [imports.apply_row(actor(who), context, row) for row in rows]


def everything() -> list[list[tuple]]:
    people = select(
        User.id, User.login, User.name, User.role, User.external, User.email, User.phone_sealed, User.active
    )
    places = select(
        Membership.id,
        Membership.user_id,
        Membership.team_id,
        Membership.is_lead,
        Membership.valid_from,
        Membership.valid_to,
    )
    found = []
    for query in (
        people.order_by(User.id),
        select(Team.id, Team.name).order_by(Team.id),
        places.order_by(Membership.id),
    ):
        found.append([tuple(row) for row in db.session.execute(query)])
    return found


def test_a_roster_makes_people_without_password_and_the_team_that_is_missing(actor, cast):
    foretold = [verdict.what for verdict in check(actor, SHEET)]
    assert foretold == [outcome.what for outcome in apply(actor, SHEET)] == ["new", "new", "updated"]
    zhao = user_by_login("zhaolin")
    assert (zhao.name, zhao.password_hash, phone_of(zhao)) == ("赵林", None, "13900000011")
    assert b"13900000011" not in zhao.phone_sealed
    assert [(row.team, row.is_lead) for row in membership_history(user_by_login("sunyao").id)] == [("飞虎组", True)]
    transferred = membership_history(cast.users["bob"])
    assert [(row.team, row.valid_from, row.valid_to) for row in transferred] == [
        ("飞虎组", DAY_2, None),
        ("红队", DAY_1, DAY_1),
    ]


def test_the_same_rows_again_change_nothing(actor, cast):
    apply(actor, SHEET)
    before = everything()
    assert [verdict.what for verdict in check(actor, SHEET)] == ["skipped"] * 3
    assert [outcome.what for outcome in apply(actor, SHEET)] == ["skipped"] * 3
    assert everything() == before


def test_undo_leaves_people_teams_and_memberships_as_they_were(actor, cast):
    before = everything()
    renamed = {"login": "dora", "name": "朵拉拉", "email": "dora@example.com", "phone": "13800138000"}
    replaced = {"login": "charlie", "name": "查理", "team": "飞虎组", "joined_on": DAY_1, "is_lead": True}
    done = apply(actor, (*SHEET, renamed, replaced))
    assert everything() != before
    changes = [change for outcome in done for change in outcome.changes]
    with unit_of_work():
        assert imports.undo(actor("adam"), reversed(changes)) == len(changes)
    assert everything() == before


def test_undo_stops_at_a_person_who_has_worked_since(actor, cast):
    done = apply(actor, SHEET[:1])
    changes = [change for outcome in done for change in outcome.changes]
    with unit_of_work():
        user_by_login("zhaolin").last_sign_in_at = user_by_login("zhaolin").created_at + timedelta(hours=1)
    with pytest.raises(Conflict, match=r"import.in_use"), unit_of_work():
        imports.undo(actor("adam"), reversed(changes))
    assert user_by_login("zhaolin") is not None


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ({"login": "a b", "name": "甲"}, "login", "people.login_form"),
        ({"login": "x" * 300, "name": "甲"}, "login", "people.login_form"),
        ({"login": "new", "name": "长" * 300}, "name", "people.name"),
        ({"login": "new", "name": "甲", "external": True}, "external", "people.external_role"),
        ({"login": "new", "name": "甲", "role": "manager", "team": "红队"}, "team", "people.role_needed"),
        (
            {"login": "bob", "name": "鲍勃", "team": "蓝队", "joined_on": DAY_1 - timedelta(days=1)},
            "joined_on",
            "people.membership_dates",
        ),
        (
            {"login": "eve", "name": "伊芙", "team": "蓝队", "joined_on": DAY_1},
            "joined_on",
            "people.membership_overlap",
        ),
        ({"login": "new", "name": "甲", "email": "e" * 130}, "email", "value.long"),
    ],
)
def test_a_wrong_row_is_refused_with_its_column(actor, cast, row, column, code):
    before = everything()
    verdict = check(actor, [row])[0]
    assert (verdict.what, verdict.problems[0].column, verdict.problems[0].code) == ("failed", column, code)
    with pytest.raises(Invalid, match=code):
        apply(actor, [row])
    assert everything() == before


def test_one_login_with_two_meanings_in_a_sheet_is_refused(actor, cast):
    rows = ({"login": "new", "name": "甲"}, {"login": "NEW", "name": "乙"})
    assert [verdict.what for verdict in check(actor, rows)] == ["new", "failed"]


def test_an_organiser_brings_in_members_but_no_rights(actor, cast):
    assert check(actor, SHEET, "olga")[0].what == "new"
    boss = {"login": "boss", "name": "行长", "role": "admin"}
    takeover = {"login": "adam", "name": "亚当", "role": "member"}
    for row in (boss, takeover):
        assert check(actor, [row], "olga")[0].problems[0].code == "people.role_beyond"
    assert check(actor, [boss])[0].what == "new"


def undo(actor, done, who="adam") -> int:
    changes = [change for outcome in done for change in outcome.changes]
    with unit_of_work():
        return imports.undo(actor(who), reversed(changes))


@pytest.mark.parametrize("joined_on", [DAY_1, DAY_2])
@pytest.mark.parametrize("later", [DAY_2, DAY_2 + timedelta(days=3)])
def test_undo_stops_where_somebody_moved_the_person_on(actor, cast, joined_on, later):
    done = apply(actor, [{"login": "bob", "name": "鲍勃", "team": "飞虎组", "joined_on": joined_on}])
    with unit_of_work():
        commands.join_team(actor("olga"), user_id=cast.users["bob"], team_id=cast.teams["blue"], on=later)
    before = everything()
    with pytest.raises(Conflict, match=r"import.changed_since"):
        undo(actor, done)
    assert everything() == before


def test_undo_stops_where_somebody_ended_the_membership_that_the_import_opened(actor, cast):
    done = apply(actor, SHEET[2:])
    with unit_of_work():
        commands.leave_team(actor("olga"), user_id=cast.users["bob"], on=DAY_2)
        commands.join_team(actor("olga"), user_id=cast.users["eve"], team_id=cast.teams["blue"], on=DAY_2)
    before = everything()
    with pytest.raises(Conflict, match=r"import.changed_since"):
        undo(actor, done)
    assert everything() == before


CARD = {"login": "dora", "name": "朵拉", "email": "dora@example.com", "phone": "13800138000"}


def change(actor, login: str, **given) -> None:
    user = user_by_login(login)
    card = {"name": user.name, "role": Role(user.role), "external": user.external, "email": user.email, "active": True}
    with unit_of_work():
        commands.change_user(actor("adam"), user.id, version=user.version, **{**card, **given})


@pytest.mark.parametrize("later", [{"email": "other@example.com"}, {"phone": "13900139000"}, {"phone": ""}])
def test_undo_stops_at_a_card_that_was_changed_since(actor, cast, later):
    done = apply(actor, [CARD])
    change(actor, "dora", **later)
    before = everything()
    with pytest.raises(Conflict, match=r"import.changed_since"):
        undo(actor, done)
    assert everything() == before


def test_undo_minds_neither_other_fields_nor_the_same_phone_kept_again(actor, cast):
    done = apply(actor, [CARD])
    change(actor, "dora", name="朵拉拉", phone="13800138000")
    undo(actor, done)
    dora = user_by_login("dora")
    assert (dora.name, dora.email, phone_of(dora)) == ("朵拉拉", "", "")


def test_undo_stops_at_a_new_person_or_team_that_was_changed_since(actor, cast):
    done = apply(actor, SHEET[:1])
    change(actor, "zhaolin", email="zhao@example.com")
    with pytest.raises(Conflict, match=r"import.changed_since"):
        undo(actor, done)
    change(actor, "zhaolin", email="")
    with unit_of_work():
        db.session.scalars(select(Team).where(Team.name == "飞虎组")).one().slogan = "冲"
    with pytest.raises(Conflict, match=r"import.changed_since"):
        undo(actor, done)
    assert user_by_login("zhaolin") is not None


def test_the_preview_refuses_roles_that_cannot_be_given(actor, cast):
    rows = [
        {"login": "bob", "name": "鲍勃", "role": "manager"},  # belongs to a team
        {"login": "adam", "name": "亚当", "role": "auditor"},  # whoever brings the sheet in
    ]
    assert [[problem.code for problem in one.problems] for one in check(actor, rows)] == [
        ["people.in_team"],
        ["people.own_rights"],
    ]


def test_an_organiser_takes_no_rights_back_and_gives_none(actor, cast):
    down = apply(actor, [{"login": "mona", "name": "莫娜", "role": "member"}])
    up = apply(actor, [{"login": "eve", "name": "伊芙", "role": "manager"}])
    boss = apply(actor, [{"login": "boss", "name": "行长", "role": "admin"}])
    before = everything()
    for done in (down, up, boss):
        with pytest.raises(Forbidden, match=r"people.role_beyond"):
            undo(actor, done, "olga")
    assert everything() == before
    assert undo(actor, apply(actor, [CARD]), "olga") == 1
    for done in (boss, up, down):
        undo(actor, done)
    assert (user_by_login("mona").role, user_by_login("eve").role) == ("manager", "member")
