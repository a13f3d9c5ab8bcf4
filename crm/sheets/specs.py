"""What a workbook is to show: typed columns, rows, charts. Reports describe; the writer alone lays out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

Kind = Literal["text", "int", "decimal", "score", "points", "change", "rank", "percent", "date", "datetime"]
"""Numbers by how they are written: a score with one place, points with one or two, a change with arrow and sign, a rank in the middle."""
OutCell = str | int | float | Decimal | date | datetime | bool | None
NO_RATE = "—"  # a rate without a base (domain.md §3)


@dataclass(frozen=True, slots=True)
class RateFormula:
    """A live rate: numerator / base of the same row, "—" for a zero base. Both are keys of columns.

    On a base under `minimum` the cell reads `small` (样本不足), in rows and totals alike.
    """

    numerator: str
    base: str
    minimum: int = 0
    small: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet. A pair as heading stands in two rows; equal upper parts side by side are merged.

    With `formula`, a row's None is filled with the live rate and its cached value; a text there (样本不足) stays text.
    `total`: "sum" adds up, "rate" works the formula on the totals; None leaves the total row blank.
    """

    key: str
    heading: str | tuple[str, str]
    kind: Kind = "text"
    width: float = 12
    total: Literal["sum", "rate"] | None = None
    formula: RateFormula | None = None
    bars: bool = False


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """A native chart over the data rows: `series` against `categories` (keys of columns).

    Of two-level headings a series is named by the level in which the series differ, so that a legend repeats nothing.

    A funnel takes one series down the rows, or with `across` the total row over those columns. `first_rows` cuts long
    tables. A sheet with subtotals takes only charts with `across`: bars over subtotals would count everything twice.
    """

    kind: Literal["bar", "line", "pie", "funnel", "stacked"]
    title: str
    categories: str = ""
    series: Sequence[str] = ()
    across: Sequence[str] = ()
    first_rows: int | None = None


@dataclass(frozen=True, slots=True)
class SheetSpec:
    """One sheet. `rows` hold one cell for each column, in order; neighbours that share `group_by` get a subtotal."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[OutCell]]
    unit_line: str = ""
    date_range: str = ""
    freeze: int = 1
    charts: Sequence[ChartSpec] = ()
    notes: Sequence[str] = ()
    group_by: str | None = None
    total_label: str = "合计"
    subtotal_label: str = "小计"


@dataclass(slots=True)
class Laid:
    """Where a sheet's table came to stand (rows and columns from 0), for charts and formats that refer to it."""

    spec: SheetSpec
    name: str
    head: int
    first: int
    last: int = -1
    total: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)  # totals by key
    lows: dict[str, float] = field(default_factory=dict)  # smallest number of each column
    kept: dict[str, list[OutCell]] = field(default_factory=dict)  # cells of the columns that funnels need
    labels: dict[str, str] = field(default_factory=dict)
    levels: dict[str, tuple[str, str]] = field(default_factory=dict)  # both levels of each heading

    def column(self, key: str) -> int:
        """Index of the column. Raises KeyError for a key that the spec does not have."""
        for index, column in enumerate(self.spec.columns):
            if column.key == key:
                return index
        raise KeyError(f"{self.name}: no column {key}")
