"""Shapes of what is typed here. The public form has four fields that are needed: form of address, mobile, trade, consent."""

from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from crm.leads.rules import CHANNELS, Need, Trade
from crm.web.forms import BaseForm, Text, VersionedForm, Words, choices

HONEYPOT = "website"


class EnquiryForm(BaseForm):
    """The public form. No box is ticked beforehand; its stamp does what a cookie's token does elsewhere.

    `website` is seen by nobody: only a program fills it in.
    """

    class Meta:
        csrf = False

    name = Text(_l("Form of address"), [DataRequired()], most=80, render_kw={"autocomplete": "name"})
    phone = Text(_l("Mobile"), [DataRequired()], most=32, render_kw={"inputmode": "tel", "autocomplete": "tel"})
    trade = SelectField(_l("Trade"), [InputRequired()], choices=[])
    need = SelectField(_l("When the money is needed"), choices=[], default="")
    enquiry = BooleanField(
        _l("I agree that the bank keeps these facts to answer this enquiry"),
        [InputRequired(_l("Without this consent nothing may be kept."))],
    )
    phone_ads = BooleanField(_l("The bank may also call me about its products"))
    sms_ads = BooleanField(_l("The bank may also send me SMS about its products"))
    wechat_ads = BooleanField(_l("The bank may also write to me by WeChat about its products"))
    website = StringField(validators=[Length(max=200)])
    stamp = HiddenField(validators=[Length(max=200)])
    notice = HiddenField(validators=[Length(max=64)])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        word: Any = current_app.jinja_env.globals
        self.trade.choices = choices([("", _("Choose …")), *((one.value, word["trade_label"](one)) for one in Trade)])
        self.need.choices = choices([("", "—"), *((one.value, word["need_label"](one)) for one in Need)])

    @property
    def marketing(self) -> tuple[str, ...]:
        """The channels that were ticked."""
        return tuple(one for one in CHANNELS if self[f"{one}_ads"].data)


class PosterTextForm(VersionedForm):
    """A draft of what posters say."""

    headline = Text(_l("Headline"), [DataRequired()], most=40)
    body = Words(_l("Text"), [DataRequired()], most=400)
    legal_line = Words(_l("Legal line"), [DataRequired()], most=200)
