"""The PK's pages: who may see and do what, two pairs of eyes, and a board that is asked for again and again."""

import json
import re
from datetime import timedelta
from fractions import Fraction

import pytest
import time_machine
from click.testing import CliRunner

from crm.contest.adjusting import adjust, confirm_adjustment, drop_adjustment
from crm.contest.commands import change_contest, close_contest, create_contest, propose_rules, start_contest
from crm.contest.console import standings_command
from crm.contest.models import Adjustment, Contest, RuleVersion
from crm.contest.queries import etag, open_score, standings_of, versions_of
from crm.contest.rules import RuleSet, differences
from crm.kernel import terminal
from crm.kernel.actor import SYSTEM
from crm.kernel.audit import AuditEntry
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.people import commands as people
from tests import make
from tests.moments import DAY_1, DAY_2, DAY_6, NOON

RAW = RuleSet(basis="raw")


def plan(cast, **changes):
    return {
        "code": "PK-1",
        "name": "路演 PK",
        "campaign_ids": [cast.campaigns["roadshow"]],
        "team_ids": [cast.teams["red"], cast.teams["blue"]],
        "starts_on": DAY_1,
        "ends_on": DAY_6,
    } | changes


@pytest.fixture
def draft(app, cast, actor):
    with unit_of_work():
        return create_contest(actor("olga"), **plan(cast)).id


@pytest.fixture
def contest(draft, actor):
    with unit_of_work():
        start_contest(actor("olga"), draft, version=1)
    return draft


def form_of(client, url):
    """The fields of a form as the page offers them."""
    html = client.get(url).text
    found = {}
    for tag in re.findall(r"<input[^>]*>", html):
        name = re.search(r'name="([^"]+)"', tag)
        if name and ('type="checkbox"' not in tag or "checked" in tag):
            value = re.search(r'value="([^"]*)"', tag)
            found.setdefault(name[1], []).append(value[1] if value else "on")
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', html, re.S):
        chosen = re.search(r'<option selected value="([^"]*)"', body) or re.search(r'<option value="([^"]*)"', body)
        found[name] = [chosen[1]]
    return {key: values if len(values) > 1 else values[0] for key, values in found.items()}


def give(actor, contest_id, cast, kind, *, team="red", member=None, reason="r"):
    return adjust(
        actor("olga"),
        contest_id,
        team_id=cast.teams[team],
        member_id=cast.users[member] if member else None,
        day=DAY_2,
        kind=kind,
        points=None,
        reason=reason,
        at=NOON,
    )


def propose(actor, contest_id, *, rules=RAW, version=2, at=NOON):
    return propose_rules(actor("olga"), contest_id, version=version, rules=rules, in_force_from=at, reason="r", at=NOON)


def test_an_organiser_sets_a_contest_up_on_the_page_and_starts_it(cast, client_of):
    olga = client_of("olga")
    fields = form_of(olga, "/contests/new")
    assert (fields["points_accepted"], fields["cap_visit"], fields["companion"]) == ("15", "30", "30")
    fields |= {
        "name": "<b>路演</b>",
        "code": "PK-9",
        "starts_on": str(DAY_1),
        "ends_on": str(DAY_6),
        "points_visit": "2",
    }
    fields |= {"campaign_ids": cast.campaigns["roadshow"], "team_ids": [cast.teams["red"], cast.teams["blue"]]}
    fields["client_uid"] = "9d5a0f6e-0000-4000-8000-000000000001"
    first = olga.post("/contests/new", data=fields)
    again = olga.post("/contests/new", data=fields)
    assert first.status_code == again.status_code == 302
    assert first.location == again.location
    contest = db.session.query(Contest).one()
    assert (contest.status, versions_of(contest.id)[0].rules.points["visit"]) == ("draft", 2)
    page = olga.get(first.location).text
    assert "&lt;b&gt;路演&lt;/b&gt;" in page
    assert "<b>路演</b>" not in page
    started = olga.post(f"/contests/{contest.id}/start", data={"version": contest.version})
    assert started.status_code == 302
    assert olga.post(f"/contests/{contest.id}/start", data={"version": 1}).status_code == 409


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "长" * 300),
        ("name", ""),
        ("code", "../x"),
        ("ends_on", "2026-11-01"),
        ("ends_on", "9999-12-31"),
        ("team_ids", ""),
        ("campaign_ids", str(2**63)),
        ("points_visit", "-1"),
        ("tie_2", "accepted"),
        ("basis", "luck"),
        ("bell", "25:00"),
    ],
)
def test_a_refused_form_says_why_and_changes_nothing(cast, client_of, field, value):
    olga = client_of("olga")
    fields = form_of(olga, "/contests/new") | {"name": "路演", "code": "PK-9", "starts_on": str(DAY_1)}
    fields |= {
        "ends_on": str(DAY_6),
        "campaign_ids": cast.campaigns["roadshow"],
        "team_ids": cast.teams["red"],
        field: value,
    }
    answer = olga.post("/contests/new", data=fields)
    assert answer.status_code == 422
    assert "wt-note-bad" in answer.text
    assert db.session.query(Contest).count() == 0


