"""Forms of the room of reports."""

from datetime import date

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DateField, Field, SelectField, ValidationError
from wtforms.validators import Optional

from crm.kernel.clock import FIRST_YEAR, LAST_YEAR
from crm.web.forms import OnceForm, id_or_none


def _a_likely_day(_form: OnceForm, field: Field) -> None:
    if isinstance(field.data, date) and not FIRST_YEAR <= field.data.year <= LAST_YEAR:
        raise ValidationError(
            _("Dates lie between the years %(first)s and %(last)s.", first=FIRST_YEAR, last=LAST_YEAR)
        )


class WorkbookForm(OnceForm):
    """What a workbook is to cover; empty days are the campaign's own."""

    campaign = SelectField(_l("Campaign"), coerce=id_or_none)
    from_day = DateField(_l("From"), [Optional(), _a_likely_day], description=_l("Empty: the campaign's own days"))
    to_day = DateField(_l("Until"), [Optional(), _a_likely_day])
