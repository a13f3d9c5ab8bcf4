"""The one place where a lead's name and phone become what an actor may read. Every page, list and sheet goes through it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crm.kernel.actor import Actor
from crm.kernel.installation import keys
from crm.kernel.values import mask_name, mask_phone
from crm.leads.models import Lead
from crm.leads.policy import may_reveal, sees_names
from crm.leads.rules import Stage, answered_by_the_branch


@dataclass(frozen=True)
class CardOfLead:
    """A lead as one actor may read it. `phone` is masked always; the full one is shown by `contact.reveal_phone` alone."""

    id: int
    name: str
    phone: str
    shop: str
    address: str
    licence_number: str
    trade: str
    segment: str
    approach: str
    intent: str
    need: str
    amount_wan: Decimal | None
    note: str
    details: dict[str, Any]
    campaign_id: int
    session_id: int | None
    team_id: int | None
    owner_id: int | None
    district_id: int | None
    stage: str
    stage_on: date | None
    follow_up_on: date | None
    exit_code: str
    exit_reason: str
    historical: bool
    no_contact: bool
    merged_into_id: int | None
    created_at: datetime
    updated_at: datetime
    version: int
    may_reveal: bool

    @property
    def may_be_contacted(self) -> bool:
        """Whether a call or visit may be planned at all."""
        return not (self.no_contact or self.historical or self.exit_code or self.merged_into_id)

    def may_reach(self, stage: Stage) -> bool:
        """Whether a stage may be recorded, as `commands.record_stage` has it."""
        if self.no_contact and not answered_by_the_branch(self.stage, stage):
            return False
        return not (self.historical or self.exit_code or self.merged_into_id)


def card_of(lead: Lead, actor: Actor) -> CardOfLead:
    """The card of a lead that the actor may see (scope is the caller's question, see `queries.get_lead`)."""
    return CardOfLead(
        id=lead.id,
        name=shown_name(actor, lead.name),
        phone=shown_phone(lead.phone_sealed, lead.uid),
        shop=lead.shop,
        address=lead.address,
        licence_number=lead.licence_number or "",
        trade=lead.trade,
        segment=lead.segment,
        approach=lead.approach,
        intent=lead.intent,
        need=lead.need,
        amount_wan=lead.amount_wan,
        note=lead.note,
        details=dict(lead.details or {}),
        campaign_id=lead.campaign_id,
        session_id=lead.session_id,
        team_id=lead.team_id,
        owner_id=lead.owner_id,
        district_id=lead.district_id,
        stage=lead.stage,
        stage_on=lead.stage_on,
        follow_up_on=lead.follow_up_on,
        exit_code=lead.exit_code,
        exit_reason=lead.exit_reason,
        historical=lead.historical,
        no_contact=lead.no_contact,
        merged_into_id=lead.merged_into_id,
        created_at=lead.created_at,
        updated_at=lead.updated_at,
        version=lead.version,
        may_reveal=may_reveal(actor, lead),
    )


def shown_name(actor: Actor, name: str) -> str:
    """The customer's name in full for those who work with customers, 张* for others."""
    return names_for(actor)(name)


def names_for(actor: Actor) -> Callable[[str], str]:
    """The same for many names."""
    return str if sees_names(actor) else mask_name


def shown_phone(sealed: bytes | None, uid: str) -> str:
    """138****8000 of the sealed phone of the lead with that uid; "" for none."""
    return phones()(sealed, uid)


def phones() -> Callable[[bytes | None, str], str]:
    """The same for many phones: the installation's keys are asked for once."""
    unseal = keys().open

    def shown(sealed: bytes | None, uid: str) -> str:
        return mask_phone(unseal(sealed, place=f"lead.phone:{uid}")) if sealed else ""

    return shown
