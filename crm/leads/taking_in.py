"""What a capture asks the database and what it writes there: prepared statements, because a stall's queue waits for them.

One question brings all that decides about a capture; the lead and what belongs to it follow by plain inserts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import Executable, Insert, Integer, ScalarSelect, and_, bindparam, exists, select, text

from crm.campaigns.models import Campaign, CampaignTeam
from crm.kernel.db import plain_insert, upsert, writer
from crm.kernel.values import grams, is_mobile
from crm.leads.ledger_models import IntentEntry
from crm.leads.models import Consent, DoNotContact, Lead, LeadEvent, LeadGram, NoticeVersion
from crm.leads.party import person_key, phone_key


@dataclass(frozen=True)
class Known:
    """What the base knows of a customer before the capture, and of the place where it happens.

    `team_id` is None when the team does not work in the campaign. `by_phone`, `by_licence` and `neighbour` are ids of
    leads of the campaign: of the same mobile, the same licence number, and another team's of the same name and place.
    """

    campaign_id: int
    status: str
    walk_in: bool
    starts_on: date
    team_id: int | None
    district_id: int | None
    notice_id: int | None
    by_phone: int | None
    by_licence: int | None
    neighbour: int | None
    no_contact: bool


_CAMPAIGN, _TEAM = bindparam("campaign", type_=Integer), bindparam("team", type_=Integer)


def _first(*signs: Any) -> ScalarSelect[Any]:
    live = (Lead.campaign_id == _CAMPAIGN, Lead.removed_at.is_(None))
    return select(Lead.id).where(*live, *signs).order_by(Lead.id).limit(1).scalar_subquery()


_QUESTION: Executable = (
    select(
        Campaign.id,
        Campaign.status,
        Campaign.walk_in,
        Campaign.starts_on,
        CampaignTeam.team_id,
        CampaignTeam.district_id,
        select(NoticeVersion.id).order_by(NoticeVersion.number.desc()).limit(1).scalar_subquery(),
        _first(Lead.phone_key == bindparam("phone")),
        _first(Lead.licence_number == bindparam("licence")),
        _first(Lead.name_place_key == bindparam("place"), Lead.team_id.is_distinct_from(_TEAM)),
        exists().where(DoNotContact.person_key == bindparam("person")),
    )
    .select_from(Campaign)
    .outerjoin(CampaignTeam, and_(CampaignTeam.campaign_id == Campaign.id, CampaignTeam.team_id == _TEAM))
    .where(Campaign.id == _CAMPAIGN)
)
_GRAMS, _CONSENT = plain_insert(LeadGram), plain_insert(Consent)
_EVENT, _INTENT = plain_insert(LeadEvent), plain_insert(IntentEntry)


def look(
    campaign_id: int, team_id: int | None, *, phone: str, licence_number: str, name_place: bytes | None
) -> Known | None:
    """What is known of a customer with these signs ("" and None are no sign); None when there is no such campaign."""
    row = (
        writer()
        .execute(
            _QUESTION,
            {
                "campaign": campaign_id,
                "team": team_id,
                "phone": phone_key(campaign_id, phone) if is_mobile(phone) else None,
                "person": person_key(phone) if phone else None,
                "licence": licence_number or None,
                "place": name_place,
            },
        )
        .one_or_none()
    )
    return None if row is None else Known(*row)


def insert_lead(row: Mapping[str, Any]) -> int | None:
    """Writes the lead and the windows of its search text; gives its id, None when its phone is claimed in the campaign already."""
    connection = writer()
    lead_id: int | None = connection.scalar(_claiming(connection.dialect.name), row)
    if lead_id is not None:
        insert_grams(lead_id, row["search_text"])
    return lead_id


@cache
def _claiming(dialect: str) -> Insert:
    """On a server database another transaction may claim the customer between the question and the insert."""
    claim = upsert(dialect, Lead).on_conflict_do_nothing(
        index_elements=["campaign_id", "phone_key"], index_where=text("removed_at IS NULL")
    )
    return claim.returning(Lead.__table__.c.id)


def insert_grams(lead_id: int, found_by: str) -> None:
    """Writes the two-character windows of a search text."""
    rows = [{"gram": gram, "lead_id": lead_id} for gram in grams(found_by)]
    if rows:
        writer().execute(_GRAMS, rows)


def insert_consent(row: Mapping[str, Any]) -> None:
    """Writes a consent; the newest of a lead holds."""
    writer().execute(_CONSENT, row)


def insert_event(row: Mapping[str, Any]) -> None:
    """Writes a line of a timeline."""
    writer().execute(_EVENT, row)


def insert_intent(row: Mapping[str, Any]) -> None:
    """Writes an intent into its ledger."""
    writer().execute(_INTENT, row)
