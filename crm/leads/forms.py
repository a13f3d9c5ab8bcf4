"""Shapes of what is typed about leads. Four fields are required: form of address, mobile, trade, consent."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    DecimalField,
    HiddenField,
    SelectField,
    SelectMultipleField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its type stubs
from wtforms.validators import DataRequired, InputRequired, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from crm.leads import words
from crm.leads.commands import ConsentGiven, LeadCard
from crm.leads.rules import CHANNELS, FINANCIAL_FACTS, REVEAL_REASONS, ConsentHow, Exit, Stage
from crm.web.forms import BaseForm, Count, OnceForm, Text, VersionedForm, Words, choices, id_or_none

Choices = list[SelectChoice]
_LARGEST_AMOUNT = 99_999
_FOLDED = ("segment", "approach", "need", "amount_wan", "note")


def coded(of: dict[Any, Any], *, empty: Any = None) -> Choices:
    """The choices of a select from code -> word; `empty` is the word of the first, empty line."""
    pairs = [(str(code), word) for code, word in of.items()]
    return choices(pairs if empty is None else [("", empty), *pairs])


def id_choices(rows: Iterable[tuple[int, str]], *, empty: Any = None) -> Choices:
    """The choices of a select over records."""
    return choices(rows if empty is None else [("", empty), *rows])


class CodeSelect(SelectField):
    """A select over codes, empty when nothing was sent; a raw value from a sheet stays choosable when it is the present one."""

    def __init__(self, label: Any = None, validators: Any = (), **kwargs: Any) -> None:
        super().__init__(label, validators, **{"default": "", **kwargs})

    def keep(self, value: str) -> None:
        """Adds the present value to the choices, as it is."""
        known: list[Any] = list(self.choices or ())
        if value and value not in [choice.value for choice in known]:
            self.choices = [*known, SelectChoice(value, value)]


class CardFields(BaseForm):
    """The fields of a lead's card that a new lead and a changed one share."""

    name = Text(_l("Form of address"), [DataRequired()], most=80)
    trade = CodeSelect(_l("Trade"), [InputRequired()], choices=coded(words.TRADES, empty=_l("Choose …")))
    shop = Text(_l("Shop or firm"), most=120)
    address = Text(_l("Address"), most=200)
    licence_number = Text(_l("Licence number"), most=18)
    segment = CodeSelect(_l("Client group"), choices=coded(words.SEGMENTS, empty="—"))
    approach = CodeSelect(_l("Approach"), choices=coded(words.APPROACHES, empty="—"))
    intent = CodeSelect(_l("Intent"), choices=coded(words.INTENTS, empty=_l("Unknown")))
    need = CodeSelect(_l("Need"), choices=coded(words.NEEDS, empty="—"))
    amount_wan = DecimalField(
        _l("Amount needed"),
        [Optional(), NumberRange(min=0, max=_LARGEST_AMOUNT)],
        places=2,
        render_kw={"inputmode": "decimal"},
    )
    district_id = SelectField(_l("District"), coerce=id_or_none, choices=[])
    years = Count(_l("Years in business"), most=99)
    premises = CodeSelect(_l("Premises"), choices=coded(words.PREMISES, empty="—"))
    turnover = CodeSelect(_l("Turnover a year"), choices=coded(words.TURNOVERS, empty="—"))
    lender = Text(_l("Lender at present"), most=60)
    purpose = Text(_l("Purpose of the loan"), most=100)
    term = Text(_l("Term wished"), most=40)
    call_time = Text(_l("Good time to call"), most=60)
    note = Words(_l("Note"), most=1000)

    def holds_financial_facts(self) -> bool:
        """Whether something was filled in that only the consent for financial facts covers."""
        return any(self[name].data for name in FINANCIAL_FACTS)

    def card(self, *, phone: str | None, kept: dict[str, Any] | None = None) -> LeadCard:
        """The card as it was typed; `kept` are further facts that the form does not know and leaves alone."""
        details = {name: self[name].data for name in words.DETAILS if self[name].data not in (None, "")}
        unknown = {name: value for name, value in (kept or {}).items() if name not in words.DETAILS}
        return LeadCard(
            name=self.name.data or "",
            phone=phone or "",
            trade=self.trade.data,
            shop=self.shop.data or "",
            address=self.address.data or "",
            segment=self.segment.data,
            approach=self.approach.data,
            intent=self.intent.data,
            need=self.need.data,
            amount_wan=_two_places(self.amount_wan.data),
            licence_number=self.licence_number.data or "",
            note=self.note.data or "",
            details={**unknown, **details},
        )


