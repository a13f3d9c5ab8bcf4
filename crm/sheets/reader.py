"""The one door in: rows of a CSV or XLSX file, streamed from a child process that may die without harm."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from crm.kernel.errors import Invalid
from crm.sheets.cells import Limits, Refused, Row

CHILD = Path(__file__).with_name("child.py")
LONGEST_LINE = 256 << 20  # bytes; a block of rows above it is no sheet of people's
TEXT_SUFFIXES = {".csv", ".txt", ".tsv"}
MACRO_SUFFIXES = {".xlsm", ".xltm", ".xlam", ".xlsb"}
# Names that say nothing of the kind (a stored upload): the content alone decides.
SILENT_SUFFIXES = {"", ".upload", ".bin", ".tmp", ".part"}


@dataclass(slots=True)
class Sheet:
    """An open sheet. `rows` can be walked once, in constant memory; leave by `close()` or a with block.

    `tabs` are the names of the visible worksheets of a workbook, in their order; a CSV file has none.
    """

    name: str
    tabs: tuple[str, ...]
    encoding: str
    kind: str  # "csv" or "xlsx"
    rows: Iterator[Row]
    _child: "_Child" = field(repr=False)

    def close(self) -> None:
        """End the child, whether or not all rows were read."""
        self._child.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Child:
    """The parsing process and its pipe."""

    def __init__(self, order: dict[str, Any], wall_seconds: float) -> None:
        self.wall_seconds = wall_seconds
        self.late = False
        command = [sys.executable, "-I", "-X", "utf8", str(CHILD), json.dumps(order)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.pipe = cast(IO[bytes], self.process.stdout)

    def _overdue(self) -> None:
        self.late = True
        self.process.kill()

    def answer(self) -> dict[str, Any]:
        """The next line. Raises the child's own refusal, or one for the way in which it died."""
        clock = threading.Timer(self.wall_seconds, self._overdue)
        clock.daemon = True
        clock.start()
        try:
            line = self.pipe.readline(LONGEST_LINE)
        finally:
            clock.cancel()
        if not line.endswith(b"\n"):
            self.end()
            raise self._cause_of_death()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            self.end()
            raise Invalid(answer["error"], **answer["facts"])
        return answer

    def _cause_of_death(self) -> Invalid:
        code = self.process.returncode
        if self.late or code == -getattr(signal, "SIGXCPU", 24):
            return Invalid("sheet.too_slow")
        # An allocation that fails inside the Rust parser aborts: a cell at XFD1048576 asks for gigabytes.
        if code == -getattr(signal, "SIGABRT", 6):
            return Invalid("sheet.too_heavy")
        return Invalid("sheet.unreadable", reason=f"exit {code}")

    def end(self) -> None:
        """Close the pipe and leave no process behind."""
        self.pipe.close()
        try:
            self.process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _kind(path: Path, filename: str, limits: Limits) -> str:
    """ "csv" or "xlsx", from the name where it says something and from the first bytes.

    XLS, XLSB and ODS are refused by name and by content; a reader for them would be one more branch here and in child.
    """
    suffix = Path(filename).suffix.lower()
    if suffix in MACRO_SUFFIXES:
        raise Invalid("sheet.macro", kind=suffix[1:])
    if suffix not in TEXT_SUFFIXES | SILENT_SUFFIXES | {".xlsx"}:
        raise Invalid("sheet.wrong_kind", kind=suffix[1:21])
    size = path.stat().st_size
    if size == 0:
        raise Invalid("sheet.empty")
    with path.open("rb") as file:
        head = file.read(8)
    packed = head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0"))
    if suffix == ".xlsx" and not packed:
        raise Invalid("sheet.wrong_kind", kind="not_xlsx")
    kind = "xlsx" if packed else "csv"
    if size > limits.file_bytes:
        raise Invalid("sheet.too_large", limit=limits.file_bytes)
    return kind


def _blocks(child: _Child, first: dict[str, Any]) -> Iterator[Row]:
    answer = first
    try:
        while "end" not in answer:
            yield from _rows(answer)
            answer = child.answer()
    finally:
        child.end()


def _rows(answer: dict[str, Any]) -> list[Row]:
    lines = answer["rows"]
    for line, column, reason in answer["refused"]:
        lines[line][column + 1] = Refused(reason, str(lines[line][column + 1]))
    return [Row(line[0], tuple(line[1:])) for line in lines]


def read_rows(
    path: str | Path,
    *,
    filename: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    limits: Limits | None = None,
) -> Sheet:
    """Open a sheet and stream its non-blank rows, each with the number that Excel shows beside it.

    `filename` is the name under which a person knows the file (default: that of `path`); `sheet` a tab's name
    (default: the first visible one with content); `encoding` a person's choice of "utf-8" or "gb18030".

    Raises Invalid, here or while the rows are walked: sheet.empty, sheet.too_large, sheet.too_slow, sheet.too_heavy,
    sheet.encrypted, sheet.wrong_kind, sheet.bomb, sheet.encoding, sheet.encoding_unsure, sheet.unreadable, sheet.macro,
    sheet.too_many_rows, sheet.too_many_columns, sheet.gap, sheet.cell_too_long, sheet.formula, sheet.no_such_sheet.
    """
    path = Path(path)
    limits = limits or Limits()
    kind = _kind(path, filename or path.name, limits)
    order = {
        "path": str(path.resolve()),
        "kind": kind,
        "sheet": sheet,
        "encoding": encoding,
        "limits": asdict(limits),
    }
    child = _Child(order, limits.wall_seconds)
    try:
        meta = child.answer()
        first = child.answer()
    except BaseException:
        child.end()
        raise
    return Sheet(meta["name"], tuple(meta["tabs"]), meta["encoding"], meta["kind"], _blocks(child, first), child)