def test_a_stale_draft_is_not_overwritten(draft, cast, actor, client_of):
    olga = client_of("olga")
    fields = form_of(olga, f"/contests/{draft}/edit")
    with unit_of_work():
        change_contest(
            actor("olga"), draft, version=1, **{k: v for k, v in plan(cast, name="Neu").items() if k != "code"}
        )
    fields |= {"name": "Old", "campaign_ids": cast.campaigns["roadshow"], "team_ids": cast.teams["red"]}
    answer = olga.post(f"/contests/{draft}/edit", data=fields)
    assert answer.status_code == 409
    assert db.session.get(Contest, draft).name == "Neu"


def test_outsiders_find_nothing_and_a_draft_is_for_organisers(draft, cast, actor, client_of):
    for path in ("", "/rules", "/adjustments", "/standings", "/projector", "/score?team=1"):
        hidden, missing = (
            client_of("alice").get(f"/contests/{draft}{path}"),
            client_of("alice").get(f"/contests/99{path}"),
        )
        assert (hidden.status_code, missing.status_code) == (404, 404)
        assert client_of("adam").get(f"/contests/{draft}{path}").status_code == 403
        assert client_of("olga").get(f"/contests/{draft}{path}").status_code == 200
    with unit_of_work():
        start_contest(actor("olga"), draft, version=1)
    assert client_of("alice").get(f"/contests/{draft}").status_code == 200
    assert client_of("eve").get(f"/contests/{draft}").status_code == 404
    assert client_of("olga").get(f"/contests/{2**63}").status_code == 404
    assert client_of("olga").get(f"/contests/{draft}?day=2031-01-01").status_code == 422
    assert client_of("olga").get(f"/contests/{draft}?day=x&per=y&span=z").status_code == 200


def test_only_those_with_the_right_change_anything(contest, client_of):
    posts = (
        "/contests/new",
        f"/contests/{contest}/start",
        f"/contests/{contest}/close",
        f"/contests/{contest}/rules/new",
    )
    for path in (*posts, f"/contests/{contest}/adjustments", f"/contests/{contest}/adjustments/1/confirm"):
        for name in ("alice", "bob", "audrey", "adam"):
            assert client_of(name).post(path, data={}).status_code == 403, (path, name)
    assert client_of("mona").post(f"/contests/{contest}/adjustments", data={}).status_code == 403


