"""The management workbook says what the funnel and the boards say, to the digit, and nothing of any customer."""

import hashlib
import re
import zipfile
from dataclasses import replace
from datetime import date, timedelta

import pytest
from flask_babel import force_locale
from openpyxl.workbook import Workbook
from sqlalchemy import select, update

from crm.campaigns.models import Campaign, CampaignDistrict
from crm.contest.queries import standings_of
from crm.districts.models import District
from crm.figures.queries import FunnelQuery, completion, daily, funnel, matrix, visits
from crm.kernel.audit import AuditEntry
from crm.kernel.db import db
from crm.kernel.errors import Forbidden, Invalid, NotFound
from crm.kernel.unit_of_work import unit_of_work
from crm.people.models import Team, User
from crm.reports.models import ExportRecord
from tests import make
from tests.figures.making import visit
from tests.moments import DAY_1, DAY_2, DAY_3
from tests.reports.filling import fill, pk, workbook
from tests.reports.reading import calculated, opened, table, without_cached_values

SHEETS = ["总览", "团队PK", "个人排行", "每日战况", "区域网格", "口径说明"]
STAGES = {
    "咨询数": "consult",
    "申请数": "application",
    "受理进件数": "accepted",
    "审批通过数": "approved",
    "放款数": "disbursed",
}
RATES = {"申请率": "application_rate", "进件率": "acceptance_rate", "综合转化率": "overall_rate"}
MINIMUM = {"申请率": 10, "进件率": 5, "综合转化率": 10}
PAYLOADS = [
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "\n=1+1", "＝1+1", "＋1+1", "－1+1", "＠SUM(1)",
    '=HYPERLINK("https://example.com","x")', "=cmd|' /C calc'!A0", '=DDE("cmd";"/C calc";"a")', "'=1+1", '";=1+1',
]  # fmt: skip
CANARY = "13900009999"


@pytest.fixture
def filled(app, cast, actor, once):
    with app.test_request_context():
        yield once("workbook", lambda: fill(cast, actor))


def shown(rate, minimum):
    """A rate as the cell has it."""
    if not rate.n:
        return "—"
    return rate.k / rate.n if rate.enough(minimum) else "样本不足"


def rates_fit(row, counts, upper="转化率/"):
    for title, code in RATES.items():
        if upper + title in row:
            assert row[upper + title] == shown(getattr(counts, code), MINIMUM[title]), title


def test_the_overview_is_the_funnel_its_last_days_and_the_targets(filled, cast, actor, tmp_path):
    olga, road = actor("olga"), cast.campaigns["roadshow"]
    book = opened(workbook(actor("olga"), tmp_path, campaign_id=road), values=True)
    assert [one for one in book.sheetnames if one != "_funnel"] == SHEETS
    rows = {row["指标"]: row for row in table(book["总览"])}
    query = FunnelQuery(campaign_ids=(road,), window="campaign")
    counts, walked = funnel(olga, query).total, visits(olga, query).total
    days = {row.key: row.counts for row in daily(olga, query).rows}
    for title, stage in STAGES.items():
        assert rows[title]["本期/数量"] == getattr(counts, stage) > 0
        assert rows[title][f"{DAY_2} 当日/当日"] == getattr(days[DAY_2.isoformat()], stage)
        assert rows[title][f"{DAY_2} 当日/前一日"] == getattr(days[DAY_1.isoformat()], stage)
    assert rows["申请数"]["本期/转化率"] == counts.application / counts.consult
    assert rows["综合转化率"]["本期/转化率"] == counts.accepted / counts.consult
    assert (rows["有效走访"]["本期/数量"], rows["涉及走访"]["本期/数量"]) == (walked.valid, walked.touched)
    goals = {one.figure: one for one in completion(olga, road) if one.team_id is None}
    assert len(goals) == 3
    for title, code in (("咨询数", "consult"), ("受理进件数", "accepted"), ("有效走访", "visits_valid")):
        assert rows[title]["对照目标/目标"] == goals[code].target
        assert rows[title]["对照目标/完成"] == goals[code].actual
        assert rows[title]["对照目标/完成率"] == goals[code].actual / goals[code].target


