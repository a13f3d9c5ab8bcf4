"""Errors are facts; here they become sentences. Each room brings its own in `words.py`."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext, lazy_gettext

from crm.kernel.errors import DomainError

Sentence = Any  # a lazy string that babel resolves when it is shown

_sentences: dict[str, Sentence] = {
    "form.stale": lazy_gettext(
        "Somebody else changed this in the meantime. Nothing was overwritten: look at the newest state and save again."
    ),
    "form.nul": lazy_gettext("What was sent holds a character that no text can hold. Nothing was changed."),
    "words.phone": lazy_gettext("There is a phone number in the text, which is shown to many: take it out."),
    "words.too_long": lazy_gettext("This text is too long; it may have %(most)s characters."),
    "phone.invalid": lazy_gettext("This is not a valid phone number."),
    "submission.other_content": lazy_gettext(
        "This form was sent before with other content, which is kept. Nothing was changed now: send it again if it is a further entry."
    ),
}


def register(sentences: Mapping[str, Sentence]) -> None:
    """Adds a room's sentences; a code has one sentence."""
    _sentences.update(sentences)


_acts: dict[str, Sentence] = {}
_subjects: dict[str, Sentence] = {}


def register_audit(acts: Mapping[str, Sentence], subjects: Mapping[str, Sentence]) -> None:
    """Adds a room's words for its acts and kinds of records in the audit."""
    _acts.update(acts)
    _subjects.update(subjects)


_messages: dict[str, Any] = {}


def register_messages(messages: Mapping[str, Any]) -> None:
    """Adds a room's sentences for what it tells people in the house: a lazy string, or a function from facts to text."""
    _messages.update(messages)


def message(code: str, facts: Mapping[str, Any]) -> str:
    """What a person is told, in the reader's language. A code that no room words any more stands as it is."""
    template = _messages.get(code, code)
    try:
        if callable(template):
            return str(template(facts))
        text = str(template)
        return text % facts if "%(" in text else text
    except (KeyError, ValueError, TypeError):
        return code


def known_messages() -> frozenset[str]:
    """All codes of messages that have a sentence."""
    return frozenset(_messages)


def act(code: str) -> Sentence:
    """The words for an act in the audit; its code where there are none."""
    return _acts.get(code, code)


def subject(code: str) -> Sentence:
    """The word for a kind of record in the audit; its code where there is none."""
    return _subjects.get(code, code)


def known_codes() -> frozenset[str]:
    """All codes that have a sentence."""
    return frozenset(_sentences)


def sentence(error: DomainError) -> str:
    """The error in the reader's language; facts fill the %(name)s places."""
    template = _sentences.get(error.code)
    if template is None:
        return gettext("This is not possible (%(code)s).", code=error.code)
    text = str(template)
    try:
        return text % error.facts if error.facts and "%(" in text else text
    except (KeyError, ValueError):
        return text
