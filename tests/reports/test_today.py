"""The first page of each role: what matters, what to do, and a bounded number of questions."""

import re
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import update

from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.commands import record_stage
from crm.leads.ledger import Clocks
from crm.leads.models import Lead
from crm.leads.rules import Stage
from crm.outreach.models import DailyLog, Pledge
from crm.people.models import Team, User
from tests import make
from tests.figures.making import visit
from tests.moments import BELL, DAY_1, DAY_2, MORNING, NOON, YESTERDAY_NOON
from tests.reports.filling import fill, pk


def headline(page: str) -> str:
    """The words of the headline."""
    return re.search(r'wt-headline-words">([^<]*)<', page)[1]


def page_of(client) -> str:
    answer = client.get("/today")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def captured(cast, actor, name="bob", team="red", **more):
    return make.lead(actor(name), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams[team], **more)


def due(lead_id: int, day) -> None:
    db.session.execute(update(Lead).where(Lead.id == lead_id).values(follow_up_on=day))


def test_everybody_s_first_page_is_today(app, client_of):
    for name in ("adam", "alice", "audrey", "bob", "eve", "mona", "olga", "tim"):
        assert client_of(name).get("/").headers["Location"] == "/today"
        page_of(client_of(name))


def test_a_member_sees_who_is_overdue_and_the_pledge(app, cast, actor, client_of):
    with unit_of_work():
        for day, name in ((DAY_1, "逾期客户"), (DAY_2, "今日客户")):
            due(captured(cast, actor, name=name if False else "bob", stage=Stage.CONSULT, shop=name).lead_id, day)
        db.session.add(
            Pledge(
                campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], member_id=cast.users["bob"], day=DAY_2,
                metric="consults", value=5, recorded_at=MORNING,
            )
        )  # fmt: skip
    page = page_of(client_of("bob"))
    assert headline(page) == "1 位客户逾期未跟进"
    assert "逾期客户" in page
    assert "承诺 5" in page
    with unit_of_work():
        db.session.execute(update(Lead).values(follow_up_on=None))
    assert headline(page_of(client_of("bob"))) == "今日还差：咨询数 3"


def test_a_member_sees_only_the_own_follow_ups(app, cast, actor, client_of):
    with unit_of_work():
        due(captured(cast, actor, name="alice", shop="爱丽的店").lead_id, DAY_1)
        due(captured(cast, actor, name="dora", team="blue", shop="蓝队的店").lead_id, DAY_1)
    page = page_of(client_of("bob"))
    assert "爱丽的店" not in page
    assert "蓝队的店" not in page


def test_a_team_lead_is_told_of_the_log_after_the_cut_off(app, cast, actor, client_of):
    with unit_of_work():
        pk(cast, actor)
        captured(cast, actor, name="dora", team="blue")
    assert headline(page_of(client_of("alice"))) == "红队在“路演 PK”中排第 2，落后蓝队 1.0 分"
    with time_machine.travel(BELL + timedelta(minutes=1), tick=True):
        assert headline(page_of(client_of("alice"))) == "红队今日日报尚未提交"
        with unit_of_work():
            db.session.add(
                DailyLog(
                    campaign_id=cast.campaigns["roadshow"],
                    team_id=cast.teams["red"],
                    day=DAY_2,
                    status="submitted",
                    submitted_at=BELL,
                )
            )
        assert headline(page_of(client_of("alice"))).startswith("红队在")


def test_a_team_lead_sees_the_own_members_only(app, cast, actor, client_of):
    with unit_of_work():
        captured(cast, actor)
        visit(cast, day=DAY_2)
    page = page_of(client_of("alice"))
    assert "鲍勃" in page
    assert "朵拉" not in page
    assert "今天尚无记录" in page  # Alice herself
    assert headline(page_of(client_of("charlie"))) == "东大街路演"


