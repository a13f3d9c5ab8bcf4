"""Finds text in templates that a reader would see in one language only, because it stands outside _()."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

# Names that read the same in both languages.
SAME_IN_BOTH = frozenset(
    {"Waituo", "CRM", "Excel", "CSV", "XLSX", "PK", "kB", "MB", "Esc", "Enter", "Tab", "中文", "English"}
)
# Each is replaced by its line breaks, so that line numbers stay true.
NOT_READ = [
    re.compile(r"\{#.*?#\}", re.DOTALL),
    re.compile(r"\{%-?\s*trans\b.*?endtrans\s*-?%\}", re.DOTALL),
    # Blocks that a base template places inside a tag.
    re.compile(r"\{%-?\s*block (?:theme|body_class|body_data)\b.*?endblock\s*-?%\}", re.DOTALL),
    re.compile(r"\{\{.*?\}\}", re.DOTALL),
    re.compile(r"\{%.*?%\}", re.DOTALL),
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"<(script|style)\b.*?</\1>", re.DOTALL),
]
TAG = re.compile(r"<[^>]*>")
READ_ATTRIBUTE = re.compile(r"\b(?:title|placeholder|alt|aria-label)=(\"[^\"]*\"|'[^']*')")
WORD = re.compile(r"[A-Za-z]{2,}|[\u3400-\u9fff]+")


def plain_text(root: Path) -> Iterator[str]:
    """`file:line: words` for each run of words in templates/**/*.html under `root` that is not translated."""
    for path in sorted((root / "templates").rglob("*.html")):
        source = without(NOT_READ, path.read_text(encoding="utf-8"))
        attributes = ((match[1], match.start()) for match in READ_ATTRIBUTE.finditer(source))
        bare = without([TAG], source)
        texts = ((match[0], match.start()) for match in re.finditer(r"[^\n]+", bare))
        for lines, found in ((source, attributes), (bare, texts)):
            for text, start in found:
                words = [word for word in WORD.findall(re.sub(r"&\w+;", " ", text)) if word not in SAME_IN_BOTH]
                if words:
                    line = lines.count("\n", 0, start) + 1
                    yield f"{path.relative_to(root)}:{line}: not translated: {' '.join(words)}"


def without(patterns: list[re.Pattern[str]], text: str) -> str:
    """The text with what matches taken out, line breaks kept."""
    for pattern in patterns:
        text = pattern.sub(lambda match: " " + "\n" * match[0].count("\n"), text)
    return text
