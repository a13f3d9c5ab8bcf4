"""The one door out: cells that no spreadsheet program takes for a formula, in workbooks and in CSV files."""

import csv
import io
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from crm.sheets import charts
from crm.sheets.specs import NO_RATE, ChartSpec, Column, Laid, OutCell, RateFormula, SheetSpec

__all__ = [
    "ChartSpec", "Column", "OutCell", "RateFormula", "SheetSpec",
    "safe_text", "sheet_name", "write_csv", "write_workbook",
]  # fmt: skip

LINE = 14  # points that a line of a heading takes
LONGEST = 32_767  # characters that Excel keeps in a cell
# A formula in the making; the apostrophes belong to it so that reading the file back gives the very same text.
DANGEROUS = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
HARMLESS = re.compile(r"\+\d{6,15}|[+-]?\d{1,15}(\.\d{1,15})?")
FORMATS: dict[str, dict[str, Any]] = {
    "text": {"num_format": "@", "text_wrap": False},
    "int": {"num_format": "#,##0"},
    "decimal": {"num_format": "#,##0.00"},
    "score": {"num_format": "#,##0.0"},
    "points": {"num_format": "#,##0.0#"},
    "change": {"num_format": '"▲ "+#,##0;"▼ "-#,##0;0'},
    "rank": {"num_format": "0", "align": "center"},
    "percent": {"num_format": "0.0%", "align": "right"},
    "date": {"num_format": "yyyy-mm-dd", "align": "center"},
    "datetime": {"num_format": "yyyy-mm-dd hh:mm", "align": "center"},
}
BASE: dict[str, Any] = {"font_name": "Microsoft YaHei", "font_size": 10, "valign": "vcenter"}
EDGE: dict[str, Any] = {"border": 1, "border_color": "#B8C2CC"}
FORBIDDEN_IN_NAMES = re.compile(r"[\[\]:*?/\\\x00-\x1f]")


def safe_text(value: str) -> str:
    """The text as it may stand in a CSV file: an apostrophe before what a spreadsheet program would calculate.

    Numbers and phones (+8613800138000, -3.5) go out unchanged. The reader takes the apostrophe off again.
    """
    return f"'{value}" if DANGEROUS.match(value) and not HARMLESS.fullmatch(value) else value


def _csv_cell(value: OutCell) -> str | int | float | Decimal:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return safe_text(value) if isinstance(value, str) else value


