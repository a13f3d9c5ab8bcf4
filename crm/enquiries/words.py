"""Words for the codes of this room, and the sentences for its refusals."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm.enquiries.rules import Outcome, State, Suspicion, TextState

ERRORS: dict[str, Any] = {
    "enquiry.campaign_closed": _l("The campaign takes no enquiries any more, so it needs no code."),
    "enquiry.closed": _l("This code takes no enquiries at present. Nothing was sent."),
    "enquiry.empty_text": _l("Write the headline, the text and the legal line."),
    "enquiry.limit": _l("Too many enquiries came in at once. Nothing was sent; please try again in an hour."),
    "enquiry.no_code": _l("There is no such code."),
    "enquiry.no_member": _l("This person is in no team of the campaign today."),
    "enquiry.no_notice": _l("There is no privacy notice yet, so nothing can be taken."),
    "enquiry.no_session": _l("This session belongs to another campaign, or was called off."),
    "enquiry.no_text": _l("There is no such text."),
    "enquiry.none": _l("There is no such enquiry."),
    "enquiry.not_yours": _l("This is for organisers, and for a team's lead in the own team."),
    "enquiry.old_form": _l("The form was open for too long. What you typed is still here: please send it again."),
    "enquiry.revoked": _l("This code was revoked already."),
    "enquiry.second_person": _l("A text is approved by a second person: somebody of the bank who did not write it."),
    "enquiry.settled": _l("This enquiry was looked at already."),
    "enquiry.stale_notice": _l(
        "The notice has changed meanwhile. Please read it as it stands now, and tick the box again."
    ),
    "enquiry.text_fixed": _l("An approved text is never changed: write a new one."),
}

ACTS: dict[str, Any] = {
    "enquiries.approve_text": _l("Poster text approved"),
    "enquiries.asked_again": _l("Known customer asked again by QR code"),
    "enquiries.change_text": _l("Poster text changed"),
    "enquiries.drop": _l("Held-back enquiry dropped"),
    "enquiries.make_code": _l("QR code made"),
    "enquiries.receive": _l("Enquiry received by QR code"),
    "enquiries.release": _l("Held-back enquiry let in"),
    "enquiries.retire_text": _l("Poster text retired"),
    "enquiries.revoke_code": _l("QR code revoked"),
    "enquiries.withdraw": _l("Consent withdrawn by the customer's link"),
    "enquiries.write_text": _l("Poster text written"),
}

SUBJECTS: dict[str, Any] = {
    "enquiry": _l("Enquiry"),
    "poster_code": _l("QR code"),
    "poster_text": _l("Poster text"),
}

TEXT_STATES = {
    TextState.DRAFT: _l("Draft"),
    TextState.APPROVED: _l("Approved for printing"),
    TextState.RETIRED: _l("Retired"),
}
STATES = {
    State.TAKEN: _l("Taken in"),
    State.QUARANTINED: _l("Held back"),
    State.DROPPED: _l("Dropped"),
    State.WITHDRAWN: _l("Withdrawn"),
}
OUTCOMES = {
    Outcome.NEW: _l("New customer"),
    Outcome.AGAIN: _l("Known customer, asked again"),
    Outcome.CLASH: _l("Another team's customer"),
}
SUSPICIONS = {
    Suspicion.HONEYPOT: _l("A field that nobody sees was filled in"),
    Suspicion.TOO_FAST: _l("Filled in within three seconds"),
}
_WORDS: dict[str, Any] = {str(one): word for words in (STATES, OUTCOMES, SUSPICIONS) for one, word in words.items()}


def enquiry_word(code: str) -> str:
    """The word for a state, an outcome or a suspicion; "" for none."""
    return str(_WORDS.get(code, code))


def text_state(code: str) -> str:
    """The word for the state of a poster's text."""
    return str(TEXT_STATES[TextState(code)])


def nobody() -> str:
    """Stands for an author that the installation is."""
    return _("Supplied with the product")


GLOBALS: dict[str, Any] = {
    "enquiry_word": enquiry_word,
    "poster_text_state": text_state,
    "poster_text_supplied": nobody,
}

MESSAGES: dict[str, Any] = {
    "enquiry.withdrawn": lambda facts: _(
        "By the link of an enquiry somebody withdrew for a customer of yours. Ask the customer, and mark who must not be contacted."
    ),
}
