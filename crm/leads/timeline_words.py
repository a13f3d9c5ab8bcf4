"""The timeline of a lead in sentences."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _

from crm.kernel.clock import zone
from crm.leads import words
from crm.leads.timeline import Line
from crm.web.locale import day

_TONES = {
    "stage": ("clipboard-check", "good"),
    "void": ("arrow-back-up", "warn"),
    "intent": ("star", "info"),
    "consent": ("shield-check", "info"),
    "reveal": ("eye", "warn"),
    "created": ("user-plus", "good"),
    "edited": ("pencil", "plain"),
    "assigned": ("user", "plain"),
    "note": ("message", "plain"),
    "follow_up": ("calendar-event", "info"),
    "exit": ("logout", "warn"),
    "reopened": ("refresh", "good"),
    "merged": ("git-merge", "info"),
    "parted": ("git-merge", "warn"),
    "clash": ("flag-3", "bad"),
    "clash_appealed": ("flag-3", "warn"),
    "clash_decided": ("flag-3", "good"),
    "no_contact": ("hand-stop", "bad"),
    "withdrawn": ("shield", "bad"),
    "imported": ("file-import", "info"),
    "enquiry": ("device-mobile", "good"),
    "asked_again": ("device-mobile", "warn"),
}


@dataclass(frozen=True)
class Sentence:
    """A line as the timeline macro shows it; `when` is in the bank's zone."""

    when: datetime
    title: str
    who: str
    symbol: str
    tone: str
    detail: str
    voided: bool
    late: bool
    entry_id: int | None
    voidable: bool


def worded(line: Line, zone_name: str) -> Sentence:
    """One line in the reader's language."""
    title, detail = _WORDS.get(line.kind, _other)(line, zone_name)
    symbol, tone = _TONES.get(line.kind, ("clock", "plain"))
    return Sentence(
        when=line.at.astimezone(zone(zone_name)),
        title=title,
        who=line.who,
        symbol=symbol,
        tone=tone,
        detail=detail,
        voided=line.voided,
        late=line.late,
        entry_id=line.entry_id,
        voidable=line.voidable,
    )


def _stage(line: Line, zone_name: str) -> tuple[str, str]:
    facts = line.facts
    title = words.stage_label(facts["stage"])
    if line.implied:
        title = _("%(stage)s, implied by the later stage", stage=title)
    parts = []
    if facts["case_number"]:
        parts.append(_("Case number %(number)s", number=facts["case_number"]))
    if facts["team"]:
        parts.append(_("For team %(team)s", team=facts["team"]))
    if facts["credited"]:
        parts.append(_("Credited to %(name)s", name=facts["credited"]))
    if facts["acted"] not in ("", facts["credited"]):
        parts.append(_("Done by %(name)s", name=facts["acted"]))
    parts += _clocks(line, zone_name)
    if line.voided:
        parts.append(_("Undone: %(reason)s", reason=_reason(facts["void_reason"])))
    elif not line.counts:
        parts.append(_("Does not count: an earlier entry of this stage does"))
    return title, " · ".join(parts)


def _clocks(line: Line, zone_name: str) -> list[str]:
    facts, bank = line.facts, zone(zone_name)
    told = []
    if facts["recorded_at"] != line.at:
        told.append(_("Recorded %(moment)s", moment=f"{facts['recorded_at'].astimezone(bank):%Y-%m-%d %H:%M}"))
    if facts["received_at"] != facts["recorded_at"]:
        told.append(_("Received %(moment)s", moment=f"{facts['received_at'].astimezone(bank):%Y-%m-%d %H:%M}"))
    if facts["occurred_raw"] is not None:
        told.append(_("The phone said %(moment)s", moment=f"{facts['occurred_raw'].astimezone(bank):%Y-%m-%d %H:%M}"))
    return told


def _void(line: Line, zone_name: str) -> tuple[str, str]:
    return _("%(stage)s undone", stage=words.stage_label(line.facts["stage"])), _reason(line.facts["reason"])


def _reason(reason: str) -> str:
    """What a person wrote stands as it is; an import taken back is told by its number."""
    kind, _colon, number = reason.partition(":")
    return _("Import %(number)s was undone", number=number) if kind == "import" and number.isdecimal() else reason


def _intent(line: Line, zone_name: str) -> tuple[str, str]:
    return _("Intent stated"), words.label(words.INTENTS, line.facts["intent"])


def _consent(line: Line, zone_name: str) -> tuple[str, str]:
    facts = line.facts
    how = words.label(words.HOW, facts["how"])
    title = _("Consent to the enquiry: %(how)s", how=how) if facts["enquiry"] else _("No consent any more")
    return title, words.consent_words(facts["marketing"], facts["financial"]) if facts["enquiry"] else ""


def _reveal(line: Line, zone_name: str) -> tuple[str, str]:
    return _("Full phone shown"), words.label(words.REVEAL_REASONS, line.facts["reason"])


def _created(line: Line, zone_name: str) -> tuple[str, str]:
    return _("Lead registered"), ""


