"""The package of an XLSX file, looked at before any parser of workbooks may touch it."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from crm.kernel.errors import Invalid
from crm.sheets.cells import Limits

CHUNK = 1 << 20
SMALL_PART = 1 << 20  # the ratio is asked of parts above this; a blank sheet of XML packs well and harms nobody
COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
FOLDERS = r"(_rels|docProps|customXml|xl|package|\[trash\])"
SAFE_NAME = re.compile(rf"(\[Content_Types\]\.xml|{FOLDERS}/[^\\:*?\"<>|\x00-\x1f]*)")
SAFE_SUFFIXES = {
    "", ".xml", ".rels", ".vml", ".bin", ".dat", ".psmdcp",
    ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".emf", ".wmf", ".wdp", ".svg",
}  # fmt: skip
ACTIVE_PARTS = re.compile(
    r"xl/(vbaproject|externallinks|embeddings|activex|ctrlprops|macrosheets|dialogsheets|webextensions|querytables)|xl/connections\.xml",
    re.IGNORECASE,
)
ENCODING = re.compile(rb"^<\?xml[^>]*encoding\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)

# A cell with a formula: <c r="B5" ...><f>...; the schema puts <f> first. Prefixes (<x:c>) are legal XML and occur.
CELL_START = rb"<(?:\w+:)?c(?:\s[^<>]*?)?>\s*"
FORMULA_CELL = re.compile(CELL_START + rb"<(?:\w+:)?f[\s/>]")
FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
ERROR_CELL = re.compile(rb"<(?:\w+:)?c\s[^<>]*?\bt\s*=\s*[\"']e[\"'][^<>]*>")
REFERENCE = re.compile(rb"\br\s*=\s*[\"']([A-Z]{1,3})([0-9]{1,7})[\"']")
LONGEST_ROW = 16 << 20  # bytes of XML in one row; 120 columns of the longest text that Excel takes are less


@dataclass(frozen=True, slots=True)
class Part:
    """The sheet that will be read: its name and the member that holds it."""

    name: str
    member: str


def open_package(path: Path, limits: Limits) -> zipfile.ZipFile:
    """The zip at `path`, after its directory was checked; nothing is unpacked yet.

    Raises Invalid: sheet.encrypted, sheet.wrong_kind, sheet.too_large, sheet.bomb, sheet.macro, sheet.unreadable.
    """
    with path.open("rb") as file:
        head = file.read(8)
        if head == COMPOUND_FILE:
            whole = head + file.read(limits.file_bytes)
            # An encrypted workbook is a compound file whose directory names the package, in UTF-16.
            if "EncryptedPackage".encode("utf-16-le") in whole:
                raise Invalid("sheet.encrypted")
            raise Invalid("sheet.wrong_kind", kind="xls")
    if path.stat().st_size > limits.file_bytes:
        raise Invalid("sheet.too_large", limit=limits.file_bytes)
    try:
        package = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise Invalid("sheet.unreadable") from None
    _check_directory(package.infolist(), limits)
    return package


def _check_directory(members: list[zipfile.ZipInfo], limits: Limits) -> None:
    names = [member.filename for member in members]
    folded = {name.casefold() for name in names}
    if "content.xml" in folded or "xl/workbook.bin" in folded:
        raise Invalid("sheet.wrong_kind", kind="ods" if "content.xml" in folded else "xlsb")
    if not any(name.startswith("xl/") for name in folded):
        raise Invalid("sheet.wrong_kind", kind="zip")
    if len(members) > limits.members or sum(member.file_size for member in members) > limits.unpacked_bytes:
        raise Invalid("sheet.bomb", members=len(members))
    if len(folded) < len(names):
        raise Invalid("sheet.unreadable", reason="duplicate_member")
    for member in members:
        _check_member(member, limits)


def _check_member(member: zipfile.ZipInfo, limits: Limits) -> None:
    name = member.filename
    if member.flag_bits & 0x1:
        raise Invalid("sheet.encrypted")
    if ACTIVE_PARTS.match(name):
        raise Invalid("sheet.macro", part=name[:80])
    if not SAFE_NAME.fullmatch(name) or ".." in PurePosixPath(name).parts:
        raise Invalid("sheet.unreadable", part=name[:80])
    if PurePosixPath(name).suffix.lower() not in SAFE_SUFFIXES:
        raise Invalid("sheet.macro", part=name[:80])
    if member.file_size > SMALL_PART and member.file_size > limits.ratio * max(1, member.compress_size):
        raise Invalid("sheet.bomb", part=name[:80])


def _blocks(package: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The unpacked part in blocks. zipfile stops at the declared size and checks the CRC, so headers cannot lie."""
    try:
        with package.open(name) as stream:
            while block := stream.read(CHUNK):
                yield block
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError, KeyError):
        raise Invalid("sheet.unreadable", part=name[:80]) from None


