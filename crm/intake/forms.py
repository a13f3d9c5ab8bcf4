"""Shapes of what is chosen about an import."""

from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from wtforms import RadioField, SelectField
from wtforms.validators import DataRequired, StopValidation

from crm.campaigns.rules import CampaignModel
from crm.web.forms import OnceForm, Text, VersionedForm, choices

ENCODINGS = (("", _l("As the file says")), ("utf-8", "UTF-8"), ("gb18030", "GBK / GB18030"))
MODES = (("good", _l("Take the good rows, leave out the rest")), ("all", _l("All rows or nothing")))


def _chosen(form: Any, field: Any) -> None:
    if not field.data:
        raise StopValidation(_("Choose a file."))


class UploadForm(OnceForm):
    """The file."""

    file = FileField(
        _l("File"),
        [_chosen],
        render_kw={"accept": ".csv,.txt,.xlsx"},
        description=_l("CSV or XLSX, at most 20 MB"),
    )
    encoding = SelectField(
        _l("Encoding"), choices=choices(ENCODINGS), default="", description=_l("Only for CSV, where it is not certain")
    )


class MappingForm(VersionedForm):
    """The columns come beside this form: a sheet has as many as it has.

    Its version alone guards it: a check that was refused may be asked for again with the same choices.
    """

    client_uid = None  # type: ignore[assignment] # how WTForms takes a field out
    PRESETS: tuple[str, ...] = ()

    def preset(self) -> dict[str, str]:
        """What holds for every row."""
        return {name: str(self[name].data or "") for name in self.PRESETS}


class LeadsMappingForm(MappingForm):
    """What may hold for all leads of a sheet."""

    PRESETS = ("campaign", "team", "source_basis", "campaign_month", "campaign_model")

    campaign = SelectField(_l("Campaign"), choices=[], validate_choice=False)
    team = SelectField(_l("Team"), choices=[], validate_choice=False)
    source_basis = Text(
        _l("Source or lawful basis"),
        most=120,
        description=_l("Without it, or a consent in the row, nobody may be contacted."),
    )
    campaign_month = Text(
        _l("One campaign for each month, called"),
        most=40,
        description=_l("For old records: a name here makes one closed campaign for each month of the first consult."),
    )
    campaign_model = SelectField(_l("Model of these campaigns"), choices=[], validate_choice=False)

    def offer(self, *, campaigns: list[tuple[str, Any]], teams: list[tuple[str, Any]], months: bool) -> None:
        """Fills the selects; without the right to plan campaigns the fields for months are left out."""
        self.campaign.choices = choices([("", _l("As the sheet says")), *campaigns])
        self.team.choices = choices([("", _l("As the sheet says")), *teams])
        word: Any = current_app.jinja_env.globals["campaign_model_label"]
        self.campaign_model.choices = choices(
            [("", "—"), *((model.value, word(model.value)) for model in CampaignModel)]
        )
        if not months:
            del self.campaign_month
            del self.campaign_model

    def preset(self) -> dict[str, str]:
        """What holds for every row; a model without months means nothing."""
        found = {name: str(self[name].data or "") for name in self.PRESETS if name in self}
        if not found.get("campaign_month"):
            found.pop("campaign_model", None)
        return found


class ConfirmForm(VersionedForm):
    """The good rows, or all or nothing."""

    mode = RadioField(_l("What to do"), [DataRequired()], choices=choices(MODES), default="good")
