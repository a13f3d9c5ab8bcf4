"""Rows come out whole, in any encoding that Chinese offices write, and a broken file ends in one plain refusal."""

import io
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from crm.kernel.errors import Invalid
from crm.sheets.cells import Limits, Refused, Row
from crm.sheets.reader import read_rows

NAMES = "姓名,手机\n䶮先生,13900000001\n龑女士,13900000002\n"
EXCEL_MAX = 1_048_576


def rows_of(path: Path, **options: object) -> list[Row]:
    with read_rows(path, **options) as sheet:  # type: ignore[arg-type]
        return list(sheet.rows)


def refusal(path: Path, **options: object) -> Invalid:
    with pytest.raises(Invalid) as caught:
        rows_of(path, **options)
    return caught.value


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("gb18030", "gb18030"), ("utf-16", "utf-16")],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_office_encoding_gives_the_same_rows(
    tmp_path: Path, encoding: str, said: str, line_end: str, delimiter: str
) -> None:
    text = NAMES.replace(",", delimiter).replace("\n", line_end)
    with read_rows(written(tmp_path / "a.csv", text.encode(encoding))) as sheet:
        assert [row.cells for row in sheet.rows] == [tuple(line.split(",")) for line in NAMES.split()]
        assert (sheet.encoding, sheet.kind) == (said, "csv")


def test_gbk_is_read_as_chinese_and_never_as_western(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path / "a.csv", "姓名,店名\n张三,面馆\n".encode("gbk")))[1].cells == ("张三", "面馆")
    assert refusal(written(tmp_path / "b.csv", b"name\ncaf\xe9\n\xff\xfe\x80")).code == "sheet.encoding"


def test_a_list_of_names_that_is_valid_in_two_encodings_is_asked_about(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "郑伟\n".encode("gbk"))
    path.read_bytes().decode("utf-8")  # the trap: it is valid UTF-8 as well
    assert refusal(path).code == "sheet.encoding_unsure"
    assert rows_of(path, encoding="gb18030")[0].cells == ("郑伟",)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", b"", "sheet.empty"),
        ("a.csv", b"\xef\xbb\xbf\r\n  \r\n", "sheet.empty"),
        ("a.csv", b",,,\n , ,\n", "sheet.empty"),
        ("a.csv", b"%PDF-1.7 x", "sheet.wrong_kind"),
        ("a.csv", b"<html><table>", "sheet.wrong_kind"),
        ("a.csv", b"a,b\x00c\n", "sheet.wrong_kind"),
        ("a.xlsx", b"a,b\n1,2\n", "sheet.wrong_kind"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "sheet.wrong_kind"),
        ("a.ods", b"PK\x03\x04", "sheet.wrong_kind"),
        ("a.xlsm", b"PK\x03\x04", "sheet.macro"),
        ("a.xlsx", b"PK\x03\x04 and no more", "sheet.unreadable"),
        ("a.csv", "姓名\n张\ufffd\n".encode(), "sheet.encoding"),
        ("a.csv", b'name,phone\n"never closed,1\n', "sheet.unreadable"),
        ("a.csv", b"a\n" + b"x" * 40_000, "sheet.cell_too_long"),
        ("a.csv", b"a" + b"\n" * 700 + b"b\n", "sheet.gap"),
        ("a.csv", b",".join([b"x"] * 121), "sheet.too_many_columns"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    assert refusal(written(tmp_path / name, content)).code == code


def test_rows_keep_the_numbers_that_excel_shows(tmp_path: Path) -> None:
    text = 'name,note\n\n"two\nlines",x\n,\nlast,y\n'
    assert [row.number for row in rows_of(written(tmp_path / "a.csv", text.encode()))] == [1, 3, 5]
    assert [row.number for row in rows_of(written(tmp_path / "b.csv", b"sep=;\na;b\nc;d\n"))] == [1, 2]


def test_a_file_over_the_limits_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"a\n" * 11)
    assert refusal(path, limits=Limits(rows=10)).code == "sheet.too_many_rows"
    assert refusal(path, limits=Limits(file_bytes=10)).code == "sheet.too_large"


