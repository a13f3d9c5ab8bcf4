"""Small values that every room means in the same way: phones, masks, initials, search grams."""

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from functools import lru_cache

import phonenumbers

from crm.kernel.errors import Invalid

_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_MOBILE_WITHIN = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_DIVIDERS = re.compile(r"[\s\-·.]")
_NOISE = re.compile(r"[\s\-()·.]+")
_DAY_OR_NUMBER = re.compile(
    r"(?P<day>(?<!\d)20\d\d-?[01]\d-?[0-3]\d(?!\d))|\d(?:[\s\-]?\d){6,}"  # a day is no phone, however long it is
)
_IDENTITY = re.compile(
    r"(?<!\d)[1-8]\d{5}[\s\-]?(?:19[3-9]\d|20[01]\d)[\s\-]?(?:0[1-9]|1[0-2])[\s\-]?(?:0[1-9]|[12]\d|3[01])[\s\-]?\d{3}[\s\-]?[\dX](?!\d)",
    re.IGNORECASE,
)
_FEWEST = 8  # sixteen digits are folded out of no fewer characters: ㊿ is two
_ACCOUNT = re.compile(r"(?<!\d)62\d\d(?:[\s\-]?\d{4}){3}(?:[\s\-]?\d{1,3})?(?!\d)")
_HASH = re.compile(r"[0-9a-f-]{32,}")
_DROPPED = frozenset({"Cc", "Cs"})
_UNSEEN = frozenset(
    map(chr, (0xAD, 0x61C, 0x180E, *range(0x200B, 0x200D), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF,
              *range(0xFDD0, 0xFDF0), *(plane | last for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF))))
)  # fmt: skip
"""Soft hyphen, zero-width characters but the joiner of emoji, marks of direction, and code points that are no characters."""
_READ_AS_SURNAME = {
    "召": "s", "仇": "q", "单": "s", "区": "o", "乐": "y", "折": "s", "曾": "z", "查": "z", "种": "c", "秘": "b",
    "繁": "p", "翟": "z", "覃": "q", "解": "x", "谌": "s", "郗": "c", "祭": "z", "隗": "w",
}  # fmt: skip
"""Surnames that are read otherwise than the character in most words; who looks for 曾老板 types zlb, not clb."""
SEARCHED = 600
_FLOAT = re.compile(r"[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]{1,2}|[0-9]+\.0+")  # a longer exponent would fill the memory


