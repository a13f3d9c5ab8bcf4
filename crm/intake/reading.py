"""An upload seen through its contract: what its headings became, its first rows, and all rows in pieces, judged or written."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice
from typing import Any

from crm.intake import files
from crm.intake.importers import Importer, Row
from crm.kernel.actor import Actor
from crm.kernel.errors import Invalid
from crm.kernel.rows import Change, Outcome, Problem, Verdict
from crm.kernel.values import mask_name
from crm.sheets.cells import cell_text
from crm.sheets.contracts import HEADER_WITHIN, Header, find_header_row
from crm.sheets.csv_rows import ENCODINGS
from crm.sheets.reader import Sheet, read_rows
from crm.sheets.records import Record, read_records

PIECE = 1_000
SHOWN = 200
SAMPLES = 3
TRIED = 5  # tabs of a workbook that are tried when the first has no headings
LONG_DIGITS = re.compile(r"\d(?:[\s\-.]*\d){6,}")
"""Seven digits or more, with what people write between the parts of a number."""
DAY = re.compile(r"(?:\d{4}([\s\-.]+)\d{1,2}\1\d{1,2}|\d{1,2}([\s\-.]+)\d{1,2}\2\d{4})(?:\s+\d{1,2})?")
"""A day, with or without the hour behind it: ten digits at most, so that no mobile number passes for one."""
FEWEST = 7  # digits of a number that is masked
NAMES = ("name", "email")
PHONES = ("phone",)
Judged = Verdict | Outcome
Telling = Callable[[files.Progress], None]


@dataclass(frozen=True)
class Source:
    """Where an upload lies, what it is called, and how it is to be read.

    `sheet` is the tab of a workbook ("" the first with content), `encoding` the one of a text file that a person chose or
    an earlier reading found ("" as the file itself says).
    """

    stored_name: str
    file_name: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    preset: Mapping[str, str] = field(default_factory=dict)
    sheet: str = ""
    encoding: str = ""


@dataclass(frozen=True)
class Heading:
    """One column of the sheet: by what name it is chosen, what it says, the field that it became ("" none), first values."""

    name: str
    label: str
    letter: str
    field: str
    samples: tuple[str, ...]
    ambiguous: bool


@dataclass(frozen=True)
class Look:
    """What a sheet is, before its rows are judged. `tabs`: the worksheets that could be read instead of `sheet`."""

    encoding: str
    sheet: str
    tabs: tuple[str, ...]
    headings: tuple[Heading, ...]
    missing: tuple[str, ...]
    ambiguous: tuple[str, ...]


@dataclass
class Result:
    """What became, or would become, of every non-empty row. `problems` are in the order of the rows, all of them."""

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[dict[str, Any]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    encoding: str = ""
    sheet: str = ""
    unknown: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def failed_rows(self) -> int:
        """Rows that cannot be taken over."""
        return self.counts["failed"]

    def progress(self, total: int) -> files.Progress:
        """As a note of progress."""
        return files.Progress(self.rows, total, **self.figures())

    def figures(self) -> dict[str, int]:
        """The four counts."""
        return {what: self.counts[what] for what in ("new", "updated", "skipped", "failed")}

    def preview(self) -> dict[str, Any]:
        """What is kept with the batch: counts and the first problems."""
        return {
            "rows": self.rows,
            **self.figures(),
            "problems": self.problems[:SHOWN],
            "problem_count": len(self.problems),
            "unknown": list(self.unknown),
            "left_out": list(self.left_out),
        }


@contextmanager
def _opened(source: Source) -> Iterator[Sheet]:
    path = files.upload_path(source.stored_name)
    if not path.exists():
        raise Invalid("import.file_gone")
    encoding = source.encoding if source.encoding in ENCODINGS else None
    with read_rows(path, filename=source.file_name, sheet=source.sheet or None, encoding=encoding) as sheet:
        yield sheet


def look(importer: Importer, source: Source) -> Look:
    """The headings and first values of a sheet; raises Invalid sheet.* for what is no sheet of this kind.

    Of a workbook whose first tab has no headings (a page of explanations, say) the next tab that has some is taken.
    """
    try:
        return _look(importer, source)
    except Invalid as error:
        if source.sheet or error.code != "sheet.no_header":
            raise
        with _opened(source) as sheet:
            others = [tab for tab in sheet.tabs if tab != sheet.name][:TRIED]
        for tab in others:
            with suppress(Invalid):
                return _look(importer, replace(source, sheet=tab))
        raise


def _look(importer: Importer, source: Source) -> Look:
    with _opened(source) as sheet:
        first = list(islice(sheet.rows, HEADER_WITHIN + SAMPLES + 1))
        header = find_header_row(first, importer.contract, source.mapping or None)
        body = [row for row in first if row.number >= header.number + header.height][:SAMPLES]
        headings = tuple(_headings(header, body))
        return Look(
            sheet.encoding,
            sheet.name,
            sheet.tabs,
            headings,
            header.match.missing_required,
            tuple(header.match.ambiguous),
        )


def _headings(header: Header, body: Sequence[Any]) -> Iterator[Heading]:
    times = Counter(header.labels)
    doubtful = {index for indices in header.match.ambiguous.values() for index in indices}
    for index, label in enumerate(header.labels):
        samples = tuple(cell_text(row.cells[index])[:40] for row in body if index < len(row.cells))
        if not label and not any(samples):
            continue
        name = label if label and times[label] == 1 else letter_of(index)
        yield Heading(name, label, letter_of(index), header.match.mapped.get(index, ""), samples, index in doubtful)


def letter_of(index: int) -> str:
    """Excel's letter of a column that counts from 0."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def check(importer: Importer, actor: Actor, source: Source, *, today: date, at: datetime) -> Result:
    """What would become of every row. Reads only."""
    context = importer.open(actor, today=today, at=at, writes=False)
    return _walk(importer, source, lambda rows: importer.check(context, rows))


