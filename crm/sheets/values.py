"""What a person wrote in a cell, as a value. Phones are the kernel's (`kernel.values.normalise_phone`)."""

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation

from crm.kernel.errors import Invalid
from crm.sheets.cells import Cell, Refused, cell_text

ROUNDED = 10**15  # Excel keeps 15 digits of a number; a longer one has lost its last digits
YEARS = range(1900, 2101)
EPOCH = date(1899, 12, 30)
# Up to 2099-12-31, from 1900-03-01: before it lies Excel's false leap day.
SERIALS = range(61, 73_051)

YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?")
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
YEAR_LAST = re.compile(r"(\d{1,2})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{4})")
CLOCK = re.compile(
    r"[T\s]*(上午|下午|晚上|早上|中午|am|pm)?\s*(\d{1,2})\s*[::时点]\s*(\d{1,2})?\s*(?:[::分]\s*(\d{1,2})(?:\.\d+)?\s*秒?|分)?\s*(am|pm)?\s*(?:z|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)

TRUE = frozenset(
    {
        "是", "有", "真", "对", "已", "已办", "已申请", "已受理", "同意", "yes",
        "y", "true", "t", "1", "√", "✓", "✔", "☑", "是的", "on"
    }
)  # fmt: skip
FALSE = frozenset(
    {
        "否", "无", "没有", "假", "未", "不", "不是", "未办", "未申请", "未受理",
        "不同意", "no", "n", "false", "f", "0", "×", "✗", "✘", "x",
        "☐", "off"
    }
)  # fmt: skip


def to_text(cell: Cell) -> str:
    """The cell as text, for names, notes and identifiers.

    Raises Invalid: value.formula, value.error (an Excel error), value.rounded (a number of over 15 digits).
    """
    if isinstance(cell, Refused):
        raise Invalid(f"value.{cell.reason}")
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= ROUNDED:
        raise Invalid("value.rounded", value=cell_text(cell))
    return cell_text(cell)


def _folded(cell: Cell) -> str:
    return unicodedata.normalize("NFKC", to_text(cell)).strip()


def _bad(code: str, cell: Cell) -> Invalid:
    return Invalid(code, value=cell_text(cell)[:40])


def _from_serial(serial: float, cell: Cell) -> date:
    if not math.isfinite(serial) or int(serial) not in SERIALS:
        raise _bad("value.date", cell)
    return EPOCH + timedelta(days=int(serial))


def _from_parts(year: int, month: int, day: int, cell: Cell) -> date:
    try:
        found = date(year, month, day)
    except ValueError:
        raise _bad("value.date", cell) from None
    if year not in YEARS:
        raise _bad("value.date", cell)
    return found


def _date_in(text: str, cell: Cell) -> tuple[date, str]:
    """A date at the start of the text, and what follows it."""
    for pattern in (YEAR_FIRST, COMPACT):
        if match := pattern.match(text):
            return _from_parts(int(match[1]), int(match[2]), int(match[3]), cell), text[match.end() :]
    if match := YEAR_LAST.match(text):
        one, two = int(match[1]), int(match[2])
        if one <= 12 and two <= 12 and one != two:
            raise _bad("value.date_ambiguous", cell)  # 03/04/2026 is April here and March there
        day, month = (one, two) if one > 12 else (two, one)
        return _from_parts(int(match[3]), month, day, cell), text[match.end() :]
    raise _bad("value.date", cell)


def to_date(cell: Cell) -> date:
    """A day: 2026-11-23, 2026/11/23, 20261123, 2026年11月23日, with or without a time, or a typed Excel serial.

    11/23/2026 is taken because one side is above 12. Raises Invalid: value.date, value.date_ambiguous.
    """
    if isinstance(cell, bool):
        raise _bad("value.date", cell)
    if isinstance(cell, float) or (isinstance(cell, int) and cell < 1_000_000):
        return _from_serial(cell, cell)
    text = _folded(cell)
    found, rest = _date_in(text, cell)
    if rest.strip() and not CLOCK.fullmatch(rest):
        raise _bad("value.date", cell)
    return found


def to_datetime(cell: Cell) -> datetime:
    """A moment without a zone: the wall clock that the sheet shows; midnight when it shows a day alone.

    Raises Invalid: value.date, value.date_ambiguous.
    """
    if isinstance(cell, float):
        day = _from_serial(cell, cell)
        seconds = round((cell % 1) * 86_400)
        return datetime.combine(day, time()) + timedelta(seconds=seconds)
    day = to_date(cell)
    rest = "" if isinstance(cell, int) else _date_in(_folded(cell), cell)[1]
    clock = CLOCK.fullmatch(rest) if rest.strip() else None
    if clock is None:
        return datetime.combine(day, time())
    half = (clock[1] or clock[5] or "").lower()
    hour = int(clock[2])
    if half in ("下午", "晚上", "pm") and hour < 12:
        hour += 12
    if half == "am" and hour == 12:
        hour = 0
    try:
        return datetime.combine(day, time(hour, int(clock[3] or 0), int(clock[4] or 0)))
    except ValueError:
        raise _bad("value.date", cell) from None


def to_bool(cell: Cell) -> bool:
    """是/否, 有/无, yes/no, Y/N, 1/0, √/×. Raises Invalid("value.bool")."""
    if isinstance(cell, bool):
        return cell
    text = _folded(cell).casefold()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise _bad("value.bool", cell)


def to_decimal(cell: Cell) -> Decimal:
    """A number: full-width digits, thousands commas, a leading ¥. Raises Invalid("value.number")."""
    if isinstance(cell, bool):
        raise _bad("value.number", cell)
    text = _folded(cell).removeprefix("¥").strip()
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    if not re.fullmatch(r"[+-]?(\d{1,15}(\.\d{1,15})?|\.\d{1,15})([eE][+-]?\d{1,2})?", text):
        raise _bad("value.number", cell)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _bad("value.number", cell) from None


def to_int(cell: Cell) -> int:
    """A whole number; 12.0 counts as one. Raises Invalid("value.int")."""
    try:
        number = to_decimal(cell)
    except Invalid as error:
        raise (_bad("value.int", cell) if error.code == "value.number" else error) from None
    if number != number.to_integral_value() or abs(number) >= ROUNDED:
        raise _bad("value.int", cell)
    return int(number)


def to_code(cell: Cell, codes: Mapping[str, tuple[str, ...]]) -> str:
    """The code whose own name or accepted words the cell shows; blanks, case and width do not matter.

    Raises Invalid("value.code") with the words that would do.
    """
    wanted = _code_key(_folded(cell))
    for code, words in codes.items():
        if wanted == _code_key(code) or wanted in map(_code_key, words):
            return code
    raise Invalid("value.code", value=cell_text(cell)[:40], accepted=[words[0] for words in codes.values() if words])


def _code_key(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\s_\-]+", "", folded)
