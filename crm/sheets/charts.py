"""Native charts. A funnel is a stacked bar with an invisible spacer and a reversed axis, fed from a hidden sheet."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.utility import quote_sheetname, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from crm.sheets.specs import ChartSpec, Laid

HEIGHT = 300  # pixels
WIDTH = 760
NARROWEST = 380
GAP = 8
PAGE_WIDTH = 1040  # pixels of an A4 page on its side between the margins of the writer
PAGE_ROWS = 33  # rows of the ordinary height on it
ROWS = 16  # sheet rows that a chart covers, with a margin
LABELS = {"score": "#,##0.0", "points": "#,##0.0#", "decimal": "#,##0.00"}  # of the kinds that are no whole numbers
PALETTE = ("#1F6FB2", "#2FA084", "#E0A030", "#C8553D", "#7A5CA8", "#5F6B7A")
KINDS: dict[str, dict[str, str]] = {
    "bar": {"type": "column"},
    "stacked": {"type": "column", "subtype": "stacked"},
    "line": {"type": "line"},
    "pie": {"type": "pie"},
}


class FunnelData:
    """The hidden sheet that holds a funnel's labels, live numbers and spacers; made when the first funnel asks."""

    def __init__(self, book: Workbook, name: str = "_funnel") -> None:
        self.book = book
        self.name = name
        self.sheet: Worksheet | None = None
        self.row = 0

    def add(self, points: list[tuple[str, str, float]]) -> tuple[int, int]:
        """Points as (label, reference, cached value); gives the first and last row used."""
        if self.sheet is None:
            self.sheet = self.book.add_worksheet(self.name)
            self.sheet.hide()
        first, last = self.row, self.row + len(points) - 1
        top = max((value for _, _, value in points), default=0)
        for row, (label, reference, value) in enumerate(points, start=first):
            self.sheet.write_string(row, 0, label)
            self.sheet.write_formula(row, 1, f"={reference}", None, value)
            spread = f"$B${first + 1}:$B${last + 1}"
            self.sheet.write_formula(row, 2, f"=(MAX({spread})-B{row + 1})/2", None, (top - value) / 2)
        self.row = last + 2
        return first, last


