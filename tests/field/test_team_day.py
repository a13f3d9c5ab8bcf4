"""My team today: the page, the phone's JSON, the workbook, the daily log and the funnel say the same; and who may look."""

import io
import re
from datetime import timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from crm.figures.queries import FunnelQuery, funnel, visits
from crm.kernel.audit import AuditEntry
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.assigning import assign
from crm.leads.commands import record_stage, void_stage
from crm.leads.editing import add_note, set_follow_up
from crm.leads.ledger import Clocks
from crm.leads.ledger_models import StageEntry
from crm.leads.rules import Stage
from crm.outreach import log_commands
from crm.outreach.commands import void_visit
from crm.outreach.models import Visit
from crm.outreach.queries import day_grid
from crm.outreach.rules import closed_at, is_late_entry
from crm.outreach.team_day import MOST_NOTES, team_today
from crm.reports.models import ExportRecord
from tests.meetings import setting
from tests.moments import BELL, DAY_1, DAY_2, DAY_3, NOON

LATE = BELL + timedelta(hours=1)
PHONE = "13812345678"
COUNTS = ("valid", "touched", "consults", "applications", "accepted")


def red(cast, day=DAY_2):
    return {"campaign_id": cast.campaigns["roadshow"], "team_id": cast.teams["red"], "day": day}


def story(cast, actor):
    """A day with late entries, undone ones, a lead that changes hands, tallies and notes; and neighbours that must not count."""
    setting.a_day(actor, cast)
    setting.visit(actor, cast, "bob", received=LATE)
    setting.visit(actor, cast, "alice", "refused", received=LATE)
    setting.lead(actor, cast, "bob", "red", Stage.APPLICATION, received=LATE)
    setting.visit(actor, cast, "bob", at=NOON - timedelta(days=1))
    undone = setting.visit(actor, cast, "bob", received=LATE).id
    moved = setting.lead(actor, cast, "bob", "red").lead_id
    wrong = setting.lead(actor, cast, "bob", "red", Stage.ACCEPTED, received=LATE).lead_id
    with unit_of_work():
        void_visit(actor("alice"), undone, reason="重复", at=NOON)
        assign(actor("alice"), moved, to=cast.users["alice"], at=NOON)
        record_stage(actor("alice"), moved, Stage.APPLICATION, clocks=Clocks(NOON, NOON, LATE))
        entry = db.session.scalar(
            select(StageEntry.id).where(StageEntry.lead_id == wrong, StageEntry.stage == "accepted")
        )
        void_stage(actor("alice"), wrong, entry, reason="记错", at=NOON)
        for number, (metric, delta) in enumerate((("leaflets", 30), ("doors", 12), ("consults", 4), ("leaflets", -5))):
            log_commands.tally(
                actor("bob"),
                uid=f"t-{number}",
                member_id=cast.users["bob"],
                metric=metric,
                delta=delta,
                at=NOON,
                **red(cast),
            )
        add_note(actor("bob"), moved, f"老板下午在，电话 {PHONE}", at=NOON)
        set_follow_up(actor("alice"), moved, DAY_3, at=NOON + timedelta(minutes=1), note="已约明天")
    return {"moved": moved, "undone": undone}


@pytest.fixture
def told(cast, actor, once):
    """The ids of the story."""
    return once("team day", lambda: story(cast, actor))


def the_day(actor, cast, who="alice", day=DAY_2):
    return team_today(actor(who), *red(cast, day).values())


def counts_of(counts) -> tuple[int, ...]:
    return tuple(getattr(counts, name) for name in COUNTS)


def address(cast, path="/field/team", **more):
    keys = {"campaign": cast.campaigns["roadshow"], "team": cast.teams["red"], "day": DAY_2.isoformat()} | more
    return f"{path}?" + "&".join(f"{key}={value}" for key, value in keys.items())


def workbook(answer):
    assert answer.status_code == 200
    return load_workbook(io.BytesIO(answer.data), data_only=True)


def lines(sheet, head: int) -> list[tuple]:
    found = []
    for row in sheet.iter_rows(min_row=head, values_only=True):
        if row[0] is None:
            break
        found.append(row)
    return found


def test_the_story_counts_what_it_tells(told, actor, cast):
    rows = {row.name: row for row in the_day(actor, cast).rows}
    assert list(rows) == ["爱丽", "鲍勃"]
    assert counts_of(rows["鲍勃"].counts) == (2, 1, 4, 2, 0)
    assert counts_of(rows["爱丽"].counts) == (1, 1, 1, 2, 1)
    assert counts_of(rows["鲍勃"].late) == (1, 0, 1, 1, 0)
    assert counts_of(rows["爱丽"].late) == (0, 1, 0, 1, 0)
    assert dict(rows["鲍勃"].tallies) == {"leaflets": 25, "doors": 12, "consults": 4}
    assert rows["爱丽"].last_at == LATE
    assert rows["鲍勃"].last_at == LATE


