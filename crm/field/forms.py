"""Shapes of what is typed or uploaded at the desk about phones' records."""

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from wtforms.validators import DataRequired

from crm.web.forms import OnceForm, Text


class RescueForm(OnceForm):
    """A file that a phone gave out."""

    file = FileField(_l("File from the phone"), [FileRequired()], render_kw={"accept": ".waituo,.json"})


class SettleForm(OnceForm):
    """What was decided about a record that was kept aside."""

    how = Text(_l("What was decided"), [DataRequired()], most=300)
