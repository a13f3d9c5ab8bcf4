"""The data of a record, field by field: what a phone sends is checked as closely as what a form sends."""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from crm.kernel.clock import day_or_none
from crm.kernel.errors import Invalid
from crm.kernel.values import clean_text

_LARGEST_ID = 2**31 - 1
_LARGEST_AMOUNT = Decimal(99_999)


class Shape:
    """Reads the fields of one record; `check` raises what was wrong with all of them together.

    Raises nothing while reading: a wrong field is noted (field -> code) and reads as empty.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self.wrong: dict[str, str] = {}

    def text(self, name: str, *, most: int, needed: bool = False) -> str:
        """Cleaned text of at most `most` characters."""
        value = self._data.get(name)
        if value is None:
            value = ""
        if not isinstance(value, str):
            return self._note(name, "field.text", "")
        value = clean_text(value)
        if len(value) > most:
            return self._note(name, "field.too_long", "")
        if needed and not value:
            return self._note(name, "field.needed", "")
        return value

    def code(self, name: str, allowed: Collection[str], *, needed: bool = False) -> str:
        """One of the codes, or empty."""
        value = self.text(name, most=64, needed=needed)
        if value and value not in set(allowed):
            return self._note(name, "field.choice", "")
        return value

    def codes(self, name: str, allowed: Collection[str]) -> tuple[str, ...]:
        """Several of the codes, in the order of `allowed`."""
        value = self._data.get(name) or []
        if not isinstance(value, list) or not all(one in set(allowed) for one in value):
            self._note(name, "field.choice", "")
            return ()
        return tuple(one for one in allowed if one in value)

    def id(self, name: str) -> int | None:
        """An id, or None."""
        value = self._data.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LARGEST_ID:
            self._note(name, "field.choice", "")
            return None
        return value

    def whole(self, name: str, least: int, most: int) -> int:
        """A whole number within bounds; needed."""
        value = self._data.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self._note(name, "field.number", "")
            return 0
        return value

    def day(self, name: str) -> date | None:
        """A day, or None."""
        value = self.text(name, most=10)
        found = day_or_none(value) if value else None
        if value and found is None:
            self._note(name, "field.day", "")
        return found

    def amount(self, name: str) -> Decimal | None:
        """An amount in ten thousand yuan with two places, or None."""
        value = self.text(name, most=16)
        if not value:
            return None
        try:
            found = Decimal(value)
        except InvalidOperation:
            self._note(name, "field.number", "")
            return None
        if not found.is_finite() or not 0 <= found <= _LARGEST_AMOUNT:
            self._note(name, "field.number", "")
            return None
        return found.quantize(Decimal("0.01"))

    def flag(self, name: str) -> bool:
        """True only where the phone says so in so many words."""
        return self._data.get(name) is True

    def raw(self, name: str) -> Any:
        """The field as it came."""
        return self._data.get(name)

    def part(self, name: str) -> "Shape":
        """A group of fields within the record; what is wrong in it is noted here too."""
        value = self._data.get(name)
        inner = Shape(value if isinstance(value, dict) else {})
        inner.wrong = self.wrong
        return inner

    def check(self) -> None:
        """Raises Invalid("field.fields") with all that is wrong."""
        if self.wrong:
            raise Invalid("field.fields", fields=dict(self.wrong))

    def _note(self, name: str, code: str, value: str) -> str:
        self.wrong.setdefault(name, code)
        return value