def test_page_json_workbook_log_and_funnel_say_the_same(told, actor, cast, client_of):
    day, alice = the_day(actor, cast), client_of("alice")
    grid = day_grid(actor("alice"), *red(cast).values())
    expected = {row.member_id: counts_of(row.counts) for row in (*day.rows, day.total)}
    assert expected == {
        row.member_id: (row.valid, row.touched, *(cell.recorded for cell in row.compared))
        for row in (*grid.rows, grid.total)
    }
    assert {row.member_id: row.late.visits for row in (*day.rows, day.total)} == {
        row.member_id: row.late_entries for row in (*grid.rows, grid.total)
    }

    asked = FunnelQuery(
        campaign_ids=(cast.campaigns["roadshow"],), team_id=cast.teams["red"], from_day=DAY_2, to_day=DAY_2, by="member"
    )
    answer, walked = funnel(actor("olga"), asked), visits(actor("olga"), asked)
    total = (
        walked.total.valid,
        walked.total.touched,
        answer.total.consult,
        answer.total.application,
        answer.total.accepted,
    )
    assert expected[0] == total
    by_member = {
        row.key: (
            walked.at(row.key).valid, walked.at(row.key).touched, row.counts.consult, row.counts.application, row.counts.accepted,
        )
        for row in answer.rows
    }  # fmt: skip
    assert {str(row.member_id): expected[row.member_id] for row in day.rows} == by_member

    said = alice.get(address(cast, "/m/api/team")).json
    assert {row["member_id"]: tuple(row[name] for name in COUNTS) for row in (*said["rows"], said["total"])} == expected
    assert [row["late"] for row in (*said["rows"], said["total"])] == [
        {
            "visits": row.late.visits, "consults": row.late.consults,
            "applications": row.late.applications, "accepted": row.late.accepted,
        }
        for row in (*day.rows, day.total)
    ]  # fmt: skip

    book = workbook(alice.get(said["export"]))
    assert book.sheetnames == ["团队今日", "补录", "备注"]
    shown = lines(book["团队今日"], 5)
    assert [row[1:6] for row in shown] == [expected[row.member_id] for row in (*day.rows, day.total)]
    assert [row[12:16] for row in shown] == [
        (row.late.visits, row.late.consults, row.late.applications, row.late.accepted) for row in (*day.rows, day.total)
    ]
    assert lines(book["补录"], 4) == [(row[0], *row[12:16]) for row in shown]

    page = alice.get(address(cast)).text
    table = page[page.index("<tbody>") : page.index("</tbody>")]
    cells = [
        tuple(int(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r'<td class="wt-n[^>]*>(.*?)</td>', row)[:5])
        for row in table.split("</tr>")[:-1]
    ]
    assert cells == [expected[row.member_id] for row in (*day.rows, day.total)]


def test_a_lock_moves_the_line_behind_which_entries_are_late(told, actor, cast):
    assert the_day(actor, cast).total.late.visits == 2
    with unit_of_work():
        log_commands.lock_log(actor("alice"), at=LATE + timedelta(minutes=1), **red(cast))
    assert the_day(actor, cast).total.late.visits == 0
    setting.visit(actor, cast, "bob", received=LATE + timedelta(minutes=2))
    day = the_day(actor, cast)
    assert (day.total.late.visits, day.closed_at) == (1, LATE + timedelta(minutes=1))


def test_what_comes_in_at_the_cut_off_is_in_time_and_a_moment_later_it_is_not():
    closed = closed_at(DAY_2, None, "Asia/Shanghai")
    assert closed == BELL
    assert not is_late_entry(BELL, closed)
    assert is_late_entry(BELL + timedelta(microseconds=1), closed)
    assert closed_at(DAY_2, NOON, "Asia/Shanghai") == NOON


def test_who_has_left_the_roster_and_recorded_for_the_team_is_listed(actor, cast):
    setting.visit(actor, cast, "eve", at=at_local(DAY_1, 10))
    with unit_of_work():
        db.session.scalar(select(Visit)).day = DAY_2
    row = the_day(actor, cast).rows[-1]
    assert (row.name, row.on_roster, row.counts.valid) == ("伊芙", False, 1)


def test_it_takes_eight_statements_however_much_there_is(told, actor, cast, queries):
    def asked() -> int:
        db.session.rollback()
        who = actor("alice")
        with queries() as seen:
            team_today(who, *red(cast).values())
        return seen.count

    before = asked()
    for number in range(12):
        setting.visit(actor, cast, "bob", at=NOON - timedelta(minutes=number))
        setting.lead(actor, cast, "alice", "red")
    assert before == asked() == 8


