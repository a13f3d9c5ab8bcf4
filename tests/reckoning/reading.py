"""What a page, a file or a workbook says, as plain rows; and what a row should say."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from typing import Any

from openpyxl.worksheet.worksheet import Worksheet

from tests.reckoning.sums import DASH, MINIMUM, RATES, SMALL, Figures, percent, shown, wilson

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?%?|—|样本不足")


def tables(page: str) -> list[list[list[str]]]:
    """Every table of a page: rows of cells, tags taken away."""
    return [[_cells(row) for row in _parts(table, "tr")] for table in _parts(page, "table")]


def _parts(text: str, tag: str) -> Iterator[str]:
    return (found[1] for found in re.finditer(rf"<{tag}\b[^>]*>(.*?)</{tag}>", text, re.DOTALL))


def _cells(row: str) -> list[str]:
    bare = (
        re.sub(r"<svg.*?</svg>|<[^>]+>", " ", one) for one in re.findall(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", row, re.DOTALL)
    )
    return [" ".join(html.unescape(one).split()) for one in bare]


def numbers(cell: str) -> list[str]:
    """The numbers of a cell, and the words that stand for one, sorted."""
    return sorted(_NUMBER.findall(cell))


def rate_tokens(part: int, base: int, minimum: int) -> list[str]:
    """What a rate's cell says: the rate, its counts, and for those who cannot see the small print its words."""
    found = [shown(part, base, minimum), f"{part:,}", f"{base:,}"]
    if 0 < base < minimum:
        found += [str(minimum), percent(part, base)]
    interval = wilson(part, base)
    if interval:
        found += [str(part), str(base), "95%", *interval]
    return sorted(found)


def rate_cell(part: int, base: int, minimum: int) -> list[str]:
    """The same where the interval stands below the rate once more, as on the funnel page."""
    return sorted([*rate_tokens(part, base, minimum), *(wilson(part, base) or ())])


def funnel_row(one: Figures, *, visits: bool) -> list[list[str]]:
    """A row of the funnel page, cell by cell."""
    counts = [*((one.valid, one.touched) if visits else ()), *one.stages]
    parts = [(getattr(one, top), getattr(one, base), MINIMUM[base]) for _name, top, base in RATES]
    rates = [rate_cell(part, base, minimum) for part, base, minimum in parts]
    return [*([f"{count:,}"] for count in counts), *rates]


def csv_rows(text: str) -> list[list[str]]:
    """The rows of a file under its heading."""
    return list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))[1:]


def csv_row(one: Figures, *, visits: bool) -> list[str]:
    """A row of the file: counts, then each rate with its base and interval."""
    cells = [str(count) for count in (*((one.valid, one.touched) if visits else ()), *one.stages)]
    for _name, top, base in RATES:
        part, whole = getattr(one, top), getattr(one, base)
        cells += [shown(part, whole, MINIMUM[base]), str(whole), *(wilson(part, whole) or ("", ""))]
    return cells


def json_row(one: Figures, *, visits: bool) -> dict[str, Any]:
    """A row of the command's JSON, without key and label."""
    row: dict[str, Any] = {"visits_valid": one.valid, "visits_touched": one.touched} if visits else {}
    row |= {name: count for name, count in vars(one).items() if name not in ("valid", "touched")}
    for name, top, base in RATES:
        row[name] = getattr(one, top) / getattr(one, base) if getattr(one, base) else None
    return row


def first_row(sheet: Worksheet) -> int:
    """Where the rows under the frozen headings begin."""
    return int(re.sub(r"\D", "", str(sheet.freeze_panes)))


def sheet_rows(sheet: Worksheet, first: int) -> list[list[Any]]:
    """The rows from there to the last line of the table; blank cells are None."""
    found = []
    for row in sheet.iter_rows(min_row=first, values_only=True):
        if not any(cell not in (None, "") for cell in row):
            break
        found.append([None if cell == "" else cell for cell in row])
    return found


__all__ = [
    "DASH",
    "SMALL",
    "csv_row",
    "csv_rows",
    "funnel_row",
    "json_row",
    "numbers",
    "rate_cell",
    "rate_tokens",
    "sheet_rows",
    "tables",
]
