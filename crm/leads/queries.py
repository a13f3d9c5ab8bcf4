"""Questions about leads. Every one is scoped by the actor."""

from sqlalchemy import select

from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.leads.models import Lead
from crm.leads.policy import visible_to


def get_lead(actor: Actor, lead_id: int) -> Lead:
    """One lead that the actor may see; hidden and missing answer alike."""
    lead = db.session.scalar(select(Lead).where(Lead.id == lead_id, visible_to(actor)))
    if lead is None:
        raise NotFound("lead.not_found")
    return lead