def test_a_bonus_counts_at_once_and_a_penalty_with_a_second_person(contest, cast, actor):
    red = cast.teams["red"]
    with unit_of_work():
        adjust(
            actor("olga"),
            contest,
            team_id=red,
            member_id=cast.users["bob"],
            day=DAY_2,
            kind="case_shared",
            points=None,
            reason="r",
            at=NOON,
        )
        penalty = adjust(
            actor("olga"),
            contest,
            team_id=red,
            member_id=None,
            day=DAY_2,
            kind="late_report",
            points=None,
            reason="<i>late</i>",
            at=NOON,
        )

    def points():
        return next(row.points for row in standings_of(actor("olga"), contest).rows if row.team_id == red)

    assert points() == 3
    with pytest.raises(Invalid, match=r"contest\.same_person"), unit_of_work():
        confirm_adjustment(actor("olga"), contest, penalty.id, at=NOON)
    with unit_of_work():
        confirm_adjustment(actor("mona"), contest, penalty.id, at=NOON)
    assert points() == 1
    with pytest.raises(Conflict), unit_of_work():
        confirm_adjustment(actor("tim"), contest, penalty.id, at=NOON)
    lines = open_score(actor("olga"), contest, team_id=red).lines.items
    assert {(line.line.kind, line.line.points) for line in lines} == {("bonus", Fraction(3)), ("penalty", Fraction(-2))}
    assert db.session.query(AuditEntry).filter(AuditEntry.action.like("contest.%adjust%")).count() == 3


@pytest.mark.parametrize(("name", "button"), [("olga", "撤销"), ("mona", "不予复核")])
def test_a_waiting_penalty_is_taken_back_by_its_author_or_refused_by_the_second_person(
    actor, cast, client_of, contest, name, button
):
    with unit_of_work():
        penalty = adjust(
            actor("olga"), contest, team_id=cast.teams["red"], member_id=None, day=DAY_2, kind="late_report", points=None,
            reason="迟交", at=NOON,
        )  # fmt: skip
    address = f"/contests/{contest}/adjustments"
    assert button in client_of(name).get(address).text
    assert client_of("alice").post(f"{address}/{penalty.id}/drop").status_code == 403
    assert client_of(name).post(f"{address}/{penalty.id}/drop").status_code == 302
    assert "已撤下" in client_of("olga").get(address).text
    for act in (confirm_adjustment, drop_adjustment):
        with pytest.raises(Conflict, match=r"contest\.dropped"), unit_of_work():
            act(actor("mona"), contest, penalty.id, at=NOON)
    assert {row.points for row in standings_of(actor("olga"), contest).rows} == {0}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "gift"}, "contest.kind"),
        ({"kind": "other"}, "contest.points_missing"),
        ({"kind": "late_report", "points": 5}, "contest.points_sign"),
        ({"kind": "false_entry", "points": 5}, "contest.points_sign"),
        ({"kind": "other", "points": 1001}, "contest.points"),
        ({"reason": "  "}, "contest.reason"),
        ({"team_id": 99}, "contest.team_not_competing"),
        ({"day": DAY_1.replace(year=2025)}, "contest.day"),
        ({"member_id": "charlie"}, "contest.member_not_in_team"),
    ],
)
def test_what_an_adjustment_refuses(contest, cast, actor, changes, code):
    values = {
        "team_id": cast.teams["red"],
        "member_id": None,
        "day": DAY_2,
        "kind": "first_case",
        "points": None,
        "reason": "r",
    }
    values |= changes
    values["member_id"] = cast.users.get(values["member_id"])
    with pytest.raises(Invalid) as refused, unit_of_work():
        adjust(actor("olga"), contest, at=NOON, **values)
    assert refused.value.code == code
    assert db.session.query(Adjustment).count() == 0


def test_the_page_of_adjustments_writes_once_and_hides_the_words_from_other_teams(contest, cast, client_of):
    olga, url = client_of("olga"), f"/contests/{contest}/adjustments"
    fields = form_of(olga, url) | {"kind": "complaint", "reason": "<script>x</script>", "team_id": cast.teams["red"]}
    fields |= {"member_id": cast.users["bob"], "client_uid": "9d5a0f6e-0000-4000-8000-000000000002", "points": ""}
    assert [olga.post(url, data=fields).status_code for _ in range(2)] == [302, 302]
    assert db.session.query(Adjustment).count() == 1
    page = olga.get(url).text
    assert "&lt;script&gt;x" in page
    assert "confirm" not in page.split("<main")[1].split("</table>")[0]
    assert f"{url}/1/confirm" in client_of("mona").get(url).text
    assert "&lt;script&gt;x" in client_of("alice").get(url).text
    other = client_of("dora").get(url).text
    assert "script&gt;x" not in other
    assert "鲍勃" not in other
    assert client_of("mona").post(f"{url}/1/confirm").status_code == 302
    refused = olga.post(url, data=fields | {"client_uid": "", "reason": "长" * 301})
    assert refused.status_code == 422


