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
    if _folded(a.licence) and _folded(a.licence) == _folded(b.licence):
        return "licence"
    name, place = _folded(a.name), _folded(a.place)
    if name and place and (name, place) == (_folded(b.name), _folded(b.place)):
        return "name_place"
    return None


def _folded(text: str | None) -> str:
    """One spelling for the many of a name: full width, letter case and spaces set aside."""
    return fold(text or "").replace(" ", "")
