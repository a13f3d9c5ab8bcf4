"""The demo's posters: an approved text, a few codes of the sprint, and who asked by them on its last field day."""

from datetime import datetime, timedelta

from sqlalchemy import select

from crm.campaigns.models import CampaignSession
from crm.campaigns.rules import CampaignModel
from crm.demo.bank import Bank
from crm.enquiries import commands
from crm.enquiries.models import PosterCode, PosterText
from crm.enquiries.taking import Asked, Sender, receive
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.leads.queries import notice_in_force
from crm.leads.rules import Need, Trade

ASKED = (
    ("campaign", (10, 12), "孙老板", Trade.CATERING, Need.THREE_MONTHS),
    ("session", (10, 48), "鑫源五金 何姐", Trade.WHOLESALE_RETAIL, Need.NOW),
    ("m101", (11, 31), "周师傅", Trade.OTHER_SERVICES, ""),
    ("m101", (15, 5), "丽人美发 罗女士", Trade.OTHER_SERVICES, Need.NOW),
    ("lead1", (15, 40), "唐记面馆", Trade.CATERING, Need.NONE),
    ("m201", (16, 22), "彭先生", Trade.MANUFACTURING, Need.THREE_MONTHS),
)
"""By whose code, at what time, who, in which trade, and when the money is needed."""


def hang_posters(bank: Bank, at: datetime) -> None:
    """Inside an open unit of work. One more form came from a program, so that there is something to look through."""
    day = bank.first_day
    organiser, manager = bank.actor("organiser", bank.today), bank.actor("manager", bank.today)
    for text in db.session.scalars(select(PosterText)).all():
        commands.approve_text(manager, text.id, version=text.version, at=at_local(day, 8))
    commands.write_text(
        organiser, headline="进货旺季，资金早准备", body="扫码留言，客户经理上门了解情况。\n是否放款以审批结果为准。",
        legal_line="本海报不构成贷款承诺。请理性借贷，按时还款。", at=at_local(bank.today, 7),
    )  # fmt: skip
    codes = _codes(bank)
    asked_on = bank.today - timedelta(days=1)
    for number, (whose, (hour, minute), name, trade, need) in enumerate(ASKED):
        _ask(codes[whose], number, at_local(asked_on, hour, minute), name, trade, need)
    _ask(codes["campaign"], len(ASKED), at_local(asked_on, 3, 14), "快速放款", Trade.OTHER_SERVICES, "", bait="http://")


def _codes(bank: Bank) -> dict[str, PosterCode]:
    organiser, campaign_id = bank.actor("organiser", bank.today), bank.campaigns[CampaignModel.ROADSHOW]
    first = select(CampaignSession.id).where(CampaignSession.campaign_id == campaign_id).order_by(CampaignSession.id)
    wanted: dict[str, tuple[int | None, int | None]] = {
        "campaign": (None, None),
        "session": (db.session.scalars(first).first(), None),
        **{login: (None, bank.users[login]) for login in ("m101", "lead1", "m201", "m301")},
    }
    made = at_local(bank.first_day, 8, 15)
    return {
        name: commands.make_code(
            organiser, campaign_id=campaign_id, session_id=session_id, member_id=member_id, at=made
        )
        for name, (session_id, member_id) in wanted.items()
    }  # fmt: skip


def _ask(code: PosterCode, number: int, at: datetime, name: str, trade: str, need: str, *, bait: str = "") -> None:
    notice = notice_in_force()
    asked = Asked(
        name=name,
        # 1410: numbers of data cards in machines, which no other customer of the demo has.
        phone=f"1410{number * 7919 % 10**7:07d}",
        trade=str(trade),
        need=str(need),
        marketing=("wechat",) if number % 3 == 1 else (),
        notice_hash=notice.text_hash if notice else "",
    )
    sender = Sender(f"demo-{number}", at - timedelta(seconds=40), bait, f"203.0.113.{number + 10}", False)
    receive(code.token, asked, sender, at=at)
