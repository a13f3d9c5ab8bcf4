"""What every installation has from its first moment: the schema, a privacy notice and the walk-in campaign."""

import hashlib
from datetime import date, datetime

from sqlalchemy import select

from crm.campaigns.models import Campaign
from crm.campaigns.rules import VALID_OUTCOMES
from crm.enquiries.models import PosterText
from crm.kernel.db import db
from crm.leads.models import NoticeVersion

NOTICE = """{bank}为答复您本次的贷款咨询，将收集您的称呼、手机号码、所在行业和您自愿提供的经营信息。
用途：仅用于本次咨询的联系与答复；如您另行勾选，方用于相应渠道的产品告知或授信评估。
保存期限：实现上述用途所必需的最短时间；提出申请的，按本行信贷档案期限保存；您要求删除的，核实后删除。
您的权利：您可随时查阅、更正、撤回同意或要求删除，方式：告知现场工作人员或拨打本行客服电话。
不同意第二、第三项不影响本次咨询。"""
POSTER = (
    "生意周转，先问问我们",
    "扫码留下称呼和手机号，客户经理会与您联系。\n咨询不收费，也不代表您已申请贷款。",
    "贷款须经审批，额度、利率和期限以审批结果为准。请根据自身能力合理借贷，按时还款。",
)
"""Headline, text and legal line of the first draft; it is printed once somebody of the bank has approved it."""


def lay_foundation(*, bank: str, today: date, at: datetime) -> None:
    """Makes the first notice, the walk-in campaign and a draft for posters where they are missing.

    `bank`: its name, "" while nobody gave one. The notice promises only what the product does today: erasure on request, none by the clock.
    """
    if db.session.scalar(select(NoticeVersion.id).limit(1)) is None:
        body = NOTICE.format(bank=f"本行（{bank}）" if bank else "本行")
        db.session.add(
            NoticeVersion(number=1, body=body, text_hash=hashlib.sha256(body.encode()).hexdigest(), created_at=at)
        )
    if db.session.scalar(select(Campaign.id).where(Campaign.walk_in)) is None:
        db.session.add(
            Campaign(
                code="WALK-IN",
                name="自然到访",
                model="event",
                status="running",
                walk_in=True,
                starts_on=date(today.year, 1, 1),
                ends_on=date(9999, 12, 31),
                valid_outcomes=[outcome.value for outcome in VALID_OUTCOMES],
                valid_rule="到访客户与客户经理就具体产品进行了交谈",
                created_at=at,
            )
        )
    if db.session.scalar(select(PosterText.id).limit(1)) is None:
        headline, body, legal_line = POSTER
        db.session.add(PosterText(number=1, headline=headline, body=body, legal_line=legal_line, created_at=at))
    db.session.flush()
