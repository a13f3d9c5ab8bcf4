"""Forms of the room of districts."""

from flask_babel import lazy_gettext as _l
from wtforms import SelectField
from wtforms.validators import InputRequired

from crm.districts.words import KINDS
from crm.web.forms import Text, VersionedForm, Words, choices


class DistrictForm(VersionedForm):
    """A district's card."""

    name = Text(_l("Name"), [InputRequired()], most=80)
    kind = SelectField(_l("Kind"), choices=choices(KINDS.items()))
    code = Text(_l("Code"), most=40, description=_l("Unique in the bank; may stay empty"))
    address = Text(_l("Location"), most=200)
    note = Words(_l("Note"), most=500)


class MoveForm(VersionedForm):
    """Where a district is to lie."""

    parent = Text(
        _l("New parent"),
        most=200,
        description=_l("Code, name or path, such as East Town/Old Street; empty for the top level"),
    )
