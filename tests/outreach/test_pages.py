"""Pages of the daily log and of visits: who may write, what is refused and how, nothing twice, nothing overwritten."""

import html
import re
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.ledger import Clocks
from crm.outreach import commands, log_commands, queries
from crm.outreach.models import DailyLog, Tally, Visit
from tests.moments import BELL, DAY_2, DAY_3, NOON

MARKUP = "<script>alert(1)</script>"


def log_url(cast, team="red", day=DAY_2, rest=""):
    return f"/log/{cast.campaigns['roadshow']}/{cast.teams[team]}/{day}{rest}"


def keys(cast, team="red"):
    return {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams[team], "day": DAY_2}


def declared(actor, cast):
    db.session.rollback()
    return queries.declared_counts(actor("olga"), **keys(cast))


def many_visits(actor, cast, number, note=""):
    drafts = [
        commands.VisitDraft(
            f"v-{at}", cast.users["bob"], "consulted", Clocks.at(NOON - timedelta(minutes=at)), note=note
        )
        for at in range(number)
    ]
    with unit_of_work():
        commands.record_visits(actor("alice"), campaign_id=cast.campaigns["roadshow"], drafts=drafts)


def count(model):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model))


def test_the_log_opens_on_what_the_reader_means(client_of, cast):
    page = client_of("alice").get("/log").text
    for words in ("红队", "东大街路演", "爱丽", "鲍勃", "2026-11-17"):
        assert words in page
    assert "蓝队" not in page
    assert "蓝队" in client_of("mona").get("/log").text


@pytest.mark.parametrize(
    "query", ["day=x", "day=0001-01-01", "day=9999-12-31", "day=2026-11-30", "day=2001-01-01", "campaign=1"]
)
def test_the_log_stands_any_day(client_of, cast, query):
    for who in ("alice", "olga", "mona", "audrey", "tim"):
        assert client_of(who).get(f"/log?{query}").status_code == 200
        assert client_of(who).get(f"/logs?{query}").status_code == 200


def test_another_team_s_log_and_a_missing_one_answer_alike(client_of, cast):
    alice, blue, road = client_of("alice"), cast.teams["blue"], cast.campaigns["roadshow"]
    for query in (
        f"campaign={road}&team={blue}",
        f"campaign={road}&team=9999",
        "campaign=9999",
        "campaign=x",
        f"campaign={2**63}",
    ):
        assert alice.get(f"/log?{query}").status_code == 404
    for path in (
        log_url(cast, "blue"),
        log_url(cast, "blue", rest="/visits"),
        "/log/9999/1/2026-11-17",
        log_url(cast, day="soon"),
    ):
        assert alice.post(path, data={}).status_code == 404
    assert alice.post(log_url(cast, "blue", rest="/submit")).status_code == 404
    assert alice.post(log_url(cast, "blue", rest="/lock")).status_code == 404
    assert alice.get(log_url(cast, "blue", rest="/visits")).status_code == 404


@pytest.mark.parametrize(
    ("who", "rest", "status"),
    [
        ("mona", "", 403), ("audrey", "", 403), ("bob", "/submit", 403), ("bob", "/lock", 403), ("alice", "/unlock", 403),
        ("mona", "/visits", 403), ("adam", "", 403),
    ],
)  # fmt: skip
def test_the_wrong_role_is_turned_away(client_of, cast, who, rest, status):
    assert client_of(who).post(log_url(cast, rest=rest), data={"reason": "x"}).status_code == status


def test_counts_and_words_are_saved_and_handed_in(client_of, actor, cast):
    bob = cast.users["bob"]
    data = {
        "version": 1,
        f"d-{bob}-consults": "１２",
        f"s-{bob}-consults": "",
        f"d-{bob}-leaflets": "",
        "highlights": "卖水果的大姐",
    }
    alice = client_of("alice")
    assert alice.post(log_url(cast), data=data).status_code == 302
    assert declared(actor, cast) == {bob: {"consults": 12}}
    page = alice.get("/log").text
    assert "卖水果的大姐" in page
    assert "+12" in page
    handed = alice.post(log_url(cast, rest="/submit"), data={"version": 2, "highlights": "卖水果的大姐"})
    assert handed.status_code == 302
    log = db.session.scalars(select(DailyLog)).one()
    assert (log.status, log.late) == ("submitted", False)
    assert "已提交" in client_of("olga").get("/logs").text


