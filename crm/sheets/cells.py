"""What a read sheet is made of: limits, rows that keep Excel's own numbers, and cells as the file typed them."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is read before it is refused. Bytes, rows, columns and seconds."""

    file_bytes: int = 20 * 1024 * 1024  # as much as an upload may have; 200,000 rows of text fit in
    unpacked_bytes: int = 256 * 1024 * 1024
    members: int = 200
    ratio: int = 150  # unpacked size over packed size, of members above 1 MiB
    rows: int = 200_000
    columns: int = 120
    blank_rows: int = 500  # in a row, with more data after them
    memory_bytes: int = 512 * 1024 * 1024
    cpu_seconds: int = 20
    wall_seconds: int = 25  # longest wait for the next part of the file


class Refused(NamedTuple):
    """A cell whose content must not be taken over: a formula or an Excel error. `text` is what the file shows."""

    reason: str  # "formula" or "error"
    text: str


# Text stays text; a number typed in Excel stays int or float (13800138000.0 comes out as 13800138000);
# dates come out as ISO text ("2026-11-23", "2026-11-23T09:30:00"); an empty cell is "".
Cell = str | int | float | bool | Refused


class Row(NamedTuple):
    """One non-blank row: the number that Excel shows beside it, and its cells from column A, trailing blanks cut."""

    number: int
    cells: tuple[Cell, ...]


def cell_text(cell: Cell) -> str:
    """The cell as trimmed text, whatever its type; what a person would read in the sheet."""
    if isinstance(cell, Refused):
        return cell.text.strip()
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    return str(cell).strip()
