"""Makers of records, by the product's own commands. Each counts up, so that two calls never collide."""

from itertools import count

from crm.field.models import FieldPhoto
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.leads.commands import Captured, ConsentGiven, LeadCard, capture_lead
from crm.leads.ledger import Clocks
from crm.leads.rules import Stage
from tests.moments import NOON

_numbers = count(1)


def phone() -> str:
    """A mobile that no other call gets."""
    return f"139{next(_numbers):08d}"


def lead(
    actor: Actor,
    *,
    campaign_id: int,
    team_id: int | None,
    owner_id: int | None = None,
    stage: Stage | None = Stage.CONSULT,
    at=NOON,
    **card,
) -> Captured:
    """A captured lead with consent."""
    values = {"name": "张三", "phone": phone(), "trade": "catering"} | card
    return capture_lead(
        actor,
        campaign_id=campaign_id,
        team_id=team_id,
        owner_id=owner_id or actor.user_id,
        card=LeadCard(**values),
        consent=ConsentGiven(enquiry=True),
        clocks=Clocks.at(at),
        stage=stage,
        case_number="CASE-1" if stage == Stage.ACCEPTED else None,
    )


def photo(visit_id: int | None, user_id: int, *, state: str = "whole", at=NOON) -> FieldPhoto:
    """The row of a photo; its file is the business of who asks for it."""
    row = FieldPhoto(
        content_hash=f"{next(_numbers):064x}", user_id=user_id, visit_id=visit_id, state=state, total=10, received=10,
        width=1200, height=900, created_at=at, completed_at=at,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    return row