def _imported(line: Line, zone_name: str) -> tuple[str, str]:
    return _("Brought in from a sheet"), ""


def _edited(line: Line, zone_name: str) -> tuple[str, str]:
    changes = line.facts.get("changes", {})
    told = [_change(name, before, after) for name, (before, after) in changes.items()]
    return _("Card changed"), " · ".join(told)


def _change(name: str, before: Any, after: Any) -> str:
    field = words.label(words.FIELDS, name)
    if name in ("details", "note", "district_id"):
        return field
    known: dict[str, Callable[[str], str]] = {
        "trade": words.trade_label, "segment": words.segment_label, "approach": words.approach_label, "need": words.need_label,
    }  # fmt: skip
    word = known.get(name, str)
    return _(
        "%(field)s: %(before)s → %(after)s",
        field=field,
        before=word(before or "") or "—",
        after=word(after or "") or "—",
    )


def _assigned(line: Line, zone_name: str) -> tuple[str, str]:
    return _("Assigned to %(name)s", name=line.facts.get("to_name") or "—"), line.facts.get("before_name") or ""


def _note(line: Line, zone_name: str) -> tuple[str, str]:
    return _("Note"), line.facts.get("text", "")


def _follow_up(line: Line, zone_name: str) -> tuple[str, str]:
    on = line.facts.get("on")
    title = _("Next contact on %(day)s", day=day(date.fromisoformat(on))) if on else _("No further contact planned")
    return title, line.facts.get("text", "")


def _exit(line: Line, zone_name: str) -> tuple[str, str]:
    return _("Left: %(reason)s", reason=words.exit_label(line.facts.get("code", ""))), line.facts.get("text", "")


def _reopened(line: Line, zone_name: str) -> tuple[str, str]:
    return _("Lead taken up again"), line.facts.get("text", "")


def _merged(line: Line, zone_name: str) -> tuple[str, str]:
    return _(
        "Lead %(lose)s merged into lead %(keep)s", lose=line.facts["lose"], keep=line.facts["keep"]
    ), line.facts.get("text", "")


def _parted(line: Line, zone_name: str) -> tuple[str, str]:
    return _(
        "Lead %(lose)s parted from lead %(keep)s", lose=line.facts["lose"], keep=line.facts["keep"]
    ), line.facts.get("text", "")


def _clash(line: Line, zone_name: str) -> tuple[str, str]:
    return _("Another team claims this customer too"), words.match_label(line.facts.get("matched_by", ""))


def _clash_decided(line: Line, zone_name: str) -> tuple[str, str]:
    title = {
        "holder": _("Referee: the customer stays with the team that registered first"),
        "claimant": _("Referee: the customer goes to the team that claimed it too"),
    }.get(line.facts.get("outcome", ""), _("Referee: two different customers"))
    return title, line.facts.get("text", "")


def _clash_appealed(line: Line, zone_name: str) -> tuple[str, str]:
    return _("The referee's decision was appealed against"), ""


def _no_contact(line: Line, zone_name: str) -> tuple[str, str]:
    return _("Not to be contacted any more"), _why(line)


def _withdrawn(line: Line, zone_name: str) -> tuple[str, str]:
    what = words.label(words.ENDED, line.facts.get("what", ""))
    return _("Consent withdrawn: %(what)s", what=what), _why(line)


def _why(line: Line) -> str:
    """What a person wrote stands as it is; who withdrew on the public page wrote nothing."""
    text = str(line.facts.get("text", ""))
    return _("By the customer's own link") if text == "qr" else text


def _enquiry(line: Line, zone_name: str) -> tuple[str, str]:
    return _("Asked for a call by QR code"), _asked(line)


def _asked_again(line: Line, zone_name: str) -> tuple[str, str]:
    return _("Asked again by QR code"), _asked(line)


def _asked(line: Line) -> str:
    facts, told = line.facts, []
    if facts.get("need"):
        told.append(_("Need: %(need)s", need=words.need_label(facts["need"])))
    if facts.get("staff"):
        told.append(_("From a staff device"))
    if facts.get("no_contact"):
        told.append(_("The mark against contacts stands: an organiser decides"))
    return " · ".join(told)


def _other(line: Line, zone_name: str) -> tuple[str, str]:
    return line.kind, str(line.facts.get("text", ""))


_WORDS: dict[str, Callable[[Line, str], tuple[str, str]]] = {
    "stage": _stage, "void": _void, "intent": _intent, "consent": _consent, "reveal": _reveal, "created": _created,
    "imported": _imported, "edited": _edited, "assigned": _assigned, "note": _note, "follow_up": _follow_up, "exit": _exit,
    "reopened": _reopened, "merged": _merged, "parted": _parted, "clash": _clash,
    "clash_decided": _clash_decided, "clash_appealed": _clash_appealed, "no_contact": _no_contact, "withdrawn": _withdrawn,
    "enquiry": _enquiry, "asked_again": _asked_again,
}  # fmt: skip