def test_rules_change_by_versions_that_a_second_person_confirms(contest, cast, actor, client_of):
    olga, url = client_of("olga"), f"/contests/{contest}/rules"
    fields = form_of(olga, f"{url}/new") | {"points_consult": "5", "reason": "more talk"}
    assert olga.post(f"{url}/new", data=fields).status_code == 302
    stale = olga.post(f"{url}/new", data=fields | {"points_consult": "6"})
    assert stale.status_code == 409
    assert db.session.query(RuleVersion).count() == 2
    assert client_of("olga").post(f"{url}/2/confirm").status_code == 422
    assert client_of("mona").post(f"{url}/9/confirm").status_code == 404
    assert client_of("mona").post(f"{url}/2/confirm").status_code == 302
    assert client_of("mona").post(f"{url}/2/confirm").status_code == 409
    page = olga.get(url).text
    assert "2 → <strong>5</strong>" in page
    board = standings_of(actor("olga"), contest)
    assert (board.rules_number, board.rules.points["consult"]) == (2, 5)


def test_rules_are_never_changed_backwards(contest, actor, cast):
    with pytest.raises(Invalid, match=r"contest\.rules_past"), unit_of_work():
        propose_rules(
            actor("olga"),
            contest,
            version=2,
            rules=RuleSet(basis="raw"),
            in_force_from=NOON.replace(hour=1),
            reason="r",
            at=NOON,
        )
    with pytest.raises(Invalid, match=r"contest\.rules_same"), unit_of_work():
        propose(actor, contest, rules=RuleSet())
    with pytest.raises(Invalid, match=r"contest\.begun"), unit_of_work():
        change_contest(actor("olga"), contest, version=2, **{k: v for k, v in plan(cast).items() if k != "code"})
    with unit_of_work():
        close_contest(actor("olga"), contest, version=2)
    with pytest.raises(Invalid, match=r"contest\.not_running"), unit_of_work():
        propose_rules(
            actor("olga"), contest, version=3, rules=RuleSet(basis="raw"), in_force_from=NOON, reason="r", at=NOON
        )


def test_differences_name_each_number_that_changed():
    before, after = RuleSet(), RuleSet(points={**RuleSet().points, "visit": 2}, caps={}, basis="raw")
    assert differences(before, after) == [
        ("points", "visit", 1, 2),
        ("caps", "visit", 30, None),
        ("basis", "", "per_person_day", "raw"),
    ]


def test_a_board_that_did_not_move_is_not_sent_again(contest, cast, actor, client_of, queries):
    alice = client_of("alice")
    for path in ("standings", "projected"):
        first = alice.get(f"/contests/{contest}/{path}")
        mark = first.headers["ETag"]
        with queries() as seen:
            again = alice.get(f"/contests/{contest}/{path}", headers={"If-None-Match": mark})
        assert (again.status_code, again.data) == (304, b"")
        assert not any("lead_stage" in statement for statement in seen.statements)
        assert client_of("dora").get(f"/contests/{contest}/{path}", headers={"If-None-Match": mark}).status_code == 200
        with unit_of_work():
            make.lead(actor("alice"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"])
        moved = alice.get(f"/contests/{contest}/{path}", headers={"If-None-Match": mark})
        assert moved.status_code == 200
        assert moved.headers["ETag"] != mark


def test_the_mark_moves_with_everything_that_can_move_a_board(contest, cast, actor):
    marks = [etag(contest)]
    with unit_of_work():
        adjust(
            actor("olga"),
            contest,
            team_id=cast.teams["red"],
            member_id=None,
            day=DAY_2,
            kind="late_report",
            points=None,
            reason="r",
            at=NOON,
        )
    marks.append(etag(contest))
    with unit_of_work():
        confirm_adjustment(actor("mona"), contest, 1, at=NOON)
    marks.append(etag(contest))
    with unit_of_work():
        make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"])
    marks.append(etag(contest))
    assert len(set(marks)) == len(marks)


def test_the_pages_ask_the_database_no_more_for_more_records(contest, cast, actor, client_of, queries):
    alice = client_of("alice")
    counts = {}
    for number in (2, 15):
        with unit_of_work():
            for _ in range(number):
                make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], intent="A")
        for path in ("", "?per=member", "/score?team=1", "/adjustments", "/rules", "/projector"):
            with queries() as seen:
                assert alice.get(f"/contests/{contest}{path}").status_code == 200
            counts.setdefault(path, []).append(seen.count)
    assert all(first == second <= 24 for first, second in counts.values()), counts


