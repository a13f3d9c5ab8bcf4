"""Files that broke other readers, and a real bank's 45,211 contacts."""

import os
import time
from pathlib import Path

import pytest

from crm.kernel.errors import Invalid
from crm.sheets.contracts import load_contract
from crm.sheets.reader import read_rows
from crm.sheets.records import read_records

SHARED = Path(os.environ.get("CRM_SHARED", Path(__file__).parents[3] / "shared")) / "data"
KNOWN_CODES = {
    "sheet.bomb", "sheet.cell_too_long", "sheet.empty", "sheet.encoding", "sheet.encoding_unsure", "sheet.encrypted",
    "sheet.formula", "sheet.gap", "sheet.macro", "sheet.too_heavy", "sheet.too_large",
    "sheet.too_many_columns", "sheet.too_slow", "sheet.unreadable", "sheet.wrong_kind",
}  # fmt: skip
# What must come of some of them; every other file ends in rows or in one of the known codes.
EXPECTED: dict[str, int | str] = {
    "bomb_or_huge/poi__spreadsheet__54764.xlsx": "sheet.unreadable",
    "bomb_or_huge/poi__spreadsheet__poc-xmlbomb.xlsx": "sheet.unreadable",
    "bomb_or_huge/sheetjs__large_strings.xlsx": 9_999,
    "dates_1904/calamine__date_1904.xlsx": 3,
    "encrypted/poi__poifs__extenxls_pwd123.xlsx": "sheet.encrypted",
    "errors_formulas/calamine__errors.xlsx": "sheet.macro",
    "errors_formulas/sheetjs__ErrorTypes.csv": 14,
    "hidden_sheets/calamine__empty_sheet.xlsx": "sheet.empty",
    "malformed/poi__spreadsheet__duplicate-filename-case-insensitive.xlsx": "sheet.unreadable",
    "malformed/poi__spreadsheet__xlsx-corrupted.xlsx": "sheet.unreadable",
    "text_whitespace_newline/sheetjs__crlf__crlf.csv": 3,
    "text_whitespace_newline/sheetjs__text_and_numbers.txt": 3,
    "wrong_container/poi__spreadsheet__SampleSS.strict.xlsx": 3,
    "wrong_container/sheetjs__artifacts__wps__write.xlsx": 4,
}


CATEGORIES = sorted(
    {name.partition("/")[0] for name in EXPECTED} | {"headers_layout", "macro", "merged", "number_formats"}
)


def sample(category: str) -> list[str]:
    """Every second CSV, text or XLSX file of the category, and all that have an expectation."""
    folder = SHARED / "torture"
    found = sorted(
        str(path.relative_to(folder))
        for path in folder.glob(f"{category}/*")
        if path.suffix in (".csv", ".txt", ".xlsx", ".xlsm")
    )
    return sorted({*found[::2], *(name for name in found if name in EXPECTED)})


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_hostile_file_ends_in_rows_or_in_one_refusal(category: str) -> None:
    for name in sample(category):
        started = time.monotonic()
        try:
            with read_rows(SHARED / "torture" / name) as sheet:
                outcome: int | str = sum(1 for _ in sheet.rows)
        except Invalid as error:
            outcome = error.code
        assert isinstance(outcome, int) or outcome in KNOWN_CODES, name
        assert time.monotonic() - started < 20, name
        assert outcome == EXPECTED.get(name, outcome), name


def test_a_real_banks_contacts_stream_through() -> None:
    if not SHARED.is_dir():
        return  # the file is test input that does not travel with the product
    path = SHARED / "uci_bank" / "contacts_dated_derived.csv"
    leads = load_contract(Path(__file__).parents[2] / "imports" / "leads" / "columns.toml")
    chosen = {"row": "external_id", "contact_date": "consult_on", "y": "accepted", "campaign": "-"}
    with read_rows(path) as sheet:
        found = list(read_records(sheet.rows, leads, chosen=chosen).rows)
    assert [record.values["external_id"] for record in found] == [str(number) for number in range(1, 45_212)]
    assert sum(record.values["accepted"] is True for record in found) == 5_289
    assert not any(record.problems for record in found)
    with read_rows(path) as sheet:
        rows = list(sheet.rows)
    assert len(rows) == 45_212
    assert sum(row.cells[9] == "yes" for row in rows) == 5_289
    assert rows[-1].number == 45_212
