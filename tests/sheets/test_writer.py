"""What leaves the house calculates nothing that a customer wrote, and opens as it was meant."""

import csv
import io
import os
import re
import subprocess
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from crm.sheets.reader import read_rows
from crm.sheets.writer import (
    ChartSpec,
    Column,
    RateFormula,
    SheetSpec,
    safe_text,
    sheet_name,
    write_csv,
    write_workbook,
)

PAYLOADS = [
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "\n=1+1", "＝1+1", "＋1+1", "－1+1", "＠SUM(1)",
    '=HYPERLINK("https://example.com","x")', "=cmd|' /C calc'!A0", '=DDE("cmd";"/C calc";"a")', "'=1+1", '";=1+1',
]  # fmt: skip
HARMLESS = [
    "+8613800138000",
    "13800138000",
    "-3.5",
    "https://example.com",
    "张三",
    "龑 𠮷 㛃",
    "a\nb",
    'say "no"',
    "=" * 0,
]

COLUMNS = [
    Column("team", "小组", width=16),
    Column("kind", "类型"),
    Column("consult", ("人数", "咨询"), "int", total="sum", bars=True),
    Column("application", ("人数", "申请"), "int", total="sum"),
    Column("rate", "申请率", "percent", total="rate", formula=RateFormula("application", "consult")),
    Column("on", "日期", "date"),
]
DAY = date(2026, 11, 23)
ROWS = [
    ("飞虎组", "商区", 10, 4, None, DAY),
    ("翠竹组", "商区", 0, 0, None, None),
    ("金龙组", "农区", 7, 3, "样本不足", DAY),
]


def spec(**changes: object) -> SheetSpec:
    options: dict[str, object] = {
        "name": "团队PK", "title": "团队PK", "columns": COLUMNS, "rows": ROWS, "unit_line": "单位：户", "date_range": "11月23日",
        "notes": ["口径"], **changes,
    }  # fmt: skip
    return SheetSpec(**options)  # type: ignore[arg-type]


def texts(payloads: list[str]) -> SheetSpec:
    return SheetSpec("t", "=title", [Column("a", "=heading")], [(text,) for text in payloads], notes=["=note"])


def opened(path: Path, **options: bool) -> Workbook:
    """The workbook from memory, so that no file stays open."""
    return load_workbook(io.BytesIO(path.read_bytes()), **options)


def evaluated(path: Path) -> list[str]:
    """References of cells that are formulas: the check that guards every sheet that leaves the house."""
    return [cell.coordinate for row in opened(path).active.iter_rows() for cell in row if cell.data_type == "f"]


def test_no_text_becomes_a_formula_or_a_link_in_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_workbook(path, [texts(PAYLOADS + HARMLESS)])
    assert evaluated(path) == []
    with zipfile.ZipFile(path) as package:
        sheet = package.read("xl/worksheets/sheet1.xml")
        assert b"<f" not in sheet
        assert b"hyperlink" not in sheet
        assert b'quotePrefix="1"' in package.read("xl/styles.xml")
    column = [row[0] for row in opened(path).active.iter_rows(min_row=4, max_row=3 + len(PAYLOADS), values_only=True)]
    assert [text.replace("_x000D_", "\r") for text in column] == PAYLOADS