def _lines(column: Column) -> int:
    """How many lines the lowest part of a heading takes in its column; a Chinese character is as wide as two others."""
    heading = column.heading
    if isinstance(heading, tuple) and heading[0] == heading[1]:
        return 1  # stands in two rows
    text = heading if isinstance(heading, str) else heading[1]
    wide = sum(2 if ord(letter) > 0x2E7F else 1 for letter in text)
    return min(3, -(-wide * 23 // int(column.width * 20)))  # bold letters take some fifteen per cent more


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A temporary neighbour of `path` that takes its name when it is complete and on the disk: never half a file."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_csv(target: str | Path | IO[bytes], headings: Sequence[str], rows: Iterable[Sequence[OutCell]]) -> int:
    """Write UTF-8 with BOM (Excel in Chinese needs it) and CRLF, one row at a time; gives the number of rows."""
    if isinstance(target, str | Path):
        with _whole(Path(target)) as beside, beside.open("wb") as file:
            return write_csv(file, headings, rows)
    text = io.TextIOWrapper(target, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([safe_text(heading) for heading in headings])
    count = 0
    for row in rows:
        writer.writerow([_csv_cell(cell) for cell in row])
        count += 1
    text.flush()
    text.detach()
    return count


def sheet_name(name: str, taken: Iterable[str] = ()) -> str:
    """A name that Excel accepts: at most 31 characters, none of []:*?/\\, unlike any in `taken`."""
    clean = FORBIDDEN_IN_NAMES.sub(" ", name).strip().strip("'")[:31] or "Sheet"
    used = {other.casefold() for other in taken}
    result, number = clean, 2
    while result.casefold() in used or result.casefold() == "history":
        result, number = f"{clean[:27]} ({number})", number + 1
    return result


class _Styles:
    """Formats by what a cell is and where it stands; each is made once."""

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.made: dict[tuple[Any, ...], Format] = {}

    def __call__(self, kind: str, place: str = "body", *, quoted: bool = False) -> Format:
        key = (kind, place, quoted)
        if key not in self.made:
            look: dict[str, Any] = BASE | FORMATS.get(kind, {})
            if place in ("body", "subtotal", "total"):
                look |= EDGE
            if place in ("subtotal", "total"):
                look |= {"bold": True, "bg_color": "#EEF3F8" if place == "subtotal" else "#DCE6F0"}
            if place == "head":
                look |= EDGE | {"bold": True, "bg_color": "#1F4E79", "font_color": "#FFFFFF", "align": "center"}
                look["text_wrap"] = True
            if place == "title":
                look |= {"bold": True, "font_size": 16}
            if place == "small":
                look |= {"font_size": 9, "font_color": "#4A5560"}
            self.made[key] = self.book.add_format(look | ({"quote_prefix": True} if quoted else {}))
        return self.made[key]


class _Table:
    """One sheet in the making: writes row by row and keeps the sums that totals and cached values need."""

    def __init__(self, book: Workbook, spec: SheetSpec, name: str, styles: _Styles) -> None:
        self.spec = spec
        self.styles = styles
        self.sheet: Worksheet = book.add_worksheet(name)
        self.two_level = any(isinstance(column.heading, tuple) for column in spec.columns)
        self.laid = Laid(spec, name, head=2, first=4 if self.two_level else 3)
        self.row = self.laid.first
        self.sums: dict[str, float] = {}
        self.group_sums: dict[str, float] = {}
        self.group_start = self.row
        self.laid.levels = {
            column.key: column.heading if isinstance(column.heading, tuple) else ("", column.heading)
            for column in spec.columns
        }
        funnels = [chart for chart in spec.charts if chart.kind == "funnel" and not chart.across]
        for chart in funnels:
            self.laid.kept |= {chart.categories: [], chart.series[0]: []}

    def cell(self, row: int, column: int, value: OutCell, kind: str, place: str = "body") -> None:
        """The only place where a value becomes a cell. A text is always written as a text."""
        sheet, style = self.sheet, self.styles(kind, place)
        if value is None or value == "":
            sheet.write_blank(row, column, None, style)
        elif isinstance(value, str):
            text = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
            style = self.styles("text", place, quoted=True) if DANGEROUS.match(text) else style
            sheet.write_string(row, column, text, style)
        elif isinstance(value, bool):
            sheet.write_boolean(row, column, value, style)
        elif isinstance(value, date):
            sheet.write_datetime(row, column, value, style)  # a datetime is a date
        else:
            sheet.write_number(row, column, float(value) if isinstance(value, Decimal) else value, style)

    def preamble(self) -> None:
        """Title, unit line and date range, set-up of the columns and the heading rows."""
        spec, sheet = self.spec, self.sheet
        last = len(spec.columns) - 1
        for index, column in enumerate(spec.columns):
            sheet.set_column(index, index, column.width)
            heading = column.heading
            self.laid.labels[column.key] = heading if isinstance(heading, str) else " ".join(dict.fromkeys(heading))
        sheet.set_row(0, 28)
        self.cell(0, 0, spec.title, "text", "title")
        self.cell(1, 0, "　".join(filter(None, (spec.date_range, spec.unit_line))), "text", "small")
        if self.two_level:
            self._two_rows(last)
        else:
            for index, column in enumerate(spec.columns):
                self.cell(2, index, str(column.heading), "head", "head")
        lines = max((_lines(column) for column in spec.columns), default=1)
        if lines > 1:
            sheet.set_row(self.laid.first - 1, LINE * lines + 2)

    def _two_rows(self, last: int) -> None:
        headings = [h if isinstance(h, tuple) else (h, h) for h in (column.heading for column in self.spec.columns)]
        head = self.styles("head", "head")
        index = 0
        while index <= last:
            upper, lower = headings[index]
            end = index
            while end < last and upper and upper != lower and headings[end + 1][0] == upper:
                end += 1
            if upper == lower:
                self.sheet.merge_range(2, index, 3, index, "", head)
            elif end > index:
                self.sheet.merge_range(2, index, 2, end, "", head)
            self.cell(2, index, upper, "head", "head")
            index = end + 1
        for index, (upper, lower) in enumerate(headings):
            if upper != lower:
                self.cell(3, index, lower, "head", "head")

    def _rate(self, row: int, index: int, rate: RateFormula, values: Mapping[str, float], place: str) -> None:
        top, base = (xl_rowcol_to_cell(row, self.laid.column(key)) for key in (rate.numerator, rate.base))
        below = values.get(rate.base, 0)
        cached: float | str = values.get(rate.numerator, 0) / below if below else NO_RATE
        share = f"{top}/{base}"
        if rate.minimum:
            small = rate.small.replace('"', '""')
            share = f'IF({base}<{rate.minimum},"{small}",{share})'
            cached = rate.small if 0 < below < rate.minimum else cached
        formula = f'=IF({base}=0,"{NO_RATE}",{share})'
        self.sheet.write_formula(row, index, formula, self.styles("percent", place), cached)

    def body(self) -> None:
        """All rows, with a subtotal after each group and the total at the end."""
        group_at = self.laid.column(self.spec.group_by) if self.spec.group_by else None
        before: OutCell = None
        for count, values in enumerate(self.spec.rows):
            if group_at is not None and count and values[group_at] != before:
                self._close_group(group_at, before)
            before = values[group_at] if group_at is not None else None
            self._line(values)
        if group_at is not None and self.row > self.laid.first:
            self._close_group(group_at, before)
        self.laid.last = self.row - 1
        self.laid.values = self.sums
        if any(column.total for column in self.spec.columns) and self.row > self.laid.first:
            self._sum_line(self.spec.total_label, self.laid.first, self.sums, "total", 0)
            self.laid.total = self.row - 1

    def _line(self, values: Sequence[OutCell]) -> None:
        numbers: dict[str, float] = {}
        for column, value in zip(self.spec.columns, values, strict=True):
            if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
                numbers[column.key] = float(value) if isinstance(value, Decimal) else value
        for index, (column, value) in enumerate(zip(self.spec.columns, values, strict=True)):
            if column.key in self.laid.kept:
                self.laid.kept[column.key].append(value)
            if column.formula is not None and value is None:
                self._rate(self.row, index, column.formula, numbers, "body")
            else:
                self.cell(self.row, index, value, column.kind)
        for key, number in numbers.items():
            self.laid.lows[key] = min(self.laid.lows.get(key, number), number)
            self.sums[key] = self.sums.get(key, 0) + number
            self.group_sums[key] = self.group_sums.get(key, 0) + number
        self.row += 1

    def _close_group(self, group_at: int, name: OutCell) -> None:
        label = f"{name} {self.spec.subtotal_label}"
        self._sum_line(label, self.group_start, self.group_sums, "subtotal", group_at)
        self.group_sums = {}
        self.group_start = self.row

    def _sum_line(self, label: str, first: int, sums: Mapping[str, float], place: str, label_at: int) -> None:
        for index, column in enumerate(self.spec.columns):
            if index == label_at:
                self.cell(self.row, index, label, "text", place)
            elif column.total == "sum":
                name = xl_col_to_name(index)
                # SUBTOTAL leaves other subtotals out, so that the total over groups counts each row once.
                function = "SUBTOTAL(9," if self.spec.group_by else "SUM("
                formula = f"={function}{name}{first + 1}:{name}{self.row})"
                # Decimals added up as binary numbers end in dust (…699999); nine places hold every figure of a sheet.
                cached = round(sums.get(column.key, 0), 9)
                self.sheet.write_formula(self.row, index, formula, self.styles(column.kind, place), cached)
            elif column.total == "rate" and column.formula is not None:
                self._rate(self.row, index, column.formula, sums, place)
            else:
                self.cell(self.row, index, None, column.kind, place)
        self.row += 1

    def finish(self, book: Workbook, funnels: charts.FunnelData, house: str) -> None:
        """Filter, frozen headings, data bars, charts, notes and the print set-up."""
        spec, sheet, laid = self.spec, self.sheet, self.laid
        if laid.last >= laid.first:
            sheet.autofilter(laid.first - 1, 0, laid.last, len(spec.columns) - 1)
            for index, column in enumerate(spec.columns):
                if column.bars:
                    bar = {"type": "data_bar", "bar_color": "#9DC3E6", "min_type": "num", "min_value": 0}
                    sheet.conditional_format(laid.first, index, laid.last, index, bar)
        sheet.freeze_panes(laid.first, spec.freeze)
        at = charts.draw(book, sheet, laid, funnels, self.row + 1)
        if spec.charts and at > charts.rows_on_a_page(laid):
            sheet.set_h_pagebreaks([self.row + 1])  # pictures that the page would cut begin a new one
        for offset, note in enumerate(spec.notes):
            self.cell(at + offset, 0, note, "text", "small")
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        sheet.repeat_rows(laid.head, laid.first - 1)
        name = house.replace("&", "&&")
        sheet.set_footer(f"&L&8{name}{'　' if name else ''}&A&R&8&P / &N")


def write_workbook(
    target: str | Path | IO[bytes], specs: Sequence[SheetSpec], *, properties: Mapping[str, Any] | None = None
) -> None:
    """Write the sheets in order. `properties`: title, author, company (also at the foot of each page), comments, created (datetime).

    A path is written beside and renamed when whole; a binary file object is written to as it is.
    """
    if isinstance(target, str | Path):
        with _whole(Path(target)) as beside:
            _compose(str(beside), specs, properties or {})
        return
    _compose(target, specs, properties or {})


def _compose(target: str | IO[bytes], specs: Sequence[SheetSpec], properties: Mapping[str, Any]) -> None:
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with Workbook(target, options) as book:
        book.set_properties(dict(properties))
        styles, funnels = _Styles(book), charts.FunnelData(book)
        names: list[str] = [funnels.name]
        tables = []
        for spec in specs:
            name = sheet_name(spec.name, names)
            names.append(name)
            table = _Table(book, spec, name, styles)
            table.preamble()
            table.body()
            tables.append(table)
        for table in tables:
            table.finish(book, funnels, str(properties.get("company", "")))