def book(path: Path, *cells: tuple[int, int, object], formula: bool = False) -> Path:
    with xlsxwriter.Workbook(str(path), {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("客户")
        for row, column, value in cells:
            sheet.write(row, column, value)
        if formula:
            sheet.write_formula(3, 1, "=1+1", None, 2)
    return path


def repacked(path: Path, change: dict[str, bytes], drop: str = "") -> Path:
    """The workbook with parts added or replaced."""
    with zipfile.ZipFile(path) as source:
        parts = {name: source.read(name) for name in source.namelist() if name != drop}
    parts |= change
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return path


def test_a_workbook_keeps_types_places_and_numbers(tmp_path: Path) -> None:
    rows = rows_of(book(tmp_path / "a.xlsx", (1, 1, "电话"), (4, 1, 13800138000), (5, 2, 1.5), (6, 0, True)))
    assert rows == [
        Row(2, ("", "电话")),
        Row(5, ("", 13800138000)),
        Row(6, ("", "", 1.5)),
        Row(7, (True,)),
    ]


def test_a_formula_is_marked_and_the_cells_beside_it_are_kept(tmp_path: Path) -> None:
    rows = rows_of(book(tmp_path / "a.xlsx", (0, 0, "a"), (3, 0, "x"), formula=True))
    assert rows[-1] == Row(4, ("x", Refused("formula", "2")))


@pytest.mark.parametrize(
    "head", [b'<c r="B4" s="1"><f>1+1</f>', b"<c r='B4'><f t='shared' si='0'/>", b'<c r="B4">\n<f >1</f>']
)
def test_formulas_are_found_however_they_are_written(tmp_path: Path, head: bytes) -> None:
    path = book(tmp_path / "a.xlsx", (0, 0, "a"), formula=True)
    with zipfile.ZipFile(path) as source:
        sheet = source.read("xl/worksheets/sheet1.xml").replace(b'<c r="B4"><f>1+1</f>', head)
    assert head in sheet
    rows = rows_of(repacked(path, {"xl/worksheets/sheet1.xml": sheet}))
    assert isinstance(rows[-1].cells[1], Refused)


@pytest.mark.parametrize(
    ("part", "content", "code"),
    [
        ("xl/vbaProject.bin", b"x", "sheet.macro"),
        ("xl/externalLinks/externalLink1.xml", b"<a/>", "sheet.macro"),
        ("xl/embeddings/inner.xlsx", b"PK", "sheet.macro"),
        ("../../outside.xml", b"<a/>", "sheet.unreadable"),
        ("xl/media/bomb.xml", b"0" * 30_000_000, "sheet.bomb"),
        ("xl/sharedStrings.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><sst>&b;</sst>', "sheet.unreadable"),
        ("xl/styles.xml", '<?xml version="1.0" encoding="utf-16"?><a/>'.encode("utf-16"), "sheet.unreadable"),
        ("xl/workbook.xml", b"<workbook", "sheet.unreadable"),
        ("content.xml", b"<a/>", "sheet.wrong_kind"),
    ],
)
def test_a_package_with_a_dangerous_part_is_refused(tmp_path: Path, part: str, content: bytes, code: str) -> None:
    assert refusal(repacked(book(tmp_path / "a.xlsx", (0, 0, "a")), {part: content})).code == code


def test_the_same_repacking_without_a_dangerous_part_is_read(tmp_path: Path) -> None:
    assert rows_of(repacked(book(tmp_path / "a.xlsx", (0, 0, "a")), {"xl/media/image1.png": b"x"})) == [Row(1, ("a",))]


def test_a_cell_in_the_last_corner_kills_only_the_child(tmp_path: Path) -> None:
    started = time.monotonic()
    path = book(tmp_path / "a.xlsx", (0, 0, "a"), (EXCEL_MAX - 1, 16_383, "far"))
    assert refusal(path).code in ("sheet.too_heavy", "sheet.gap")
    assert time.monotonic() - started < 10


def test_a_million_blank_rows_are_passed_over(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", (0, 0, "a"))
    blanks = b"".join(b'<row r="%d" ht="15"/>' % number for number in range(2, EXCEL_MAX + 1))
    with zipfile.ZipFile(path) as source:
        sheet = source.read("xl/worksheets/sheet1.xml").replace(b"</sheetData>", blanks + b"</sheetData>")
    assert rows_of(repacked(path, {"xl/worksheets/sheet1.xml": sheet})) == [Row(1, ("a",))]


def test_a_child_that_hangs_is_ended_by_the_clock(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", NAMES.encode())
    assert refusal(path, limits=Limits(wall_seconds=0)).code == "sheet.too_slow"  # type: ignore[arg-type]


def test_leaving_early_leaves_no_child_behind(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"name,phone\n" + b"x,1\n" * 100_000)
    with read_rows(path) as sheet:
        next(sheet.rows)
    assert sheet._child.process.returncode is not None


def test_reading_takes_constant_memory(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"name,phone\n" + b"somebody,13900000001\n" * 100_000)
    with read_rows(path) as sheet:
        tracemalloc.start()
        count = sum(1 for _ in sheet.rows)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 100_001
    assert peak < 4_000_000


def test_the_child_does_not_load_the_web_application() -> None:
    import subprocess
    import sys

    from crm.sheets import reader

    code = (
        "import runpy, sys; sys.argv=['c', '{}']; runpy.run_path(sys.orig_argv[-1]); sys.exit('flask' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-I", "-c", code, str(reader.CHILD)], check=False).returncode == 0


def test_names_of_stored_uploads_say_nothing_of_the_kind(tmp_path: Path) -> None:
    path = book(tmp_path / "upload.bin", (0, 0, "a"))
    assert rows_of(path, filename="客户.xlsx") == rows_of(path)
    assert io.BytesIO(path.read_bytes()).read(2) == b"PK"
