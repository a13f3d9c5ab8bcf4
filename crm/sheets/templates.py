"""The blank, example and faulty workbook of a contract, for the person with the spreadsheet.

`python -m crm.sheets.templates imports` writes all of them anew beside their columns.toml.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from crm.kernel.errors import Invalid
from crm.sheets.contracts import Column, Contract, load_contract
from crm.sheets.values import to_bool, to_date, to_decimal

Variant = Literal["blank", "example", "faulty"]
VARIANTS: tuple[Variant, ...] = ("blank", "example", "faulty")
MADE = datetime(2026, 1, 1, tzinfo=UTC)  # fixed, so that making the files anew changes nothing in them but what changed
LAST = 5_000  # rows that carry lists and formats
LIST_LIMIT = 255  # characters that Excel takes in a list of a data validation
FORMATS = {"date": "yyyy-mm-dd", "datetime": "yyyy-mm-dd hh:mm", "decimal": "General", "int": "0"}
REQUIRED_FILL = PatternFill("solid", fgColor="C00000")
OPTIONAL_FILL = PatternFill("solid", fgColor="1F4E79")


def shown_columns(contract: Contract) -> list[Column]:
    """The columns that a sheet may carry; one without headings is only set by the importer."""
    return [column for column in contract.columns if column.headings]


def heading(column: Column) -> str:
    """The heading in our own templates: the first accepted one, its unit behind it."""
    return f"{column.headings[0]}({column.unit})" if column.unit else column.headings[0]


def _head(sheet: Worksheet, columns: Sequence[Column], needed: set[str]) -> None:
    for index, column in enumerate(columns, start=1):
        must = column.required or column.key in needed
        cell = sheet.cell(1, index, heading(column))
        cell.font = Font(name="Microsoft YaHei", bold=True, color="FFFFFF")
        cell.fill = REQUIRED_FILL if must else OPTIONAL_FILL
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        words = [words[0] for words in column.codes.values() if words]
        example = f"例 e.g. {column.example}" if column.example else ""
        lines = [column.help_zh, " / ".join(words), column.help_en, example]
        note = Comment("\n".join(filter(None, lines)), "Waituo CRM")
        note.width, note.height = 320, 140
        cell.comment = note
        sheet.column_dimensions[get_column_letter(index)].width = max(12, 2 * len(heading(column)) + 4)
    sheet.row_dimensions[1].height = 30
    sheet.freeze_panes = "A2"


def _choices(column: Column) -> str:
    words = ["是", "否"] if column.kind == "bool" else [words[0] for words in column.codes.values() if words]
    text = ",".join(words)
    return f'"{text}"' if words and len(text) <= LIST_LIMIT else ""


def _rules(sheet: Worksheet, columns: Sequence[Column]) -> None:
    """Lists for codes, and the text format that keeps phones and numbers of documents as they were typed."""
    for index, column in enumerate(columns, start=1):
        letter = get_column_letter(index)
        sheet.column_dimensions[letter].number_format = FORMATS.get(column.kind, "@")
        choices = _choices(column)
        if choices:
            rule = DataValidation(type="list", formula1=choices, allow_blank=True, showErrorMessage=not column.open)
            rule.error = column.help_zh
            sheet.add_data_validation(rule)
            rule.add(f"{letter}2:{letter}{LAST}")


def _write(sheet: Worksheet, columns: Sequence[Column], rows: Sequence[Mapping[str, str]]) -> None:
    for number, row in enumerate(rows, start=2):
        for index, column in enumerate(columns, start=1):
            text = row.get(column.key, "")
            if not text:
                continue
            cell = sheet.cell(number, index)
            cell.number_format = FORMATS.get(column.kind, "@")
            cell.value = _typed(column, text)
            if isinstance(cell.value, str):
                cell.data_type = "s"


def _typed(column: Column, text: str) -> str | float | date:
    """The example as Excel would have it: a real date or number where it is one, else the text with its mistake."""
    try:
        if column.kind == "date":
            return to_date(text)
        if column.kind in ("int", "decimal"):
            return float(to_decimal(text))
        if column.kind == "bool":
            return "是" if to_bool(text) else "否"
    except Invalid:
        return text
    return text


def write_template(contract: Contract, path: str | Path, variant: Variant) -> None:
    """Write the workbook: headings with help, lists for codes; in "example" and "faulty" the contract's own rows."""
    book = Workbook(write_only=False)
    book.remove(book.worksheets[0])
    sheet = book.create_sheet((contract.title_zh or contract.kind).replace("/", "、"))
    columns = shown_columns(contract)
    _head(sheet, columns, {key for group in contract.any_of for key in group})
    _rules(sheet, columns)
    if variant != "blank":
        _write(sheet, columns, contract.example_rows if variant == "example" else contract.faulty_rows)
    book.properties.title = f"{contract.title_zh} {contract.title_en}"
    book.properties.creator = "Waituo CRM"
    book.properties.created = book.properties.modified = MADE
    book.save(path)


def write_all(folder: Path) -> list[Path]:
    """Write the three workbooks of every kind under `folder`; gives their paths."""
    made = []
    for columns in sorted(folder.glob("*/columns.toml")):
        contract = load_contract(columns)
        for variant in VARIANTS:
            made.append(columns.with_name(f"{variant}.xlsx"))
            write_template(contract, made[-1], variant)
    return made


if __name__ == "__main__":
    for made_path in write_all(Path(sys.argv[1])):
        print(made_path)
