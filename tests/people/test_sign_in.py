"""The way in and out: one sentence for every failure, a lock that counts, and sessions that end when they should."""

import re
from datetime import timedelta

import pytest
import time_machine

from crm.kernel.clock import now
from crm.kernel.db import db
from crm.kernel.errors import Invalid
from crm.kernel.unit_of_work import unit_of_work
from crm.people import commands
from crm.people.models import User
from crm.people.rules import FAILURES_BEFORE_LOCK
from tests.cast import PASSWORD
from tests.moments import NOON

WRONG = "登录名或密码不正确。"
TOKEN = re.compile(r'(?:content|value)="[\w.-]{60,}')
BROWSER = {"Accept": "text/html"}


def sign_in(client, login="bob", password=PASSWORD, **more):
    return client.post("/sign-in", data={"login": login, "password": password, **more})


def test_bob_signs_in_and_lands_where_he_was_going(client_of):
    client = client_of(None)
    sent = client.get("/account", headers=BROWSER)
    assert sent.headers["Location"] == "/sign-in?next=/account"
    answer = sign_in(client, next="/account")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/account")
    assert client.get("/account").status_code == 200


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(client_of):
    answers = [sign_in(client_of(None), login, "nonsense 1234") for login in ("bob", "nobody")]
    assert [answer.status_code for answer in answers] == [422, 422]
    texts = [TOKEN.sub("", answer.text.replace("nobody", "bob")) for answer in answers]
    assert WRONG in texts[0]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("login", ["bob", "nobody"])
def test_five_failures_lock_and_the_lock_ends_and_doubles(client_of, login):
    client = client_of(None)
    for _ in range(5):
        assert WRONG in sign_in(client, login, "wrong wrong 1").text
    assert "15 分钟后再试" in sign_in(client, login).text
    with time_machine.travel(NOON + timedelta(minutes=17), tick=True):
        assert WRONG in sign_in(client, login, "wrong wrong 2").text
        assert "30 分钟后再试" in sign_in(client, login).text


def test_the_right_password_opens_after_the_lock_and_forgets_the_failures(client_of, cast):
    client = client_of(None)
    for _ in range(5):
        sign_in(client, password="wrong wrong 1")
    with time_machine.travel(NOON + timedelta(minutes=17), tick=True):
        assert sign_in(client).status_code == 302
    bob = db.session.get_one(User, cast.users["bob"], populate_existing=True)
    assert (bob.failed_sign_ins, bob.locked_until) == (0, None)


def test_one_address_cannot_try_many_names(client_of):
    client = client_of(None)
    for number in range(commands.FAILURES_PER_ADDRESS):
        sign_in(client, f"nobody{number}", "wrong wrong 1")
    assert "分钟后再试" in sign_in(client, "dora").text


def test_a_full_address_lets_in_whom_it_knows_and_tells_strangers_nothing(client_of):
    assert sign_in(client_of(None), "dora").status_code == 302
    for number in range(commands.FAILURES_PER_ADDRESS):
        sign_in(client_of(None), f"nobody{number}", "wrong wrong 1")
    assert sign_in(client_of(None), "dora").status_code == 302
    answers = [sign_in(client_of(None), login, "wrong wrong 1").text for login in ("dora", "bob", "nobody")]
    told = {TOKEN.sub("", text.replace("nobody", "dora").replace("bob", "dora")) for text in answers}
    assert len(told) == 1
    assert "分钟后再试" in told.pop()
    for _ in range(FAILURES_BEFORE_LOCK - 1):
        sign_in(client_of(None), "dora", "wrong wrong 1")
    assert "分钟后再试" in sign_in(client_of(None), "dora").text


def at(address):
    return {"environ_base": {"REMOTE_ADDR": address}}


def tried(client, login, password, address):
    return client.post("/sign-in", data={"login": login, "password": password}, **at(address))


def test_who_tries_from_elsewhere_locks_nobody_out_of_an_address_that_knows_them(client_of):
    assert tried(client_of(None), "bob", PASSWORD, "10.0.0.1").status_code == 302
    for number in range(8):
        tried(client_of(None), "bob", f"wrong wrong {number}", f"203.0.113.{number}")
    assert "分钟后再试" in tried(client_of(None), "bob", PASSWORD, "203.0.113.99").text
    assert tried(client_of(None), "bob", PASSWORD, "10.0.0.1").status_code == 302
    # That bob came in at home gives those elsewhere no further tries.
    assert "分钟后再试" in tried(client_of(None), "bob", PASSWORD, "203.0.113.99").text