def test_the_day_before_is_true_also_where_the_window_is_one_day(filled, cast, actor, tmp_path):
    road, window = cast.campaigns["roadshow"], {"from_day": DAY_2, "to_day": DAY_2}
    book = opened(workbook(actor("olga"), tmp_path, campaign_id=road, **window), values=True)
    rows = {row["指标"]: row for row in table(book["总览"])}
    query = FunnelQuery(campaign_ids=(road,), from_day=DAY_1, to_day=DAY_1)
    before, walked = funnel(actor("olga"), query).total, visits(actor("olga"), query).total
    for title, stage in STAGES.items():
        assert rows[title][f"{DAY_2} 当日/前一日"] == getattr(before, stage), title
    assert before.consult > 0
    assert rows["有效走访"][f"{DAY_2} 当日/前一日"] == walked.valid > 0


def test_the_boards_are_the_standings(filled, cast, actor, tmp_path):
    book = opened(workbook(actor("olga"), tmp_path, campaign_id=cast.campaigns["roadshow"]), values=True)
    for sheet, per, who in (("团队PK", "team", "小组"), ("个人排行", "member", "姓名")):
        board = standings_of(actor("olga"), filled, per=per)
        rows = table(book[sheet])
        assert len(rows) == len(board.rows) + 1
        for row, place in zip(rows, board.rows, strict=False):
            assert (row["名次"], row[who]) == (place.rank, place.name)
            assert f"{row['得分/人均得分']:.1f}" == place.score_shown
            assert row["得分/积分"] == float(place.points_shown.replace(",", ""))
            assert row["得分/出勤人日"] == place.person_days
            assert row["得分/与前一名差距"] == (None if place.gap_shown is None else float(place.gap_shown))
            assert row["得分/名次变化"] == place.climbed
            assert [row[f"数量/{title}"] for title in ("有效走访", "咨询数", "申请数", "受理进件数")] == [
                place.visits, place.consult, place.application, place.accepted,
            ]  # fmt: skip
            rates_fit(row, place.funnel)
        assert rows[-1]["得分/出勤人日"] == sum(row.person_days for row in board.rows)


def test_days_and_districts_are_the_funnel_s_and_add_up(filled, cast, actor, tmp_path):
    olga, road = actor("olga"), cast.campaigns["roadshow"]
    book = opened(workbook(olga, tmp_path, campaign_id=road), values=True)
    query = FunnelQuery(campaign_ids=(road,), window="campaign")
    days, teams = daily(olga, query), matrix(olga, query, "day", "team")
    rows = table(book["每日战况"])
    assert [row["日期"].date().isoformat() for row in rows[:-1]] == [row.key for row in days.rows]
    for row, found in zip(rows, days.rows, strict=False):
        for title in ("咨询数", "申请数", "受理进件数"):
            assert row[f"全部小组/{title}"] == getattr(found.counts, STAGES[title])
            for team in teams.columns:
                assert row[f"{team.label}/{title}"] == getattr(teams.at(found.key, team.key), STAGES[title])
    assert rows[-1]["全部小组/咨询数"] == days.total.consult
    places = {row.label: row.counts for row in funnel(olga, replace(query, by="place")).rows}
    walked = visits(olga, query).total
    grid = table(book["区域网格"])
    assert [row["上级区域"] for row in grid if "小计" in str(row["上级区域"])] == ["城关镇 小计", "柳树村 小计"]
    for row in grid[:-1]:
        if "小计" not in row["上级区域"]:
            name = row["区域"] if row["区域"] == row["上级区域"] else f"{row['上级区域']} / {row['区域']}"
            counts = places[name]
            assert [row[title] for title in STAGES] == [getattr(counts, stage) for stage in STAGES.values()]
            rates_fit(row, counts)
    total = grid[-1]
    assert [total[title] for title in STAGES] == [getattr(days.total, stage) for stage in STAGES.values()]
    assert (total["走访/有效走访"], total["走访/涉及走访"]) == (walked.valid, walked.touched)
    rates_fit(total, days.total)