def test_notes_are_the_newest_and_carry_neither_phone_nor_customer(told, actor, cast, client_of):
    day = the_day(actor, cast)
    assert [(note.member, note.text) for note in day.notes] == [("爱丽", "已约明天"), ("鲍勃", "老板下午在，电话 ****")]
    page = client_of("alice").get(address(cast)).text
    assert "已约明天" in page
    assert PHONE not in page
    assert "张三" not in page
    with unit_of_work():
        for number in range(MOST_NOTES + 5):
            add_note(actor("bob"), told["moved"], f"第 {number} 条", at=NOON + timedelta(minutes=2 + number))
    notes = the_day(actor, cast).notes
    assert (len(notes), notes[0].text) == (MOST_NOTES, f"第 {MOST_NOTES + 4} 条")


@pytest.mark.parametrize(
    ("who", "page", "phone"),
    [("alice", 200, 200), ("olga", 200, 200), ("tim", 200, 200), ("mona", 200, 403), ("charlie", 404, 404),
     ("bob", 403, 403), ("audrey", 403, 403), ("adam", 403, 403)],
)  # fmt: skip
def test_leads_see_their_own_team_organisers_any_and_managers_read(told, cast, client_of, who, page, phone):
    client = client_of(who)
    assert client.get(address(cast)).status_code == page
    assert client.get(address(cast, "/field/team.xlsx")).status_code == page
    assert client.get(address(cast, "/m/api/team")).status_code == phone


def test_a_hired_trainer_gets_counts_and_no_words(told, cast, client_of):
    tim = client_of("tim")
    page = tim.get(address(cast)).text
    assert "鲍勃" in page
    assert "已约明天" not in page
    assert "/funnel/records" not in page
    assert tim.get(address(cast, "/m/api/team")).json["notes"] == []
    book = workbook(tim.get(address(cast, "/field/team.xlsx")))
    assert lines(book["备注"], 4) == []


def test_nobody_looks_into_a_team_that_is_not_theirs(told, actor, cast):
    for who in ("charlie", "bob", "dora"):
        with pytest.raises(NotFound):
            the_day(actor, cast, who)


def test_a_workbook_is_written_down_and_can_be_had_again(told, actor, cast, client_of):
    alice = client_of("alice")
    first = alice.get(address(cast, "/field/team.xlsx"))
    record = db.session.scalars(select(ExportRecord)).one()
    assert (record.kind, record.actor_id, record.filters["teams"]) == ("team_day", cast.users["alice"], ["红队"])
    acts = db.session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "reports.export")).all()
    assert [(act["kind"], act["sha256"]) for act in acts] == [("team_day", record.sha256)]
    assert alice.get(f"/exports/{record.id}/file").data == first.data
    assert PHONE not in str([row for sheet in workbook(first) for row in sheet.iter_rows(values_only=True)])
    again = alice.get(address(cast, "/field/team.xlsx"))
    assert again.status_code == 200
    hashes = [one.filters["figures"] for one in db.session.scalars(select(ExportRecord))]
    assert len(hashes) == 2
    assert len(set(hashes)) == 1


def test_who_has_no_entry_is_marked_and_every_figure_leads_to_its_records(actor, cast, client_of):
    setting.lead(actor, cast, "bob", "red")
    setting.visit(actor, cast, "bob")
    alice = client_of("alice")
    page = alice.get(address(cast)).text
    assert page.count("尚无记录") == 1
    bob = cast.users["bob"]
    (to_visits,) = set(re.findall(rf'href="([^"]+/visits\?member={bob})"', page))
    assert alice.get(to_visits).text.count('<th scope="row">') == 1
    (to_leads,) = set(
        re.findall(rf'href="(/funnel/records[^"]+stage=consult[^"]*member={bob}[^"]*)"', page.replace("&amp;", "&"))
    )
    assert alice.get(to_leads).status_code == 200


def test_where_no_team_takes_part_the_page_says_so(cast, client_of):
    olga, road = client_of("olga"), cast.campaigns["roadshow"]
    assert olga.get("/field/team?campaign=999999").status_code == 404
    with unit_of_work():
        db.session.execute(db.text("DELETE FROM campaign_team"))
    assert "没有可显示的团队" in olga.get(f"/field/team?campaign={road}").text
    said = olga.get(f"/m/api/team?campaign={road}").json
    assert (said["team"], said["rows"], said["export"]) == (None, [], None)
    assert olga.get(f"/field/team.xlsx?campaign={road}").status_code == 404


def test_the_lead_finds_it_from_today_and_from_the_menu(cast, actor, client_of):
    setting.visit(actor, cast, "bob")
    assert client_of("alice").get("/today").text.count('href="/field/team') >= 2
    assert 'href="/field/team' not in client_of("bob").get("/today").text
