"""The base of every form: one clean way in for text, numbers and ids."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, IntegerField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its stubs
from wtforms.validators import Length, NumberRange, Optional, StopValidation

from crm.kernel.actor import Actor
from crm.kernel.errors import DomainError
from crm.kernel.submissions import remember, replayed
from crm.kernel.values import clean_text
from crm.web.wording import sentence

LARGEST_ID = 2**31 - 1


class BaseForm(FlaskForm):
    """A form with its CSRF token. `client_uid` is the sender's own id of this submission (see kernel.submissions)."""

    client_uid = HiddenField(validators=[Length(max=36)])

    def refuse(self, error: DomainError, field: str | None = None) -> None:
        """Words a refusal beside the field that it belongs to, or above the form."""
        target: Field | None = self._fields.get(field or "")
        if target is None:
            self.form_errors.append(sentence(error))
        else:
            target.errors = [*target.errors, sentence(error)]


class VersionedForm(BaseForm):
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


def once(actor: Actor, form: BaseForm, make: Callable[[], int]) -> int:
    """Inside an open unit of work: the id of what `make` made, however often the same form arrives.

    The sender's own id of the form (client_uid) decides; without one, `make` runs. Raises Conflict for other content.
    """
    uid = form.client_uid.data
    if not uid:
        return make()
    content = {"form": type(form).__name__}
    content |= {name: str(value) for name, value in form.data.items() if name not in ("client_uid", "csrf_token")}
    known = replayed(actor, uid, content)
    if known is not None:
        return int(known["id"])
    made = make()
    remember(actor, uid, content, {"id": made})
    return made


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


def _clean(value: str | None) -> str:
    return clean_text(value)
