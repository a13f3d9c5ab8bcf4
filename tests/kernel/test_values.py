"""Phones, masks, initials and search: small values that every room means in the same way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.kernel.errors import Invalid
from crm.kernel.values import (
    clean_text,
    fold,
    grams,
    group_phone,
    holds_identity,
    initials,
    is_mobile,
    mask_name,
    mask_phone,
    normalise_phone,
    search_text,
    without_numbers,
)

ONE_PHONE = (
    "138 0013 8000", "+86-13800138000", "１３８００１３８０００", "8613800138000", "013800138000", 13800138000.0, "13800138000.0",
    "1.3800138E+10", "1.3800138e10", 13800138000, "0086 138-0013-8000", "+86 138 0013 8000", "(138)00138000", "138.0013.8000",
    "\u3000138\u00a00013\u20098000 ", "138·0013·8000", "١٣٨٠٠١٣٨٠٠٠", "138/0013/8000", "13800138000 ext. 5",
)  # fmt: skip


@pytest.mark.parametrize("spelling", ONE_PHONE)
def test_every_spelling_of_one_phone_is_one_key(spelling):
    assert normalise_phone(spelling) == "13800138000"


@pytest.mark.parametrize(
    "wrong",
    ["", " ", "12345", "1380013800", "138001380000", "23800138000", "abc", "1.38E+10000", "13800138000 13900139000",
     "NaN", "inf", "²³", "𝟙", True, "1e99999999999"],
)  # fmt: skip
def test_what_is_no_phone_is_refused(wrong):
    with pytest.raises(Invalid, match=r"phone\.invalid"):
        normalise_phone(wrong)


def test_landlines_and_foreign_numbers_are_kept_in_full():
    assert normalise_phone("010-62770334") == "+861062770334"
    assert normalise_phone("+1 212 555 2368") == "+12125552368"
    assert not is_mobile("+861062770334")


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_a_normalised_phone_stays_as_it_is(phone):
    assert normalise_phone(phone) == phone
    assert group_phone(phone).replace(" ", "") == phone
    masked = mask_phone(phone)
    assert (masked[:3], masked[3:7], masked[7:]) == (phone[:3], "****", phone[-4:])


@given(st.text(max_size=60))
def test_any_text_is_a_phone_or_a_refusal_never_a_crash(text):
    try:
        kept = normalise_phone(text)
    except Invalid:
        return
    assert kept.isascii()
    assert normalise_phone(kept) == kept


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"), ("张三丰", "张**"), ("欧阳娜娜", "欧**"), ("张", "*"), ("", ""), ("䶮龑", "䶮*"), ("𠮷田", "𠮷*"), ("堃", "*"),
     ("燚燚燚", "燚**")],
)  # fmt: skip
def test_of_a_name_the_first_character_stays(name, masked):
    assert mask_name(name) == masked


def test_every_two_character_name_of_the_national_character_set_is_masked():
    """All of GB2312's characters and the rare ones of GBK as a given name: it never shows."""
    for code in range(0x8140, 0xFEFE):
        try:
            character = code.to_bytes(2, "big").decode("gbk")
        except UnicodeDecodeError:
            continue
        assert mask_name("王" + character) == "王*"


@pytest.mark.parametrize("number", ["1", "1234567", "", "+861062770334"])
def test_a_short_number_is_hidden_whole(number):
    masked = mask_phone(number)
    assert len(number) < 8 or "****" in masked
    assert not any(ch.isdigit() for ch in masked) or len(number) >= 8


def test_text_is_compared_folded_and_kept_clean():
    assert fold("  ＡＢＣ　店 ") == "abc 店"
    assert clean_text(" a\x00b\u202ec\r\n ") == "abc"
    assert clean_text(None) == ""


@pytest.mark.parametrize(
    "name", ["\U00031350小明", "\ue863小明", "\U000f0001明", "👨\u200d👩\u200d👧", "\U0001fae9", "䶮龑"]
)
def test_characters_that_are_new_or_a_banks_own_stay_in_a_name(name):
    assert clean_text(f" {name}\u200b\ufeff\x07\u2066 ") == name


@pytest.mark.parametrize(
    "unseen", ["\x00", "\x7f", "\u200b", "\u200c", "\u200e", "\u202e", "\u2060", "\ufeff", "\uffff", "\ud800"]
)
def test_what_cannot_be_seen_goes(unseen):
    assert clean_text(f"张{unseen}三") == "张三"


def test_letters_between_characters_are_initials_too():
    assert (initials("老王A店"), initials("老王·7Ａ 店"), initials("ABC")) == ("lwad", "lw7ad", "")
    assert "lwad" in search_text("老王A店")


def test_people_are_found_by_initials_and_by_two_characters():
    assert initials("张三丰") == "zsf"
    text = search_text("张三丰", "老街面馆")
    assert "zsf" in text
    assert "ljmg" in text
    assert {"张三", "三丰", "面馆"} <= grams(text)


@pytest.mark.parametrize(
    ("name", "shop", "typed"),
    [
        ("曾老板", "", ["zlb", "clb"]),
        ("单先生", "翟家羊汤", ["sxs", "dxs", "zjyt"]),
        ("解女士", "", ["xns"]),
        ("区", "", ["o", "q"]),
    ],
)
def test_a_surname_is_found_as_it_is_read(name, shop, typed):
    assert set(typed) <= set(search_text(name, shop).split("|"))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("客户 13900009999 分享", "客户 **** 分享"),
        ("139 0000 9999", "****"),
        ("139-0000-9999", "****"),
        ("别再打１３９００００９９９９", "别再打****"),
        ("3 points on 2026", "3 points on 2026"),
        ("2026-07-01 13900009999", "2026-07-01 ****"),
        ("路演_20260701_V1.xlsx", "路演_20260701_V1.xlsx"),
        ("2026070113900009999", "****"),
        ("12345678" * 8, "12345678" * 8),
    ],
    ids=["within", "blanks", "hyphens", "wide", "short", "day", "file", "no day", "hash"],
)
def test_a_reason_carries_no_phone(text, clean):
    assert without_numbers(text) == clean


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("11010519491231002X", True),
        ("证件 110105 19491231 002x，本人", True),
        ("１１０１０５１９４９１２３１００２Ｘ", True),
        ("110105194912310021", False),  # a wrong check digit: some other number
        ("91330100MA00000001", False),
        ("913301001949123100", False),
        ("工行 6222 0212 3456 7890 128", True),
        ("6222021234567890129", False),
        ("13800138000 13911112222", False),
        ("QJ-330102202611270001", False),
        ("", False),
    ],
)
def test_id_numbers_and_accounts_are_known_by_their_check_digits(text, held):
    assert holds_identity(text) is held
