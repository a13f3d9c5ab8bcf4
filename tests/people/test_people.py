"""People and teams: who may change whom, and history that a transfer keeps."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from crm.kernel.actor import SYSTEM, Role
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.people import commands, queries
from crm.people.models import Membership, Team, User
from tests.cast import PASSWORD
from tests.moments import DAY_1, DAY_2, DAY_3, DAY_6

PERSON = {"login": "fred", "name": "弗雷", "role": "member", "email": "", "phone": "", "team_id": "", "joined_on": ""}


def test_a_transfer_keeps_history_and_credit_stays_where_it_was(actor, cast):
    with unit_of_work():
        commands.join_team(actor("olga"), user_id=cast.users["bob"], team_id=cast.teams["blue"], on=DAY_3)
    history = [(row.team, row.valid_from, row.valid_to) for row in queries.membership_history(cast.users["bob"])]
    assert history == [("蓝队", DAY_3, None), ("红队", DAY_1, DAY_2)]
    names = {
        day: [row.name for row in queries.members(actor("olga"), on=day, team_id=cast.teams["red"])]
        for day in (DAY_2, DAY_3)
    }
    assert names == {DAY_2: ["爱丽", "鲍勃"], DAY_3: ["爱丽"]}


def test_a_person_sees_the_team_of_today_only(actor, client_of, cast):
    with unit_of_work():
        commands.join_team(
            actor("olga"), user_id=cast.users["alice"], team_id=cast.teams["blue"], on=DAY_2, is_lead=True
        )
    alice = client_of("alice")
    assert alice.get(f"/teams/{cast.teams['blue']}").status_code == 200
    assert alice.get(f"/teams/{cast.teams['red']}").status_code == 404


def test_history_is_not_rewritten(actor, cast):
    with pytest.raises(Invalid, match="membership_dates"), unit_of_work():
        commands.join_team(SYSTEM, user_id=cast.users["bob"], team_id=cast.teams["blue"], on=DAY_1 - timedelta(days=3))
    with pytest.raises(Invalid, match="membership_overlap"), unit_of_work():
        commands.join_team(SYSTEM, user_id=cast.users["eve"], team_id=cast.teams["blue"], on=DAY_1)
    with pytest.raises(Invalid, match="no_membership"), unit_of_work():
        commands.leave_team(SYSTEM, user_id=cast.users["bob"], on=DAY_3, team_id=cast.teams["blue"])
    with pytest.raises(NotFound), unit_of_work():
        commands.join_team(SYSTEM, user_id=cast.users["bob"], team_id=999, on=DAY_3)


def test_an_end_that_lies_ahead_can_be_moved(actor, cast):
    """A wrong year typed into the day of leaving would keep the person where they are for good."""
    bob, red, blue = cast.users["bob"], cast.teams["red"], cast.teams["blue"]
    with unit_of_work():
        commands.leave_team(actor("olga"), user_id=bob, on=DAY_3 + timedelta(days=365), team_id=red)
    with unit_of_work():
        commands.leave_team(actor("olga"), user_id=bob, on=DAY_6, team_id=red)
    assert [row.valid_to for row in queries.membership_history(bob)] == [DAY_6 - timedelta(days=1)]
    with unit_of_work():
        commands.join_team(actor("olga"), user_id=bob, team_id=blue, on=DAY_3)
    told = [(row.team, row.valid_from, row.valid_to) for row in queries.membership_history(bob)]
    assert told == [("蓝队", DAY_3, None), ("红队", DAY_1, DAY_2)]


def test_a_planned_transfer_can_be_called_off(actor, cast):
    bob, red, blue = cast.users["bob"], cast.teams["red"], cast.teams["blue"]
    with unit_of_work():
        commands.join_team(actor("olga"), user_id=bob, team_id=blue, on=DAY_6)
    with pytest.raises(Invalid, match="membership_dates"), unit_of_work():
        commands.join_team(actor("olga"), user_id=bob, team_id=red, on=DAY_3)
    with unit_of_work():
        commands.leave_team(actor("olga"), user_id=bob, on=DAY_6, team_id=blue)
    with unit_of_work():
        commands.join_team(actor("olga"), user_id=bob, team_id=red, on=DAY_6)
    told = [(row.team, row.valid_from, row.valid_to) for row in queries.membership_history(bob)]
    assert told == [("红队", DAY_6, None), ("红队", DAY_1, DAY_6 - timedelta(days=1))]


def test_a_later_joining_does_not_lengthen_the_stay_before(actor, cast):
    bob = cast.users["bob"]
    with unit_of_work():
        commands.leave_team(actor("olga"), user_id=bob, on=DAY_3)
    with unit_of_work():
        commands.join_team(actor("olga"), user_id=bob, team_id=cast.teams["blue"], on=DAY_6)
    told = [(row.team, row.valid_from, row.valid_to) for row in queries.membership_history(bob)]
    assert told == [("蓝队", DAY_6, None), ("红队", DAY_1, DAY_2)]


def test_nobody_is_in_two_teams_at_once_says_the_database_too(cast):
    with pytest.raises(Exception, match=r"UNIQUE|unique"), unit_of_work() as session:
        session.add(Membership(user_id=cast.users["bob"], team_id=cast.teams["blue"], valid_from=DAY_3))


def test_an_administrator_does_not_change_own_rights(client_of, cast):
    card = {"name": "亚当", "role": "auditor", "email": "", "phone": "", "active": "y", "version": 1}
    answer = client_of("adam").post(f"/people/{cast.users['adam']}/edit", data=card)
    assert answer.status_code == 422
    assert "不能修改自己的权限" in answer.text


def test_two_administrators_cannot_demote_each_other_at_once(actor, cast):
    adam, mona = cast.users["adam"], cast.users["mona"]
    with unit_of_work():
        commands.change_user(
            actor("adam"), mona, version=1, name="莫娜", role=Role.ADMIN, external=False, email="", active=True
        )
    mona_as_she_began = actor("mona")
    with unit_of_work():
        commands.set_active(actor("adam"), mona, version=2, active=False)
    with pytest.raises(Invalid, match="last_admin"), unit_of_work():
        commands.change_user(
            mona_as_she_began, adam, version=1, name="亚当", role=Role.MEMBER, external=False, email="", active=True
        )
    with pytest.raises(Invalid, match="last_admin"), unit_of_work():
        commands.set_active(SYSTEM, adam, version=1, active=False)


def test_who_belongs_to_a_team_gets_no_role_outside_the_teams(client_of, cast):
    bob = cast.users["bob"]
    card = {"name": "鲍勃", "role": "manager", "email": "", "phone": "", "active": "y", "version": 1}
    refused = client_of("adam").post(f"/people/{bob}/edit", data=card)
    assert refused.status_code == 422
    assert "请先办理退出小组" in refused.text
    with unit_of_work():
        commands.leave_team(SYSTEM, user_id=bob, on=DAY_2)
    assert client_of("adam").post(f"/people/{bob}/edit", data=card).status_code == 302


def test_pages_of_people_by_role(client_of, cast):
    bob, dora = cast.users["bob"], cast.users["dora"]
    expected = {
        None: (302, 302, 302), "bob": (403, 403, 403), "alice": (200, 200, 404), "mona": (200, 200, 200), "adam": (200, 200, 200),
    }  # fmt: skip
    for name, statuses in expected.items():
        client = client_of(name)
        assert (
            tuple(client.get(path).status_code for path in ("/people", f"/people/{bob}", f"/people/{dora}")) == statuses
        )
    for name in ("alice", "mona", "olga", "audrey"):
        client = client_of(name)
        assert client.post("/people/new", data=PERSON).status_code == 403
        assert client.post(f"/people/{bob}/token").status_code == 403
        assert client.post(f"/people/{bob}/active", data={"active": 0, "version": 1}).status_code == 403


def test_a_hidden_person_answers_like_a_missing_one(client_of, cast):
    alice = client_of("alice")
    hidden, missing = alice.get(f"/people/{cast.users['dora']}"), alice.get("/people/9999")
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert abs(len(hidden.data) - len(missing.data)) <= 16  # the address itself is on the page
    assert alice.get(f"/people/{2**63}").status_code == 404
    assert "朵拉" not in alice.get("/people").text


def test_an_administrator_makes_a_person_in_a_team(client_of, cast):
    adam = client_of("adam")
    made = adam.post("/people/new", data=PERSON | {"team_id": cast.teams["red"], "phone": "+86 138-0013-8000"})
    assert made.status_code == 302
    fred = queries.user_by_login("fred")
    assert queries.phone_of(fred) == "13800138000"
    page = adam.get(made.headers["Location"]).text
    assert "红队" in page
    assert "138 0013 8000" in page
    assert "138 0013 8000" not in client_of("alice").get(made.headers["Location"]).text


def test_the_same_form_twice_makes_one_person(client_of, cast):
    adam = client_of("adam")
    card = PERSON | {"client_uid": "0b0cf5ac-2f0e-4a58-9a1f-7a8a3f3f6d11"}
    answers = [adam.post("/people/new", data=card) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    other = adam.post("/people/new", data=card | {"name": "另一个"})
    assert other.status_code == 409
    assert db.session.scalar(select(db.func.count()).select_from(User).where(User.login == "fred")) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "弗" * 300}, {"name": ""}, {"login": "a b"}, {"login": "bob"}, {"login": "x" * 300}, {"role": "king"},
        {"role": "member", "external": "y"}, {"phone": "12345"}, {"team_id": "999"}, {"team_id": str(2**63)}, {"joined_on": "31.12.2026"},
    ],
)  # fmt: skip
def test_a_wrong_card_is_refused_and_keeps_what_was_typed(client_of, cast, wrong):
    answer = client_of("adam").post("/people/new", data=PERSON | {"email": "typed@example.com"} | wrong)
    assert answer.status_code == 422
    assert "typed@example.com" in answer.text
    assert db.session.scalar(select(db.func.count()).select_from(User)) == len(cast.users)


def test_a_stale_card_overwrites_nothing(client_of, cast):
    card = {"name": "别人", "role": "member", "email": "", "phone": "", "active": "y", "version": 0}
    answer = client_of("adam").post(f"/people/{cast.users['bob']}/edit", data=card)
    assert (answer.status_code, "此期间已有他人修改" in answer.text) == (409, True)
    with pytest.raises(Conflict), unit_of_work():
        commands.set_active(SYSTEM, cast.users["bob"], version=0, active=False)


def test_extra_fields_of_a_form_change_nothing(client_of, cast):
    before = db.session.get_one(User, cast.users["bob"]).password_hash
    card = {"name": "鲍勃", "role": "member", "email": "", "phone": "", "active": "y", "version": 1}
    extra = {"password_hash": "x", "id": 1, "login": "adam", "session_version": 99, "__class__": "x"}
    assert client_of("adam").post(f"/people/{cast.users['bob']}/edit", data=card | extra).status_code == 302
    bob = db.session.get_one(User, cast.users["bob"], populate_existing=True)
    assert (bob.id, bob.login, bob.password_hash, bob.session_version) == (cast.users["bob"], "bob", before, 1)


def test_markup_in_names_is_shown_as_text(client_of, cast):
    adam, olga, evil = client_of("adam"), client_of("olga"), "<script>alert(1)</script>"
    person = adam.post("/people/new", data=PERSON | {"name": evil, "email": evil}).headers["Location"]
    team = olga.post("/teams/new", data={"name": evil, "slogan": evil}).headers["Location"]
    olga.post(f"{team}/join", data={"user_id": person.rpartition("/")[2], "on": DAY_2.isoformat()})
    for client, path in (
        (adam, "/people"),
        (adam, person),
        (olga, "/teams"),
        (olga, team),
        (client_of("audrey"), "/audit"),
    ):
        page = client.get(path).text
        assert "&lt;script&gt;alert(1)" in page, path
        assert "<script>alert(1)" not in page, path


def test_an_organiser_runs_the_teams(client_of, cast):
    olga = client_of("olga")
    made = olga.post("/teams/new", data={"name": "绿队", "slogan": "加油"})
    team = made.headers["Location"]
    assert (
        olga.post(
            f"{team}/join", data={"user_id": cast.users["eve"], "on": DAY_2.isoformat(), "is_lead": "y"}
        ).status_code
        == 302
    )
    assert ">伊芙</a>" in olga.get(f"{team}?day={DAY_2}").text
    early = olga.post(f"{team}/join", data={"user_id": cast.users["bob"], "on": "2020-01-01"})
    assert early.status_code == 422
    assert olga.post(f"{team}/join", data={"user_id": "", "on": DAY_2.isoformat()}).status_code == 422
    assert olga.post(f"{team}/leave/{cast.users['eve']}", data={"on": DAY_3.isoformat()}).status_code == 302
    assert ">伊芙</a>" not in olga.get(f"{team}?day={DAY_3}").text
    assert ">伊芙</a>" in olga.get(f"{team}?day={DAY_2}").text
    card = {"name": "红队", "slogan": "", "active": "y", "version": 1}
    assert olga.post(f"{team}/edit", data=card).status_code == 422
    assert olga.post(f"{team}/edit", data=card | {"name": "青队"}).status_code == 302
    assert client_of("alice").post("/teams/new", data={"name": "黑队"}).status_code == 403


def test_a_closed_team_takes_nobody(actor, cast):
    with unit_of_work():
        commands.change_team(actor("olga"), cast.teams["blue"], version=1, name="蓝队", slogan="", active=False)
    with pytest.raises(Invalid, match="team_closed"), unit_of_work():
        commands.join_team(actor("olga"), user_id=cast.users["eve"], team_id=cast.teams["blue"], on=DAY_2)


def test_search_filters_and_sorting_of_people(client_of, cast):
    adam = client_of("adam")
    assert "鲍勃" in adam.get("/people?q=BOB").text or "鲍勃" in adam.get("/people?q=bob").text
    assert "没有符合的人员" in adam.get("/people?q=%25").text
    assert "朵拉" not in adam.get(f"/people?team={cast.teams['red']}").text
    assert "欧佳" not in adam.get("/people?role=member").text
    assert "没有符合的人员" in adam.get("/people?state=inactive").text
    nonsense = "/people?sort=-seen&page=99999999999999999999&role=king&team=x"
    assert adam.get(nonsense, follow_redirects=True).status_code == 200


def test_long_lists_ask_the_database_a_fixed_number_of_questions(client_of, queries, cast):
    with unit_of_work() as session:
        at = session.get_one(User, cast.users["bob"]).created_at
        session.add_all(User(login=f"u{n}", name=f"人{n}", role="member", created_at=at) for n in range(300))
        session.add_all(Team(name=f"组{n}", created_at=at) for n in range(60))
    for name, path, most in (("adam", "/people", 6), ("olga", "/teams", 6), ("olga", f"/teams/{cast.teams['red']}", 7)):
        with queries() as seen:
            assert client_of(name).get(path).status_code == 200
        assert seen.count <= most, (path, seen.statements)


@pytest.mark.parametrize("role", ["adam", "audrey", "mona", "olga"])
def test_only_those_who_go_out_are_put_into_a_team(client_of, actor, cast, role):
    with pytest.raises(Invalid, match=r"people\.role_needed"), unit_of_work():
        commands.join_team(actor("adam"), user_id=cast.users[role], team_id=cast.teams["red"], on=DAY_2)
    entry = {"user_id": cast.users[role], "on": DAY_2.isoformat()}
    assert client_of("adam").post(f"/teams/{cast.teams['red']}/join", data=entry).status_code == 422


@pytest.mark.parametrize("on", ["2026-13-99", "", "nonsense", "9999-12-31"])
def test_a_leave_without_a_day_changes_nothing(client_of, cast, on):
    answer = client_of("adam").post(f"/teams/{cast.teams['red']}/leave/{cast.users['bob']}", data={"on": on})
    assert answer.status_code == 422
    assert "请填写从哪一天起" in answer.text
    held = select(Membership.valid_to).where(Membership.user_id == cast.users["bob"])
    assert db.session.execute(held).all() == [(None,)]


def test_a_lead_no_longer_sees_whoever_was_transferred(client_of, actor, cast):
    alice = client_of("alice")
    assert alice.get(f"/people/{cast.users['bob']}").status_code == 200
    with unit_of_work():
        commands.join_team(actor("adam"), user_id=cast.users["bob"], team_id=cast.teams["blue"], on=DAY_2)
    assert alice.get(f"/people/{cast.users['bob']}").status_code == 404
    assert alice.get(f"/people/{cast.users['eve']}").status_code == 404
    assert client_of("charlie").get(f"/people/{cast.users['bob']}").status_code == 200


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "1999-12-31", "2026-13-99"])
@pytest.mark.parametrize(
    "path", ["/audit?from={}", "/audit?to={}", "/exports/log?from={}", "/exports/log?to={}", "/teams?day={}"]
)
def test_a_day_from_the_ends_of_the_calendar_is_none(client_of, day, path):
    answer = client_of("audrey" if path[1] in "ae" else "adam").get(path.format(day))
    assert answer.status_code == 200


def test_people_are_found_by_initials_and_by_state(client_of, cast):
    for _ in range(5):
        client_of(None).post("/sign-in", data={"login": "dora", "password": "wrong wrong 1"})
    with unit_of_work():
        db.session.get_one(User, cast.users["eve"]).password_hash = None
    adam = client_of("adam")

    def found(query):
        page = adam.get(f"/people?{query}").text
        return [name for name in cast.users if f'href="/people/{cast.users[name]}"' in page]

    assert found("q=bb") == ["bob"]  # 鲍勃
    assert found("q=BB") == ["bob"]
    assert found("q=%25") == []
    assert found("state=locked") == ["dora"]
    assert found("state=invited") == ["eve"]


def test_a_locked_account_says_so_to_who_can_help_and_is_let_in_again(client_of, cast):
    dora = cast.users["dora"]
    assert client_of(None).post("/sign-in", data={"login": "dora", "password": PASSWORD}).status_code == 302
    for _ in range(5):
        client_of(None).post("/sign-in", data={"login": "dora", "password": "wrong wrong 1"})
    assert client_of(None).post("/sign-in", data={"login": "dora", "password": PASSWORD}).status_code == 422
    assert "登录失败次数过多" in client_of("adam").get(f"/people/{dora}").text
    assert "登录失败次数过多" not in client_of("charlie").get(f"/people/{dora}").text
    let_in = client_of("adam").post(f"/people/{dora}/active", data={"active": 1, "version": 1})
    assert let_in.status_code == 302
    assert "登录失败次数过多" not in client_of("adam").get(f"/people/{dora}").text
    assert client_of(None).post("/sign-in", data={"login": "dora", "password": PASSWORD}).status_code == 302


def test_a_roster_tells_who_comes_later_who_goes_and_whose_account_was_closed(client_of, cast):
    bob, eve, red = cast.users["bob"], cast.users["eve"], cast.teams["red"]
    with unit_of_work():
        commands.leave_team(SYSTEM, user_id=bob, on=DAY_6, team_id=red)
        commands.join_team(SYSTEM, user_id=eve, team_id=red, on=DAY_6)
        commands.set_active(SYSTEM, bob, version=1, active=False)
    olga = client_of("olga")
    page = olga.get(f"/teams/{red}").text
    now, _, later = page.partition("之后加入")
    assert "鲍勃" in now
    assert "停用账号" in now
    assert "2026-11-20" in now  # his last day
    assert f'href="/people/{eve}"' in later
    assert f'href="/people/{eve}"' not in now
    assert f'href="/people/{eve}"' in olga.get(f"/teams/{red}?day={DAY_6}").text.partition("之后加入")[0]
    assert f'href="/people/{bob}"' not in olga.get(f"/teams/{red}?day={DAY_6}").text


def test_teams_are_searched_filtered_and_paged(client_of, cast):
    with unit_of_work():
        for number in range(60):
            commands.create_team(SYSTEM, name=f"新队{number:02}", slogan="冲" if number == 7 else "")
        commands.change_team(SYSTEM, cast.teams["blue"], version=1, name="蓝队", slogan="", active=False)
    olga = client_of("olga")
    first, second = olga.get("/teams").text, olga.get("/teams?page=2").text
    assert ("红队" in first, "新队59" in first, "新队59" in second) == (True, False, True)
    assert "蓝队" in olga.get("/teams?state=closed").text
    assert "红队" not in olga.get("/teams?state=closed").text
    for query, name in (("冲", "新队07"), ("爱丽", "红队"), ("队59", "新队59")):
        assert name in olga.get("/teams", query_string={"q": query}).text
    assert "没有符合条件的小组" in olga.get("/teams?q=nonsense").text
