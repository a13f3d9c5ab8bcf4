"""Every form that writes, sent twice: by a double click, or by hand because the answer to the first was lost on the way."""

from html import escape

from crm.kernel.errors import Conflict
from crm.web.wording import sentence
from tests.whole.conftest import ASIDE
from tests.whole.crawling import contents, forms_of
from tests.whole.sending import Sent, accepted, filled, grown, send, typed

UNREACHED: dict[str, str] = {
    "field.open_own": "the phone pages ask it; it makes nothing",
    "field.phone_of_lead": "the phone pages ask it; each look at a phone is written down, and the limit counts it",
    "field.sync": "the phone pages send it; each record carries its own id (tests/field)",
    "people.sign_in": "its page is for people who are not signed in, and it makes no row but the log of attempts",
    "enquiries.ask": "its address is the secret of a code, and its form is for people without an account",
    "enquiries.take_out": "its address is the secret of one person's receipt",
    "people.welcome": "its address holds a secret that no page shows again",
}
"""Addresses that write and to which no form of a signed-in person's pages leads, with the reason."""
_REVISION = (
    "carries the revision that was read: the same again is no further revision, other words on an old one are refused"
)
SAFE_WITHOUT: dict[str, str] = {
    "campaigns.save_district": "a campaign has a district once; each button adds another one",
    "enquiries.make_code": "a campaign, session or member has one living code; the page offers other ones",
    "leads.feedback": "a lead reaches a stage once; the page offers the next one",
    "leads.intent": "stating the intent that holds already writes nothing",
    "leads.merge_in": "a lead is merged once; the page offers further ones",
    "leads.reveal": "each look at a phone is written down, and the limit counts it",
    "leads.stage": "a lead reaches a stage once; the page offers the next one",
    "meetings.attendance": "calling the roll as it holds already writes nothing",
    "meetings.minutes": _REVISION,
    "meetings.open_room": "a slot has one meeting; the page offers other slots",
    "meetings.passed": _REVISION,
    "meetings.pledges": "a pledge that says what holds already writes nothing",
    "meetings.routes": _REVISION,
}
"""Forms that make a row each time they are opened and sent, but carry no id of the sender, with the reason."""
EACH_TIME = {"leads.reveal"}
"""Of these, those whose second sending does make a row, as it should."""


def test_every_form_that_writes_can_be_sent_with_success(app, client_of, full_bank):
    never, reached = [], set()
    for key in full_bank.forms:
        sent = accepted(client_of, full_bank, key)
        if isinstance(sent, Sent):
            reached.add(key[0])
        else:
            never.append(f"{key[0]}: {sent[:3]}")
    writing = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert never == []
    assert writing - reached == UNREACHED.keys()


def test_a_form_with_the_senders_id_is_taken_once(client_of, full_bank):
    keys = [key for key in full_bank.forms if "client_uid" in key]
    assert len(keys) > 20
    wrong = [f"{key[0]}: {said}" for key in keys for said in _twice(client_of, full_bank, key)]
    assert not wrong, "\n".join(wrong)


def _twice(client_of, bank, key) -> list[str]:
    sent = accepted(client_of, bank, key)
    assert isinstance(sent, Sent), (key[0], sent)
    wrong = []
    again = send(client_of, sent.who, sent.form, sent.data)
    if (again.status_code, again.location or "") != sent.answer:
        wrong.append(f"answered {again.status_code} {again.location} after {sent.answer}")
    if contents(aside=ASIDE) != sent.after:
        wrong.append("did it again")
    other = filled(key[0], sent.form, 2)
    other["client_uid"] = sent.data["client_uid"]
    answer = send(client_of, sent.who, sent.form, other)
    if answer.status_code != 409 or str(sentence(Conflict("submission.other_content"))) not in answer.text:
        wrong.append(f"other content: {answer.status_code}")
    if contents(aside=ASIDE) != sent.after:
        wrong.append("other content changed something")
    lost = [words for words in typed(sent.form, other) if escape(words) not in answer.text]
    wrong += [f"lost {lost}"] if lost else []
    if str(other["client_uid"]) in answer.text:
        wrong.append("keeps an id that can never be taken")
    return wrong


def test_a_form_that_makes_rows_carries_the_senders_id(client_of, full_bank):
    wrong, without = [], set()
    for key in full_bank.forms:
        if "client_uid" in key:
            continue
        sent = accepted(client_of, full_bank, key)
        assert isinstance(sent, Sent), (key[0], sent)
        if not grown(sent.before, sent.after):
            continue
        send(client_of, sent.who, sent.form, sent.data)
        more = grown(sent.after, contents(aside=ASIDE))
        made = more or _made_anew(client_of, full_bank, sent)
        if made:
            without.add(key[0])
        if more and key[0] not in EACH_TIME:
            wrong.append(f"{key[0]}: the same bytes again made rows in {more}")
        if made and key[0] not in SAFE_WITHOUT:
            wrong.append(f"{key[0]}: makes rows in {made} each time and carries no client_uid")
    assert not wrong, "\n".join(wrong)
    assert SAFE_WITHOUT.keys() == without


def _made_anew(client_of, bank, sent: Sent) -> list[str]:
    """What a second sending makes when the page is opened anew in between."""
    page = client_of(sent.who).get(sent.form.page)
    forms = forms_of(page.text, sent.form.page) if page.mimetype == "text/html" else []
    for form in forms:
        if form.action == sent.form.action and form.sendable:
            before = contents(aside=ASIDE)
            send(client_of, sent.who, form, filled(sent.endpoint, form, 2))
            made = grown(before, contents(aside=ASIDE))
            if made:
                return made
    return []


def test_no_secret_is_kept_with_the_senders_id(full_bank):
    """What a submission held is kept as a hash, which a password is too short for."""
    forms = [form for found in full_bank.forms.values() for _, form in found]
    assert not [
        form.action for form in forms if "client_uid" in form.names and "password" in map(form.kind, form.names)
    ]