def test_at_an_address_that_knows_them_five_failures_lock_there_and_the_lock_ends(client_of):
    assert tried(client_of(None), "bob", PASSWORD, "10.0.0.1").status_code == 302
    for number in range(5):
        assert WRONG in tried(client_of(None), "bob", f"wrong wrong {number}", "10.0.0.1").text
    assert "15 分钟后再试" in tried(client_of(None), "bob", PASSWORD, "10.0.0.1").text
    assert tried(client_of(None), "bob", PASSWORD, "10.0.0.2").status_code == 302
    with time_machine.travel(NOON + timedelta(minutes=17), tick=True):
        assert tried(client_of(None), "bob", PASSWORD, "10.0.0.1").status_code == 302
        assert WRONG in tried(client_of(None), "bob", "wrong wrong 9", "10.0.0.1").text


def test_a_copied_cookie_is_dead_after_sign_out(client_of):
    client = client_of(None)
    sign_in(client)
    copied = client.get_cookie("crm_session").value
    assert client.post("/sign-out").status_code == 302
    thief = client_of(None)
    thief.set_cookie("crm_session", copied)
    assert thief.get("/account").status_code == 302
    assert thief.get("/account", headers=BROWSER).headers["Location"].startswith("/sign-in")


def test_signing_in_begins_a_session_of_its_own(client_of):
    client = client_of(None)
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    sign_in(client)
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session["_user_id"].endswith("|1")


def test_a_person_shut_out_is_out_with_the_next_request(client_of, actor, cast):
    client = client_of(None)
    sign_in(client)
    assert client.get("/account").status_code == 200
    with unit_of_work():
        commands.set_active(actor("adam"), cast.users["bob"], version=1, active=False)
    assert client.get("/account").status_code == 302
    assert client.get("/account", headers=BROWSER).headers["Location"].startswith("/sign-in")
    assert WRONG in sign_in(client).text


def test_a_changed_role_ends_the_session(client_of, cast):
    bob = client_of("bob")
    card = {"name": "鲍勃", "role": "team_lead", "email": "", "phone": "", "active": "y", "version": 1}
    assert client_of("adam").post(f"/people/{cast.users['bob']}/edit", data=card).status_code == 302
    assert bob.get("/account").status_code == 302


def test_a_session_ends_after_twelve_hours(client_of):
    client = client_of(None)
    sign_in(client)
    for minutes in (*range(25, 12 * 60, 25), 12 * 60 - 1):
        with time_machine.travel(NOON + timedelta(minutes=minutes), tick=True):
            assert client.get("/account").status_code == 200
    with time_machine.travel(NOON + timedelta(hours=12, minutes=1), tick=True):
        assert client.get("/account").status_code == 302


def test_changing_the_password_keeps_this_session_and_ends_the_others(client_of):
    here, there = client_of(None), client_of(None)
    sign_in(here)
    sign_in(there)
    new = "三个 无关 的词语 1a"
    wrong = here.post("/account/password", data={"current": "wrong", "new": new, "again": new})
    differing = here.post("/account/password", data={"current": PASSWORD, "new": new, "again": new + "x"})
    weak = here.post("/account/password", data={"current": PASSWORD, "new": "1234567890", "again": "1234567890"})
    assert [wrong.status_code, differing.status_code, weak.status_code] == [422, 422, 422]
    assert "当前密码不正确" in wrong.text
    assert here.post("/account/password", data={"current": PASSWORD, "new": new, "again": new}).status_code == 302
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 302
    assert sign_in(client_of(None), password=new).status_code == 302


def test_ending_other_sessions_keeps_this_one(client_of):
    here, there = client_of(None), client_of(None)
    sign_in(here)
    sign_in(there)
    assert here.post("/account/sessions").status_code == 302
    assert [client.get("/account").status_code for client in (here, there)] == [200, 302]


def test_a_one_time_link_sets_the_password_once(client_of, actor, cast):
    shown = client_of("adam").post(f"/people/{cast.users['dora']}/token").text
    path = "/welcome/" + shown.partition("/welcome/")[2].partition('"')[0]
    dora, new = client_of(None), "a brand new one 1"
    assert "朵拉" in dora.get(path).text
    assert dora.post(path, data={"new": "short", "again": "short"}).status_code == 422
    assert dora.post(path, data={"new": new, "again": new}).status_code == 302
    assert dora.get("/account").status_code == 200
    assert client_of(None).get(path).status_code == 404
    assert sign_in(client_of(None), "dora", new).status_code == 302


