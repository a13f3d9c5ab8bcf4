"""Contracts of sheets: which columns a kind of sheet has, and how a stranger's headings are matched to them.

A contract is `imports/<kind>/columns.toml`. A heading is compared after `heading_key`: hints, units and blanks are
dropped. A heading that two columns accept (客户名称 is a name or a shop) goes to the one that no other heading claims.
"""

import re
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from pathlib import Path

from crm.kernel.errors import Invalid
from crm.sheets.cells import Cell, Row, cell_text

KINDS = ("text", "phone", "date", "datetime", "bool", "int", "decimal", "code")
HEADER_WITHIN = 15  # non-blank rows in which the heading row must stand
GROUP = " / "  # between the two parts of a two-row heading
LEFT_OUT = (
    "-"  # chosen for a column that is to be left out altogether; "" gives it no field and keeps it among the unknown
)
IGNORE = ("", LEFT_OUT)

HINT = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|\{[^{}]*\}")
NOT_LETTERS = re.compile(r"[\s*_\-.,;、。'\"|]+")
LETTERS = re.compile(r"[A-Za-z]{1,3}")
# Amounts are kept in 万元; a heading that says 元 is a ten-thousandth of it. Mistaking one for the other is the
# costliest error that an import can make.
YUAN = re.compile(r"[(\[【/:]\s*(元|人民币元|rmb|cny|yuan)\s*[)\]】]?$")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a contract. `codes`: code -> words that a sheet may use for it."""

    key: str
    headings: tuple[str, ...]
    kind: str
    required: bool
    help_zh: str
    help_en: str
    example: str
    codes: Mapping[str, tuple[str, ...]]
    unit: str = ""  # "万元" for amounts
    suffixes: tuple[str, ...] = ()  # units that people write behind the number: 12个月
    open: bool = False  # words that are no code are kept as text


@dataclass(frozen=True, slots=True)
class Contract:
    """A kind of sheet. `any_of`: of each group at least one column must be there."""

    kind: str
    columns: tuple[Column, ...]
    any_of: tuple[tuple[str, ...], ...] = ()
    title_zh: str = ""
    title_en: str = ""
    example_rows: tuple[Mapping[str, str], ...] = ()
    faulty_rows: tuple[Mapping[str, str], ...] = ()

    def column(self, key: str) -> Column:
        """The column of that key. Raises Invalid("sheet.no_such_field")."""
        for column in self.columns:
            if column.key == key:
                return column
        raise Invalid("sheet.no_such_field", field=key, kind=self.kind)


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """What became of each heading. Column indices count from 0; `factors` multiply a column's numbers."""

    mapped: dict[int, str]
    unknown: tuple[int, ...]
    missing_required: tuple[str, ...]
    ambiguous: dict[str, tuple[int, ...]]
    missing_any: tuple[tuple[str, ...], ...]
    factors: dict[int, Decimal]


@dataclass(frozen=True, slots=True)
class Header:
    """Where the headings stand: Excel's number of their first row, how many rows they take, and what they say."""

    number: int
    height: int
    labels: tuple[str, ...]
    match: HeaderMatch


def load_contract(path: str | Path) -> Contract:
    """Read `columns.toml`. Raises ValueError for a mistake in it: it is our own file, not a person's."""
    path = Path(path)
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    columns = tuple(_column(entry) for entry in data["column"])
    keys = [column.key for column in columns]
    repeated = [key for key, times in Counter(keys).items() if times > 1]
    any_of = tuple(tuple(group) for group in data.get("any_of", ()))
    strange = [key for group in any_of for key in group if key not in keys]
    if repeated or strange:
        raise ValueError(f"{path.parent.name}: repeated {repeated}, unknown in any_of {strange}")
    return Contract(
        kind=data["kind"],
        columns=columns,
        any_of=any_of,
        title_zh=data.get("title_zh", ""),
        title_en=data.get("title_en", ""),
        example_rows=tuple(data.get("example_row", ())),
        faulty_rows=tuple(data.get("faulty_row", ())),
    )