def test_organisers_see_the_figures_of_the_day_and_of_yesterday_until_it_begins(app, cast, actor, client_of):
    with unit_of_work():
        captured(cast, actor, stage=Stage.ACCEPTED, at=YESTERDAY_NOON)
    assert headline(page_of(client_of("olga"))) == "今天尚无数据。昨日：咨询 1、申请 1、受理进件 1"
    with unit_of_work():
        captured(cast, actor)
    page = page_of(client_of("olga"))
    assert headline(page) == "今日：咨询 1、申请 0、受理进件 0"
    assert "各活动 · 2026-11-17" in page
    with time_machine.travel(BELL + timedelta(minutes=1), tick=True):
        assert headline(page_of(client_of("mona"))) == "2 个小组尚未提交今日日报"


def test_what_the_bank_feeds_back_in_the_morning_is_no_day_in_the_field_yet(app, cast, actor, client_of):
    with unit_of_work():
        lead_id = captured(cast, actor, stage=Stage.ACCEPTED, at=YESTERDAY_NOON).lead_id
        record_stage(actor("mona"), lead_id, Stage.APPROVED, clocks=Clocks.at(MORNING))
    page = page_of(client_of("olga"))
    assert headline(page) == "今天尚无数据。昨日：咨询 1、申请 1、受理进件 1"
    assert "各活动 · 2026-11-16" in page


def test_an_external_trainer_sees_counts_and_no_link_to_customers(app, cast, actor, client_of):
    with unit_of_work():
        captured(cast, actor, shop="秘密小店")
    page = page_of(client_of("tim"))
    assert "秘密小店" not in page
    assert 'href="/leads' not in page


def test_the_administrator_sees_who_cannot_sign_in(app, cast, client_of):
    assert headline(page_of(client_of("adam"))) == "所有账号正常"
    with unit_of_work():
        db.session.execute(update(User).where(User.id == cast.users["eve"]).values(password_hash=None))
        db.session.execute(
            update(User).where(User.id == cast.users["dora"]).values(locked_until=NOON + timedelta(minutes=15))
        )
    assert headline(page_of(client_of("adam"))) == "1 人尚未设置密码"


def test_the_auditor_sees_what_left_the_house(app, cast, client_of):
    client_of("olga").post("/exports", data={"campaign": ""})
    assert headline(page_of(client_of("audrey"))) == "今天导出文件 1 个，查看完整号码 0 次"


@pytest.mark.parametrize(("name", "most"), [("bob", 25), ("alice", 35), ("olga", 45), ("adam", 8), ("audrey", 10)])
def test_the_number_of_questions_does_not_grow_with_the_records(app, cast, actor, client_of, queries, name, most):
    counts = []
    fill(cast, actor, leads=10)
    for _ in range(2):
        with queries() as seen:
            page_of(client_of(name))
        counts.append(seen.count)
        with unit_of_work():
            for _step in range(15):
                due(captured(cast, actor, stage=Stage.ACCEPTED).lead_id, DAY_1)
                visit(cast, day=DAY_2)
    assert counts[0] <= most
    assert counts[1] <= counts[0] + 2


def test_markup_in_names_is_only_text(app, cast, actor, client_of):
    with unit_of_work():
        pk(cast, actor, name="<b>PK</b>")
        captured(cast, actor, shop="<img src=x>")
        due(captured(cast, actor, shop="<img src=x>").lead_id, DAY_1)
        db.session.execute(update(Team).values(name=Team.name + "<i>"))
    for name in ("bob", "alice", "olga"):
        page = page_of(client_of(name))
        assert "<b>PK" not in page
        assert "<img src=x" not in page
        assert "<i>" not in page


def test_the_page_reads_english_too(app, cast, actor, client_of):
    with unit_of_work():
        captured(cast, actor)
    olga = client_of("olga")
    olga.set_cookie("crm_lang", "en")
    assert headline(page_of(olga)) == "Today: 1 consults, 0 applications, 0 accepted cases"