def fold(text: str) -> str:
    """NFKC, blanks squeezed, case folded: the form in which texts are compared."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).casefold()


def clean_text(text: str | None) -> str:
    """What a person typed, without control, direction and zero-width characters and outer blanks; "" for None.

    Characters that this Python's tables do not know, or that are a bank's own, are parts of names and stay.
    """
    if not text:
        return ""
    return "".join(
        ch for ch in text if ch in "\n\t" or not (unicodedata.category(ch) in _DROPPED or ch in _UNSEEN)
    ).strip()


def public_words(text: str, *, most: int) -> str:
    """What a person typed for many to read, trimmed. Raises Invalid when it is too long or holds a mobile number.

    Minutes, cases, logs and reasons travel into reports, onto projectors and to hired trainers: no customer's phone belongs there.
    """
    text = text.strip()
    if len(text) > most:
        raise Invalid("words.too_long", most=most)
    if _MOBILE_WITHIN.search(_DIVIDERS.sub("", unicodedata.normalize("NFKC", text))):
        raise Invalid("words.phone")
    return text


def holds_identity(text: str) -> bool:
    """Whether a text holds a resident's ID number (GB 11643: birth date and check digit) or a bank card's (check digit of Luhn)."""
    if len(text) < _FEWEST or text.isalpha():  # a sheet asks this of each of its texts: most are words
        return False
    plain = unicodedata.normalize("NFKC", text)
    return any(_checked_identity(_bare(one[0])) for one in _IDENTITY.finditer(plain)) or any(
        _checked_account(_bare(one[0])) for one in _ACCOUNT.finditer(plain)
    )


def _bare(number: str) -> str:
    return "".join(ch for ch in number if ch.isalnum()).upper()


def _checked_identity(number: str) -> bool:
    weighted = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[weighted % 11] == number[17]


def _checked_account(number: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(one // 10 + one % 10 for one in doubled) % 10 == 0


def normalise_phone(raw: str | int | float) -> str:
    """One key for one phone: 11 digits for a mainland mobile, E.164 for any other valid number.

    Accepts spaces, hyphens, full-width digits, +86, 0086, 86, a leading 0 and what a spreadsheet makes of a
    number (13800138000.0, 1.3800138E+10). Raises Invalid("phone.invalid").
    """
    text = unicodedata.normalize("NFKC", str(raw)).strip()
    if _FLOAT.fullmatch(text):
        text = _whole(text)
    digits = _NOISE.sub("", text)
    for prefix in ("+86", "0086", "86", "0"):
        rest = digits.removeprefix(prefix)
        if rest != digits and _MOBILE.fullmatch(rest):
            return rest
    if _MOBILE.fullmatch(digits):
        return digits
    return _other_number(digits)


def _whole(text: str) -> str:
    try:
        return str(int(Decimal(text)))
    except (InvalidOperation, ValueError, OverflowError):
        return text


def _other_number(digits: str) -> str:
    try:
        parsed = phonenumbers.parse(digits, "CN")
    except phonenumbers.NumberParseException:
        raise Invalid("phone.invalid") from None
    if not phonenumbers.is_valid_number(parsed):
        raise Invalid("phone.invalid")
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    mobile = number.removeprefix("+86")
    return mobile if _MOBILE.fullmatch(mobile) else number


def is_mobile(phone: str) -> bool:
    """Whether a normalised phone is a mainland mobile, which belongs to a person and not to a place."""
    return bool(_MOBILE.fullmatch(phone))


def mask_phone(phone: str) -> str:
    """138****8000: first three and last four digits stay (JR/T 0171's masking appendix)."""
    if not phone:
        return ""
    if len(phone) < 8:
        return "*" * len(phone)
    return f"{phone[:3]}****{phone[-4:]}"


def mask_name(name: str) -> str:
    """张* for 张三, 张** for 张三丰: the first character stays."""
    if len(name) <= 1:
        return name and "*"
    return name[0] + "*" * min(len(name) - 1, 2)


def without_numbers(text: str) -> str:
    """What somebody typed, with long numbers cut out: a reason may carry no phone out of its record. Days and hashes stay."""
    return text if _HASH.fullmatch(text) else _DAY_OR_NUMBER.sub(lambda found: found["day"] or "****", text)


def group_phone(phone: str) -> str:
    """138 0013 8000 for reading aloud; other numbers as they are."""
    return f"{phone[:3]} {phone[3:7]} {phone[7:]}" if is_mobile(phone) else phone


@lru_cache(maxsize=20_000)
def initials(text: str) -> str:
    """Pinyin initials of the Chinese characters, other letters and digits folded: 张三丰 -> zsf, 老王A店 -> lwad."""
    if text.isascii():
        return ""
    # Its dictionary of phrases takes a third of a second to load, which few commands have a use for.
    from pypinyin import Style, lazy_pinyin

    return "".join(lazy_pinyin(text, style=Style.FIRST_LETTER, errors=_letters)).lower()


def _letters(rest: str) -> str:
    return "".join(ch for ch in fold(rest) if ch.isalnum())


def search_text(*parts: str | None) -> str:
    """What a search looks through: the folded parts and their initials, divided by |.

    Cut at SEARCHED characters: one odd character may fold into eighteen, and an index row has its limit.
    """
    kept = [part for part in parts if part]
    return "|".join([*(fold(part) for part in kept), *(one for part in kept[:2] for one in _readings(part))])[:SEARCHED]


def _readings(text: str) -> list[str]:
    """The initials of a name or shop, and beside them those with its surname read as one, where that differs."""
    usual, surname = initials(text), _READ_AS_SURNAME.get(text[:1])
    return [one for one in (usual, surname and surname + usual[1:]) if one]


def grams(text: str) -> frozenset[str]:
    """The two-character windows of a search text. SQLite's own trigram index answers nothing for two-character names."""
    found: set[str] = set()
    for part in text.split("|"):
        found.update(part[at : at + 2] for at in range(len(part) - 1))
    return frozenset(found)
