"""Rows of a CSV or text file: encoding decided by rule, never guessed; delimiter from the file's own first rows."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crm.kernel.errors import Invalid
from crm.sheets.cells import Limits

CHUNK = 1 << 20
DELIMITERS = (",", ";", "\t")
CELL_LIMIT = 32_767  # characters in one cell, as in Excel; beyond it a quote was most likely left open
ENCODINGS = ("utf-8", "gb18030")

# Files of other kinds that come under a .csv name, by their first bytes.
FOREIGN_STARTS = (
    b"%PDF", b"{\\rtf", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"ID;P",
    b"TABLE\r\n0,1", b"TABLE\n0,1",
)  # fmt: skip
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Above U+07FF a UTF-8 character has three bytes or more; GBK text practically never passes for such a run by chance.
SURELY_UTF8 = re.compile("[\u0800-\U0010ffff]")
NON_ASCII = re.compile("[^\x00-\x7f]+")
HANZI_ONLY = re.compile("[\u3400-\u9fff\u3000-\u303f\uff00-\uffef]+")
# Our own exports put an apostrophe before what Excel would calculate; other systems write ="0138..." to keep zeros.
GUARDED = re.compile("'[=+\\-@\t\r\n＝＋－＠]|=\"")
APOSTROPHE = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")
QUOTED_TEXT = re.compile('="([^"]*)"')
SEPARATOR_LINE = re.compile("sep=(.)\r?\n?")


@dataclass(frozen=True, slots=True)
class Plan:
    """How one text file is read."""

    encoding: str
    delimiter: str
    skip_lines: int  # 1 when the first line is Excel's own "sep=;", which Excel does not count
    guarded: bool  # some cell carries an apostrophe guard or ="text"


@dataclass(frozen=True, slots=True)
class _Text:
    foreign: bool
    replacement: bool
    guarded: bool
    sure: bool
    ascii_only: bool


def _survey(path: Path, encoding: str) -> _Text | None:
    """Decode the whole file strictly, in constant memory. None when it is not in this encoding."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    foreign = replacement = guarded = sure = False
    ascii_only = True
    last = ""
    with path.open("rb") as file:
        while True:
            block = file.read(CHUNK)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError:
                return None
            foreign = foreign or "\x00" in text
            replacement = replacement or "\ufffd" in text
            guarded = guarded or GUARDED.search(last + text) is not None
            ascii_only = ascii_only and text.isascii()
            sure = sure or (not ascii_only and SURELY_UTF8.search(text) is not None)
            last = text[-1:]
            if not block:
                return _Text(foreign, replacement, guarded, sure, ascii_only)


def _reads_as_hanzi(path: Path) -> bool:
    """Whether the file is GB18030 text whose every foreign character is Chinese (headerless lists of short names)."""
    with path.open("rb") as file:
        try:
            text = codecs.getincrementaldecoder("gb18030")("strict").decode(file.read(CHUNK))
        except UnicodeDecodeError:
            return False
    return all(HANZI_ONLY.fullmatch(run) for run in NON_ASCII.findall(text))


def _decide_encoding(path: Path, wanted: str | None) -> tuple[str, _Text]:
    """BOM, then strict UTF-8, then strict GB18030. No Western fallback: it reads everything, and mostly wrongly."""
    with path.open("rb") as file:
        head = file.read(4)
    marked = next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), None)
    if marked == "utf-32" or (wanted is not None and wanted not in ENCODINGS):
        raise Invalid("sheet.encoding", encoding=marked or wanted)
    for encoding in (marked,) if marked else (wanted,) if wanted else ENCODINGS:
        survey = _survey(path, encoding)
        if survey is None:
            continue
        if survey.foreign:
            raise Invalid("sheet.wrong_kind", kind="binary")
        if survey.replacement:
            raise Invalid("sheet.encoding", encoding=encoding)
        unsure = encoding == "utf-8" and not wanted and not survey.ascii_only and not survey.sure
        if unsure and _reads_as_hanzi(path):
            # A list of names such as 郑伟 alone, in GBK, is also valid UTF-8: only a person can tell.
            raise Invalid("sheet.encoding_unsure", choices=list(ENCODINGS))
        return encoding, survey
    raise Invalid("sheet.encoding", encoding=wanted or marked or "unknown")


def _score(sample: str, delimiter: str) -> int:
    """Cells gained by this delimiter in rows of one width; a single row with a stray tab or semicolon gains none."""
    widths: Counter[int] = Counter()
    records = 0
    try:
        for record in csv.reader(sample.splitlines(keepends=True)[:60], delimiter=delimiter, strict=True):
            records += bool(record)
            if len(record) > 1:
                widths[len(record)] += 1
    except csv.Error:
        pass  # a sample cut inside a quoted cell; the rows before it count
    shared = [(width - 1) * times for width, times in widths.items() if times > 1 or 2 * times >= records]
    return max(shared, default=0)


def plan(path: Path, wanted_encoding: str | None = None) -> Plan:
    """Decide how to read the text file at `path`.

    Raises Invalid: sheet.empty, sheet.wrong_kind, sheet.encoding, sheet.encoding_unsure.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise Invalid("sheet.empty")
    if start.startswith(FOREIGN_STARTS) or start.startswith(b"<"):
        raise Invalid("sheet.wrong_kind", kind="markup" if start.startswith(b"<") else "binary")
    encoding, survey = _decide_encoding(path, wanted_encoding)
    with path.open(encoding=encoding, newline="") as text:
        sample = text.read(1 << 16)
    separator = SEPARATOR_LINE.match(sample)
    if separator:
        return Plan(encoding, separator[1], 1, survey.guarded)
    best = max(DELIMITERS, key=lambda delimiter: _score(sample, delimiter))
    return Plan(encoding, best, 0, survey.guarded)


def _unguard(cell: str) -> str:
    if APOSTROPHE.match(cell):
        return cell[1:]
    quoted = QUOTED_TEXT.fullmatch(cell)
    return quoted[1] if quoted else cell


def rows(path: Path, how: Plan, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """Non-blank records as (row number, cells); a record with line breaks inside is one row, as in Excel.

    Raises Invalid: sheet.unreadable (a quote left open), sheet.cell_too_long.
    """
    csv.field_size_limit(CELL_LIMIT)
    with path.open(encoding=how.encoding, newline="") as file:
        for _ in range(how.skip_lines):
            file.readline()
        reader = csv.reader(file, delimiter=how.delimiter, strict=True)
        number = 0
        try:
            for number, record in enumerate(reader, start=1):
                if any(record) and any(map(str.strip, record)):
                    yield number, [_unguard(cell) for cell in record] if how.guarded else record
        except csv.Error as error:
            code = "sheet.cell_too_long" if "field limit" in str(error) else "sheet.unreadable"
            raise Invalid(code, row=number + 1) from None
