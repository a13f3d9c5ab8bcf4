"""What people write in cells, and what it means."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from crm.kernel.errors import Invalid
from crm.sheets.cells import Cell, Refused
from crm.sheets.values import to_bool, to_code, to_date, to_datetime, to_decimal, to_int, to_text

DAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-11-23", "2026/11/23", "2026.11.23", "20261123", 20261123, "2026年11月23日", "２０２６年１１月２３日", "2026-11-23T09:30:00",
        "2026-11-23 09:30", "2026年11月23日 下午3时05分", "11/23/2026", "23/11/2026", 46349, 46349.5, " 2026-11-23 ",
    ],
)  # fmt: skip
def test_one_day_in_many_hands(cell: Cell) -> None:
    assert to_date(cell) == DAY


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("03/04/2026", "value.date_ambiguous"), ("2026-02-30", "value.date"), ("46349", "value.date"), (60, "value.date"),
        ("2026-11-23 at noon", "value.date"), ("昨天", "value.date"), (True, "value.date"), ("0026-11-23", "value.date"),
        (Refused("formula", "2026-11-23"), "value.formula"), (99_999_999_999, "value.date"), (float("nan"), "value.date"),
    ],
)  # fmt: skip
def test_what_is_no_day_is_refused(cell: Cell, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        to_date(cell)
    assert caught.value.code == code


def test_serial_numbers_are_days_and_moments() -> None:
    assert to_date(46349) == DAY
    assert to_datetime(46349.5) == datetime(2026, 11, 23, 12)  # noqa: DTZ001 - a wall clock in a sheet has no zone
    assert to_datetime("2026-11-23 下午3:05").hour == 15


def test_every_day_of_the_summer_time_years_survives() -> None:
    for ordinal in range(date(1986, 1, 1).toordinal(), date(1992, 1, 1).toordinal()):
        day = date.fromordinal(ordinal)
        assert to_date(day.isoformat()) == day == to_date((day - date(1899, 12, 30)).days)


@pytest.mark.parametrize(("words", "value"), [("是 有 YES y １ √ TRUE", True), ("否 无 no N 0 × FALSE", False)])
def test_yes_and_no(words: str, value: bool) -> None:
    assert {to_bool(word) for word in words.split()} == {value}
    assert to_bool(int(value)) is to_bool(value) is value
    with pytest.raises(Invalid, match=r"value\.bool"):
        to_bool("maybe")


def test_numbers() -> None:
    assert [to_decimal(cell) for cell in ("1,234.50", "１２", "¥3", "-2", 1.5, "1e3")] == [
        Decimal("1234.50"), Decimal(12), Decimal(3), Decimal(-2), Decimal("1.5"), Decimal("1e3"),
    ]  # fmt: skip
    assert to_int("12.0") == 12
    for cell in ("1,23", "", "二十", "1 2", "NaN", "Infinity", "9" * 400, True, "1e999"):
        with pytest.raises(Invalid, match=r"value\.number"):
            to_decimal(cell)
    with pytest.raises(Invalid, match=r"value\.int"):
        to_int(1.5)


def test_a_number_that_excel_rounded_is_no_identifier() -> None:
    assert to_text(13800138000) == "13800138000"
    with pytest.raises(Invalid, match=r"value\.rounded"):
        to_text(330_106_199_001_011_000)


def test_a_word_for_a_code() -> None:
    codes = {"cold_visit": ("陌生拜访", "扫街"), "referral": ("借力打力",)}
    assert {to_code(word, codes) for word in ("扫街", " 陌生 拜访", "Cold Visit", "ＣＯＬＤ-visit")} == {"cold_visit"}
    with pytest.raises(Invalid) as caught:
        to_code("电话", codes)
    assert caught.value.facts["accepted"] == ["陌生拜访", "借力打力"]
