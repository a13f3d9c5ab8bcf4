"""A workbook read back, values and formulas side by side."""

import io
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet


def opened(path: Path, *, values: bool) -> Workbook:
    """From memory, so that no file stays open."""
    return load_workbook(io.BytesIO(path.read_bytes()), data_only=values)


def table(sheet: Worksheet) -> list[dict[str, Any]]:
    """The rows under the headings as dictionaries by heading; a heading in two rows is "upper/lower"."""
    rows = list(sheet.iter_rows(min_row=3, values_only=True))
    frozen = int(sheet.freeze_panes[1:] if sheet.freeze_panes[1:].isdigit() else sheet.freeze_panes[2:])
    uppers, lowers = rows[0], rows[1] if frozen == 5 else rows[0]
    names: list[str] = []
    upper = ""
    for above, below in zip(uppers, lowers, strict=True):
        upper = above or upper
        names.append(f"{upper}/{below}" if frozen == 5 and below else upper)
    found = []
    for row in rows[frozen - 3 :]:
        if not any(cell is not None for cell in row):
            break
        found.append(dict(zip(names, row, strict=True)))
    return found


def calculated(path: Path, folder: Path) -> Workbook:
    """The workbook as LibreOffice calculates it: the values that were cached are taken away before."""
    bare, out = folder / path.name, folder / "calculated"
    without_cached_values(path, bare)
    office = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", "xlsx"]
    subprocess.run([*office, "--outdir", str(out), str(bare)], check=True, capture_output=True, timeout=180)
    return opened(out / path.name, values=True)


def without_cached_values(path: Path, to: Path) -> None:
    """A copy in which every formula has yet to be calculated."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    for name in parts:
        if name.startswith("xl/worksheets/sheet"):
            parts[name] = re.sub(rb"</f><v>[^<]*</v>", b"</f>", parts[name])
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
