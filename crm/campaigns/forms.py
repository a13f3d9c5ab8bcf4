"""Forms of the room of campaigns. Grids (targets, budget) are read in their views, cell by cell."""

from datetime import date, datetime

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    DateField,
    DateTimeLocalField,
    Field,
    RadioField,
    SelectField,
    SelectMultipleField,
    ValidationError,
    widgets,
)
from wtforms.validators import InputRequired

from crm.campaigns.words import MODELS, OUTCOMES
from crm.kernel.clock import FIRST_YEAR, LAST_YEAR
from crm.web.forms import Text, VersionedForm, Words, choices, id_or_none


def within_years(_form: VersionedForm, field: Field) -> None:
    """Validator: a slip of the keyboard is no date."""
    if isinstance(field.data, date | datetime) and not FIRST_YEAR <= field.data.year <= LAST_YEAR:
        raise ValidationError(
            _("Dates lie between the years %(first)s and %(last)s.", first=FIRST_YEAR, last=LAST_YEAR)
        )


class CampaignForm(VersionedForm):
    """The facts of a plan."""

    name = Text(_l("Name"), [InputRequired()], most=120)
    code = Text(_l("Code"), most=40, description=_l("Latin letters and digits; made for you when empty"))
    model = RadioField(_l("Model"), choices=choices(MODELS.items()))
    starts_on = DateField(_l("First day"), [InputRequired(), within_years])
    ends_on = DateField(_l("Last day"), [InputRequired(), within_years])
    place = Text(_l("Place"), most=200)
    goal = Words(_l("Goal"), most=1000, description=_l("What the drive is for, in a sentence or two"))
    valid_outcomes = SelectMultipleField(
        _l("A visit is valid when it ended so"),
        choices=choices(OUTCOMES.items()),
        option_widget=widgets.CheckboxInput(),
        widget=widgets.ListWidget(prefix_label=False),
    )
    valid_rule = Words(_l("The rule in words"), most=500, description=_l("As the teams are told it"))


class SessionForm(VersionedForm):
    """One occasion."""

    name = Text(_l("Name"), [InputRequired()], most=120)
    district = SelectField(_l("District"), coerce=id_or_none)
    starts_at = DateTimeLocalField(_l("Begins"), [InputRequired(), within_years])
    ends_at = DateTimeLocalField(_l("Ends"), [InputRequired(), within_years])
    place = Text(_l("Place"), most=200)
    note = Words(_l("Note"), most=500)