def _two_places(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(Decimal("0.01"))


class NewLeadForm(CardFields, OnceForm):
    """A new lead with its consent. No box is ticked beforehand; refusing marketing or financial facts blocks nothing."""

    phone = Text(_l("Mobile"), [DataRequired()], most=32, render_kw={"inputmode": "tel"})
    enquiry = BooleanField(
        _l("Agrees that we keep these facts to answer this enquiry"),
        [InputRequired(_l("Without this consent nothing may be kept."))],
    )
    marketing = SelectMultipleField(
        _l("Agrees to hear of products"),
        choices=coded({code: words.CHANNELS[code] for code in CHANNELS}),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    financial = BooleanField(_l("Agrees that financial facts (turnover, lender) are kept"))
    how = SelectField(
        _l("How the consent was given"),
        choices=coded({one: words.HOW[one] for one in ConsentHow if one is not ConsentHow.IMPORTED}),
        default=ConsentHow.SPOKEN_SMS.value,
    )
    campaign_id = SelectField(_l("Campaign"), coerce=id_or_none, choices=[])
    session_id = SelectField(_l("Session"), coerce=id_or_none, choices=[])
    owner = SelectField(_l("Officer"), choices=[])
    stage = SelectField(_l("Stage reached"), choices=[])
    case_number = Text(_l("Case number"), most=64)
    happened = DateTimeLocalField(_l("When it happened"), [Optional()], description=_l("Empty means just now."))
    follow_up_on = DateField(_l("Next contact on"), [Optional()])

    def consent(self) -> ConsentGiven:
        """What was agreed to."""
        return ConsentGiven(
            enquiry=bool(self.enquiry.data),
            marketing=tuple(self.marketing.data or ()),
            financial=bool(self.financial.data),
            how=ConsentHow(self.how.data),
        )

    def further_filled(self) -> bool:
        """Whether something stands, or is wrong, in the folded part of the form."""
        folded = (self[name] for name in ("shop", "address", "licence_number", *_FOLDED, *words.DETAILS))
        return any(field.data or field.errors for field in folded)

    def reached(self) -> Stage | None:
        """The stage that was chosen, None for none yet."""
        return Stage(self.stage.data) if self.stage.data else None


class EditLeadForm(CardFields, VersionedForm):
    """A lead's card again. The phone is not shown: an empty field leaves it as it is."""

    phone = Text(
        _l("New mobile"),
        most=32,
        description=_l("Leave empty to keep the present number."),
        render_kw={"inputmode": "tel"},
    )


class StageForm(BaseForm):
    """A stage that was reached."""

    stage = HiddenField()
    case_number = Text(_l("Case number"), most=64, id="stage-case")
    happened = DateTimeLocalField(
        _l("When it happened"), [Optional()], id="stage-when", description=_l("Empty means just now.")
    )


class VoidForm(BaseForm):
    """An entry that is undone."""

    entry_id = HiddenField()
    reason = Text(_l("Reason"), most=300, id="void-reason")


class FollowUpForm(OnceForm):
    """What came of the last contact, and when the next one is."""

    on = DateField(_l("Next contact on"), [Optional()], id="follow-up-on")
    text = Words(_l("What came of it"), most=1000, id="follow-up-text")


class NoteForm(OnceForm):
    """A note."""

    text = Words(_l("Note"), most=2000, id="note-text")


class IntentForm(BaseForm):
    """The intent."""

    intent = SelectField(_l("Intent"), choices=coded(words.INTENTS, empty=_l("Unknown")), id="intent-code")


class AssignForm(BaseForm):
    """Who looks after the lead."""

    to = SelectField(_l("Officer"), coerce=id_or_none, choices=[], id="assign-to")


class ExitForm(BaseForm):
    """Why the customer left."""

    code = SelectField(
        _l("Why the customer left"), choices=coded({one: words.EXITS[one] for one in Exit}), id="exit-code"
    )
    reason = Text(_l("In words"), most=300, id="exit-reason")


class ReopenForm(BaseForm):
    """Why the customer is back."""

    reason = Text(_l("Reason"), most=300, id="reopen-reason")


class RevealForm(BaseForm):
    """Why the full phone is needed."""

    reason = SelectField(
        _l("Why is the full phone needed?"),
        choices=coded({code: words.REVEAL_REASONS[code] for code in REVEAL_REASONS}),
        id="reveal-reason",
    )


class NoContactForm(BaseForm):
    """Why the person must not be contacted."""

    reason = Text(_l("What the customer said"), [DataRequired()], most=300, id="no-contact-reason")


class WithdrawForm(BaseForm):
    """Which consent is taken back."""

    what = SelectField(_l("What is withdrawn"), choices=coded(words.WITHDRAWALS), id="withdraw-what")
    reason = Text(_l("How we learned of it"), most=300, id="withdraw-reason")


class MergeForm(BaseForm):
    """The other record of the same customer."""

    lose = HiddenField()
    reason = Text(_l("How we know that it is one customer"), most=300, id="merge-reason")


class UndoMergeForm(BaseForm):
    """A merge that was wrong."""

    merge_id = HiddenField()
    reason = Text(_l("Reason"), most=300, id="undo-merge-reason")


@dataclass(frozen=True)
class DetailForms:
    """All forms of a lead's page; the one that was refused keeps what was typed."""

    stage: StageForm
    void: VoidForm
    follow_up: FollowUpForm
    note: NoteForm
    intent: IntentForm
    assign: AssignForm
    exit: ExitForm
    reopen: ReopenForm
    reveal: RevealForm
    no_contact: NoContactForm
    withdraw: WithdrawForm
    merge: MergeForm
    undo_merge: UndoMergeForm
