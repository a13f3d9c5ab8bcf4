"""The shape of what is typed about contests, their rules and their adjustments."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import (
    DateField,
    DateTimeLocalField,
    DecimalField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    TimeField,
)
from wtforms.validators import InputRequired, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from crm.contest.rules import KINDS, RuleSet
from crm.contest.words import ADJUSTMENTS, BASES, TIES
from crm.contest.words import KINDS as KIND_WORDS
from crm.web.forms import Count, OnceForm, Text, VersionedForm, Words, choices, id_or_none

TARIFF = tuple(code for code in ADJUSTMENTS if code not in ("false_entry", "other"))
TIE_PLACES = range(1, 6)


def _tariff(code: str) -> IntegerField:
    return IntegerField(ADJUSTMENTS[code], [InputRequired(), NumberRange(min=-1000, max=1000)])


def _points(code: str) -> Count:
    return Count(KIND_WORDS[code], [InputRequired()], most=1000)


class Ticks(SelectMultipleField):
    """Several of a list, as boxes."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.type = "SelectMultipleField"  # by which the macros of fields know it


class RulesForm(VersionedForm):
    """Every number of a version of the rules."""

    points_visit = _points("visit")
    points_consult = _points("consult")
    points_intent = _points("intent")
    points_application = _points("application")
    points_accepted = _points("accepted")
    cap_visit = Count(_l("Valid visits that score, per person and day"), most=1000)
    basis = SelectField(_l("Basis of the score"), choices=choices(BASES.items()))
    companion = Count(_l("Companion's share of a visit"), [InputRequired()], most=100)
    minimum_consult = Count(_l("Consults needed for an application rate"), [InputRequired()], most=10_000)
    minimum_application = Count(_l("Applications needed for an acceptance rate"), [InputRequired()], most=10_000)
    tariff_first_case = _tariff("first_case")
    tariff_pledge_kept = _tariff("pledge_kept")
    tariff_case_shared = _tariff("case_shared")
    tariff_on_time = _tariff("on_time")
    tariff_late_report = _tariff("late_report")
    tariff_returned_file = _tariff("returned_file")
    tariff_complaint = _tariff("complaint")
    tariff_unauthorised_promise = _tariff("unauthorised_promise")
    tie_1 = SelectField(_l("First tie-break"), choices=choices(TIES.items()))
    tie_2 = SelectField(_l("Second tie-break"), choices=choices(TIES.items()))
    tie_3 = SelectField(_l("Third tie-break"), choices=choices(TIES.items()))
    tie_4 = SelectField(_l("Fourth tie-break"), choices=choices(TIES.items()))
    tie_5 = SelectField(_l("Fifth tie-break"), choices=choices(TIES.items()))

    def fill(self, rules: RuleSet) -> None:
        """Shows a version in the fields."""
        values: dict[str, Any] = {
            **{f"points_{kind}": rules.points.get(kind, 0) for kind in KINDS},
            **{f"tariff_{code}": rules.tariff.get(code, 0) for code in TARIFF},
            **{f"tie_{place}": tie for place, tie in zip(TIE_PLACES, rules.tie_order, strict=False)},
            "cap_visit": rules.caps.get("visit"),
            "basis": rules.basis,
            "companion": int(rules.companion_share * 100),
            "minimum_consult": rules.minimum_bases.get("consult", 0),
            "minimum_application": rules.minimum_bases.get("application", 0),
        }
        self.show(values)

    def show(self, values: Mapping[str, Any]) -> None:
        """Puts values into the fields of these names."""
        for name, value in values.items():
            self._fields[name].data = value

    def rules(self) -> RuleSet:
        """The version that the fields hold; raises Invalid where they do not fit together."""
        cap = self.cap_visit.data
        return RuleSet(
            points={kind: self._fields[f"points_{kind}"].data for kind in KINDS},
            caps={} if cap is None else {"visit": cap},
            basis=self.basis.data,
            minimum_bases={
                "consult": self.minimum_consult.data or 0,
                "application": self.minimum_application.data or 0,
            },
            tie_order=tuple(self._fields[f"tie_{place}"].data for place in TIE_PLACES),
            companion_share=Fraction(self.companion.data or 0, 100),
            tariff={code: self._fields[f"tariff_{code}"].data for code in TARIFF},
        )


class ContestForm(RulesForm):
    """A contest in preparation. The code stays as it was first written."""

    code = Text(_l("Code"), [InputRequired()], most=40)
    name = Text(_l("Name"), [InputRequired()], most=120)
    starts_on = DateField(_l("First day"), [InputRequired()])
    ends_on = DateField(_l("Last day"), [InputRequired()])
    bell = TimeField(_l("Bell"), [InputRequired()])
    campaign_ids = Ticks(_l("Campaigns whose figures count"), coerce=id_or_none)
    team_ids = Ticks(_l("Teams that compete"), coerce=id_or_none)


class RuleVersionForm(RulesForm):
    """A further version of the rules."""

    in_force_from = DateTimeLocalField(_l("In force from"), [Optional()], format="%Y-%m-%dT%H:%M")
    reason = Text(_l("Reason"), [InputRequired()], most=300)


class AdjustmentForm(OnceForm):
    """A bonus or a penalty."""

    kind = SelectField(_l("Kind"), choices=choices(ADJUSTMENTS.items()))
    team_id = SelectField(_l("Team"), coerce=id_or_none)
    member_id = SelectField(_l("Person"), coerce=id_or_none)
    day = DateField(_l("Day"), [InputRequired()])
    points = DecimalField(_l("Points"), [Optional()], places=2)
    reason = Words(_l("Reason"), [InputRequired()], most=300)