def test_a_link_dies_after_seven_days(client_of, actor, cast):
    with unit_of_work():
        token = commands.issue_token(actor("adam"), cast.users["dora"], at=now())
    with time_machine.travel(NOON + timedelta(days=7, minutes=1), tick=True):
        assert client_of(None).get(f"/welcome/{token}").status_code == 404
        with pytest.raises(Invalid), unit_of_work():
            commands.redeem_token(token, password="a brand new one 1", at=now())


def test_whoever_was_handed_a_password_changes_it_before_anything_else(client_of, cast):
    with unit_of_work():
        db.session.get_one(User, cast.users["bob"]).must_change_password = True
    bob = client_of("bob")
    for path in ("/account", "/districts", "/help"):
        assert bob.get(path).headers["Location"] == "/account/password"
    assert bob.post("/account/sessions").status_code == 403
    assert bob.get("/account/password").status_code == 200
    new = "a brand new one 1"
    bob.post("/account/password", data={"current": PASSWORD, "new": new, "again": new})
    assert bob.get("/account").status_code == 200


def test_typed_names_are_kept_and_shown_as_text_and_long_ones_are_refused(client_of):
    evil = '"><script>alert(1)</script>'
    page = sign_in(client_of(None), evil, "wrong wrong 1").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert sign_in(client_of(None), "b" * 300).status_code == 422


def test_the_card_of_the_demo_is_shown_in_the_demo_only(app, client_of, cast, monkeypatch):
    one = {"login": "bob", "password": "demo-word", "name": "鲍勃", "role": "member"}
    monkeypatch.setitem(app.extensions, "crm.demo_sign_ins", [one])
    assert "demo-word" not in client_of(None).get("/sign-in").text
    monkeypatch.setitem(app.extensions, "crm.settings", app.extensions["crm.settings"].for_tests(demo=True))
    assert "demo-word" in client_of(None).get("/sign-in").text


def later(minutes):
    return time_machine.travel(NOON + timedelta(minutes=minutes), tick=True)


def test_an_idle_session_ends_says_why_and_leads_back(client_of):
    client = client_of(None)
    sign_in(client)
    with later(29):
        assert client.get("/account").status_code == 200
    with later(58):
        assert client.get("/account").status_code == 200  # used at 29
    with later(89):
        sent = client.get("/teams?page=2", headers=BROWSER)
        assert sent.headers["Location"] == "/sign-in?next=/teams?page%3D2"
        page = client.get(sent.headers["Location"]).text
        assert "30 分钟没有操作" in page
        assert sign_in(client, next="/teams?page=2").headers["Location"] == "/teams?page=2"
        assert client.get("/account").status_code == 200


def test_the_bank_chooses_how_long_idle_may_be(app, client_of, monkeypatch):
    monkeypatch.setitem(app.extensions, "crm.settings", app.extensions["crm.settings"].for_tests(idle_minutes=90))
    client = client_of(None)
    sign_in(client)
    with later(89):
        assert client.get("/account").status_code == 200
    with later(89 + 91):
        assert client.get("/account").status_code == 302
        assert "90 分钟没有操作" in client.get("/sign-in").text


def test_what_a_page_asks_for_by_itself_keeps_no_session_alive(app, client_of, cast):
    client = client_of(None)
    sign_in(client, "olga")
    view = app.view_functions["contest.standings"]
    assert view.unattended
    with later(20):
        assert client.get("/contests/1/standings").status_code in (200, 404)
    with later(40):
        assert client.get("/contests/1/standings", headers={"HX-Request": "true"}).status_code == 401


def test_a_form_sent_too_late_changes_nothing_and_leads_back_to_its_page(client_of):
    client = client_of(None)
    sign_in(client, "olga")
    with later(31):
        answer = client.post("/teams/new", data={"name": "绿队"}, headers={"Referer": "http://localhost/teams/new?a=1"})
        assert answer.status_code == 401
        assert "/sign-in?next=/teams/new%3Fa%3D1" in answer.text
        foreign = client.post("/teams/new", data={"name": "绿队"}, headers={"Referer": "http://elsewhere.example/x"})
        assert "/sign-in?next=/&#34;" in foreign.text or '/sign-in?next=/"' in foreign.text
        sign_in(client, "olga")
        assert "绿队" not in client.get("/teams").text


def test_who_signs_out_is_not_told_of_idleness(client_of):
    client = client_of(None)
    sign_in(client)
    client.post("/sign-out")
    assert "分钟没有操作" not in client.get("/sign-in").text