@pytest.mark.parametrize("typed", ["-1", "1e308", "NaN", "1.5", "True", "999999", "很多"])
def test_what_is_no_count_comes_back_as_typed_and_nothing_is_saved(client_of, actor, cast, typed):
    bob = cast.users["bob"]
    data = {"version": 1, f"d-{bob}-doors": typed, f"d-{bob}-consults": "3", "plan": "明天去西街"}
    answer = client_of("alice").post(log_url(cast), data=data)
    assert answer.status_code == 422
    assert f'value="{typed}"' in answer.text
    assert "明天去西街" in answer.text
    assert count(Tally) == 0


def test_two_people_in_one_grid_do_not_overwrite_each_other(client_of, actor, cast):
    bob = cast.users["bob"]
    first = {"version": 1, f"d-{bob}-doors": "5", f"s-{bob}-doors": ""}
    assert client_of("alice").post(log_url(cast), data=first).status_code == 302
    late = client_of("olga").post(log_url(cast), data={**first, f"d-{bob}-doors": "7", "highlights": "另一段话"})
    assert late.status_code == 409
    assert "另一段话" in late.text
    assert declared(actor, cast) == {bob: {"doors": 5}}
    untouched = {"version": 1, f"d-{bob}-doors": "", f"s-{bob}-doors": "", "highlights": "红队很好"}
    assert client_of("olga").post(log_url(cast), data=untouched).status_code == 302
    stale = client_of("alice").post(log_url(cast), data={"version": 1, "highlights": "我的话"})
    assert (stale.status_code, "我的话" in stale.text, "红队很好" in stale.text) == (409, True, True)
    assert declared(actor, cast) == {bob: {"doors": 5}}


def test_a_member_writes_in_the_own_row_only(client_of, actor, cast):
    alice, bob = cast.users["alice"], cast.users["bob"]
    page = client_of("bob").get("/log").text
    assert f'name="d-{bob}-doors"' in page
    assert f'name="d-{alice}-doors"' not in page
    assert 'name="highlights"' not in page
    data = {f"d-{bob}-doors": "4", f"d-{alice}-doors": "9", "highlights": "我写的", "version": 1}
    assert client_of("bob").post(log_url(cast), data=data).status_code == 302
    assert declared(actor, cast) == {bob: {"doors": 4}}
    assert queries.log_of(actor("olga"), **keys(cast)).highlights == ""


def test_a_locked_day_is_read_only_until_it_is_opened_with_a_reason(client_of, actor, cast):
    alice, olga, bob = client_of("alice"), client_of("olga"), cast.users["bob"]
    assert alice.post(log_url(cast, rest="/lock")).status_code == 302
    assert f'name="d-{bob}-doors"' not in alice.get("/log").text
    for who in ("alice", "bob"):
        assert client_of(who).post(log_url(cast), data={"version": 1, f"d-{bob}-doors": "4"}).status_code == 409
    assert olga.post(log_url(cast, rest="/unlock"), data={"reason": ""}).status_code == 422
    assert olga.post(log_url(cast, rest="/unlock"), data={"reason": "漏记"}).status_code == 302
    assert alice.post(log_url(cast), data={"version": 1, f"d-{bob}-doors": "4"}).status_code == 302


def test_what_is_typed_while_somebody_locks_the_day_is_shown_and_not_saved(client_of, actor, cast):
    bob = cast.users["bob"]
    client_of("olga").post(log_url(cast, rest="/lock"))
    form = {"version": 1, "difficulties": "雨天客户少", f"d-{bob}-leaflets": "40", f"s-{bob}-leaflets": ""}
    answer = client_of("alice").post(log_url(cast), data=form)
    assert answer.status_code == 409
    shown = answer.text.partition("未保存：您填写的内容")[2].partition("</dl>")[0]
    assert ("雨天客户少" in shown, ">40<" in shown) == (True, True)
    assert "雨天客户少" not in client_of("alice").get("/log").text


