"""The base of every form: one clean way in for text, numbers and ids."""

import hashlib
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from flask import g, request
from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, IntegerField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its stubs
from wtforms.validators import Length, NumberRange, Optional, StopValidation

from crm.kernel.actor import Actor
from crm.kernel.clock import day_or_none
from crm.kernel.errors import Conflict, DomainError, Invalid
from crm.kernel.submissions import remember, replayed
from crm.kernel.values import clean_text
from crm.web.wording import sentence

LARGEST_ID = 2**31 - 1


class BaseForm(FlaskForm):
    """A form with its CSRF token."""

    conflict = False

    def refuse(self, error: DomainError, field: str | None = None) -> None:
        """Words a refusal beside the field that it belongs to, or above the form."""
        self.conflict = self.conflict or isinstance(error, Conflict)
        note_used_uid(error)
        target: Field | None = self._fields.get(field or "")
        if target is None:
            self.form_errors.append(sentence(error))
        else:
            target.errors = [*target.errors, sentence(error)]

    @property
    def status(self) -> int:
        """Of the page that shows the form: 200, 422 with something wrong in it, 409 when the record moved on or was sent before."""
        if not self.errors:
            return 200
        return Conflict.status if self.conflict else Invalid.status


class OnceForm(BaseForm):
    """A form whose page carries `client_uid`, the sender's own id of this submission: its view works through `once`."""

    client_uid = HiddenField(validators=[Length(max=36)])


class VersionedForm(OnceForm):
    """A form on a row that others may change meanwhile: it carries the version that was read."""

    version = HiddenField()

    @property
    def seen_version(self) -> int:
        """The version that the person was looking at; -1 when it is not a number."""
        return int_or(self.version.data, -1)


class Text(StringField):
    """One line of text, cleaned."""

    def __init__(self, label: Any = None, validators: Any = (), *, most: int = 120, **kwargs: Any) -> None:
        super().__init__(label, [*validators, Length(max=most)], filters=[_clean], **kwargs)
        self.render_kw = {"maxlength": most, **(self.render_kw or {})}


class Words(TextAreaField):
    """Several lines of text, cleaned."""

    def __init__(self, label: Any = None, validators: Any = (), *, most: int = 2000, **kwargs: Any) -> None:
        super().__init__(label, [*validators, Length(max=most)], filters=[_clean], **kwargs)


class Count(IntegerField):
    """A whole number from 0 up to `most`; empty is None."""

    def __init__(self, label: Any = None, validators: Any = (), *, most: int = 100_000, **kwargs: Any) -> None:
        super().__init__(label, [Optional(), *validators, NumberRange(min=0, max=most)], **kwargs)
        self.render_kw = {"inputmode": "numeric", **(self.render_kw or {})}


class OneOf:
    """Validator: the value is one of the choices, worded as such (a forged value is no server error)."""

    def __init__(self, allowed: Any) -> None:
        self.allowed = allowed

    def __call__(self, form: Any, field: Field) -> None:
        if field.data not in self.allowed:
            raise StopValidation(field.gettext("Not a valid choice."))


def once(actor: Actor, make: Callable[[], int]) -> int:
    """Inside an open unit of work: the id of what `make` made, however often the same request arrives (see `answered_once`)."""
    return int(answered_once(actor, lambda: {"id": make()})["id"])


def done_once(actor: Actor, act: Callable[[], object]) -> None:
    """Like `once`, for what leaves no id behind."""

    def did() -> dict[str, Any]:
        act()
        return {"done": True}

    answered_once(actor, did)


def answered_once(actor: Actor, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Inside an open unit of work: what `act` answered when this request first arrived.

    The sender's own id in the request (client_uid) decides; without one, `act` runs. Raises Conflict when it came before
    with other content: another address, field or file.
    """
    uid = request.form.get("client_uid", "")[:36]
    if not uid:
        return act()
    content = _sent()
    known = replayed(actor, uid, content)
    if known is not None:
        return known
    answer = act()
    remember(actor, uid, content, answer)
    return answer


def note_used_uid(error: DomainError) -> None:
    """Once an id belongs to other content, the page that comes back must get a new one: else it could never be sent."""
    if error.code == "submission.other_content":
        g.uid_is_used = True


def _sent() -> dict[str, Any]:
    """All that the request holds but its tokens; of a file its name and digest."""
    fields = {name: values for name, values in request.form.lists() if name not in ("client_uid", "csrf_token")}
    files = []
    for name, file in request.files.items(multi=True):
        file.stream.seek(0)  # a view may have read it already
        files.append([name, file.filename, hashlib.file_digest(file.stream, "sha256").hexdigest()])  # type: ignore[arg-type]
        file.stream.seek(0)
    return {"to": request.full_path, "fields": fields, "files": files}


def choices(pairs: Iterable[tuple[Any, Any]]) -> list[SelectChoice]:
    """The options of a select field from (value, label) pairs; labels may be lazy, None as a value becomes ""."""
    return [SelectChoice("" if value is None else value, label) for value, label in pairs]


def id_or_none(value: Any) -> int | None:
    """A coerce for select fields of ids: "" is None, nonsense and out-of-range numbers are -1, which no row has."""
    if value in (None, "", "None"):
        return None
    found = int_or(value, -1)
    return found if 0 < found <= LARGEST_ID else -1


def int_or(value: Any, default: int) -> int:
    """The whole number in `value`, or the default."""
    try:
        return int(str(value))
    except ValueError:
        return default


def query_id(name: str) -> int | None:
    """An id from the URL's query: absent or empty is None, nonsense is -1."""
    return id_or_none(request.args.get(name))


def query_day(name: str) -> date | None:
    """A day from the URL's query; absent, nonsense and out of all bounds are None."""
    return day_or_none(request.args.get(name, ""))


def _clean(value: str | None) -> str:
    return clean_text(value)
