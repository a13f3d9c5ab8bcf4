"""No bare code reaches a reader: each act and each kind of record of the audit has its words, in both languages."""

import ast
import re
from collections.abc import Iterator

import pytest
from babel.messages.pofile import read_po
from flask_babel import force_locale

from crm.settings import PACKAGE
from crm.web import wording


def audited() -> Iterator[tuple[ast.expr, ast.expr]]:
    """What each call of `audit.record` in the code names as its act and as its kind of record."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record":
                yield node.args[1], node.args[2]


def words_of(expression: ast.expr) -> set[str]:
    """The codes that an expression can be: a constant, or a choice between two."""
    if isinstance(expression, ast.IfExp):
        return words_of(expression.body) | words_of(expression.orelse)
    if isinstance(expression, ast.Constant):
        return {expression.value}
    return {"district"} if ast.unparse(expression) == "SUBJECT" else {f"not to be read: {ast.unparse(expression)}"}


ACTS = frozenset().union(*(words_of(act) for act, _ in audited()))
SUBJECTS = frozenset().union(*(words_of(subject) for _, subject in audited()))


def test_the_code_base_has_its_many_acts() -> None:
    assert len(ACTS) > 70
    assert {"reports.export", "meeting.todo_done", "meeting.todo_reopened", "leads.capture"} <= ACTS


@pytest.mark.parametrize("locale", ["en", "zh_Hans_CN"])
def test_each_act_and_each_record_of_the_audit_has_words(app, locale) -> None:
    with app.test_request_context(), force_locale(locale):
        bare = [code for code in ACTS if str(wording.act(code)) == code]
        bare += [code for code in SUBJECTS if str(wording.subject(code)) == code]
        same = [code for code in ACTS if locale == "zh_Hans_CN" and str(wording.act(code)).isascii()]
    assert sorted(bare + same) == []


UNDO, FORBIDDEN = (
    re.compile(r"\b(undo|undone|undoing)\b", re.I),
    re.compile(r"\bvoid|\b(take|taken|taking)\b.* back\b", re.I),
)


def sentences() -> Iterator[tuple[str, str]]:
    """English and Chinese of each message."""
    for path in sorted((PACKAGE / "translations" / "zh_Hans_CN").glob("*.po")):
        with path.open("rb") as fragment:
            for message in read_po(fragment):
                if message.id:
                    english, chinese = (one if isinstance(one, str) else one[0] for one in (message.id, message.string))
                    yield english, chinese


def test_what_is_undone_has_one_word_in_each_language() -> None:
    wrong = [english for english, chinese in sentences() if FORBIDDEN.search(english) or "作废" in chinese]
    wrong += [english for english, chinese in sentences() if UNDO.search(english) and "撤销" not in chinese]
    assert wrong == []