def _column(entry: dict[str, object]) -> Column:
    codes = entry.get("codes", {})
    if entry["kind"] not in KINDS or (entry["kind"] == "code") != bool(codes) or not isinstance(codes, dict):
        raise ValueError(f"column {entry['key']}: kind {entry['kind']} with codes {codes!r}")
    return Column(
        key=str(entry["key"]),
        headings=_words(entry, "headings"),
        kind=str(entry["kind"]),
        required=bool(entry.get("required", False)),
        help_zh=str(entry.get("help_zh", "")),
        help_en=str(entry.get("help_en", "")),
        example=str(entry.get("example", "")),
        codes={code: tuple(words) for code, words in codes.items()},
        unit=str(entry.get("unit", "")),
        suffixes=_words(entry, "suffixes"),
        open=bool(entry.get("open", False)),
    )


def _words(entry: dict[str, object], name: str) -> tuple[str, ...]:
    words = entry.get(name, [])
    if not isinstance(words, list):
        raise ValueError(f"column {entry['key']}: {name} is no list")
    return tuple(words)


def heading_key(heading: str) -> str:
    """The form in which headings are compared: NFKC, no hint in brackets or after a colon, no blanks, case folded."""
    text = unicodedata.normalize("NFKC", heading)
    without = HINT.sub("", text)
    while without != text:
        text, without = without, HINT.sub("", without)
    text = text.partition(":")[0]
    text = re.sub(r"\s*\([^)]*$", "", text)  # a bracket cut off by the column's width
    return NOT_LETTERS.sub("", text).casefold()


def _candidates(contract: Contract, label: str) -> list[str]:
    """Keys that accept this label, in the contract's order; for a two-row label the whole first, then its lower part.

    A column without headings (one that only the importer sets) is never found, not even by its key.
    """
    for text in dict.fromkeys((label, label.rpartition(GROUP)[2])):
        wanted = heading_key(text)
        found = [column.key for column in contract.columns if wanted in _accepted(column.key, column.headings)]
        if wanted and found:
            return found
    return []


@lru_cache(maxsize=512)
def _accepted(key: str, headings: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(heading_key, (key, *headings))) if headings else frozenset()


def _letters_index(letters: str) -> int:
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - 64
    return index - 1


def _find(labels: Sequence[str], name: str) -> int:
    """The column that a person named by its heading, or by Excel's letter for it."""
    exact = [index for index, label in enumerate(labels) if label == name.strip()]
    found = exact or [index for index, label in enumerate(labels) if label and heading_key(label) == heading_key(name)]
    if len(found) > 1:
        raise Invalid("sheet.column_ambiguous", column=name)
    if found:
        return found[0]
    if LETTERS.fullmatch(name.strip()) and _letters_index(name.strip()) < len(labels):
        return _letters_index(name.strip())
    raise Invalid("sheet.no_such_column", column=name)


def _choose(contract: Contract, labels: Sequence[str], chosen: Mapping[str, str]) -> dict[int, str]:
    """The explicit choices as column index -> key, "" for a column to leave out."""
    result: dict[int, str] = {}
    for name, key in chosen.items():
        index = _find(labels, name)
        key = "" if key in IGNORE else contract.column(key).key
        if key and key in result.values():
            raise Invalid("sheet.field_twice", field=key)
        result[index] = key
    return result


def _resolve(open_columns: dict[int, list[str]]) -> tuple[dict[int, str], dict[str, tuple[int, ...]]]:
    """Give each column its key where only one reading is possible; report the rest."""
    mapped: dict[int, str] = {}
    ambiguous: dict[str, tuple[int, ...]] = {}
    claims: dict[str, list[int]] = defaultdict(list)
    for index, keys in open_columns.items():
        if len(keys) == 1:
            claims[keys[0]].append(index)
    for index, keys in open_columns.items():
        if len(keys) > 1:
            free = [key for key in keys if key not in claims]
            # Free for two keys and no rival: the contract's own order decides; it is written down there.
            claims[(free or keys)[0]].append(index)
    for key, indices in claims.items():
        if len(indices) == 1:
            mapped[indices[0]] = key
        else:
            ambiguous[key] = tuple(sorted(indices))
    return mapped, ambiguous