def test_the_board_marks_the_readers_own_team_and_shows_no_customer(contest, cast, actor, client_of):
    with unit_of_work():
        make.lead(
            actor("bob"),
            campaign_id=cast.campaigns["roadshow"],
            team_id=cast.teams["red"],
            name="王秘密",
            phone="13900009999",
        )
    for name in ("alice", "dora", "tim", "audrey", "mona"):
        for path in ("", "?per=member", f"/score?team={cast.teams['red']}", "/projector"):
            page = client_of(name).get(f"/contests/{contest}{path}").text
            assert "王秘密" not in page
            assert "13900009999" not in page
    assert client_of("alice").get(f"/contests/{contest}").text.count("wt-mine") == 1
    assert "/leads/1" in client_of("alice").get(f"/contests/{contest}/score?team={cast.teams['red']}").text
    assert "/leads/1" not in client_of("dora").get(f"/contests/{contest}/score?team={cast.teams['red']}").text


def test_the_terminal_prints_both_boards(app, contest, cast, actor, monkeypatch):
    monkeypatch.setattr(terminal, "application", lambda: app)
    with unit_of_work():
        make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"])
    answer = CliRunner().invoke(standings_command, ["--contest", "PK-1", "--day", str(DAY_2), "--json"])
    body = json.loads(answer.output)
    assert (body["contest"], body["day"]) == ("PK-1", str(DAY_2))
    assert body["daily"][0] == {
        "rank": 1, "team": "红队", "points": 2, "score": 1.0, "person_days": 2, "visits": 0, "consult": 1, "intent": 0,
        "application": 0, "accepted": 0, "application_rate": 0.0, "acceptance_rate": None,
    }  # fmt: skip
    assert body["cumulative"][0]["person_days"] == 2
    plain = CliRunner().invoke(standings_command, ["--contest", str(contest)])
    assert "红队" in plain.output
    with pytest.raises(NotFound):
        CliRunner().invoke(standings_command, ["--contest", "nothing"], catch_exceptions=False)


def test_a_board_is_reckoned_once_until_something_moves(contest, cast, actor, queries):
    def reads_the_ledger():
        with queries() as seen:
            standings_of(actor("olga"), contest)
        return any("FROM lead_stage" in statement for statement in seen.statements)

    assert [reads_the_ledger(), reads_the_ledger()] == [True, False]
    with unit_of_work():
        people.change_team(SYSTEM, cast.teams["red"], version=1, name="赤队", slogan="", active=True)
    assert reads_the_ledger()
    assert "赤队" in {row.name for row in standings_of(actor("olga"), contest).rows}


def test_the_screen_on_the_wall_outlives_an_idle_session_and_nothing_else_does(contest, client_of):
    olga = client_of("olga")
    assert olga.get(f"/contests/{contest}/projector").status_code == 200
    with time_machine.travel(NOON + timedelta(minutes=31), tick=True):
        assert olga.get(f"/contests/{contest}/projected").status_code == 200
        for path in ("", "/standings", "/projector"):
            assert olga.get(f"/contests/{contest}{path}").status_code == 302, path
    with time_machine.travel(NOON + timedelta(hours=12, minutes=1), tick=True):
        assert olga.get(f"/contests/{contest}/projected").status_code == 302
