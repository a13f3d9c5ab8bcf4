"""Forms of the room of outreach. The grid of counts is read in its view, cell by cell."""

from flask_babel import lazy_gettext as _l
from wtforms import RadioField, SelectField, TimeField
from wtforms.validators import InputRequired

from crm.campaigns.rules import Outcome
from crm.web.forms import OnceForm, Text, VersionedForm, Words, choices, id_or_none

OUTCOME_WORDS = {
    Outcome.CONSULTED: _l("Consulted"),
    Outcome.INTERESTED: _l("Interested"),
    Outcome.APPLIED: _l("Applied"),
    Outcome.CUSTOMER: _l("Is a customer already"),
    Outcome.INELIGIBLE: _l("Not eligible"),
    Outcome.REFUSED: _l("Refused to talk"),
    Outcome.NOBODY: _l("Nobody there"),
}
"""The usual ones first, as a hand finds them."""


class LogForm(VersionedForm):
    """The words of the day."""

    highlights = Words(_l("Highlights"), description=_l("What went well, which talk worked"))
    difficulties = Words(_l("Difficulties"), description=_l("Objections, refusals, what was missing"))
    help_needed = Words(_l("Help needed"), description=_l("From whom, until when"))
    plan = Words(_l("Plan for tomorrow"), description=_l("Streets, pairs, appointments"))


class VisitForm(OnceForm):
    """A visit in ten seconds."""

    member = SelectField(_l("Who"), coerce=id_or_none)
    outcome = RadioField(
        _l("How it ended"), choices=choices((code.value, word) for code, word in OUTCOME_WORDS.items())
    )
    at = TimeField(_l("Time"), [InputRequired()])
    companion = SelectField(_l("Together with"), coerce=id_or_none)
    note = Text(_l("Note"), most=500, description=_l("No names or phones: those belong to a lead, with consent"))
