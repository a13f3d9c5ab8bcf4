"""Pages of meetings: who sees which, what is typed stays, two recorders do not overwrite each other."""

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from sqlalchemy import delete, func, select

from crm.campaigns.models import CampaignTeam
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.meetings import queries
from crm.meetings.models import CaseCard, Meeting, Minute, StoredReport, Todo
from crm.outreach.models import Attendance, DailyLog, Pledge
from tests.meetings.setting import LATER, a_day, meeting, pk
from tests.meetings.test_reports import store, tamper
from tests.moments import BELL, DAY_1, DAY_2, DAY_6

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def morning(actor, cast):
    return meeting(actor, cast, kind="morning")


@pytest.fixture
def evening(actor, cast):
    a_day(actor, cast)
    return meeting(actor, cast)


def count(table):
    return db.session.scalar(select(func.count()).select_from(table))


def test_a_team_lead_opens_the_meeting_from_the_days_list(client_of, cast):
    client = client_of("alice")
    page = client.get(f"/meetings?day={DAY_2}").text
    assert "红队" in page
    assert "蓝队" not in page
    form = {
        "campaign_id": cast.campaigns["roadshow"],
        "team_id": cast.teams["red"],
        "day": DAY_2.isoformat(),
        "kind": "morning",
    }
    first, second = client.post("/meetings/open", data=form), client.post("/meetings/open", data=form)
    assert first.status_code == 302
    assert first.location == second.location
    assert count(Meeting) == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [({"team_id": "2"}, 404), ({"team_id": ""}, 404), ({"day": "2027-01-01"}, 422), ({"day": "never"}, 422), ({"kind": "noon"}, 422),
     ({"campaign_id": "99"}, 404), ({"campaign_id": str(2**63)}, 404), ({"day": "2026-11-20"}, 422)],
)  # fmt: skip
def test_a_meeting_that_cannot_be_is_refused_in_words(client_of, cast, change, status):
    form = {
        "campaign_id": cast.campaigns["roadshow"],
        "team_id": cast.teams["red"],
        "day": DAY_2.isoformat(),
        "kind": "morning",
    }
    assert client_of("alice").post("/meetings/open", data=form | change).status_code == status
    assert count(Meeting) == 0


def test_another_teams_room_answers_as_a_missing_one(actor, cast, client_of):
    blue = meeting(actor, cast, team="blue", kind="morning")
    whole = meeting(actor, cast, team=None)
    for who in ("alice", "bob"):
        client = client_of(who)
        missing = client.get("/meetings/9999")
        for id in (blue, whole):
            answer = client.get(f"/meetings/{id}")
            assert answer.status_code == missing.status_code == 404
            assert abs(len(answer.data) - len(missing.data)) <= 16
        assert client.get("/meetings").status_code == 200
    for path in (
        "minutes",
        "report",
        "close",
        "lock-logs",
        "attendance",
        "todos",
        "cases",
        "routes",
        "passed",
        "pledges",
        "pledges/lock",
    ):
        assert (
            client_of("alice").post(f"/meetings/{blue}/{path}", data={"text": "x", "key": "drill"}).status_code == 404
        ), path


def test_a_member_reads_the_room_and_writes_only_the_own_pledge(morning, cast, client_of):
    bob = client_of("bob")
    assert bob.get(f"/meetings/{morning}").status_code == 200
    assert bob.post(f"/meetings/{morning}/minutes", data={"key": "drill", "text": "x", "version": 0}).status_code == 403
    team = {"team_id": cast.teams["red"]}
    own, other = f"consults-{cast.users['bob']}", f"consults-{cast.users['alice']}"
    assert bob.post(f"/meetings/{morning}/pledges", data=team | {own: "6"}).status_code == 302
    assert bob.post(f"/meetings/{morning}/pledges", data=team | {other: "6"}).status_code == 403
    assert db.session.execute(select(Pledge.member_id, Pledge.value)).all() == [(cast.users["bob"], 6)]


def test_the_roll_is_called_with_reasons(morning, cast, client_of):
    alice, bob = cast.users["alice"], cast.users["bob"]
    form = {"team_id": cast.teams["red"], f"state-{alice}": "present", f"state-{bob}": "leave", f"reason-{bob}": "培训"}
    assert client_of("alice").post(f"/meetings/{morning}/attendance", data=form).status_code == 302
    rows = db.session.execute(
        select(Attendance.member_id, Attendance.state, Attendance.reason).order_by(Attendance.member_id)
    ).all()
    assert rows == [(alice, "present", ""), (bob, "leave", "培训")]
    assert "培训" in client_of("alice").get(f"/meetings/{morning}").text