def test_the_guard_finds_a_planted_formula(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_workbook(path, [texts(["x"])])
    book = opened(path)
    book.active["A4"] = PAYLOADS[0]
    book.save(path)
    assert evaluated(path) == ["A4"]


def test_no_cell_of_a_csv_starts_like_a_formula_and_reading_it_back_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_csv(path, ["文本", "=heading"], [(text, "x") for text in PAYLOADS + HARMLESS])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert all(cell in HARMLESS or cell[0] not in "=+-@\t\r\n＝＋－＠" for cell in cells)
    with read_rows(path) as sheet:
        back = [row.cells[0] for row in sheet.rows]
    assert back == ["文本", *PAYLOADS, *HARMLESS]


@pytest.mark.parametrize("text", ["+8613800138000", "-3.5", "+5", "13800138000", "张三", ""])
def test_phones_and_numbers_go_out_unchanged(text: str) -> None:
    assert safe_text(text) == text


def test_writing_and_reading_is_a_fixed_point(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    write_csv(first, ["a"], [(text,) for text in PAYLOADS])
    with read_rows(first) as sheet:
        rows = [row.cells for row in sheet.rows]
    write_csv(second, [str(cell) for cell in rows[0]], rows[1:])  # type: ignore[arg-type]
    assert first.read_bytes() == second.read_bytes()


def test_totals_rates_and_layout(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_workbook(path, [spec(group_by="kind")], properties={"title": "t"})
    cached, live = opened(path, data_only=True).active, opened(path).active
    assert [cell.value for cell in cached[10]][:5] == ["合计", None, 17, 7, 7 / 17]
    assert [cell.value for cell in cached[6]][:5] == ["翠竹组", "商区", 0, 0, "—"]
    assert cached["B7"].value == "商区 小计"
    assert live["E5"].value == '=IF(C5=0,"—",D5/C5)'
    assert live["C10"].value == "=SUBTOTAL(9,C5:C9)"
    assert cached["E8"].value == "样本不足"
    assert (live.freeze_panes, live.auto_filter.ref) == ("B5", "A4:F9")
    assert (live.page_setup.orientation, live.page_setup.paperSize, live.print_title_rows) == ("landscape", 9, "$3:$4")
    assert {str(area) for area in live.merged_cells.ranges} == {"A3:A4", "B3:B4", "C3:D3", "E3:E4", "F3:F4"}


def test_a_sum_of_decimals_is_the_decimal_sum(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    columns = [Column("team", "小组"), Column("points", "积分", "decimal", total="sum")]
    write_workbook(path, [SheetSpec("a", "a", columns, [["一", Decimal("0.1")], ["二", Decimal("0.2")]])])
    assert [row[1].value for row in opened(path, data_only=True).active.iter_rows(min_row=4)] == [0.1, 0.2, 0.3]


def test_charts_are_native_and_a_funnel_has_an_invisible_spacer(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    kinds = [ChartSpec(kind, kind, "team", ("consult",)) for kind in ("bar", "line", "pie", "stacked", "funnel")]  # type: ignore[arg-type]
    write_workbook(
        path, [spec(rows=iter(ROWS), charts=[*kinds, ChartSpec("funnel", "漏斗", across=("consult", "application"))])]
    )
    with zipfile.ZipFile(path) as package:
        parts = [package.read(name).decode() for name in package.namelist() if name.startswith("xl/charts/chart")]
        assert 'state="hidden"' in package.read("xl/workbook.xml").decode()
    assert len(parts) == 6
    funnels = [part for part in parts if "_funnel" in part]
    assert len(funnels) == 2
    assert all("<a:noFill/>" in part and 'orientation val="maxMin"' in part for part in funnels)
    data = opened(path, data_only=True)["_funnel"]
    assert [[cell.value for cell in row] for row in data.iter_rows(min_row=5)][:2] == [
        ["人数 咨询", 17, 0],
        ["人数 申请", 7, 5],
    ]


def test_a_legend_names_what_differs_and_a_zero_has_no_label(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    columns = [Column("team", "小组"), Column("a", ("红队", "进件"), "int"), Column("b", ("蓝队", "进件"), "int")]
    columns += [Column("c", ("蓝队", "得分"), "score"), Column("d", ("蓝队", "名次变化"), "change")]
    charts = [ChartSpec("stacked", "各队", "team", ("a", "b")), ChartSpec("bar", "蓝队", "team", ("b", "c"))]
    rows = [["一", 1, 0, Decimal("66.9"), -2]]
    write_workbook(path, [SheetSpec("a", "a", columns, rows, charts=charts)], properties={"company": "甲&乙银行"})
    with zipfile.ZipFile(path) as package:
        parts = [package.read(f"xl/charts/chart{number}.xml").decode() for number in (1, 2)]
    assert [re.findall(r"<c:tx>.*?<c:v>(.*?)</c:v>", part) for part in parts] == [["红队", "蓝队"], ["进件", "得分"]]
    assert ['formatCode="#,##0;-#,##0;"' in part for part in parts] == [True, True]
    assert ['formatCode="#,##0.0;-#,##0.0;"' in part for part in parts] == [False, True]
    sheet = opened(path).active
    assert [cell.number_format for cell in sheet[5]][3:] == ["#,##0.0", '"▲ "+#,##0;"▼ "-#,##0;0']
    assert sheet.oddFooter.left.text == "甲&&乙银行　&A"


def test_bars_over_subtotals_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="count twice"):
        write_workbook(io.BytesIO(), [spec(group_by="kind", charts=[ChartSpec("bar", "b", "team", ("consult",))])])


def test_a_failed_export_leaves_the_old_file_and_no_half_one(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_workbook(path, [spec()])
    before = path.read_bytes()
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        write_workbook(path, [spec(rows=[("too", "few")])])
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.xlsx"]


def test_names_of_sheets() -> None:
    assert sheet_name("a/b:c") == "a b c"
    assert sheet_name("团" * 40) == "团" * 31
    assert sheet_name("Day", ["day"]) == "Day (2)"


def test_a_long_text_is_cut_and_not_dropped(tmp_path: Path) -> None:
    write_workbook(tmp_path / "a.xlsx", [texts(["x" * 40_000])])
    with read_rows(tmp_path / "a.xlsx") as sheet:
        assert len(str(list(sheet.rows)[2].cells[0])) == 32_767


def without_cached_values(path: Path) -> None:
    """Take the stored results away, so that what is read afterwards was really calculated."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = re.sub(rb"</f><v>[^<]*</v>", b"</f>", sheet)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)


def values(path: Path) -> list[list[object]]:
    """The table's values; numbers to 12 digits, of which LibreOffice stores 15."""
    rows = opened(path, data_only=True).active.iter_rows(min_row=5, max_row=10, max_col=5, values_only=True)
    return [[round(cell, 12) if isinstance(cell, float) else cell for cell in row] for row in rows]


@pytest.mark.office
@pytest.mark.filterwarnings("ignore:.*extension is not supported")  # LibreOffice's own data bars
def test_libreoffice_calculates_the_cached_values(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_workbook(path, [spec(group_by="kind")])
    cached = values(path)
    without_cached_values(path)
    assert values(path) != cached
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "xlsx"]
    subprocess.run(
        [*command, "--outdir", str(tmp_path / "out"), str(path)], check=True, capture_output=True, timeout=120
    )
    assert values(tmp_path / "out" / "a.xlsx") == cached