def match_headers(
    contract: Contract, header_cells: Sequence[Cell], chosen: Mapping[str, str] | None = None
) -> HeaderMatch:
    """Match headings to the contract's columns.

    `chosen` (heading or Excel letter -> key, "" for no field, "-" to leave a column out) wins over the headings. Two headings for
    one key are ambiguous and neither is taken. Raises Invalid: sheet.no_such_column, sheet.column_ambiguous,
    sheet.no_such_field, sheet.field_twice.
    """
    labels = [cell_text(cell) for cell in header_cells]
    picked = _choose(contract, labels, chosen or {})
    taken = {key for key in picked.values() if key}
    open_columns: dict[int, list[str]] = {}
    for index, label in enumerate(labels):
        keys = [key for key in _candidates(contract, label) if key not in taken]
        if index not in picked and keys:
            open_columns[index] = keys
    mapped, ambiguous = _resolve(open_columns)
    mapped.update({index: key for index, key in picked.items() if key})
    present = set(mapped.values())
    left_out = {_find(labels, name) for name, key in (chosen or {}).items() if key == LEFT_OUT}
    return HeaderMatch(
        mapped=dict(sorted(mapped.items())),
        unknown=tuple(
            index for index, label in enumerate(labels) if label and index not in mapped and index not in left_out
        ),
        missing_required=tuple(
            column.key for column in contract.columns if column.required and column.key not in present
        ),
        ambiguous=dict(sorted(ambiguous.items())),
        missing_any=tuple(group for group in contract.any_of if not present & set(group)),
        factors=_factors(contract, labels, mapped),
    )


def _factors(contract: Contract, labels: Sequence[str], mapped: Mapping[int, str]) -> dict[int, Decimal]:
    found = {}
    for index, key in mapped.items():
        text = unicodedata.normalize("NFKC", labels[index]).casefold().strip()
        if contract.column(key).unit == "万元" and YUAN.search(text):
            found[index] = Decimal("0.0001")
    return found


def join_header_rows(top: Sequence[Cell], bottom: Sequence[Cell]) -> tuple[str, ...]:
    """Labels of a two-row heading: a group's name reaches right over blanks (merged cells); 本日 / 走访数."""
    labels = []
    group = ""
    for index in range(max(len(top), len(bottom))):
        upper = cell_text(top[index]) if index < len(top) else ""
        lower = cell_text(bottom[index]) if index < len(bottom) else ""
        group = upper or (group if lower else "")
        labels.append(f"{group}{GROUP}{lower}" if group and lower and group != lower else group or lower)
    return tuple(labels)


def _hits(match: HeaderMatch) -> int:
    return len(match.mapped) + sum(len(indices) for indices in match.ambiguous.values())


def _lenient(contract: Contract, cells: Sequence[Cell], chosen: Mapping[str, str]) -> int:
    """How many headings this row would give; a row that lacks a chosen column is not the heading row."""
    try:
        return _hits(match_headers(contract, cells, chosen))
    except Invalid:
        return 0


def find_header_row(rows: Iterable[Row], contract: Contract, chosen: Mapping[str, str] | None = None) -> Header:
    """The heading row among the first non-blank rows: the one with most matches, alone or joined with the next.

    Titles and notes above it match nothing and are passed over. Raises Invalid: sheet.no_header, and those of
    `match_headers` when the choices fit no row.
    """
    first = list(islice(rows, HEADER_WITHIN))
    choices = chosen or {}
    best: tuple[int, int, int] = (0, 0, 0)  # hits, then single rows before joined ones, then the earliest
    for place, row in enumerate(first):
        best = max(best, (_lenient(contract, row.cells, choices), 1, -place))
        if place + 1 < len(first) and first[place + 1].number == row.number + 1:
            joined = join_header_rows(row.cells, first[place + 1].cells)
            best = max(best, (_lenient(contract, joined, choices), 0, -place))
    hits, single, place = best[0], best[1], -best[2]
    if not hits:
        if first and chosen:
            match_headers(contract, first[0].cells, chosen)  # says which choice fits nothing
        raise Invalid("sheet.no_header", kind=contract.kind)
    row = first[place]
    labels = (
        tuple(cell_text(cell) for cell in row.cells) if single else join_header_rows(row.cells, first[place + 1].cells)
    )
    return Header(row.number, 1 if single else 2, labels, match_headers(contract, labels, chosen))