def write(
    importer: Importer,
    actor: Actor,
    source: Source,
    *,
    today: date,
    at: datetime,
    batch_id: int,
    tell: Telling = lambda _: None,
    total: int = 0,
) -> Result:
    """Writes every row that can be taken over, inside an open unit of work, telling the progress after each piece."""
    context = importer.open(actor, today=today, at=at, writes=True)

    def apply(rows: Sequence[Row]) -> Sequence[Judged]:
        return importer.apply(actor, context, rows, at=at, batch_id=batch_id)

    return _walk(importer, source, apply, lambda result: tell(result.progress(total)))


def _walk(
    importer: Importer,
    source: Source,
    judge: Callable[[Sequence[Row]], Sequence[Judged]],
    after_piece: Callable[[Result], None] = lambda _: None,
) -> Result:
    with _opened(source) as sheet:
        records = read_records(sheet.rows, importer.contract, chosen=source.mapping, preset=source.preset)
        header = records.header
        _refuse_header(importer, header, source)
        result = Result(
            encoding=sheet.encoding, sheet=sheet.name, unknown=tuple(header.labels[at] for at in header.match.unknown)
        )
        result.left_out = tuple(key for key in importer.left_out if key in header.match.mapped.values())
        fields = {key: index for index, key in header.match.mapped.items()}
        lenient = importer.known_by_content and bool(header.match.missing_any)
        while piece := list(islice(records.rows, PIECE)):
            _take(importer, result, piece, judge, fields, lenient)
            after_piece(result)
    if not result.rows:
        raise Invalid("sheet.empty")
    return result


def _refuse_header(importer: Importer, header: Header, source: Source) -> None:
    missing = [key for key in header.match.missing_required if key not in source.preset]
    if missing:
        raise Invalid("import.missing_columns", fields=missing)
    doubtful = [key for key in header.match.ambiguous if key not in source.preset]
    if doubtful:
        raise Invalid("import.ambiguous_columns", fields=doubtful)
    if header.match.missing_any and not importer.known_by_content:
        raise Invalid("import.missing_columns", fields=[group[0] for group in header.match.missing_any])


def _take(
    importer: Importer,
    result: Result,
    piece: Sequence[Record],
    judge: Callable[[Sequence[Row]], Sequence[Judged]],
    fields: Mapping[str, int],
    lenient: bool,
) -> None:
    wrong = [_wrong(record, lenient) for record in piece]
    good = [record for record, problems in zip(piece, wrong, strict=True) if not problems]
    answers = iter(judge([_row(importer, record) for record in good]))
    for record, problems in zip(piece, wrong, strict=True):
        result.rows += 1
        if problems:
            result.counts["failed"] += 1
            result.problems += [
                _told(record.number, "failed", one.key, one.code, one.facts, fields) for one in problems
            ]
            continue
        answer = next(answers)
        result.counts[answer.what] += 1
        result.problems += [_told_of(record, answer.what, one, fields) for one in answer.problems]
        if isinstance(answer, Outcome):
            result.changes += answer.changes


def _wrong(record: Record, lenient: bool) -> list[Any]:
    """The problems of a row's cells; a row of a sheet that has no column for an id needs none."""
    if not (lenient and record.problems):
        return list(record.problems)
    return [one for one in record.problems if not (one.column is None and "any_of" in one.facts)]


def _row(importer: Importer, record: Record) -> Row:
    if importer.unknown_cells and record.unknown:
        return {**record.values, importer.unknown_cells: record.unknown}
    return record.values


def _told_of(record: Record, what: str, one: Problem, fields: Mapping[str, int]) -> dict[str, Any]:
    value = record.values.get(one.column, "")
    facts = {"value": str(value)[:40], **one.facts} if value != "" else one.facts
    return _told(record.number, what, one.column, one.code, facts, fields)


def _told(
    number: int, what: str, key: str, code: str, facts: Mapping[str, Any], fields: Mapping[str, int]
) -> dict[str, Any]:
    """A problem as it is kept and shown: Excel's row and letter, the field, the code with its facts, nobody's full data."""
    shown = {name: _masked(key, value) for name, value in facts.items()}
    letter = letter_of(fields[key]) if key in fields else ""
    return {"row": number, "what": what, "column": key, "letter": letter, "code": code, "facts": shown}


def _masked(key: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return " / ".join(str(one) for one in value)
    if not isinstance(value, str):
        return value
    if key in NAMES:
        return mask_name(value)
    if key in PHONES:
        digits = "".join(letter for letter in value if letter.isdigit())
        return _ends(digits) if len(digits) >= FEWEST else value
    return LONG_DIGITS.sub(lambda found: found[0] if DAY.fullmatch(found[0]) else _ends(found[0]), value)


def _ends(number: str) -> str:
    return f"{number[:3]}****{number[-2:]}"
