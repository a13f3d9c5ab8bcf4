"""What is asked of the funnel, and how it travels in an address. Nonsense is refused with a sentence, never guessed at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from werkzeug.datastructures import MultiDict

from crm.kernel.clock import zone
from crm.kernel.errors import Invalid

VIEWS = ("period", "cohort")
GROUPS = ("team", "campaign", "district", "place", "model", "trade", "approach", "member", "day")
"""`district` groups on the nodes below the chosen district (or the top), `place` on each district as it was recorded."""
WINDOWS = ("today", "yesterday", "week", "campaign", "all")
NONE = "-"
"""In an address: those without a team, district, trade and so on."""
ONLY = "only:"
"""Before a district's id: that node alone, without its children."""
LARGEST_ID = 2**31 - 1
LONGEST_WORD = 64
_DIGITS = re.compile(r"[0-9]{1,10}")


Args = MultiDict[str, str]
"""The query part of an address."""


@dataclass(frozen=True)
class FunnelQuery:
    """One question. None asks for all; team, district and member 0 and trade or approach "" ask for those without one.

    `from_day` and `to_day` are business days, both included. `within_days` belongs to the cohort view. With `as_of` the answer
    is what the server knew at that moment. `window` is the preset that the days came from ("" for days that were typed).
    """

    campaign_ids: tuple[int, ...] | None = None
    from_day: date | None = None
    to_day: date | None = None
    view: str = "period"
    within_days: int | None = None
    by: str | None = None
    team_id: int | None = None
    district_id: int | None = None
    district_only: bool = False
    model: str | None = None
    trade: str | None = None
    approach: str | None = None
    member_id: int | None = None
    as_of: datetime | None = None
    window: str = ""

    @classmethod
    def from_args(cls, args: Args, *, today: date, zone_name: str) -> FunnelQuery:
        """Reads an address. Raises Invalid("figures.bad_...") naming what cannot be read."""
        window, from_day, to_day = _window(args, today)
        district, only = _district(args.get("district"))
        query = cls(
            campaign_ids=_ids(args.getlist("campaign")),
            from_day=from_day,
            to_day=to_day,
            view=_one_of("view", args.get("view"), VIEWS) or "period",
            within_days=_within(args.get("within")),
            by=_one_of("by", args.get("by"), GROUPS),
            team_id=_id_or_none_word("team", args.get("team")),
            district_id=district,
            district_only=only,
            model=args.get("model") or None,
            trade=_word("trade", args.get("trade")),
            approach=_word("approach", args.get("approach")),
            member_id=_id_or_none_word("member", args.get("member")),
            as_of=_moment(args.get("as_of"), zone_name),
            window=window,
        )
        return query.checked()

    def checked(self) -> FunnelQuery:
        """The same question. Raises Invalid where its parts contradict each other."""
        if self.view not in VIEWS or (self.by is not None and self.by not in GROUPS):
            raise Invalid("figures.bad_choice", field="view/by", text=f"{self.view}/{self.by}")
        if self.from_day and self.to_day and self.from_day > self.to_day:
            raise Invalid("figures.days_reversed", first=self.from_day.isoformat(), last=self.to_day.isoformat())
        if self.model is not None and len(self.model) > LONGEST_WORD:
            raise Invalid("figures.bad_word", field="model", most=LONGEST_WORD)
        return self

    def to_args(self, zone_name: str) -> dict[str, str | list[str]]:
        """The question as it stands in an address; what is not asked is left out."""
        days: dict[str, str | None] = {"window": self.window or None}
        if not self.window:
            days = {"from": _iso(self.from_day), "to": _iso(self.to_day)}
        district = _spelled(self.district_id)
        pairs: dict[str, str | list[str] | None] = {
            "view": None if self.view == "period" else self.view,
            **days,
            "within": None if self.within_days is None else str(self.within_days),
            "by": self.by,
            "campaign": [str(one) for one in self.campaign_ids] if self.campaign_ids else None,
            "team": _spelled(self.team_id),
            "district": ONLY + district if district and self.district_only and self.district_id else district,
            "model": self.model,
            "trade": NONE if self.trade == "" else self.trade,
            "approach": NONE if self.approach == "" else self.approach,
            "member": _spelled(self.member_id),
            "as_of": _local(self.as_of, zone_name),
        }
        return {key: value for key, value in pairs.items() if value is not None}

    def narrowed(self, key: str) -> FunnelQuery:
        """The question behind one row of the answer, without its grouping. Raises Invalid for a key that no row has."""
        if self.by is None:
            raise Invalid("figures.bad_choice", field="by", text="")
        plain = replace(self, by=None)
        if self.by == "campaign":
            return replace(plain, campaign_ids=(_id("campaign", key),))
        if self.by == "day":
            day = _day(key)
            return replace(plain, from_day=day, to_day=day, window="")
        if self.by in ("district", "place"):
            district, only = _district(key)
            return replace(plain, district_id=district, district_only=only or self.by == "place")
        if self.by in ("team", "member"):
            return _with_id(plain, self.by, key)
        return _with_word(plain, self.by, key)