def test_a_day_that_has_not_come_takes_nothing(client_of, cast):
    bob = cast.users["bob"]
    assert client_of("bob").post(log_url(cast, day=DAY_3), data={f"d-{bob}-doors": "4"}).status_code == 422
    assert client_of("alice").post(log_url(cast, day=DAY_3, rest="/submit"), data={}).status_code == 422
    assert client_of("alice").post(log_url(cast, day=DAY_3, rest="/lock")).status_code == 422
    assert count(DailyLog) == 0


def test_the_overview_locks_all_teams_at_once(client_of, actor, cast):
    olga = client_of("olga")
    assert olga.post(f"/logs/{cast.campaigns['roadshow']}/{DAY_2}/lock").status_code == 302
    db.session.rollback()
    assert {row.status for row in queries.logs_of(actor("olga"), DAY_2)} == {"locked"}


def test_a_visit_is_recorded_once_and_undone_with_a_reason(client_of, cast):
    bob = client_of("bob")
    data = {
        "member": cast.users["bob"],
        "outcome": "interested",
        "at": "11:20",
        "note": "粮油店",
        "client_uid": "one-visit",
    }
    for _ in range(2):
        assert bob.post(log_url(cast, rest="/visits"), data=data).status_code == 302
    visit = db.session.scalars(select(Visit)).one()
    assert "粮油店" in bob.get(log_url(cast, rest="/visits")).text
    assert bob.post(log_url(cast, rest="/visits"), data=data | {"note": "面馆"}).status_code == 409
    assert client_of("dora").post(f"/visits/{visit.id}/void", data={"reason": "x"}).status_code == 404
    assert bob.post(f"/visits/{visit.id}/void", data={"reason": " "}).status_code == 422
    assert bob.post(f"/visits/{visit.id}/void", data={"reason": "误点"}).status_code == 302
    assert bob.post(f"/visits/{visit.id}/void", data={"reason": "误点"}).status_code == 409
    assert "误点" in bob.get(log_url(cast, rest="/visits")).text
    assert bob.post(f"/visits/{2**63}/void", data={"reason": "x"}).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": "23:59"}, {"at": "25:00"}, {"at": ""}, {"outcome": "magic"}, {"outcome": ""}, {"member": "77"},
        {"member": "x"}, {"companion": "self"}, {"note": "长" * 501}, {"note": "长" * 501, "client_uid": "u" * 50},
    ],
)  # fmt: skip
def test_a_visit_that_cannot_be_is_refused_with_words(client_of, cast, wrong):
    if wrong.get("companion") == "self":
        wrong = {"companion": cast.users["bob"]}
    data = {"member": cast.users["bob"], "outcome": "interested", "at": "11:20", "note": "粮油店"} | wrong
    answer = client_of("bob").post(log_url(cast, rest="/visits"), data=data)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert count(Visit) == 0


def test_markup_stays_text(client_of, actor, cast):
    many_visits(actor, cast, 1, note=MARKUP)
    with unit_of_work():
        log_commands.save_log(
            actor("alice"),
            at=NOON,
            highlights=MARKUP,
            difficulties=MARKUP,
            help_needed=MARKUP,
            plan=MARKUP,
            **keys(cast),
        )
    for who in ("alice", "bob", "olga"):
        for path in ("/log", "/logs", log_url(cast, rest="/visits")):
            answer = client_of(who).get(path)
            assert (answer.status_code, MARKUP in answer.text) == (200, False)
    assert "alert(1)" not in client_of("tim").get(log_url(cast, rest="/visits")).text


def test_the_pages_ask_a_bounded_number_of_questions(client_of, actor, cast, queries):
    client = client_of("alice")
    paths = ("/log", "/logs", log_url(cast, rest="/visits"))
    many_visits(actor, cast, 1)
    for path in paths:
        client.get(path)
    few = {}
    for path in paths:
        db.session.remove()  # what this test still holds would spare the page a question
        with queries() as seen:
            client.get(path)
        few[path] = seen.count
    many_visits(actor, cast, 60)
    for path in paths:
        db.session.remove()
        with queries() as seen:
            client.get(path)
        assert seen.count == few[path] <= 30, path


