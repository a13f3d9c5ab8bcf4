"""When two records speak of the same customer, as far as the records alone can tell.

Three signs count, and no other: the same personal phone, the same licence number, or the same name at the same
place. A name alone is no sign (there are many 张伟), nor is a line that a whole shop shares. A match is put before a
referee as a clash; it never merges anything by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crm.kernel.values import fold, is_mobile

MatchReason = Literal["phone", "licence", "name_place"]


@dataclass(frozen=True, slots=True)
class PartyKey:
    """What identifies a customer. The phone is normalised, not its blind index; an unknown part is None or empty."""

    phone: str | None = None
    licence: str | None = None
    name: str | None = None
    place: str | None = None


def same_party(a: PartyKey, b: PartyKey) -> MatchReason | None:
    """The first reason, strongest first, to take two records for one customer; None when there is none.

    The answer does not depend on which record comes first. Letters, width and spaces of names do not matter.
    """
    if a.phone and a.phone == b.phone and is_mobile(a.phone):
        return "phone"
    if identity_text(a.licence) and identity_text(a.licence) == identity_text(b.licence):
        return "licence"
    name, place = identity_text(a.name), identity_text(a.place)
    if name and place and (name, place) == (identity_text(b.name), identity_text(b.place)):
        return "name_place"
    return None


def licence_text(text: str) -> str:
    """A licence number as it is stored, compared and shown: one spelling for the many, in capitals, at most 18 characters."""
    return identity_text(text).upper()[:18]


def identity_text(text: str | None) -> str:
    """One spelling for the many of a name, place or licence: width, letter case and spaces set aside; "" for None.

    Any stored key of a name at a place must be made from this text, or it finds others than `same_party` does.
    """
    return fold(text or "").replace(" ", "")
