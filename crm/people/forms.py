"""Forms of the room of people."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, HiddenField, PasswordField, SelectField
from wtforms.validators import InputRequired, Length, Optional

from crm.people.words import ROLES
from crm.web.forms import BaseForm, OnceForm, Text, VersionedForm, choices, id_or_none


class Password(PasswordField):
    """A secret: never trimmed, never shown again."""

    def __init__(self, label: Any, *, autocomplete: str, **kwargs: Any) -> None:
        super().__init__(label, [InputRequired(), Length(max=200)], **kwargs)
        self.render_kw = {"maxlength": 200, "autocomplete": autocomplete}


class SignInForm(BaseForm):
    """Sign-in name and password; `next` is where the person was going."""

    trouble = _l("You are not signed in yet.")
    login = Text(_l("Sign-in name"), [InputRequired()], most=64)
    password = Password(_l("Password"), autocomplete="current-password")
    next = HiddenField()


class NewPasswordForm(BaseForm):
    """A first password, twice."""

    new = Password(_l("New password"), autocomplete="new-password", description=_l("At least 10 characters"))
    again = Password(_l("New password again"), autocomplete="new-password")


class ChangePasswordForm(NewPasswordForm):
    """The present password, and a new one twice."""

    current = Password(_l("Present password"), autocomplete="current-password")


class _PersonFields(VersionedForm):
    name = Text(_l("Full name"), [InputRequired()], most=80)
    role = SelectField(_l("Role"), choices=choices(ROLES.items()))
    external = BooleanField(
        _l("External trainer"), description=_l("Sees counts, never customers. Only for organisers.")
    )
    phone = Text(_l("Mobile"), most=24)
    email = Text(_l("E-mail"), most=120)


class NewPersonForm(_PersonFields):
    """A new person."""

    login = Text(_l("Sign-in name"), [InputRequired()], most=64, description=_l("Staff number or short name"))
    team_id = SelectField(_l("Team"), coerce=id_or_none)
    joined_on = DateField(_l("In the team from"), [Optional()])


class PersonForm(_PersonFields):
    """A person's card and rights."""

    active = BooleanField(_l("May sign in"))


class TeamForm(VersionedForm):
    """A team's card."""

    name = Text(_l("Name"), [InputRequired()], most=80)
    slogan = Text(_l("Slogan"), most=200)
    active = BooleanField(_l("In use"), default=True)


class JoinForm(OnceForm):
    """Who comes into a team, from which day."""

    user_id = SelectField(_l("Person"), coerce=id_or_none)
    on = DateField(_l("From"), [InputRequired()])
    is_lead = BooleanField(_l("Leads the team"))


class LeaveForm(BaseForm):
    """The first day without the team."""

    on = DateField(_l("First day without the team"), [InputRequired()])
