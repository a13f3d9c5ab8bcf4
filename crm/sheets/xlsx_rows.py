"""Rows of an XLSX workbook, read by calamine after the package was looked at."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from crm.kernel.errors import Invalid
from crm.sheets import xlsx_parts
from crm.sheets.cells import Limits

EXACT = 2**53  # whole numbers above it cannot be told apart in a float


@dataclass(frozen=True, slots=True)
class Opened:
    """A visible worksheet, in memory, and what must not be taken from it. `tabs`: the names of all that could be read."""

    name: str
    tabs: tuple[str, ...]
    sheet: CalamineSheet
    refused: dict[int, dict[int, str]]


def open_sheet(path: Path, wanted: str | None, limits: Limits) -> Opened:
    """The sheet named `wanted`, or the first visible one with anything in it.

    Raises Invalid: those of xlsx_parts, sheet.empty, sheet.no_such_sheet, sheet.unreadable.
    """
    with xlsx_parts.open_package(path, limits) as package:
        parts = {part.name: part.member for part in xlsx_parts.sheets(package)}
        if wanted is not None and wanted not in parts:
            raise Invalid("sheet.no_such_sheet", name=wanted, names=list(parts)[:20])
        xlsx_parts.check_markup(package)
        try:
            workbook = CalamineWorkbook.from_path(str(path))
            tabs = _readable(workbook, list(parts))
            for name in [wanted] if wanted is not None else tabs:
                refused = xlsx_parts.refused_cells(package, parts[name])
                sheet = workbook.get_sheet_by_name(name)
                if sheet.end is not None:
                    return Opened(name, tuple(tabs), sheet, refused)
        except (CalamineError, OSError, ValueError) as error:
            raise Invalid("sheet.unreadable", reason=type(error).__name__) from None
    raise Invalid("sheet.empty")


def _readable(workbook: CalamineWorkbook, names: list[str]) -> list[str]:
    known = {
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
    }
    return [name for name in names if name in known]


def _moment(value: date | time | timedelta) -> str:
    """ISO text, to the second: Excel's fractions of a day are off by microseconds."""
    if isinstance(value, datetime):
        rounded = value + timedelta(microseconds=500_000) if value.microsecond else value
        return rounded.isoformat(timespec="seconds")
    if isinstance(value, time):
        return value.isoformat(timespec="seconds")
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return value.isoformat()


def _plain(value: Any) -> str | int | float | bool:
    """What calamine typed, as text or number; whole floats as int (a phone typed as a number)."""
    kind = type(value)
    if kind is float:
        return int(value) if value.is_integer() and abs(value) < EXACT else float(value)
    if kind is int or kind is bool:
        return int(value) if kind is int else bool(value)
    return _moment(value) if isinstance(value, date | time | timedelta) else str(value)


def rows(opened: Opened) -> Iterator[tuple[int, list[Any], dict[int, str]]]:
    """Non-blank rows as (Excel's row number, cells from column A, refused cells by column index)."""
    start = opened.sheet.start
    padding = [""] * (start[1] if start else 0)
    nothing: dict[int, str] = {}
    for number, values in enumerate(opened.sheet.iter_rows(), start=1):
        cells = [value if type(value) is str else _plain(value) for value in values]
        refused = opened.refused.get(number, nothing) if opened.refused else nothing
        if refused or any(cell if type(cell) is not str else cell.strip() for cell in cells) or 0 in cells:
            yield number, padding + cells, refused
