"""Two windows on one record: what the first has saved is not overwritten by what the second saw before."""

from html import escape

from crm.kernel.errors import Conflict
from crm.web.wording import sentence
from tests.whole.conftest import ASIDE
from tests.whole.crawling import contents
from tests.whole.sending import Sent, accepted, changed_in_place, filled, send, typed

QUIET: dict[str, str] = {
    "intake.confirm": "pressing again shows the work that the first press has begun",
}
"""Forms whose second sending changes nothing, but is no error, with the reason."""
BESIDE: dict[str, str] = {
    "campaigns.new_session": "puts a session beside the others: nothing is overwritten",
}
"""Forms that touch a row with a version only because they add something to it, with the reason."""
_OWN = "one's own account: nobody else writes it"
_STEP = "one step, which the command refuses or leaves alone where the record does not stand so any more"
_FACT = "states one fact of a lead; each statement stays in its story"
WITHOUT: dict[str, str] = {
    "campaigns.cancel_session": _STEP,
    "campaigns.save_district": "puts one district in or takes one out, whatever the others are",
    "contest.appeal_clash": _STEP,
    "contest.confirm_rules": _STEP,
    "field.report_lost": "ends the sessions of a person whose phone is gone, whatever was changed of them meanwhile",
    "intake.cancel": _STEP,
    "intake.undo": _STEP,
    "leads.assign": _FACT,
    "leads.bulk_assign": _FACT,
    "leads.feedback": "the ledger takes further entries only; a stage is reached once",
    "leads.follow_up": _FACT,
    "leads.intent": _FACT,
    "leads.leave": _STEP,
    "leads.merge_in": _STEP,
    "leads.no_contact": _STEP,
    "leads.reopen": _STEP,
    "leads.stage": "the ledger takes further entries only; a stage is reached once",
    "leads.undo_merge": _STEP,
    "leads.void": _STEP,
    "leads.withdraw": _STEP,
    "outreach.unlock": _STEP,
    "people.change_password": _OWN,
    "people.end_sessions": _OWN,
    "people.issue_token": "a further link ends the one before, which is what is asked for",
    "people.sign_out": _OWN,
    "web.set_language": _OWN,
}
"""Forms that change a row with a version and carry none, with the reason."""


def test_a_second_window_overwrites_nothing(client_of, full_bank):
    keys = [key for key in full_bank.forms if "version" in key]
    assert len(keys) > 15
    wrong = [f"{key[0]}: {said}" for key in keys for said in _two_windows(client_of, full_bank, key)]
    assert not wrong, "\n".join(wrong)


def _two_windows(client_of, bank, key) -> list[str]:
    sent = accepted(client_of, bank, key)
    assert isinstance(sent, Sent), (key[0], sent)
    made = not changed_in_place(sent.before, sent.after) and sent.form.page.endswith("/new")
    if made or key[0] in BESIDE:
        return []  # it makes a record: there is none to be overwritten
    late = filled(key[0], sent.form, 2)
    answer = send(client_of, sent.who, sent.form, late)
    wrong = []
    if contents(aside=ASIDE) != sent.after:
        wrong.append("overwritten")
    if key[0] in QUIET:
        return wrong
    if answer.status_code < 400 or not (answer.status_code == 409 or _stale() in answer.text):
        wrong.append(f"answered {answer.status_code}")
    lost = [words for words in typed(sent.form, late) if escape(words) not in answer.text]
    return wrong + ([f"lost {lost}"] if lost else [])


def _stale() -> str:
    return sentence(Conflict("form.stale"))


def test_a_form_that_edits_a_row_with_a_version_carries_it(client_of, full_bank):
    edits = {}
    for key in full_bank.forms:
        if "version" in key:
            continue
        sent = accepted(client_of, full_bank, key)
        assert isinstance(sent, Sent), (key[0], sent)
        changed = changed_in_place(sent.before, sent.after)
        if changed:
            edits[key[0]] = changed
    wrong = {name: tables for name, tables in edits.items() if name not in WITHOUT}
    assert not wrong, "\n".join(map(str, wrong.items()))
    assert WITHOUT.keys() == edits.keys()