def _check_start(block: bytes, name: str) -> None:
    """Parts in anything but UTF-8 are refused: the searches below would be blind in them."""
    declared = ENCODING.match(block.removeprefix(b"\xef\xbb\xbf").lstrip())
    if block[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in block[:64]:
        raise Invalid("sheet.unreadable", part=name[:80])
    if declared and declared[1].lower() not in (b"utf-8", b"us-ascii", b"ascii"):
        raise Invalid("sheet.unreadable", part=name[:80])


def check_markup(package: zipfile.ZipFile) -> None:
    """Refuse document types and entities in every XML part bar the sheets, which `refused_cells` looks at.

    Raises Invalid: sheet.unreadable.
    """
    for name in package.namelist():
        folded = name.casefold()
        if folded.endswith((".xml", ".rels")) and not folded.startswith(("xl/worksheets/sheet", "xl/pivotcache/")):
            for _ in _checked(package, name):
                pass


def _checked(package: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The part in blocks; refused as soon as one of them declares a document type or an entity."""
    tail = b""
    for index, block in enumerate(_blocks(package, name)):
        if index == 0:
            _check_start(block, name)
        joint = tail + block[:16]
        if any(mark in block or mark in joint for mark in (b"<!DOCTYPE", b"<!ENTITY")):
            raise Invalid("sheet.unreadable", part=name[:80])
        tail = block[-16:]
        yield block


def _tree(package: zipfile.ZipFile, name: str) -> Element:
    try:
        root: Element = fromstring(b"".join(_blocks(package, name)), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        raise Invalid("sheet.unreadable", part=name[:80]) from None
    return root


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if _local(key) == name), "")


def _member(package: zipfile.ZipFile, target: str) -> str:
    """The member that a relationship of the workbook points to; "" when there is none."""
    target = target.replace("\\", "/")
    wanted = target.lstrip("/") if target.startswith("/") else f"xl/{target.removeprefix('./')}"
    return next((name for name in package.namelist() if name.casefold() == wanted.casefold()), "")


def sheets(package: zipfile.ZipFile) -> list[Part]:
    """The visible worksheets in the order of their tabs.

    Raises Invalid: sheet.macro (a macro-enabled workbook under an .xlsx name), sheet.unreadable.
    """
    for override in _tree(package, "[Content_Types].xml"):
        if "macroenabled" in _attribute(override, "ContentType").lower():
            raise Invalid("sheet.macro", part=_attribute(override, "PartName")[:80])
    targets = {
        _attribute(relation, "Id"): _attribute(relation, "Target")
        for relation in _tree(package, "xl/_rels/workbook.xml.rels")
        if _attribute(relation, "Type").endswith("/worksheet")
    }
    found = []
    for element in _tree(package, "xl/workbook.xml").iter():
        if _local(element.tag) != "sheet" or _attribute(element, "state") in ("hidden", "veryHidden"):
            continue
        target = targets.get(
            next((v for k, v in element.attrib.items() if k.startswith("{") and _local(k) == "id"), "")
        )
        member = _member(package, target) if target else ""
        if member:
            found.append(Part(_attribute(element, "name"), member))
    if not found:
        raise Invalid("sheet.empty")
    return found


def _column(letters: bytes) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + letter - 64
    return index - 1


def _whole_rows(package: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    """The sheet's XML in pieces that end at the end of a row, so that no cell is cut in two."""
    rest = b""
    for block in _checked(package, member):
        rest += block
        # Before a row's attributes or after its end tag; a blank row is one tag that closes itself.
        cut = max(rest.rfind(b"row "), rest.rfind(b"row>") + 3)
        if cut > 2:
            yield rest[: cut + 1]
            rest = rest[cut + 1 :]
        elif len(rest) > LONGEST_ROW:
            raise Invalid("sheet.too_heavy")
    yield rest


def _heads(text: bytes) -> Iterator[tuple[str, bytes]]:
    if b"<f" in text or b":f" in text:
        cells = [match[0] for match in FORMULA_CELL.finditer(text)]
        if len(FORMULA.findall(text)) > len(cells):
            raise Invalid("sheet.formula")  # a formula that does not stand where the schema puts it
        yield from (("formula", cell) for cell in cells)
    if b'"e"' in text or b"'e'" in text:
        yield from (("error", match[0]) for match in ERROR_CELL.finditer(text))


def refused_cells(package: zipfile.ZipFile, member: str) -> dict[int, dict[int, str]]:
    """Cells that hold a formula or an Excel error: row number -> column index from 0 -> "formula" or "error".

    Raises Invalid: sheet.formula when a formula stands in a cell that does not say where it is, sheet.unreadable.
    """
    found: dict[int, dict[int, str]] = {}
    for text in _whole_rows(package, member):
        for reason, head in _heads(text):
            place = REFERENCE.search(head)
            if place is None:
                raise Invalid("sheet.formula")
            found.setdefault(int(place[2]), {}).setdefault(_column(place[1]), reason)
    return found
