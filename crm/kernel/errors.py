"""Errors are facts: a code and what belongs to it. They are worded at the edge, in the reader's language."""

import traceback
from typing import Any


class DomainError(Exception):
    """A refusal that a person can understand.

    `code` is a dotted name ("lead.other_team"); `facts` are the values that its sentence needs.
    """

    status = 422

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    def __str__(self) -> str:
        facts = ", ".join(f"{key}={value!r}" for key, value in sorted(self.facts.items()))
        return f"{self.code}({facts})" if facts else self.code


class Invalid(DomainError):
    """The input breaks a rule; nothing was changed."""


class NotFound(DomainError):
    """No such record, or none that the actor may see: the two answer alike."""

    status = 404


class Forbidden(DomainError):
    """The actor's role does not include this act."""

    status = 403


class Conflict(DomainError):
    """The record moved on, or the same identity came with other content."""

    status = 409


class TooMany(DomainError):
    """A limit in time or number is used up."""

    status = 429


def traced(error: BaseException) -> str:
    """Type and place of an error and of what led to it, for a log. Its message can hold what somebody typed, so it stays out."""
    parts: list[str] = []
    one: BaseException | None = error
    while one is not None:
        parts.append(f"{type(one).__name__}\n" + "".join(traceback.format_tb(one.__traceback__)))
        one = one.__cause__ or one.__context__
    return "from ".join(parts)
