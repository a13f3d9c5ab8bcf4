"""Sentences for what happens between a phone and the server."""

from typing import Any

from flask_babel import lazy_gettext as _l

ERRORS: dict[str, Any] = {
    "field.body": _l("This record cannot be read. It stays on the phone; export it and ask for help."),
    "field.choice": _l("Not a valid choice."),
    "field.conflict": _l(
        "Another record came under this number before. Both are kept, and somebody at the desk looks at them."
    ),
    "field.contested": _l(
        "Already registered by another team, on %(day)s. Your claim is with the referee; you will be told."
    ),
    "field.day": _l("Not a valid day."),
    "field.envelope": _l("This record cannot be opened. It stays on the phone; export it and ask for help."),
    "field.fields": _l("Something in this record is not right. Edit it and send it again."),
    "field.foreign": _l("This record was made by somebody else and waits for its author to sign in."),
    "field.form": _l("This version of the program cannot read the record yet."),
    "field.hash": _l("This record was changed on its way. It stays on the phone and is sent again."),
    "field.held": _l(
        "Kept by the server as it is: the record's form is not known here. Somebody at the desk looks at it."
    ),
    "field.held_right": _l("What waits for a decision is for organisers."),
    "field.how": _l("Say what was decided."),
    "field.json": _l("This is not what the phone pages send."),
    "field.lead_waits": _l(
        "The customer that this belongs to is not there: the record that made it was not taken in, or it is not yours to see."
    ),
    "field.needed": _l("This is needed."),
    "field.no_phone": _l("There is no such phone."),
    "field.no_record": _l("This account records no customers."),
    "field.not_held": _l("This record waits for nobody."),
    "field.not_leading": _l("This is for whoever leads the team."),
    "field.number": _l("Not a valid number."),
    "field.other_key": _l("This record was sealed for another installation. It stays on the phone."),
    "field.retry": _l("The server could not take this record in just now. It stays on the phone and is sent again."),
    "field.stage_known": _l("This stage was recorded before; nothing counts twice."),
    "field.text": _l("Not a text."),
    "field.too_large": _l("Too much at once: it has to be sent in parts."),
    "field.too_long": _l("Too long."),
    "field.too_many": _l("At most %(most)s records at once."),
    "photo.hash": _l("The photo was changed on its way."),
    "photo.kind": _l("This is no picture."),
    "photo.limit": _l("At most %(most)s photos a day."),
    "photo.not_found": _l("There is no such photo, or it is not yours to see."),
    "photo.offset": _l("The photo goes on from another place."),
    "photo.pixels": _l("The picture is too large."),
    "photo.size": _l("A photo may have %(most)s MB at most."),
}
ERRORS |= {
    "rescue.file": _l("This is not a file that the phone pages gave out."),
    "rescue.many": _l("A file may hold %(most)s records at most."),
}
ACTS: dict[str, Any] = {
    "field.phone_found": _l("Phone found again"),
    "field.phone_lost": _l("Phone reported lost"),
    "field.read_again": _l("Record of a phone read again"),
    "field.rescue": _l("Records taken in from a phone's file"),
    "field.settle": _l("Record of a phone decided on"),
}
SUBJECTS: dict[str, Any] = {"field_record": _l("Record of a phone")}
FIELD_NAMES: dict[str, Any] = {
    "amount_wan": _l("Amount needed"),
    "name": _l("Form of address"),
    "outcome": _l("Outcome"),
    "phone": _l("Mobile"),
    "trade": _l("Trade"),
}
KINDS: dict[str, Any] = {
    "lead": _l("Customer"),
    "note": _l("Note"),
    "stage": _l("Stage"),
    "tally": _l("Count"),
    "undo": _l("Undone visit"),
    "visit": _l("Visit"),
}
STATES: dict[str, Any] = {
    "accepted": _l("Taken in"),
    "contested": _l("With the referee"),
    "conflict": _l("Other content under a known number"),
    "held": _l("Form not known here"),
    "rejected": _l("Not taken in"),
    "foreign": _l("Somebody else's"),
    "retry": _l("To be tried again"),
}


def kind_label(code: str) -> Any:
    """The word for a kind of record; the code where there is none."""
    return KINDS.get(code, code)


def state_label(code: str) -> Any:
    """The word for what became of a record."""
    return STATES.get(code, code)


GLOBALS = {"field_kind_label": kind_label, "field_state_label": state_label}
