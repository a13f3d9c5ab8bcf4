"""Rules of the tree of districts that need no database."""

from enum import StrEnum

from crm.kernel.errors import Invalid
from crm.kernel.values import clean_text

DEEPEST = 9  # levels below the top; a bank's tree has four or five


class Kind(StrEnum):
    """The four kinds of districts of the glossary."""

    COMMERCIAL = "commercial"
    COMMUNITY = "community"
    PARK = "park"
    RURAL = "rural"


def clean_name(name: str) -> str:
    """One line, blanks squeezed. Raises Invalid("districts.name"): empty, over 80 characters, or with a slash."""
    squeezed = " ".join(clean_text(name).split())
    if not squeezed or len(squeezed) > 80 or "/" in squeezed:
        raise Invalid("districts.name")
    return squeezed


def split_path(text: str) -> list[str]:
    """The names of a path: 城东/老街, 城东 > 老街, 城东／老街 and \\ divide alike."""
    for divider in ("／", "\\", ">", "＞", "»"):
        text = text.replace(divider, "/")
    return [" ".join(part.split()) for part in text.split("/") if part.strip()]