def test_the_visits_of_a_day_come_in_pages(client_of, actor, cast):
    many_visits(actor, cast, 60)
    client = client_of("alice")
    first, second = (client.get(log_url(cast, rest=f"/visits?page={page}")).text for page in (1, 2))
    assert first.count("<dialog") - second.count("<dialog") == 40


def test_a_late_log_says_so(client_of, actor, cast):
    with unit_of_work():
        log_commands.submit_log(actor("alice"), at=BELL + timedelta(hours=1), **keys(cast))
    client = client_of("alice")
    client.set_cookie("crm_lang", "en")
    assert "Handed in late" in client.get("/log").text
    assert "Handed in late" in client.get("/logs").text


def form_of(page, cast):
    """The fields of the log as a browser would send them."""
    box = re.search(rf'<form[^>]*action="{log_url(cast)}".*?</form>', page, re.S).group()
    found = {}
    for tag in re.findall(r"<input[^>]*>", box):
        name, value = (re.search(rf' {part}="([^"]*)"', tag) for part in ("name", "value"))
        if name:
            found[name.group(1)] = html.unescape(value.group(1)) if value else ""
    for name, value in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', box, re.S):
        found[name] = html.unescape(value).strip()
    return found


def test_a_mistyped_form_does_not_learn_what_its_writer_has_not_seen(client_of, actor, cast):
    bob, alice = cast.users["bob"], cast.users["alice"]
    cell, other = f"d-{bob}-doors", f"d-{alice}-leaflets"
    mine = form_of(client_of("alice").get("/log").text, cast)
    theirs = {**mine, cell: "5", "highlights": "奥尔加的话", "client_uid": str(uuid.uuid4())}
    assert client_of("olga").post(log_url(cast), data=theirs).status_code == 302
    wrong = client_of("alice").post(log_url(cast), data={**mine, other: "many", "highlights": "我的话"})
    assert wrong.status_code == 422
    assert f'action="{log_url(cast)}" data-auto-submit' not in wrong.text
    again = form_of(wrong.text, cast)
    assert (again["version"], again[cell]) == (mine["version"], "")
    stale = client_of("alice").post(log_url(cast), data={**again, other: "3"})
    assert (stale.status_code, "奥尔加的话" in stale.text) == (409, True)
    assert declared(actor, cast) == {bob: {"doors": 5}}
    seen = form_of(stale.text, cast)
    assert (seen[cell], seen[other], seen["highlights"]) == ("5", "3", "我的话")
    assert client_of("alice").post(log_url(cast), data=seen).status_code == 302
    assert declared(actor, cast) == {bob: {"doors": 5}, alice: {"leaflets": 3}}


PHONE = "客户 138 0013 8000 说好"


def test_a_phone_has_no_place_in_words_that_many_read(client_of, actor, cast):
    alice, at = client_of("alice"), {"version": 1}
    refused = alice.post(log_url(cast), data={**at, "plan": PHONE})
    assert (refused.status_code, PHONE in refused.text, "有手机号" in refused.text) == (422, True, True)
    many_visits(actor, cast, 1)
    visit = db.session.scalar(select(Visit.id))
    refused = alice.post(f"/visits/{visit}/void", data={"reason": PHONE})
    assert (refused.status_code, PHONE in refused.text, "有手机号" in refused.text) == (422, True, True)
    assert alice.post(log_url(cast, rest="/lock")).status_code == 302
    refused = client_of("olga").post(log_url(cast, rest="/unlock"), data={"reason": PHONE})
    assert (refused.status_code, PHONE in refused.text, "有手机号" in refused.text) == (422, True, True)


def test_why_a_visit_was_undone_is_not_for_the_hired_trainer(client_of, actor, cast):
    many_visits(actor, cast, 1)
    visit = db.session.scalar(select(Visit.id))
    assert client_of("alice").post(f"/visits/{visit}/void", data={"reason": "王老板不愿登记"}).status_code == 302
    place = log_url(cast, rest="/visits")
    assert "王老板不愿登记" in client_of("alice").get(place).text
    assert "王老板不愿登记" not in client_of("tim").get(place).text