def draw(book: Workbook, sheet: Worksheet, laid: Laid, funnels: FunnelData, at: int) -> int:
    """Put the sheet's charts from row `at` on, two side by side, so that a printed page cuts none; gives the first free row."""
    if laid.last < laid.first:
        return at  # a chart of nothing is an empty frame
    width = WIDTH if len(laid.spec.charts) == 1 else max(NARROWEST, _table_width(laid) // 2)
    for place, spec in enumerate(laid.spec.charts):
        if laid.spec.group_by and not spec.across:
            raise ValueError(f"{laid.name}: a chart over rows with subtotals would count twice")
        chart = _funnel(book, laid, spec, funnels) if spec.kind == "funnel" else _plain(book, laid, spec)
        chart.set_title({"name": _words(spec.title), "overlay": False, "name_font": {"size": 12}})
        chart.set_size({"width": width - GAP, "height": HEIGHT})
        row = at + place // 2 * ROWS
        options = {"object_position": 2, "description": spec.title, "x_offset": place % 2 * width}
        sheet.insert_chart(row, 0, chart, options)
    return at + -(-len(laid.spec.charts) // 2) * ROWS


def _words(text: str) -> str:
    """A title that looks like a reference to a cell (Sheet!A1) would be taken for one."""
    return text.replace("!", "！") if "!" in text else text


def rows_on_a_page(laid: Laid) -> int:
    """How many rows an A4 page takes on its side, once the table is scaled to its width."""
    scale = min(1.0, PAGE_WIDTH / max(1, _table_width(laid)))
    return int(PAGE_ROWS / scale)


def _table_width(laid: Laid) -> int:
    """Pixels: Excel's default font takes seven for a character and five around them."""
    return int(sum(column.width * 7 + 5 for column in laid.spec.columns))


def _plain(book: Workbook, laid: Laid, spec: ChartSpec) -> Any:
    chart = book.add_chart(KINDS[spec.kind])
    last = laid.last if spec.first_rows is None else min(laid.last, laid.first + spec.first_rows - 1)
    categories = laid.column(spec.categories)
    names = _names(laid, spec.series)
    for place, key in enumerate(spec.series):
        column = laid.column(key)
        colour = PALETTE[place % len(PALETTE)]
        series: dict[str, Any] = {
            "name": _words(names[key]),
            "categories": [laid.name, laid.first, categories, last, categories],
            "values": [laid.name, laid.first, column, last, column],
        }
        if spec.kind == "pie":
            series["data_labels"] = {"category": True, "percentage": True, "leader_lines": True}
        elif spec.kind == "line":
            series |= {"line": {"color": colour, "width": 2}, "marker": {"type": "circle", "size": 5}}
        else:
            label = LABELS.get(laid.spec.columns[column].kind, "#,##0")
            # A zero has no bar, so its label would only cover another one.
            series |= {
                "fill": {"color": colour},
                "data_labels": {"value": True, "num_format": f"{label};-{label};"},
                "gap": 60,
            }
        chart.add_series(series)
    if laid.spec.columns[categories].kind == "date":
        chart.set_x_axis({"date_axis": True, "num_format": "mm-dd", "major_unit": 1 + (last - laid.first) // 16})
    if spec.kind in ("bar", "stacked") and all(laid.lows.get(key, 0) >= 0 for key in spec.series):
        chart.set_y_axis({"min": 0})  # a bar that does not begin at zero shows a wrong proportion
    chart.set_legend({"position": "bottom"} if len(spec.series) > 1 or spec.kind == "pie" else {"none": True})
    return chart


def _names(laid: Laid, keys: Sequence[str]) -> dict[str, str]:
    levels = {key: laid.levels[key] for key in keys}
    uppers, lowers = {upper for upper, _ in levels.values()}, {lower for _, lower in levels.values()}
    if len(lowers) == len(keys):
        return {key: lower for key, (_, lower) in levels.items()}
    return {key: upper for key, (upper, _) in levels.items()} if len(uppers) == len(keys) else laid.labels


def _points(laid: Laid, spec: ChartSpec) -> list[tuple[str, str, float]]:
    sheet = quote_sheetname(laid.name)
    if spec.across:
        row = laid.total if laid.total is not None else laid.last
        return [
            (laid.labels[key], f"{sheet}!{xl_rowcol_to_cell(row, laid.column(key))}", laid.values.get(key, 0))
            for key in spec.across
        ]
    column = laid.column(spec.series[0])
    cells = list(zip(laid.kept[spec.categories], laid.kept[spec.series[0]], strict=True))[: spec.first_rows]
    return [
        (
            str(label),
            f"{sheet}!{xl_rowcol_to_cell(row, column)}",
            float(value) if isinstance(value, int | float | Decimal) else 0.0,
        )
        for row, (label, value) in enumerate(cells, start=laid.first)
    ]


def _funnel(book: Workbook, laid: Laid, spec: ChartSpec, funnels: FunnelData) -> Any:
    first, last = funnels.add(_points(laid, spec))
    chart = book.add_chart({"type": "bar", "subtype": "stacked"})
    labels = [funnels.name, first, 0, last, 0]
    spacer = [funnels.name, first, 2, last, 2]
    chart.add_series({"categories": labels, "values": spacer, "fill": {"none": True}, "border": {"none": True}})
    chart.add_series(
        {
            "categories": labels,
            "values": [funnels.name, first, 1, last, 1],
            "fill": {"color": PALETTE[0]},
            "data_labels": {"value": True, "position": "center", "font": {"color": "#FFFFFF", "bold": True}},
            "gap": 20,
        }
    )
    chart.set_y_axis({"reverse": True, "major_tick_mark": "none"})
    chart.set_x_axis({"visible": False, "major_gridlines": {"visible": False}})
    chart.set_legend({"none": True})
    chart.show_hidden_data()
    return chart
