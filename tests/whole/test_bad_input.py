"""Every form of every page against what no honest browser sends: a clear answer, nothing changed, no markup, no traceback."""

import io
import re
from collections.abc import Iterator

import pytest
from werkzeug.datastructures import MultiDict

from tests.conftest import Reset
from tests.whole.crawling import Form, addresses, fingerprint, forms_of, one_of_everything

SCRIPT = "<script>window.__xss=1</script>"
IMAGE = '"><img src=x onerror=1>'
BIG = str(2**63)
LONG = "长" * 300
ODD = "\u202e𠮷\x00\ud7ff"
TYPED = ("text", "textarea", "search", "tel", "email", "url", "password")
HOSTILE = {
    "typed": (LONG, SCRIPT + IMAGE, ODD, BIG),
    "number": (BIG, "-1", "1e308", "NaN"),
    "chosen": ("no-such-choice", BIG, ODD),
    "moment": ("2026-13-45", "0000-00-00", LONG, "9999-12-31"),
}
EXTRA = {"team_id": "2", "owner_id": "1", "role": "admin", "version": "0", "id": "1", "is_admin": "1"}
ASIDE = frozenset({"audit_entry", "submission", "sign_in_attempt", "address_failure"})
"""Tables that may tell of a refusal: it is written down, and nothing else."""
WHO = ("olga", "alice", "bob", "adam")
"""Whose pages are looked through for forms."""
KEPT = {"intake.columns": {"import_batch"}}
"""Forms that keep what was chosen although it was refused: a mapping is a draft, and without a good check it cannot be confirmed."""


@pytest.fixture
def bank(app, cast, actor, home):
    """One of everything, and how to come back to it."""
    ids = one_of_everything(cast, actor)
    return ids, Reset(app, home, "snapshot.db")


def class_of(kind: str) -> str:
    if kind in TYPED:
        return "typed"
    if kind in ("date", "datetime-local", "time", "month"):
        return "moment"
    return "number" if kind in ("number", "range") else "chosen"


def attacks(form: Form) -> Iterator[tuple[str, MultiDict]]:
    """What is sent, with a name for it: each field in turn, then everything at once."""
    for place, name in enumerate(form.names):
        values = HOSTILE[class_of(form.kind(name))]
        value = values[place % len(values)]  # in turn: what breaks a field of its kind breaks the next of them too
        yield f"{name}={value[:12]!r}", _with(form, **{name: value})
        without = form.data()
        without.poplist(name)
        yield f"without {name}", without
    first = form.data()
    for name in form.names:
        first.add(name, "1")
    yield "all twice", first
    for value in (LONG, SCRIPT, BIG, ODD, "NaN", ""):
        yield f"all {value[:8]!r}", MultiDict(dict.fromkeys(form.names, value))
    yield "unknown fields", MultiDict([*form.data().items(multi=True), *EXTRA.items()])


def _with(form: Form, **values: str) -> MultiDict:
    data = form.data()
    for name, value in values.items():
        data.setlist(name, [value])
    return data


def forms_for(app, client, ids) -> dict[tuple, Form]:
    """The forms on all pages of a person, each kind once: by where it leads, ids aside, and what it asks for."""
    found: dict[tuple, Form] = {}
    adapter = app.url_map.bind("localhost")
    for address in addresses(app, ids):
        answer = client.get(address)
        assert answer.status_code < 500, (address, answer.status_code)
        if answer.mimetype != "text/html":
            continue
        for form in forms_of(answer.text, address):
            if form.method == "dialog":
                continue
            endpoint, _ = adapter.match(form.action.partition("?")[0], method=form.method.upper())
            if endpoint in ("people.sign_out", "web.set_language"):
                continue
            found.setdefault((endpoint, form.method, *sorted(form.names)), form)
    return found


def send(client, form: Form, data: MultiDict):
    if form.method == "get":
        return client.get(form.action, query_string=data)
    upload = any(kind == "file" for _, kind, _ in form.fields)
    return client.post(form.action, data=data, content_type="multipart/form-data" if upload else None)


