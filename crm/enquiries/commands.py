"""What can be done with codes and with the texts of posters. The actor comes first; nothing here commits."""

from datetime import datetime

from sqlalchemy import func, select

from crm.campaigns.models import CampaignSession
from crm.campaigns.queries import get_campaign
from crm.campaigns.rules import OPEN
from crm.enquiries.models import PosterCode, PosterText
from crm.enquiries.policy import EnquiryPermission, may_approve, may_make, visible_to
from crm.enquiries.queries import living_code, teams_of_member
from crm.enquiries.rules import TextState, new_token
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from crm.kernel.installation import zone_name
from crm.kernel.locking import held, one_at_a_time
from crm.kernel.values import public_words

_CODES = 7320
"""The turn in which codes are made: two clicks at once make one."""
_TEXTS = 7321


def make_code(
    actor: Actor, *, campaign_id: int, session_id: int | None, member_id: int | None, at: datetime
) -> PosterCode:
    """The living code of that combination, made when there is none.

    Raises NotFound for what the actor does not see, Forbidden for a code that others make, Invalid for a closed campaign, a
    session of another campaign or one that was called off, and a member who is in no team of the campaign today.
    """
    campaign = get_campaign(actor, campaign_id)
    one_at_a_time(_CODES)
    teams = frozenset[int]()
    if member_id is not None:
        teams = teams_of_member(member_id, campaign_id, business_day(at, zone_name()))
        if not may_make(actor, member_id, teams):
            raise NotFound("people.no_user")
        if not teams:
            raise Invalid("enquiry.no_member")
    elif not may_make(actor, None, teams):
        raise Forbidden("enquiry.not_yours")
    if campaign.status not in OPEN or campaign.ends_on < business_day(at, zone_name()):
        raise Invalid("enquiry.campaign_closed")
    if session_id is not None:
        _check_session(campaign_id, session_id)
    known = living_code(campaign_id, session_id, member_id)
    if known is not None:
        return known
    code = PosterCode(
        token=new_token(), campaign_id=campaign_id, session_id=session_id, member_id=member_id,
        created_by_id=actor.user_id, created_at=at,
    )  # fmt: skip
    db.session.add(code)
    db.session.flush()
    audit.record(
        actor, "enquiries.make_code", "poster_code", code.id, campaign=campaign_id, session=session_id, member=member_id
    )
    return code


def _check_session(campaign_id: int, session_id: int) -> None:
    session = db.session.get(CampaignSession, session_id)
    if session is None or session.campaign_id != campaign_id or session.cancelled:
        raise Invalid("enquiry.no_session")


def revoke_code(actor: Actor, code_id: int, *, at: datetime) -> None:
    """Ends a code for good: whoever scans it reads that it takes nothing any more. Conflict when it was revoked before."""
    code = held(select(PosterCode).where(PosterCode.id == code_id, visible_to(actor)))
    if code is None:
        raise NotFound("enquiry.no_code")
    teams = frozenset[int]()
    if code.member_id is not None:
        teams = teams_of_member(code.member_id, code.campaign_id, business_day(at, zone_name()))
    if not may_make(actor, code.member_id, teams):
        raise Forbidden("enquiry.not_yours")
    if code.revoked_at is not None:
        raise Conflict("enquiry.revoked")
    code.revoked_at, code.revoked_by_id = at, actor.user_id
    audit.record(actor, "enquiries.revoke_code", "poster_code", code.id, campaign=code.campaign_id)


def write_text(actor: Actor, *, headline: str, body: str, legal_line: str, at: datetime) -> PosterText:
    """A new draft with the next number."""
    _check_writes(actor)
    one_at_a_time(_TEXTS)
    text = PosterText(
        number=(db.session.scalar(select(func.max(PosterText.number))) or 0) + 1,
        headline=_words(headline, 40),
        body=_words(body, 400),
        legal_line=_words(legal_line, 200),
        author_id=actor.user_id,
        created_at=at,
    )
    db.session.add(text)
    db.session.flush()
    audit.record(actor, "enquiries.write_text", "poster_text", text.id, number=text.number)
    return text


def change_text(actor: Actor, text_id: int, *, version: int, headline: str, body: str, legal_line: str) -> None:
    """Changes a draft; who changed it last is its author, and so cannot approve it. An approved text is never changed."""
    _check_writes(actor)
    text = _text(text_id, version)
    if text.state != TextState.DRAFT:
        raise Invalid("enquiry.text_fixed")
    text.headline, text.body, text.legal_line = _words(headline, 40), _words(body, 400), _words(legal_line, 200)
    text.author_id = actor.user_id
    text.version += 1
    audit.record(actor, "enquiries.change_text", "poster_text", text.id, number=text.number)


def approve_text(actor: Actor, text_id: int, *, version: int, at: datetime) -> None:
    """Releases a draft for printing: by a second person, as it was read (`version`)."""
    text = _text(text_id, version)
    if not may_approve(actor, text.author_id):
        raise Forbidden("enquiry.second_person")
    if text.state != TextState.DRAFT:
        raise Conflict("form.stale")
    text.state, text.approver_id, text.approved_at = TextState.APPROVED.value, actor.user_id, at
    text.version += 1
    audit.record(actor, "enquiries.approve_text", "poster_text", text.id, number=text.number)


def retire_text(actor: Actor, text_id: int, *, version: int, at: datetime) -> None:
    """Takes a text out of use; posters that hang stay as they are, none is printed with it any more."""
    if not (actor.may(EnquiryPermission.WRITE) or actor.may(EnquiryPermission.APPROVE)):
        raise Forbidden("enquiry.not_yours")
    text = _text(text_id, version)
    if text.state == TextState.RETIRED:
        raise Conflict("form.stale")
    text.state, text.retired_at = TextState.RETIRED.value, at
    text.version += 1
    audit.record(actor, "enquiries.retire_text", "poster_text", text.id, number=text.number)


def _check_writes(actor: Actor) -> None:
    if not actor.may(EnquiryPermission.WRITE):
        raise Forbidden("enquiry.not_yours")


def _words(text: str, most: int) -> str:
    words = public_words(text, most=most)
    if not words:
        raise Invalid("enquiry.empty_text")
    return words


def _text(text_id: int, version: int) -> PosterText:
    text = held(select(PosterText).where(PosterText.id == text_id), version=version)
    if text is None:
        raise NotFound("enquiry.no_text")
    return text
