"""What a search means: every word must occur in name, shop, address or pinyin initials; digits may also be a phone or its tail.

Inside a campaign the words are looked for in a covering index. Over the whole base the two-character windows of `lead_gram`
narrow the leads down first. Signs such as % and _ mean themselves. Who reads masked names cannot find by them either.
"""

import re

from sqlalchemy import ColumnElement, and_, false, func, select, union
from sqlalchemy.orm import InstrumentedAttribute

from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import Invalid
from crm.kernel.values import fold, grams, normalise_phone
from crm.leads.models import Lead, LeadGram
from crm.leads.party import person_key, tail_key
from crm.leads.policy import LeadPermission, sees_names

MOST_WORDS = 6
MOST_GRAMS = 4
_TAIL = re.compile(r"(?:\d{3}\*{4})?(\d{4})")  # also as lists show a phone: 138****8000


def matches(actor: Actor, text: str, *, campaign_id: int | None = None) -> ColumnElement[bool] | None:
    """The condition on Lead for what was typed; None when nothing was. `campaign_id` when the list is of one campaign.

    Signs that divide words and nothing beside them find nothing.
    """
    words = fold(text).replace("|", " ").split()[:MOST_WORDS]  # | divides the parts of a search text
    if not words:
        return false() if text.strip() else None
    by_words = and_(*(_word(actor, word, campaign_id) for word in words))
    by_phone = _phone(actor, text)
    if by_phone is None:
        return by_words
    # Two lists put together: an OR over both would keep the database from using either index.
    return Lead.id.in_(union(select(Lead.id).where(by_phone), select(Lead.id).where(by_words)))


def _phone(actor: Actor, text: str) -> ColumnElement[bool] | None:
    digits = "".join(fold(text).split())
    tail = _TAIL.fullmatch(digits)
    if tail:
        return Lead.tail_key == tail_key(tail[1])
    if not actor.may(LeadPermission.REVEAL) or sum(ch.isdigit() for ch in digits) < 7:
        return None
    try:
        return Lead.person_key == person_key(normalise_phone(text))
    except Invalid:
        return None


def _word(actor: Actor, word: str, campaign_id: int | None) -> ColumnElement[bool]:
    if not sees_names(actor):
        place = func.lower(Lead.shop + "|" + Lead.address)
        return and_(_in_base(word), _within(place, word)) if len(word) > 1 else _within(place, word)
    found = _within(Lead.search_text, word)
    if campaign_id is not None:
        return Lead.id.in_(select(Lead.id).where(Lead.campaign_id == campaign_id, found))
    return and_(_in_base(word), found) if len(word) > 1 else found


def _in_base(word: str) -> ColumnElement[bool]:
    """Leads whose text holds the word's windows; the rarest would do, a few of them cost little more."""
    windows = sorted(grams(word))[:MOST_GRAMS]
    lists = [select(LeadGram.lead_id).where(LeadGram.gram == gram) for gram in windows]
    return and_(*(Lead.id.in_(one) for one in lists))


def _within(column: ColumnElement[str] | InstrumentedAttribute[str], word: str) -> ColumnElement[bool]:
    place = func.strpos if db.engine.dialect.name == "postgresql" else func.instr
    return place(column, word) > 0
