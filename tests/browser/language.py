"""What of a page is not in its language. Names, notes and codes that stand in the database are data and may be in any."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

TEXTS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const at = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (text && !at.closest('script, style, code, kbd, textarea, [lang]:not(html)') && at.checkVisibility()) found.push(text);
  }
  for (const at of document.querySelectorAll('[placeholder], [aria-label], [title], [alt]'))
    if (!at.closest('[lang]:not(html)'))
      for (const name of ['placeholder', 'aria-label', 'title', 'alt']) if (at.getAttribute(name)) found.push(at.getAttribute(name));
  return found;
}"""
HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]+")
MASKED = re.compile(r"[\u3400-\u9fff]\*")
DIGEST = re.compile(r"\b[0-9a-f]{8,64}\b")
LATIN = re.compile(r"[A-Za-z][A-Za-z'’]+")
CODE = re.compile(r"[a-z0-9_.:-]*")
LOGINS = frozenset({"organiser", "lead", "manager", "auditor", "admin", "trainer"})
SETTINGS = ("清江农商银行",)
"""Values of the installation's settings that pages show."""
ALSO_CHINESE = frozenset(
    """
    PK CSV Excel XLSX WPS QR ROI ID IP URL UTF GBK BOM GB KB MB PNG SVG CRM Waituo SQLite PostgreSQL Python crm jobs run migrate backup
    Wilson SHA HTTPS API KPI VIP APP WeChat English Ctrl Shift Enter Esc
""".split()
)
"""Words that a Chinese reader meets in Latin letters everywhere."""


@cache
def data(home: Path) -> tuple[frozenset[str], frozenset[str]]:
    """All runs of Chinese characters, and all Latin words, that stand in the demo's database or settings."""
    texts = [*SETTINGS, *_texts(home / "demo" / "crm.db")]
    han = frozenset(run for text in texts for run in HAN.findall(text))
    # A code of the program (an act, a state) is no data: where a reader sees one, its words are missing.
    latin = frozenset(word.lower() for text in texts if not CODE.fullmatch(text) for word in LATIN.findall(text))
    return han, latin | LOGINS


def chinese_left(page: Page, home: Path) -> list[str]:
    """Chinese on an English page that is no data. A run counts as data when it stands whole in the database: "申请" does not pass for a
    piece of a goal that speaks of applications."""
    known, _ = data(home)
    return [
        f"Chinese: {text[:120]}"
        for text in page.evaluate(TEXTS)
        if any(run not in known for run in HAN.findall(MASKED.sub("", text)))
        and not _initial(text, known)
        and text != "中文"
    ]


def _initial(text: str, known: frozenset[str]) -> bool:
    """The one character of a name in the round picture of a person."""
    return len(text) == 1 and any(run.startswith(text) for run in known)


def english_left(page: Page, home: Path) -> list[str]:
    """English words on a Chinese page that are neither data nor used in Chinese as they are."""
    _, known = data(home)
    return [
        f"English: {text[:120]}"
        for text in page.evaluate(TEXTS)
        if any(word not in ALSO_CHINESE and word.lower() not in known for word in LATIN.findall(DIGEST.sub("", text)))
    ]


def _texts(file: Path) -> Iterator[str]:
    with closing(sqlite3.connect(file)) as base:
        tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in base.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if isinstance(value, str):
                        yield from _strings(_read(value))


def _read(value: str) -> Any:
    if value[:1] not in "[{":
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
