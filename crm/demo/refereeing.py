"""Clashes of the sprint before the referee: most are decided, two wait, one was appealed against; and who is due today."""

from datetime import datetime, timedelta

from sqlalchemy import select, update

from crm.campaigns.rules import CampaignModel
from crm.contest.clashing import appeal_clash, decide_clash, sealed_at
from crm.demo.bank import Bank
from crm.kernel.db import db
from crm.leads.ledger_models import StageEntry
from crm.leads.models import Clash
from crm.leads.rules import Outcome
from crm.outreach.reminding import tell_due
from crm.people.inbox_models import InboxMessage
from crm.people.models import User

OPEN = 2
"""How many wait for a first decision."""
DECIDES_AFTER, APPEALS_AFTER = timedelta(minutes=15), timedelta(minutes=40)
NEW = timedelta(days=1)
"""Messages that are older have been read."""


def referee(bank: Bank, at: datetime) -> None:
    """Decides the sprint's clashes, inside an open unit of work; what is decided in the end moves no earlier day's credit."""
    sprint = bank.campaigns[CampaignModel.ROADSHOW]
    found = select(Clash).where(Clash.campaign_id == sprint, Clash.state == "open").order_by(Clash.id.desc())
    waiting = list(db.session.scalars(found))
    decided = waiting[OPEN:]
    appealed = next((one for one in decided if _can_appeal(one, at)), None)
    moved = next((one for one in decided if one is not appealed and _is_late(bank, one)), None)
    for one in decided:
        same = Outcome.DIFFERENT if one.matched_by == "name_place" else Outcome.HOLDER
        if one is moved:
            _decide(bank, one, Outcome.CLAIMANT, "后登记的小组有现场照片和客户确认，先登记的小组未与客户见面。", at)
        else:
            reason = "门牌不同，是两家店。" if same is Outcome.DIFFERENT else "服务器先收到的有效记录在前。"
            _decide(bank, one, same, reason, min(one.received_at + DECIDES_AFTER, at))
    if appealed is not None:
        login = db.session.scalar(select(User.login).where(User.id == appealed.claimed_by_id))
        member = bank.actor(str(login), bank.today)
        words = "我组上午已与店主谈妥额度，有走访记录。"
        appeal_clash(member, appealed.id, words=words, at=appealed.received_at + APPEALS_AFTER)
    tell_due(bank.today, at=at)
    db.session.flush()
    db.session.execute(
        update(InboxMessage)
        .where(InboxMessage.created_at < at - NEW)
        .values(read_at=InboxMessage.created_at)
        .execution_options(synchronize_session=False)
    )


def _decide(bank: Bank, one: Clash, outcome: Outcome, reason: str, at: datetime) -> None:
    organiser = bank.actor("organiser", bank.today)
    decide_clash(organiser, one.id, version=one.version, outcome=outcome.value, reason=reason, at=at)


def _can_appeal(one: Clash, at: datetime) -> bool:
    then = one.received_at + APPEALS_AFTER
    return one.matched_by == "phone" and then < min(at, sealed_at(one.campaign_id, one.received_at))


def _is_late(bank: Bank, one: Clash) -> bool:
    """Whether the customer's whole story lies after the first day, which is the same in a demo that stops there."""
    first = select(db.func.min(StageEntry.day)).where(StageEntry.lead_id == one.lead_id)
    day = db.session.scalar(first)
    return one.matched_by == "phone" and day is not None and day > bank.first_day