def test_a_district_and_a_day_that_were_only_visited_have_their_rows(app, cast, actor, tmp_path):
    with app.test_request_context():
        with unit_of_work():
            visit(cast, district="estate", day=DAY_3)
        book = opened(workbook(actor("olga"), tmp_path, campaign_id=cast.campaigns["roadshow"]), values=True)
    walked = [(row["区域"] or row["上级区域"], row["走访/有效走访"]) for row in table(book["区域网格"])]
    assert walked == [
        ("东大街商区", 0), ("幸福社区", 1), ("城关镇 小计", 1), ("柳树村", 0), ("柳树村 小计", 0), ("合计", 1),
    ]  # fmt: skip
    assert [row["全部小组/有效走访"] for row in table(book["每日战况"])] == [1, 1]


def test_a_district_of_the_plan_where_nobody_has_been_has_its_row_also_for_its_own_team(app, cast, actor, tmp_path):
    road = cast.campaigns["roadshow"]

    def seen(name: str) -> list[str]:
        book = opened(workbook(actor(name), tmp_path, name=f"{name}.xlsx", campaign_id=road), values=True)
        return [row["区域"] for row in table(book["区域网格"]) if row["区域"]]

    with app.test_request_context():
        with unit_of_work():
            visit(cast, district="estate", day=DAY_3)
            db.session.add(CampaignDistrict(campaign_id=road, district_id=cast.districts["town"]))
        # The town has its visit below it; Charlie's team works the village and sees nothing of the market.
        assert seen("olga") == ["东大街商区", "幸福社区", "柳树村"]
        assert seen("charlie") == ["柳树村"]


def test_all_campaigns_and_walk_in_add_up(filled, cast, actor, tmp_path):
    book = opened(workbook(actor("olga"), tmp_path), values=True)
    assert "各活动" in book.sheetnames
    rows, counts = table(book["各活动"]), funnel(actor("olga"), FunnelQuery()).total
    assert "自然到访" in [row["外拓活动"] for row in rows]
    for title, stage in STAGES.items():
        assert rows[-1][title] == sum(row[title] for row in rows[:-1]) == getattr(counts, stage)


def test_days_that_were_chosen_narrow_every_sheet(filled, cast, actor, tmp_path):
    olga, road = actor("olga"), cast.campaigns["roadshow"]
    path = workbook(olga, tmp_path, campaign_id=road, from_day=DAY_1, to_day=DAY_1)
    book = opened(path, values=True)
    found = funnel(olga, FunnelQuery(campaign_ids=(road,), from_day=DAY_1, to_day=DAY_1))
    assert table(book["总览"])[0]["本期/数量"] == found.total.consult
    board = standings_of(olga, filled, day=DAY_1)
    assert [row["得分/积分"] for row in table(book["团队PK"])[:-1]] == [float(row.points) for row in board.rows]


def test_rates_are_live_formulas_with_their_values(filled, cast, actor, tmp_path):
    path = workbook(actor("olga"), tmp_path, campaign_id=cast.campaigns["roadshow"])
    formulas, values = opened(path, values=False), opened(path, values=True)
    counted = 0
    for name in SHEETS[:-1]:
        for row in formulas[name].iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    counted += 1
                    assert values[name][cell.coordinate].value is not None, f"{name}!{cell.coordinate}"
    assert counted > 50
    assert re.fullmatch(r"=IF\(B\d+=0,.*", str(formulas["总览"]["D6"].value)) or "C6" in str(
        formulas["总览"]["D6"].value
    )


