"""What a workbook covers, what its file is called, and how its figures are sealed. Pure: no database, clock or Flask."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crm.kernel.errors import Invalid

KEPT_DAYS = 30
"""How long the installation keeps a file that was made; what was in it stays in the record."""

LONGEST_NAME = 120
_NOT_IN_FILE_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f\u200e\u200f\u202a-\u202e]+')


@dataclass(frozen=True, slots=True)
class WorkbookQuery:
    """What a workbook covers: a campaign (None for all and the walk-in leads) and business days, both included.

    Without days it covers the campaign's own days, or everything.
    """

    campaign_id: int | None = None
    from_day: date | None = None
    to_day: date | None = None

    def checked(self) -> WorkbookQuery:
        """The same question. Raises Invalid("figures.days_reversed")."""
        if self.from_day and self.to_day and self.from_day > self.to_day:
            raise Invalid("figures.days_reversed", first=self.from_day.isoformat(), last=self.to_day.isoformat())
        return self

    def filters(self) -> dict[str, Any]:
        """As it is kept in the record of the export."""
        days = {"from": self.from_day, "to": self.to_day}
        return {"campaign": self.campaign_id, **{key: day.isoformat() for key, day in days.items() if day}}


def file_stem(bank: str, campaign: str, day: date) -> str:
    """行名_活动名_日期: the name of a workbook without its version, as every file system takes it."""
    return "_".join((_plain(bank, 30), _plain(campaign, 60), f"{day:%Y%m%d}"))


def file_name(stem: str, version: int) -> str:
    """行名_活动名_日期_版本.xlsx."""
    return f"{stem}_V{version}.xlsx"


def _plain(name: str, most: int) -> str:
    return _NOT_IN_FILE_NAMES.sub("-", name).strip(" .-")[:most].strip(" .-") or "-"


def figures_hash(sheets: Iterable[tuple[str, Sequence[str], Sequence[Sequence[Any]]]]) -> str:
    """SHA-256 over the rows of the sheets, each given as (code, keys of the columns, rows): equal figures, equal hash."""
    body = [[code, list(keys), [[_canonical(cell) for cell in row] for row in rows]] for code, keys, rows in sheets]
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(cell: Any) -> Any:
    if isinstance(cell, date | datetime):
        return cell.isoformat()
    return str(cell) if isinstance(cell, Decimal) else cell
