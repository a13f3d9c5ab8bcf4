"""Names and order of the rows of an answer: what a key means to a reader."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from sqlalchemy import select

from crm.campaigns.models import Campaign
from crm.districts.models import District
from crm.figures.asking import NONE, ONLY, key_of
from crm.figures.rules import Rate
from crm.kernel.db import db
from crm.leads.rules import Approach, Trade
from crm.people.queries import team_names, user_names

WITHOUT: dict[str, Any] = {
    "team": _l("No team"),
    "district": _l("No district"),
    "place": _l("No district"),
    "member": _l("Nobody credited"),
    "trade": _l("Trade not given"),
    "approach": _l("Approach not given"),
}
"""What the row of those without one is called."""

MODELS = ("roadshow", "festival", "event", "crossover", "wechat", "interest", "salon", "lecture")
_WORDS = {"model": "campaign_model_label", "trade": "trade_label", "approach": "approach_label"}
_ORDER: dict[str, tuple[str, ...]] = {"model": MODELS, "trade": tuple(Trade), "approach": tuple(Approach)}


@dataclass(frozen=True)
class Named:
    """A row's key and label, in the order in which rows are shown."""

    key: str
    label: Any


def code_label(by: str, code: str) -> Any:
    """The word for a model, trade or approach, in the language of whoever reads it; an unknown code stands for itself."""
    if code == "":
        return WITHOUT[by]
    word: Callable[[str], Any] | None = current_app.jinja_env.globals.get(_WORDS[by])  # type: ignore[assignment]
    return code if word is None or code not in _ORDER[by] else LazyString(word, code)


def rate_words(rate: Rate, minimum: int) -> str:
    """The rate as files and terminals print it: 样本不足 on a base under the minimum, — on none."""
    return rate.percent() if rate.enough(minimum) or not rate.n else _("Sample too small")


def named(by: str, values: Collection[Any]) -> list[tuple[Any, Named]]:
    """Each value that was grouped by, with its key and label, in order; those without one come last."""
    given = [value for value in values if value not in (0, "")]
    ordered = _ordered(by, given)
    if len(given) < len(values):
        empty: Any = "" if by in _ORDER else 0
        ordered.append((empty, Named(key_of(by, empty), WITHOUT.get(by, ""))))
    return ordered


def value_of(by: str, key: str) -> Any:
    """The value that a row's key was made from: the way back from `key_of`."""
    if by in _ORDER:
        return "" if key == NONE else key
    if key == NONE:
        return 0
    return date.fromisoformat(key) if by == "day" else int(key)


def _ordered(by: str, given: Sequence[Any]) -> list[tuple[Any, Named]]:
    if by == "day":
        return [(day, Named(key_of(by, day), _day_text(day))) for day in sorted(given)]
    if by in _ORDER:
        place = {code: number for number, code in enumerate(_ORDER[by])}
        codes = sorted(given, key=lambda code: (place.get(code, len(place)), code))
        return [(code, Named(key_of(by, code), code_label(by, code))) for code in codes]
    names = _names(by)
    return [(value, Named(key_of(by, value), names[value])) for value in names if value in set(given)]


def _day_text(day: Any) -> str:
    return day.isoformat() if isinstance(day, date) else str(day)


def _names(by: str) -> dict[int, str]:
    """Names by id, in the order of the rows: campaigns by their first day, the others by id."""
    if by == "campaign":
        order = (Campaign.walk_in, Campaign.starts_on, Campaign.id)
        return dict(db.session.execute(select(Campaign.id, Campaign.name).order_by(*order)).all())
    if by == "team":
        return dict(sorted(team_names().items()))
    if by == "member":
        return dict(sorted(user_names().items()))
    return Tree.read().full_names()


@dataclass(frozen=True)
class Tree:
    """All districts: id -> (name, path)."""

    nodes: dict[int, tuple[str, str]]

    @classmethod
    def read(cls) -> Tree:
        """From the database, parents before their children."""
        rows = db.session.execute(select(District.id, District.name, District.path))
        ordered = sorted(rows, key=lambda row: _steps(row.path))
        return cls({row.id: (row.name, row.path) for row in ordered})

    def full_names(self) -> dict[int, str]:
        """Names with those of the parents: 城关镇 / 东大街商区."""
        return {
            node: " / ".join(self.nodes[step][0] for step in _steps(path) if step in self.nodes)
            for node, (_, path) in self.nodes.items()
        }

    def below(self, parent: int | None) -> Callable[[int], str]:
        """Which row a district belongs to when the nodes below `parent` (None for the top) are the rows.

        The parent itself is a row of its own, marked ONLY: what was recorded on it and on none of its children.
        """

        def row_of(district: int) -> str:
            if not district:
                return key_of("district", 0)
            steps = _steps(self.nodes[district][1])
            place = steps.index(parent) + 1 if parent in steps else 0
            return str(steps[place]) if place < len(steps) else f"{ONLY}{district}"

        return row_of

    def rows(self, keys: Iterable[str]) -> list[Named]:
        """The rows of those keys in the order of the tree: the parent itself, its children, those without a district."""
        wanted = set(keys)
        first = [
            Named(f"{ONLY}{node}", _l("%(name)s itself", name=name))
            for node, (name, _) in self.nodes.items()
            if f"{ONLY}{node}" in wanted
        ]
        rest = [Named(str(node), name) for node, (name, _) in self.nodes.items() if str(node) in wanted]
        none = [Named(key, WITHOUT["district"]) for key in wanted & {key_of("district", 0)}]
        return first + rest + none


def _steps(path: str) -> list[int]:
    return [int(step) for step in path.split("/") if step]