def test_a_stale_roll_takes_nothing_back_that_another_recorder_called(morning, cast, client_of):
    alice, bob = cast.users["alice"], cast.users["bob"]
    uncalled = {"team_id": cast.teams["red"]} | {
        f"was-{what}-{who}": "" for what in ("state", "reason") for who in (alice, bob)
    }
    first = uncalled | {f"state-{alice}": "present", f"state-{bob}": "leave", f"reason-{bob}": "培训"}
    assert client_of("alice").post(f"/meetings/{morning}/attendance", data=first).status_code == 302
    stale = uncalled | {f"state-{alice}": "late", f"state-{bob}": "present"}
    answer = client_of("olga").post(f"/meetings/{morning}/attendance", data=stale)
    assert answer.status_code == 409
    assert called(alice, bob) == [("present", ""), ("leave", "培训")]
    again = {"team_id": cast.teams["red"]} | fields_of(answer.text, r"(?:was-)?(?:state|reason)-\d+")
    assert (again[f"state-{alice}"], again[f"state-{bob}"], again[f"reason-{bob}"]) == ("late", "leave", "培训")
    assert client_of("olga").post(f"/meetings/{morning}/attendance", data=again).status_code == 302
    assert called(alice, bob) == [("late", ""), ("leave", "培训")]


def called(*members: int) -> list[tuple[str, str]]:
    """State and reason that hold for each."""
    rows = db.session.execute(
        select(Attendance.member_id, Attendance.state, Attendance.reason).order_by(Attendance.id)
    ).all()
    newest = {row[0]: (row[1], row[2]) for row in rows}
    return [newest[member] for member in members]