def _with_id(query: FunnelQuery, by: str, key: str) -> FunnelQuery:
    number = _id_or_none_word(by, key)
    return replace(query, team_id=number) if by == "team" else replace(query, member_id=number)


def _with_word(query: FunnelQuery, by: str, key: str) -> FunnelQuery:
    word = _word(by, key)
    if by == "model":
        return replace(query, model=word)
    return replace(query, trade=word) if by == "trade" else replace(query, approach=word)


def key_of(by: str, value: object) -> str:
    """A row's key from the value that it was grouped by."""
    if value in (0, "", None):
        return NONE
    return value.isoformat() if isinstance(value, date) else str(value)


def days_of(window: str, today: date) -> tuple[date | None, date | None]:
    """The days of a preset. `campaign` and `all` are open here: the first is filled in from the campaigns' own dates."""
    if window == "today":
        return today, today
    if window == "yesterday":
        return today - timedelta(days=1), today - timedelta(days=1)
    if window == "week":
        monday = today - timedelta(days=today.weekday())
        return monday, monday + timedelta(days=6)
    return None, None


def _window(args: Args, today: date) -> tuple[str, date | None, date | None]:
    from_day, to_day = _day_or_none(args.get("from")), _day_or_none(args.get("to"))
    if from_day or to_day:
        return "", from_day, to_day
    window = _one_of("window", args.get("window"), WINDOWS) or "all"
    return window, *days_of(window, today)


def _one_of(field: str, text: str | None, allowed: Iterable[str]) -> str | None:
    if not text:
        return None
    if text not in allowed:
        raise Invalid("figures.bad_choice", field=field, text=text[:40])
    return text


def _day_or_none(text: str | None) -> date | None:
    return _day(text) if text else None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("figures.bad_day", text=text[:40]) from None


def _moment(text: str | None, zone_name: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        # The ends of the calendar cannot be moved to another zone, nor back.
        here = (moment if moment.tzinfo else moment.replace(tzinfo=zone(zone_name))).astimezone(zone(zone_name))
        return here.astimezone(zone("UTC"))
    except (ValueError, OverflowError):
        raise Invalid("figures.bad_moment", text=text[:40]) from None


def _within(text: str | None) -> int | None:
    if not text:
        return None
    if not _DIGITS.fullmatch(text) or int(text) > 3660:
        raise Invalid("figures.bad_within", text=text[:40])
    return int(text)


def _id(field: str, text: str) -> int:
    if not _DIGITS.fullmatch(text) or not 0 < int(text) <= LARGEST_ID:
        raise Invalid("figures.bad_id", field=field, text=text[:40])
    return int(text)


def _ids(texts: list[str]) -> tuple[int, ...] | None:
    """Several campaigns come as several parameters, or with commas as the one field of a form has them."""
    numbers = sorted({_id("campaign", one) for text in texts if text for one in text.split(",")})
    if len(numbers) > 200:
        raise Invalid("figures.too_many", most=200)
    return tuple(numbers) or None


def _id_or_none_word(field: str, text: str | None) -> int | None:
    if not text:
        return None
    return 0 if text == NONE else _id(field, text)


def _district(text: str | None) -> tuple[int | None, bool]:
    if not text:
        return None, False
    if text.startswith(ONLY):
        return _id("district", text.removeprefix(ONLY)), True
    return _id_or_none_word("district", text), False


def _word(field: str, text: str | None) -> str | None:
    if not text:
        return None
    if len(text) > LONGEST_WORD:
        raise Invalid("figures.bad_word", field=field, most=LONGEST_WORD)
    return "" if text == NONE else text


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _local(moment: datetime | None, zone_name: str) -> str | None:
    return None if moment is None else moment.astimezone(zone(zone_name)).strftime("%Y-%m-%dT%H:%M:%S")


def _spelled(number: int | None) -> str | None:
    return None if number is None else str(number or NONE)


def given(values: Mapping[str, str | None]) -> Args:
    """An address from plain values; the empty ones are left out."""
    return MultiDict({key: value for key, value in values.items() if value})
