"""A bank with something to report: a random story in three campaigns, a PK, visits, targets, a log and an adjustment."""

from datetime import date, timedelta
from pathlib import Path

from crm.campaigns.plan_commands import set_targets
from crm.contest.adjusting import adjust
from crm.contest.commands import create_contest, start_contest
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.outreach.models import DailyLog
from crm.reports.commands import export_workbook
from crm.reports.rules import WorkbookQuery
from crm.reports.workbook import made_workbook
from tests.figures.making import random_story, visit
from tests.moments import BELL, DAY_1, DAY_2, DAY_6, NOON

BANK = "测试农商银行"


def pk(cast, actor, *, code: str = "PK-1", name: str = "路演 PK", ends_on: date = DAY_6) -> int:
    """A running contest of both teams on the roadshow; inside an open unit of work."""
    made = create_contest(
        actor("olga"), code=code, name=name, campaign_ids=[cast.campaigns["roadshow"]],
        team_ids=list(cast.teams.values()), starts_on=DAY_1, ends_on=ends_on,
    )  # fmt: skip
    start_contest(actor("olga"), made.id, version=made.version)
    return made.id


def fill(cast, actor, *, leads: int = 60) -> int:
    """Everything that a workbook shows; gives the contest's id."""
    random_story(cast, actor, leads=leads)
    with unit_of_work():
        contest = pk(cast, actor)
        for step in range(12):
            team, who, place = (("red", "bob", "market"), ("blue", "dora", "village"))[step % 2]
            visit(cast, who=who, team=team, district=place, day=DAY_1 + timedelta(days=step % 3), valid=step % 4 != 3)
        visit(cast, district="estate", day=DAY_6)  # a district and a day that were only visited
        set_targets(actor("olga"), cast.campaigns["roadshow"], _targets(cast))
        db.session.add(
            DailyLog(
                campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], day=DAY_1, status="locked",
                submitted_at=BELL - timedelta(days=1), locked_at=BELL - timedelta(days=1),
            )
        )  # fmt: skip
        adjust(
            actor("olga"), contest, team_id=cast.teams["red"], member_id=None, day=DAY_2, kind="case_shared", points=3,
            reason="案例分享，客户 13900009999", at=NOON,
        )  # fmt: skip
    return contest


def _targets(cast) -> dict[tuple[int | None, str], int | None]:
    values: dict[tuple[int | None, str], int | None] = {
        (None, "consults"): 40,
        (None, "accepted"): 9,
        (None, "visits"): 20,
    }
    for team in ("red", "blue"):
        values |= {(cast.teams[team], "consults"): 20, (cast.teams[team], "accepted"): 5}
    return values


def workbook(actor, folder: Path, *, campaign_id: int | None = None, name: str = "a.xlsx", **days: date) -> Path:
    """The workbook of that actor, exported to a file."""
    asked, at, out = WorkbookQuery(campaign_id, **days), now(), folder / name
    with made_workbook(actor, asked, bank=BANK, folder=folder, at=at) as made, unit_of_work():
        export_workbook(actor, made, at=at, out=out)
    return out