def fields_of(page: str, names: str) -> dict[str, str]:
    """What the inputs and selects of a page hold, by name."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        if name := re.search(rf'name="({names})"', tag):
            found[name[1]] = unescape(re.search(r'value="([^"]*)"', tag)[1])
    for name, options in re.findall(rf'<select[^>]*name="({names})"[^>]*>(.*?)</select>', page, re.DOTALL):
        found[name] = re.search(r'value="([^"]*)" selected', options)[1]
    return found


def test_a_lead_who_saves_an_old_table_leaves_a_members_new_pledge(morning, cast, client_of):
    team, bob, alice = {"team_id": cast.teams["red"]}, cast.users["bob"], cast.users["alice"]
    client_of("bob").post(f"/meetings/{morning}/pledges", data=team | {f"visits-{bob}": "20"})
    old = team | fields_of(client_of("alice").get(f"/meetings/{morning}").text, r"(?:was-)?visits-\d+")
    client_of("bob").post(f"/meetings/{morning}/pledges", data=team | {f"visits-{bob}": "25"})
    answer = client_of("alice").post(f"/meetings/{morning}/pledges", data=old | {f"visits-{alice}": "18"})
    assert answer.status_code == 302
    assert pledged() == {(bob, "visits"): 25, (alice, "visits"): 18}
    answer = client_of("alice").post(f"/meetings/{morning}/pledges", data=old | {f"visits-{bob}": "22"})
    assert answer.status_code == 409
    assert "25" in re.findall(r'<small class="wt-help">现为：(\d+)</small>', answer.text)
    assert pledged()[bob, "visits"] == 25
    again = team | fields_of(answer.text, r"(?:was-)?visits-\d+")
    assert again[f"visits-{bob}"] == "22"
    assert client_of("alice").post(f"/meetings/{morning}/pledges", data=again).status_code == 302
    assert pledged() == {(bob, "visits"): 22, (alice, "visits"): 18}


def pledged() -> dict[tuple[int, str], int]:
    """What holds, by member and metric."""
    rows = db.session.execute(select(Pledge.member_id, Pledge.metric, Pledge.value).where(Pledge.current)).all()
    return {(row[0], row[1]): row[2] for row in rows}


def test_ticks_and_routes_of_a_stale_form_stay_beside_what_others_wrote(morning, cast, client_of):
    alice, bob = cast.users["alice"], cast.users["bob"]
    client_of("olga").post(f"/meetings/{morning}/passed", data={"member": [alice], "version": 0})
    answer = client_of("alice").post(f"/meetings/{morning}/passed", data={"member": [bob], "version": 0})
    assert answer.status_code == 409
    assert re.findall(r'name="member" value="(\d+)" checked', answer.text) == [str(bob)]
    client_of("olga").post(f"/meetings/{morning}/routes", data={f"partner-{alice}": bob, "version": 0})
    answer = client_of("alice").post(
        f"/meetings/{morning}/routes", data={f"partner-{bob}": alice, f"partner-{alice}": "", "version": 0}
    )
    assert answer.status_code == 409
    assert {f"partner-{bob}": str(alice)}.items() <= fields_of(answer.text, rf"partner-{bob}").items()
    assert answer.text.count("现为：") == 2


@pytest.mark.parametrize("typed", ["-1", "1e3", "NaN", "1.5", "99999", "abc"])
def test_a_pledge_that_is_no_count_is_refused_and_stays_typed(morning, cast, client_of, typed):
    form = {"team_id": cast.teams["red"], f"visits-{cast.users['bob']}": typed}
    answer = client_of("alice").post(f"/meetings/{morning}/pledges", data=form)
    assert answer.status_code == 422
    assert f'value="{typed}"' in answer.text
    assert count(Pledge) == 0


def test_after_the_lock_a_change_is_a_revision_with_a_reason(morning, cast, client_of):
    client = client_of("alice")
    form = {"team_id": cast.teams["red"], f"visits-{cast.users['bob']}": "１２"}
    client.post(f"/meetings/{morning}/pledges", data=form)
    assert client.post(f"/meetings/{morning}/pledges/lock").status_code == 302
    changed = form | {f"visits-{cast.users['bob']}": "15"}
    assert client.post(f"/meetings/{morning}/pledges", data=changed).status_code == 422
    assert client_of("bob").post(f"/meetings/{morning}/pledges", data=changed).status_code == 409
    assert client.post(f"/meetings/{morning}/pledges", data=changed | {"reason": "换了片区"}).status_code == 302
    rows = db.session.execute(
        select(Pledge.value, Pledge.revision, Pledge.current, Pledge.reason).order_by(Pledge.id)
    ).all()
    assert rows == [(12, 1, False, ""), (15, 2, True, "换了片区")]


def test_nothing_pledged_is_nothing_to_lock(morning, client_of):
    assert client_of("alice").post(f"/meetings/{morning}/pledges/lock").status_code == 422
    assert db.session.get_one(Meeting, morning).pledges_locked_at is None


def test_two_recorders_do_not_overwrite_each_other_and_both_texts_are_shown(morning, client_of):
    alice, olga = client_of("alice"), client_of("olga")
    assert (
        alice.post(
            f"/meetings/{morning}/minutes", data={"key": "drill", "text": "嫌利率高怎么答", "version": 0}
        ).status_code
        == 302
    )
    clash = olga.post(f"/meetings/{morning}/minutes", data={"key": "drill", "text": "不需要贷款怎么答", "version": 0})
    assert clash.status_code == 409
    assert "嫌利率高怎么答" in clash.text
    assert "不需要贷款怎么答" in clash.text
    assert (
        olga.post(f"/meetings/{morning}/minutes", data={"key": "notices", "text": "带工牌", "version": 0}).status_code
        == 302
    )
    assert (
        olga.post(
            f"/meetings/{morning}/minutes", data={"key": "drill", "text": "不需要贷款怎么答", "version": 1}
        ).status_code
        == 302
    )
    assert list(db.session.scalars(select(Minute.revision).where(Minute.key == "drill").order_by(Minute.id))) == [1, 2]


def test_the_same_text_again_changes_nothing(morning, client_of):
    for _ in range(2):
        client_of("alice").post(f"/meetings/{morning}/minutes", data={"key": "drill", "text": "同一句", "version": 0})
    assert count(Minute) == 1


@pytest.mark.parametrize("text", ["回访 138 0013 8000", "电话１３８００１３８０００", "x" * 4001])
def test_a_phone_or_an_endless_text_has_no_place_in_minutes(morning, client_of, text):
    answer = client_of("alice").post(
        f"/meetings/{morning}/minutes", data={"key": "notices", "text": text, "version": 0}
    )
    assert answer.status_code == 422
    assert text in answer.text
    assert count(Minute) == 0


def test_markup_is_text_everywhere(evening, cast, client_of, actor):
    client = client_of("alice")
    client.post(f"/meetings/{evening}/minutes", data={"key": "summary", "text": MARKUP, "version": 0})
    client.post(f"/meetings/{evening}/todos", data={"text": MARKUP, "client_uid": "a"})
    client.post(f"/meetings/{evening}/cases", data={"opening": MARKUP, "client_uid": "b"})
    location = client.post(f"/meetings/{evening}/report").location
    for path in (f"/meetings/{evening}", location, f"{location}?print=1", "/meetings/todos"):
        page = client.get(path).text
        assert "<img src=x" not in page, path
        assert "&lt;img src=x" in page, path


def test_a_double_click_adds_one_todo_and_one_case(evening, client_of):
    client = client_of("alice")
    for _ in range(2):
        assert (
            client.post(f"/meetings/{evening}/todos", data={"text": "补资料", "client_uid": "one"}).status_code == 302
        )
        assert (
            client.post(f"/meetings/{evening}/cases", data={"result": "签了", "client_uid": "two"}).status_code == 302
        )
    assert (count(Todo), count(CaseCard)) == (1, 1)
    assert client.post(f"/meetings/{evening}/todos", data={"text": "别的", "client_uid": "one"}).status_code == 409


@pytest.mark.parametrize(
    "form",
    [
        {"text": ""},
        {"text": "x" * 301},
        {"text": "a", "owner_id": "999"},
        {"text": "a", "due_on": "2026-11-01"},
        {"text": "a", "due_on": "soon"},
    ],
)
def test_a_todo_that_cannot_be_is_refused_and_stays_typed(evening, client_of, form):
    answer = client_of("alice").post(f"/meetings/{evening}/todos", data=form)
    assert answer.status_code == 422
    assert f'value="{form["text"]}"' in answer.text
    assert count(Todo) == 0


def test_open_todos_open_the_next_morning_and_are_ticked_off_there(actor, cast, client_of):
    before = meeting(actor, cast, day=DAY_1)
    client = client_of("alice")
    form = {"text": "补传营业执照", "owner_id": cast.users["bob"], "due_on": DAY_2.isoformat()}
    assert client.post(f"/meetings/{before}/todos", data=form).status_code == 302
    today = meeting(actor, cast, kind="morning")
    assert "补传营业执照" in client.get(f"/meetings/{today}").text
    todo = db.session.scalar(select(Todo.id))
    assert client_of("dora").post(f"/meetings/todos/{todo}/done").status_code == 404
    assert client_of("bob").post(f"/meetings/todos/{todo}/done", data={"meeting_id": today}).status_code == 302
    assert "补传营业执照" not in client.get(f"/meetings/{today}").text
    assert "补传营业执照" in client.get("/meetings/todos?state=done").text
    assert "补传营业执照" not in client_of("charlie").get("/meetings/todos?state=done").text


def test_after_a_day_of_rest_the_morning_shows_the_last_evening(actor, cast, client_of):
    evening = meeting(actor, cast)
    client_of("alice").post(f"/meetings/{evening}/minutes", data={"key": "objections", "text": "利率高", "version": 0})
    report = store(actor, cast).id
    rested = meeting(actor, cast, kind="morning", day=DAY_6, at=BELL + timedelta(days=4))
    page = client_of("alice").get(f"/meetings/{rested}").text
    assert f"/meetings/reports/{report}" in page
    assert str(DAY_2) in page
    assert "利率高" in page
    assert (
        f"/meetings/reports/{report}"
        not in client_of("alice").get(f"/meetings/{meeting(actor, cast, kind='morning')}").text
    )


def test_the_evening_locks_the_logs_and_names_the_late(evening, cast, client_of):
    with time_machine.travel(BELL, tick=True):
        client = client_of("alice")
        assert client.post(f"/meetings/{evening}/lock-logs").status_code == 302
        assert db.session.scalar(select(DailyLog.status)) == "locked"
        assert "红队" in client.get(f"/meetings/{evening}").text


def test_a_closed_meeting_takes_nothing_more_until_it_is_opened_again(evening, client_of):
    client = client_of("alice")
    client.post(f"/meetings/{evening}/close", data={"closed": "1"})
    assert client.post(f"/meetings/{evening}/todos", data={"text": "spät"}).status_code == 409
    client.post(f"/meetings/{evening}/close", data={"closed": "0"})
    assert client.post(f"/meetings/{evening}/todos", data={"text": "spät"}).status_code == 302


def test_the_report_is_stored_shown_printed_and_corrected(evening, actor, cast, client_of):
    pk(actor, cast)
    with time_machine.travel(BELL, tick=True):
        client = client_of("alice")
        for key, text in {"summary": "先听后说", "points": "走完整条街", "objections": "利率高"}.items():
            client.post(f"/meetings/{evening}/minutes", data={"key": key, "text": text, "version": 0})
        location = client.post(f"/meetings/{evening}/report").location
        assert client.post(f"/meetings/{evening}/report").location == location
        assert count(StoredReport) == 1
        page = client.get(location).text
        assert page.index("走完整条街") < page.index("利率高") < page.index("先听后说")  # as the agenda has them
        assert "东大街PK" in page
        assert client.get(f"{location}?print=1").status_code == 200
        assert client_of("charlie").get(location).status_code == 404
        assert client_of("bob").get(location).status_code == 200
        assert client_of("bob").post(f"{location}/correct", data={"reason": "x"}).status_code == 403
        assert client.post(f"{location}/correct").status_code == 422
    with time_machine.travel(LATER, tick=True):
        second = client_of("alice").post(f"{location}/correct", data={"reason": "补录"}).location
        assert "补录" in client_of("alice").get(second).text
    assert count(StoredReport) == 2


def test_a_page_of_a_changed_report_says_so(actor, cast, client_of):
    report = store(actor, cast)
    before = client_of("alice").get(f"/meetings/reports/{report.id}").text
    tamper()
    after = client_of("alice").get(f"/meetings/reports/{report.id}")
    assert after.status_code == 200
    assert "wt-note-bad" in after.text
    assert "99" in after.text
    assert "wt-note-bad" not in before


def test_roles_that_run_nothing(evening, client_of):
    for who in ("mona", "audrey", "bob"):
        client = client_of(who)
        assert client.get(f"/meetings/{evening}").status_code == 200
        assert client.post(f"/meetings/{evening}/report").status_code == 403
        assert client.post(f"/meetings/{evening}/todos", data={"text": "x"}).status_code == 403
    assert client_of("adam").get("/meetings").status_code == 403


def test_routes_and_the_drill_are_kept(morning, cast, client_of):
    client, bob, alice = client_of("alice"), cast.users["bob"], cast.users["alice"]
    form = {"version": 0, f"district-{bob}": cast.districts["market"], f"partner-{bob}": alice}
    assert client.post(f"/meetings/{morning}/routes", data=form).status_code == 302
    assert (
        client.post(f"/meetings/{morning}/routes", data=form | {f"partner-{bob}": bob, "version": 1}).status_code == 422
    )
    assert client.post(f"/meetings/{morning}/passed", data={"version": 0, "member": [str(bob)]}).status_code == 302
    notes = queries.notes_of(morning)
    assert notes["routes"].text == f"[[{bob},{cast.districts['market']},{alice}]]"
    assert notes["passed"].text == f"[[{bob}]]"
    assert re.search(rf'value="{bob}" checked', client.get(f"/meetings/{morning}").text)


def test_the_days_list_takes_a_fixed_number_of_queries(actor, cast, client_of, queries):
    client = client_of("olga")
    client.get("/meetings")
    with queries() as few:
        client.get(f"/meetings?day={DAY_2}")
    for team in ("red", "blue", None):
        meeting(actor, cast, team=team)
        meeting(actor, cast, team=team, kind="morning")
        store(actor, cast, team=team)
    client.get("/meetings")
    with queries() as many:
        assert client.get(f"/meetings?day={DAY_2}").status_code == 200
    assert many.count == few.count


def test_the_campaigns_morning_takes_as_many_queries_for_two_teams_as_for_one(actor, cast, client_of, queries):
    room = meeting(actor, cast, team=None, kind="morning")
    client = client_of("olga")
    assert client.get(f"/meetings/{room}").text.count('name="team_id"') > 2
    with queries() as many:
        client.get(f"/meetings/{room}")
    with unit_of_work():
        db.session.execute(delete(CampaignTeam).where(CampaignTeam.team_id == cast.teams["blue"]))
    client.get(f"/meetings/{room}")  # who reads is looked up anew after the change
    with queries() as few:
        client.get(f"/meetings/{room}")
    assert few.count == many.count


@pytest.mark.parametrize(
    "path",
    [
        "/meetings?day=never",
        "/meetings?day=99999-01-01",
        "/meetings/2147483648",
        f"/meetings/{2**63}",
        "/meetings/reports/7",
    ],
)
def test_nonsense_in_an_address_is_answered_in_words(client_of, path):
    assert client_of("olga").get(path).status_code in (404, 422)


def test_both_languages(morning, evening, client_of):
    client = client_of("olga")
    for language in ("zh", "en"):
        client.set_cookie("crm_lang", language)
        for id in (morning, evening):
            assert client.get(f"/meetings/{id}").status_code == 200