def test_there_are_bars_lines_and_funnels(filled, cast, actor, tmp_path):
    path = workbook(actor("olga"), tmp_path, campaign_id=cast.campaigns["roadshow"])
    with zipfile.ZipFile(path) as package:
        charts = [package.read(name).decode() for name in package.namelist() if name.startswith("xl/charts/chart")]
    assert len(charts) == 9
    assert sum("<c:lineChart>" in chart for chart in charts) == 1
    assert sum("_funnel" in chart for chart in charts) == 2
    assert sum('<c:barDir val="col"/>' in chart for chart in charts) == 6


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_name_becomes_a_formula(app, cast, actor, tmp_path, payload):
    with app.test_request_context():
        with unit_of_work():
            make.lead(actor("bob"), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"])
            visit(cast)
            pk(cast, actor, name=payload)
            db.session.execute(update(Team).where(Team.id == cast.teams["red"]).values(name=payload))
            db.session.execute(update(User).where(User.id == cast.users["bob"]).values(name=payload))
            db.session.execute(update(Campaign).where(Campaign.id == cast.campaigns["roadshow"]).values(name=payload))
            db.session.execute(update(District).where(District.id == cast.districts["market"]).values(name=payload))
        path = workbook(actor("olga"), tmp_path, campaign_id=cast.campaigns["roadshow"])
    book = opened(path, values=False)
    ours = re.compile(r"=(IF\([A-Z]+\d+=0,|SUM\(|SUBTOTAL\(9,)")
    foreign = [
        f"{sheet.title}!{cell.coordinate}"
        for sheet in book if sheet.title != "_funnel"
        for row in sheet.iter_rows() for cell in row if cell.data_type == "f" and not ours.match(str(cell.value))
    ]  # fmt: skip
    assert foreign == []
    with zipfile.ZipFile(path) as package:
        for name in package.namelist():
            part = package.read(name).decode()
            assert "<hyperlink" not in part, name
            if name.startswith("xl/charts/"):
                assert all("$" in reference for reference in re.findall(r"<c:f>([^<]*)</c:f>", part)), name


def test_no_customer_leaves_the_house(app, cast, actor, tmp_path):
    with app.test_request_context():
        with unit_of_work():
            for campaign in ("roadshow", "walk_in"):
                make.lead(
                    actor("bob"), campaign_id=cast.campaigns[campaign], team_id=cast.teams["red"], name="金丝雀",
                    phone=CANARY, shop="金丝雀面馆", address="金丝雀巷", note=f"金丝雀 {CANARY}",
                )  # fmt: skip
        fill(cast, actor, leads=10)  # its adjustment names the phone in the reason
        for name, campaign in (("one.xlsx", cast.campaigns["roadshow"]), ("all.xlsx", None)):
            path = workbook(actor("olga"), tmp_path, campaign_id=campaign, name=name)
            with zipfile.ZipFile(path) as package:
                parts = b"".join(package.read(part) for part in package.namelist()).decode(errors="replace")
            assert "红队" in parts
            assert "案例分享" in parts
            assert (CANARY in parts, "金丝雀" in parts) == (False, False)


def test_the_definitions_say_what_was_counted_by_which_rules_and_when_days_were_locked(filled, cast, actor, tmp_path):
    path = workbook(actor("olga"), tmp_path, campaign_id=cast.campaigns["roadshow"])
    rows = [list(row.values()) for row in table(opened(path, values=True)["口径说明"])]
    items = {row[1]: row for row in rows}
    record = db.session.scalar(select(ExportRecord))
    assert items["数据哈希值（SHA-256）"][2] == record.filters["figures"]
    assert items["统计日期"][2] == "2026-11-16 至 2026-11-21"
    assert "样本不足" in items["申请率"][2]
    kinds = [row[0] for row in rows]
    assert {"本汇总表", "指标定义", "PK 规则", "奖惩调整", "外拓日报"} <= set(kinds)
    assert any("红队" in row[1] and "锁定" in row[2] for row in rows if row[0] == "外拓日报")


def test_the_export_is_recorded_and_audited_with_its_hash(filled, cast, actor, tmp_path):
    path = workbook(actor("mona"), tmp_path, campaign_id=cast.campaigns["roadshow"], from_day=DAY_1)
    record = db.session.scalar(select(ExportRecord))
    assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (record.kind, record.actor_id, record.file_name) == ("workbook", cast.users["mona"], "a.xlsx")
    assert record.filters["from"] == DAY_1.isoformat()
    entry = db.session.scalar(select(AuditEntry).where(AuditEntry.action == "reports.export"))
    assert (entry.actor_id, entry.subject_id, entry.detail["sha256"]) == (cast.users["mona"], record.id, record.sha256)
    assert [one.name for one in tmp_path.iterdir()] == ["a.xlsx"]


def test_equal_figures_have_an_equal_hash_and_one_more_lead_another(filled, cast, actor, tmp_path):
    olga, road = actor("olga"), cast.campaigns["roadshow"]
    for name in ("a.xlsx", "b.xlsx"):
        workbook(olga, tmp_path, campaign_id=road, name=name)
    with unit_of_work():
        make.lead(actor("bob"), campaign_id=road, team_id=cast.teams["red"])
    workbook(olga, tmp_path, campaign_id=road, name="c.xlsx")
    first, second, third = (
        one.filters["figures"] for one in db.session.scalars(select(ExportRecord).order_by(ExportRecord.id))
    )
    assert first == second != third


def test_what_fails_leaves_no_file_and_no_record(filled, cast, actor, tmp_path, monkeypatch):
    road = cast.campaigns["roadshow"]
    with pytest.raises(Forbidden):
        workbook(actor("bob"), tmp_path, campaign_id=road)
    with pytest.raises(NotFound):
        workbook(actor("olga"), tmp_path, campaign_id=2**31 - 1)
    with pytest.raises(Invalid):
        workbook(actor("olga"), tmp_path, campaign_id=road, from_day=DAY_2, to_day=DAY_1)
    monkeypatch.setattr("crm.reports.commands.audit.record", lambda *_args, **_more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        workbook(actor("olga"), tmp_path, campaign_id=road)
    assert list(tmp_path.iterdir()) == []
    assert db.session.scalar(select(ExportRecord.id)) is None


def test_a_team_lead_takes_the_own_team_s_figures_and_everybody_s_pk(filled, cast, actor, tmp_path):
    alice, road = actor("alice"), cast.campaigns["roadshow"]
    book = opened(workbook(alice, tmp_path, campaign_id=road), values=True)
    query = FunnelQuery(campaign_ids=(road,), window="campaign")
    own, everybody = funnel(alice, query).total, funnel(actor("olga"), query).total
    rows = {row["指标"]: row for row in table(book["总览"])}
    assert rows["咨询数"]["本期/数量"] == own.consult < everybody.consult
    assert (rows["咨询数"]["对照目标/目标"], rows["咨询数"]["对照目标/完成"]) == (20, own.consult)
    assert {row["小组"] for row in table(book["团队PK"])[:-1]} == {"红队", "蓝队"}
    assert not any("蓝队" in str(key) for key in table(book["每日战况"])[0])
    assert [row["说明"] for row in table(book["口径说明"]) if row["项目"] == "统计小组"] == ["红队"]
    foreign = _campaign_of_nobody(cast)
    with pytest.raises(NotFound):
        workbook(alice, tmp_path, campaign_id=foreign)


def _campaign_of_nobody(cast) -> int:
    """A campaign in which no team takes part."""
    with unit_of_work():
        road = db.session.get_one(Campaign, cast.campaigns["roadshow"])
        foreign = Campaign(
            code="C-X", name="外队活动", model="salon", status="running", starts_on=DAY_1, ends_on=DAY_2,
            valid_outcomes=[], created_at=road.created_at,
        )  # fmt: skip
        db.session.add(foreign)
        db.session.flush()
        return foreign.id


def test_without_a_contest_people_are_ranked_by_their_figures(app, cast, actor, tmp_path):
    with app.test_request_context():
        with unit_of_work():
            for who, team, count in (("bob", "red", 1), ("dora", "blue", 2), ("alice", "red", 2)):
                for _ in range(count):
                    make.lead(actor(who), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams[team])
        book = opened(workbook(actor("olga"), tmp_path, campaign_id=cast.campaigns["roadshow"]), values=True)
    rows = table(book["个人排行"])
    assert [(row["名次"], row["数量/咨询数"]) for row in rows[:-1]] == [(1, 2), (1, 2), (3, 1)]
    assert [row["名次"] for row in table(book["团队PK"])[:-1]] == [1, 2]


def test_an_empty_campaign_gives_a_workbook_too(app, cast, actor, tmp_path):
    with app.test_request_context():
        for name, campaign in (("one.xlsx", cast.campaigns["roadshow"]), ("all.xlsx", None)):
            book = opened(workbook(actor("olga"), tmp_path, campaign_id=campaign, name=name), values=True)
            assert table(book["总览"])[1]["本期/转化率"] == "—"


def test_two_contests_of_one_campaign_stand_below_each_other(filled, cast, actor, tmp_path):
    with unit_of_work():
        pk(cast, actor, code="PK-2", name="第二场", ends_on=DAY_1 + timedelta(days=1))
    book = opened(workbook(actor("olga"), tmp_path, campaign_id=cast.campaigns["roadshow"]), values=True)
    rows = table(book["团队PK"])
    assert [next(iter(row.values())) for row in rows] == ["第二场"] * 2 + ["路演 PK"] * 2


def test_the_english_reader_gets_the_same_figures_under_english_headings(filled, cast, actor, tmp_path):
    road = cast.campaigns["roadshow"]
    chinese = opened(workbook(actor("olga"), tmp_path, campaign_id=road), values=True)
    with force_locale("en"):
        english = opened(workbook(actor("olga"), tmp_path, campaign_id=road, name="en.xlsx"), values=True)
    assert english.sheetnames[:6] == [
        "Overview",
        "Team PK",
        "Person ranking",
        "Daily results",
        "District grid",
        "Definitions",
    ]
    for here, there in zip(SHEETS[:-1], english.sheetnames, strict=False):
        numbers = [
            [cell for row in book[name].iter_rows(values_only=True) for cell in row if isinstance(cell, int | float)]
            for book, name in ((chinese, here), (english, there))
        ]
        assert numbers[0] == numbers[1]
    headings = [
        cell for row in english["Team PK"].iter_rows(min_row=3, max_row=4, values_only=True) for cell in row if cell
    ]
    assert all(cell.isascii() for cell in headings), headings


def _numbers(book: Workbook) -> dict[str, list[object]]:
    return {
        name: [
            round(cell, 9) if isinstance(cell, float) else cell
            for row in book[name].iter_rows(values_only=True)
            for cell in row
            if cell is not None and not isinstance(cell, date)
        ]
        for name in SHEETS
    }


@pytest.mark.office
@pytest.mark.filterwarnings("ignore:.*extension is not supported")  # LibreOffice's own data bars
@pytest.mark.filterwarnings("ignore:Unable to read chart")  # and its own way to write charts
def test_libreoffice_calculates_the_cached_values(filled, cast, actor, tmp_path):
    path = workbook(actor("olga"), tmp_path, campaign_id=cast.campaigns["roadshow"])
    cached = _numbers(opened(path, values=True))
    without_cached_values(path, tmp_path / "bare.xlsx")
    assert _numbers(opened(tmp_path / "bare.xlsx", values=True)) != cached
    folder = tmp_path / "office"
    folder.mkdir()
    assert _numbers(calculated(path, folder)) == cached
