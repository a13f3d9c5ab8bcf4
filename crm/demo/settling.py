"""The demo's bonuses and penalties: what the organiser writes down when the PK is settled in the evening."""

from datetime import timedelta

from sqlalchemy import select

from crm.campaigns.rules import CampaignModel
from crm.contest.adjusting import adjust, confirm_adjustment
from crm.demo.bank import FIELD_DAYS, Bank
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.ledger_models import StageEntry
from crm.leads.rules import Stage
from crm.outreach.models import DailyLog


def settle(bank: Bank, number: int) -> None:
    """The first case of field day `number`, a case that was shared, and who was late with the log; the second person says yes
    to the lateness at once. A returned file of the last day still waits for them, so that there is something to confirm."""
    day = bank.first_day + timedelta(days=number)
    organiser, manager = bank.actor("organiser", day), bank.actor("manager", day)
    at, campaign_id = at_local(day, 18, 20), bank.campaigns[CampaignModel.ROADSHOW]

    def note(kind: str, team_id: int, reason: str, member_id: int | None = None) -> int:
        return adjust(
            organiser, bank.contest_id, team_id=team_id, member_id=member_id, day=day, kind=kind, points=None,
            reason=reason, at=at,
        ).id  # fmt: skip

    first = (
        select(StageEntry.team_id, StageEntry.credited_id)
        .where(
            StageEntry.campaign_id == campaign_id,
            StageEntry.day == day,
            StageEntry.stage == Stage.ACCEPTED,
            StageEntry.team_id.is_not(None),
        )
        .order_by(StageEntry.occurred_at, StageEntry.id)
        .limit(1)
    )
    late = select(DailyLog.team_id).where(DailyLog.campaign_id == campaign_id, DailyLog.day == day, DailyLog.late)
    with unit_of_work():
        for team_of_then, member_id in db.session.execute(first):
            note("first_case", team_of_then or 0, "当日首单", member_id)
        note("case_shared", bank.teams[number % len(bank.teams)], "夕会分享成功案例")
        for team_id in db.session.scalars(late):
            penalty = note("late_report", team_id, "日报晚于截止时间提交")
            confirm_adjustment(manager, bank.contest_id, penalty, at=at + timedelta(minutes=5))
        if number == FIELD_DAYS - 1:
            note("returned_file", bank.teams[-1], "一份进件资料不全，支行退回")
