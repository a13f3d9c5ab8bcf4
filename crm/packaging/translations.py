"""Compiles the Chinese catalogue from the rooms' fragments, and proves that it is whole.

msgids are English, so English needs no catalogue; each room keeps its Chinese in translations/zh_Hans_CN/<room>.po.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from .front_end import stamp_of
from .plain_text import plain_text

LOCALE = "zh_Hans_CN"
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "_l": None,
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
    "lazy_pgettext": ((1, "c"), 2),
}
# A syntax error in a template has to be seen, not skipped.
TEMPLATE_OPTIONS = {"silent": "false"}
PLACEHOLDER = re.compile(r"%\((\w+)\)[#0\- +]*[\d.]*[a-zA-Z]|\{(\w*)\}")
CHINESE = re.compile(r"[\u3400-\u9fff]")


class Key(NamedTuple):
    """What identifies a message: its context, if any, and its English singular."""

    context: str | None
    singular: str

    def __str__(self) -> str:
        return repr(self.singular) if self.context is None else f"{self.singular!r} (context {self.context!r})"


@dataclass
class Use:
    """How the code uses one message: every English form, and where."""

    forms: set[str] = field(default_factory=set)
    places: list[str] = field(default_factory=list)

    @property
    def in_template(self) -> bool:
        return any(".html:" in place for place in self.places)


@dataclass(frozen=True)
class Findings:
    """Result of the check: `problems` fail it, `warnings` do not; `messages` is the number of messages in the code."""

    problems: list[str]
    warnings: list[str]
    messages: int


def fragments(root: Path) -> list[Path]:
    """The rooms' catalogues, in the order of their names."""
    return sorted((root / "crm" / "translations" / LOCALE).glob("*.po"))


def compile_translations(root: Path) -> bool:
    """Merge the fragments into LC_MESSAGES/messages.mo; True if anything had changed since the last time."""
    folder = root / "crm" / "translations" / LOCALE / "LC_MESSAGES"
    target, stamp_file = folder / "messages.mo", folder / ".stamp"
    stamp = stamp_of(fragments(root))
    if target.is_file() and stamp_file.is_file() and stamp_file.read_text() == stamp:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    merged = Catalog(locale=LOCALE, domain="messages")
    for path in fragments(root):
        for message in entries(path):
            merged.add(message.id, message.string, context=message.context, flags=message.flags)
    # Written beside and renamed, so that a running server never reads half a catalogue.
    partial = target.with_suffix(".mo.new")
    with partial.open("wb") as stream:
        write_mo(stream, merged)
    partial.replace(target)
    stamp_file.write_text(stamp)
    return True


def entries(path: Path) -> Iterator[Message]:
    """Messages of one fragment without its header. Raises PoFileError for a file that cannot be read whole."""
    with path.open("rb") as stream:
        catalog = read_po(stream, locale=LOCALE, abort_invalid=True)
    return (message for message in catalog if message.id)


def check_translations(root: Path) -> Findings:
    """Compare every message in the code and the templates under `root` with the fragments; look for text outside _()."""
    used = extract(root)
    problems = list(plain_text(root))
    defined = definitions(root, problems)
    for key, use in sorted(used.items(), key=lambda item: item[1].places[0]):
        problems += problems_of_source(key, use)
        if key not in defined:
            problems.append(f"{use.places[0]}: no Chinese for {key}")
        else:
            problems += problems_of_translation(key, use, defined[key])
    stale = [f"{place}: no longer used: {key}" for key, (place, _) in defined.items() if key not in used]
    return Findings(problems, stale, len(used))


def extract(root: Path) -> dict[Key, Use]:
    """Every message in crm/**/*.py and templates/**/*.html."""
    used: dict[Key, Use] = {}
    sources = [("python", path) for path in sorted((root / "crm").rglob("*.py"))]
    sources += [("jinja2.ext:babel_extract", path) for path in sorted((root / "templates").rglob("*.html"))]
    for method, path in sources:
        options = {} if method == "python" else TEMPLATE_OPTIONS
        found = extract_from_file(method, path, keywords=KEYWORDS, options=options)
        for line, message, _, context in found:
            forms = (message,) if isinstance(message, str) else tuple(part for part in message if part)
            if not forms:
                continue
            use = used.setdefault(Key(context, forms[0]), Use())
            use.forms.update(forms)
            use.places.append(f"{path.relative_to(root)}:{line}")
    return used


def definitions(root: Path, problems: list[str]) -> dict[Key, tuple[str, Message]]:
    """Place and message of each entry; two fragments that translate one message differently are a problem."""
    defined: dict[Key, tuple[str, Message]] = {}
    for path in fragments(root):
        for message in entries(path):
            singular = message.id if isinstance(message.id, str) else message.id[0]
            key = Key(message.context, singular)
            place = f"{path.relative_to(root)}:{message.lineno}"
            if key in defined and forms_of(defined[key][1].string) != forms_of(message.string):
                problems.append(f"{place}: {key} reads otherwise in {defined[key][0]}")
            defined.setdefault(key, (place, message))
    return defined


def forms_of(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    """The forms of a translation: one, or one for each plural form; none if it has none."""
    return (text,) if isinstance(text, str) else tuple(text or ())


def problems_of_source(key: Key, use: Use) -> Iterator[str]:
    """What is wrong with the English text itself."""
    if CHINESE.search(key.singular):
        yield f"{use.places[0]}: {key} is Chinese; messages are written in English and translated"
    # Jinja's gettext always applies the % operator; Flask-Babel's in Python does so only with arguments.
    if use.in_template and not all(formats(form) for form in use.forms):
        yield f"{use.places[0]}: {key} has a bare % sign, which a template must write as %%"


def problems_of_translation(key: Key, use: Use, definition: tuple[str, Message]) -> Iterator[str]:
    """What is wrong with the Chinese of a message that the code uses."""
    place, message = definition
    texts = forms_of(message.string)
    if message.fuzzy:
        yield f"{place}: {key} is marked fuzzy"
    if not texts or not all(text.strip() for text in texts):
        yield f"{place}: {key} has no Chinese"
        return
    # The one Chinese form stands for singular and plural, so it needs what the fuller of the two has.
    expected = set().union(*(placeholders(form) for form in use.forms))
    for text in texts:
        if placeholders(text) != expected:
            yield f"{place}: {key} has placeholders {sorted(expected)}, its Chinese {sorted(placeholders(text))}"
        elif (expected or use.in_template) and not formats(text):
            yield f"{place}: the Chinese of {key} has a bare % sign, write it as %%"


def placeholders(text: str) -> set[str]:
    """Names in %(name)s and {name}, each as written with its kind."""
    return {f"%({match[1]})" if match[1] else f"{{{match[2]}}}" for match in PLACEHOLDER.finditer(text)}


class _AnyValue(dict[str, int]):
    """Answers every placeholder with a number, which all conversions accept."""

    def __missing__(self, name: str) -> int:
        return 0


def formats(text: str) -> bool:
    """Whether the % operator accepts the text."""
    try:
        text % _AnyValue()
    except (TypeError, ValueError):
        return False
    return True
