"""Names of files, the hash over figures, and reasons without phones."""

from datetime import date
from decimal import Decimal

import pytest

from crm.kernel.errors import Invalid
from crm.reports.rules import WorkbookQuery, figures_hash, file_name, file_stem
from tests.moments import DAY_1, DAY_2


def test_a_file_is_called_after_bank_campaign_day_and_version():
    assert file_name(file_stem("清江农商银行", "东大街路演", DAY_1), 2) == "清江农商银行_东大街路演_20261116_V2.xlsx"


@pytest.mark.parametrize("name", ['a/b\\c:d*e?f"g<h>i|j', "..", "   ", "a\x00b", "x" * 300, "con\u202egpj.exe"])
def test_a_file_s_name_suits_every_file_system(name):
    stem = file_stem(name, name, DAY_1)
    assert not set(stem) & set('\\/:*?"<>|\x00\u202e')
    assert len(file_name(stem, 1)) < 120
    assert not stem.startswith((".", " "))


def test_reversed_days_are_refused():
    with pytest.raises(Invalid, match="days_reversed"):
        WorkbookQuery(1, DAY_2, DAY_1).checked()
    assert WorkbookQuery(1, DAY_1, DAY_2).checked().filters() == {
        "campaign": 1,
        "from": "2026-11-16",
        "to": "2026-11-17",
    }


def test_the_hash_follows_the_figures():
    rows = [["红队", 3, Decimal("2.50"), date(2026, 11, 16), None]]
    one = figures_hash([("daily", ["team", "n"], rows)])
    assert one == figures_hash([("daily", ["team", "n"], [list(row) for row in rows])])
    assert one != figures_hash([("daily", ["team", "n"], [["红队", 4, Decimal("2.50"), date(2026, 11, 16), None]])])
    assert one != figures_hash([("weekly", ["team", "n"], rows)])
