"""A sheet seen through its contract: every row as values by key, with what is wrong in it, cell by cell."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import NamedTuple

from crm.kernel.errors import Invalid
from crm.kernel.values import clean_text, normalise_phone
from crm.sheets.cells import Cell, Refused, Row, cell_text
from crm.sheets.contracts import HEADER_WITHIN, Column, Contract, Header, find_header_row
from crm.sheets.values import to_bool, to_code, to_date, to_datetime, to_decimal, to_int, to_text

Value = str | int | Decimal | bool | date | datetime
Parse = Callable[[Cell], Value]
REMEMBERED = 10_000  # different texts of a column whose values are kept; dates, codes and names repeat


class Problem(NamedTuple):
    """What is wrong with a cell: the contract's key, the column from 0 (None: not in the sheet), code and facts."""

    key: str
    column: int | None
    code: str
    facts: Mapping[str, object]


class Record(NamedTuple):
    """One row: Excel's number, the values that could be read (blank cells are left out), and the problems.

    `unknown` holds the text of columns that no field takes, by heading; columns that were left out on purpose are not in it.
    """

    number: int
    values: dict[str, Value]
    problems: tuple[Problem, ...]
    unknown: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Records:
    """The heading row as matched, and the records below it, streamed."""

    header: Header
    rows: Iterator[Record]


def parse_cell(column: Column, cell: Cell, factor: Decimal | None = None) -> Value:
    """The cell as the column's kind has it; "" for a blank one. `factor` multiplies a number (元 into 万元: 0.0001).

    Raises Invalid: value.* (see crm.sheets.values), phone.invalid.
    """
    text = to_text(cell)
    if not text:
        return ""
    if column.kind in ("int", "decimal"):
        return _number(column, cell, factor)
    if column.kind == "phone":
        return normalise_phone(text)
    if column.kind == "code":
        return _code(column, cell)
    typed: dict[str, Parse] = {"date": to_date, "datetime": to_datetime, "bool": to_bool}
    return typed[column.kind](cell) if column.kind in typed else text if text.isprintable() else clean_text(text)


def _code(column: Column, cell: Cell) -> str:
    try:
        return to_code(cell, column.codes)
    except Invalid:
        if column.open:
            return clean_text(to_text(cell))
        raise


def _number(column: Column, cell: Cell, factor: Decimal | None) -> Value:
    """A number with the unit that people write behind it; an amount in 元 becomes 万元."""
    if isinstance(cell, str):
        text = unicodedata.normalize("NFKC", cell).strip()
        if column.unit == "万元" and text.endswith(("万元", "万")):
            cell, factor = text.removesuffix("元").removesuffix("万"), None
        elif column.unit == "万元" and text.endswith("元"):
            cell, factor = text.removesuffix("元"), Decimal("0.0001")
        else:
            cell = next((text.removesuffix(unit) for unit in column.suffixes if text.endswith(unit)), cell)
    if column.kind == "int":
        return to_int(cell)
    return to_decimal(cell) * factor if factor is not None else to_decimal(cell)


def _remembering(column: Column, factor: Decimal | None) -> Parse:
    """`parse_cell` that works a repeated text out once. Typed numbers go by: 1, 1.0 and TRUE would be one key."""
    known: dict[str, Value] = {}

    def parse(cell: Cell) -> Value:
        if not isinstance(cell, str):
            return parse_cell(column, cell, factor)
        value = known.get(cell)
        if value is None:
            value = parse_cell(column, cell, factor)
            if len(known) < REMEMBERED:
                known[cell] = value
        return value

    return parse


def _preset(contract: Contract, preset: Mapping[str, str]) -> dict[str, Value]:
    """Values set for every row. Raises Invalid with the field beside the cell's own fact."""
    values: dict[str, Value] = {}
    for key, text in preset.items():
        try:
            values[key] = parse_cell(contract.column(key), text)
        except Invalid as error:
            raise Invalid(error.code, **{**error.facts, "field": key}) from None
    return values


def read_records(
    rows: Iterator[Row],
    contract: Contract,
    *,
    chosen: Mapping[str, str] | None = None,
    preset: Mapping[str, str] | None = None,
) -> Records:
    """Find the headings in `rows` (of a Sheet) and read what stands below them.

    `chosen`: heading or Excel letter -> key, "-" to leave a column out. `preset`: key -> value for every row; it wins
    over a column. A row lacking a required value, or all of an `any_of` group, carries the problem value.missing.
    Raises Invalid: sheet.no_header, those of `match_headers` and, for a preset, value.*.
    """
    fixed = _preset(contract, preset or {})
    first = list(islice(rows, HEADER_WITHIN + 1))
    header = find_header_row(first, contract, chosen)
    body = (row for row in chain(first, rows) if row.number >= header.number + header.height)
    return Records(header, _records(body, header, contract, fixed))


def _records(rows: Iterator[Row], header: Header, contract: Contract, fixed: dict[str, Value]) -> Iterator[Record]:
    columns = [
        (index, key, _remembering(contract.column(key), header.match.factors.get(index)))
        for index, key in header.match.mapped.items()
        if key not in fixed
    ]
    where = {key: index for index, key, _ in columns}
    others = [(index, header.labels[index]) for index in header.match.unknown]
    required = [column.key for column in contract.columns if column.required]
    for row in rows:
        values = dict(fixed)
        problems: list[Problem] = []
        width = len(row.cells)
        for index, key, parse in columns:
            cell = row.cells[index] if index < width else ""
            if cell == "" and not isinstance(cell, Refused):
                continue
            try:
                value = parse(cell)
            except Invalid as error:
                problems.append(Problem(key, index, error.code, {"value": cell_text(cell)[:40], **error.facts}))
                continue
            if value != "":
                values[key] = value
        problems.extend(_missing(values, problems, required, contract, where))
        unknown = {label: text for index, label in others if index < width and (text := cell_text(row.cells[index]))}
        yield Record(row.number, values, tuple(problems), unknown)


def _missing(
    values: dict[str, Value],
    problems: list[Problem],
    required: list[str],
    contract: Contract,
    where: dict[str, int],
) -> list[Problem]:
    """Required values that the row lacks; a value that was there but wrong is not missing as well."""
    wrong = {problem.key for problem in problems}
    found = [
        Problem(key, where.get(key), "value.missing", {}) for key in required if key not in values and key not in wrong
    ]
    for group in contract.any_of:
        if not any(key in values or key in wrong for key in group):
            found.append(Problem(group[0], where.get(group[0]), "value.missing", {"any_of": list(group)}))
    return found