def complaint(endpoint, answer, before, after) -> str:
    if answer.status_code >= 500:
        return f"{answer.status_code}"
    if answer.mimetype == "text/html" and (SCRIPT in answer.text or "<img src=x" in answer.text):
        return "markup"
    changed = {name for name in after if after[name] != before[name]} - KEPT.get(endpoint, set())
    return f"{answer.status_code} but changed {sorted(changed)}" if answer.status_code >= 400 and changed else ""


@pytest.mark.slow
@pytest.mark.parametrize("name", WHO)
def test_no_form_breaks_or_changes_anything_when_it_is_refused(app, client_of, bank, name):
    ids, back = bank
    forms = forms_for(app, client_of(name), ids)
    assert len(forms) > 8
    # A form is a form: what one before has met with is not sent again by the next.
    for earlier in WHO[: WHO.index(name)]:
        for key in forms_for(app, client_of(earlier), ids):
            forms.pop(key, None)
    back()  # a workbook that was fetched on the way is written down
    wrong, before = [], fingerprint(aside=ASIDE)
    for key, form in forms.items():
        for what, data in attacks(form):
            answer = send(client_of(name), form, data)
            after = fingerprint(aside=ASIDE) if form.method == "post" else before
            said = complaint(key[0], answer, before, after)
            wrong += [f"{key[0]} {what}: {said}"] if said else []
            if form.method == "post" and (after != before or answer.status_code < 400):
                back()
    assert wrong == []


def test_markup_that_was_stored_is_shown_as_text(app, client_of, bank):
    ids, _ = bank
    olga = client_of("olga")
    for form in forms_for(app, olga, ids).values():
        if form.method == "post":
            texts = {name: SCRIPT + IMAGE for name in form.names if form.kind(name) in ("text", "textarea")}
            send(olga, form, _with(form, **texts))
    shown = [client_of(name).get(address) for name in ("olga", "alice") for address in addresses(app, ids)]
    pages = [answer.text for answer in shown if answer.mimetype == "text/html"]
    assert any("&lt;script&gt;window.__xss" in page for page in pages)  # it was stored somewhere
    assert not any(SCRIPT in page or "<img src=x" in page for page in pages)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["empty.csv", "broken.xlsx", "picture.png"])
def test_a_file_that_is_none_is_refused_with_words(app, client_of, language, name):
    contents = {
        "empty.csv": b"", "broken.xlsx": b"PK\x03\x04" + b"x" * 900, "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(900),
            }  # fmt: skip
    olga = client_of("olga")
    olga.set_cookie("crm_lang", language)
    before = fingerprint(aside=ASIDE)
    answer = olga.post("/imports/new/leads", data={"file": (io.BytesIO(contents[name]), name)})
    assert answer.status_code in (400, 422)
    assert f'lang="{"en" if language == "en" else "zh-Hans-CN"}"' in answer.text
    assert "Traceback" not in answer.text
    assert fingerprint(aside=ASIDE) == before


def test_a_body_of_25_mb_is_refused_before_it_is_read(app, client_of):
    kind = "multipart/form-data; boundary=x"
    answer = client_of("olga").post("/imports/new/leads", data=b"x" * 25_000_000, content_type=kind)
    assert answer.status_code == 413
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_of_errors_are_worded_in_the_readers_language(app, client_of, language):
    bob = client_of("bob")
    bob.set_cookie("crm_lang", language)
    for method, address, status in (("GET", "/nowhere", 404), ("GET", "/people/new", 403), ("PUT", "/leads", 405)):
        answer = bob.open(address, method=method)
        heading = re.search("<h1[^>]*>(.*?)</h1>", answer.text, re.DOTALL)
        assert answer.status_code == status
        assert heading is not None
        assert bool(re.search("[\u4e00-\u9fff]", heading[1])) is (language == "zh"), heading[1]
        assert "Traceback" not in answer.text
