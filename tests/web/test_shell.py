"""What every answer carries: headers, the language, errors in the reader's words, and no way in without a right."""

import gzip
import re

import pytest

from crm.web import guards, wording
from crm.wiring import GRANTS, NAVIGATION, TABS


def test_every_answer_carries_the_headers(client_of):
    for path in ("/sign-in", "/healthz", "/no-such-page", "/account", "/static/css/waituo.css"):
        with client_of("bob").get(path) as answer:
            headers = answer.headers
        assert "script-src 'self'" in headers["Content-Security-Policy"], path
        assert "unsafe-inline" not in headers["Content-Security-Policy"], path
        assert headers["X-Content-Type-Options"] == "nosniff", path


@pytest.mark.parametrize("name", ["css/waituo.css", "js/waituo.js", "vendor/tabler.min.css", "vendor/htmx.min.js"])
def test_what_a_phone_loads_first_is_compressed(client_of, name):
    client = client_of(None)
    with (
        client.get(f"/static/{name}") as plain,
        client.get(f"/static/{name}", headers={"Accept-Encoding": "gzip"}) as packed,
    ):
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["ETag"] != plain.headers["ETag"]
        assert packed.mimetype == plain.mimetype
        assert gzip.decompress(packed.data) == plain.data
        assert len(packed.data) < len(plain.data) / 2


def test_pages_with_personal_data_are_kept_by_no_cache(client_of):
    assert client_of("bob").get("/account").headers["Cache-Control"] == "no-store"


def test_the_language_is_chinese_first_switched_and_remembered_with_the_person(client_of):
    bob = client_of("bob")
    assert "我的账号" in bob.get("/account").text
    bob.post("/language", data={"language": "en", "next": "/account"})
    assert "My account" in bob.get("/account").text
    assert "My account" in client_of("bob").get("/account").text
    assert "登录" in client_of(None).get("/sign-in").text
    assert bob.post("/language", data={"language": "xx"}).status_code == 400


def test_an_error_is_worded_in_the_language_of_the_reader(client_of):
    client = client_of("bob")
    chinese = client.get("/no-such-page")
    client.set_cookie("crm_lang", "en")
    english = client.get("/no-such-page")
    assert chinese.status_code == english.status_code == 404
    assert chinese.text != english.text


def test_a_program_gets_its_error_as_data(client_of):
    answer = client_of("adam").get("/people/9999", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["error"]) == (404, "people.no_user")


@pytest.mark.parametrize(("language", "words"), [("zh", "您没有权限打开"), ("en", "You may not open this")])
def test_what_has_no_sentence_of_its_own_is_told_to_programs_in_the_words_of_its_page(client_of, language, words):
    bob = client_of("bob")
    bob.set_cookie("crm_lang", language)
    page, data = (bob.get("/people/new", headers={"Accept": kind}) for kind in ("text/html", "application/json"))
    assert data.status_code == 403
    assert words in data.json["message"]
    assert data.json["message"] in page.text


def test_a_character_that_no_text_can_hold_is_refused_wherever_it_stands(client_of):
    alice = client_of("alice")
    for answer in (
        alice.get("/leads?q=%00"),
        alice.post("/language", data={"language": "en\0", "next": "/account"}),
        alice.post("/language?next=%00", data={"language": "en"}),
    ):
        assert answer.status_code == 422
        assert "无法保存的字符" in answer.text


def test_a_route_that_declares_nothing_answers_nobody(app, client_of, monkeypatch):
    monkeypatch.setitem(app.view_functions, "web.help_page", lambda: "bare")
    assert guards.permission_of(app, "web.help_page") is None
    assert client_of("adam").get("/help").status_code == 403


def test_every_entry_of_the_navigation_names_a_permission_that_some_role_has():
    held = frozenset().union(*GRANTS.values())
    for group in (*NAVIGATION, *TABS):
        for entry in group.entries:
            assert entry.permission in held, entry.endpoint


@pytest.mark.parametrize("name", ["adam", "alice", "audrey", "bob", "mona", "olga", "tim"])
def test_every_person_has_a_help_page_and_a_navigation_that_opens(client_of, name):
    client = client_of(name)
    assert client.get("/help").status_code == 200


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("bob", ["今日", "记一笔", "线索客户", "PK", "晨会夕会"]),
        ("mona", ["今日", "线索客户", "PK", "晨会夕会"]),
        ("tim", ["今日", "PK", "晨会夕会"]),
        ("adam", []),  # one page alone needs no tabs
    ],
)
def test_the_thumb_finds_what_is_opened_in_the_street(client_of, name, titles):
    page = client_of(name).get("/today").text
    tabs = "".join(re.findall(r'<nav class="wt-tabs".*?</nav>', page, re.S))
    assert re.findall(r"<span>(.*?)</span>", tabs) == titles
    assert tabs.count("aria-current") == bool(titles)


def test_the_words_of_the_trade_are_explained_in_both_languages(client_of):
    bob = client_of("bob")
    assert "有效走访" in bob.get("/help").text
    bob.set_cookie("crm_lang", "en")
    assert "Valid visit" in bob.get("/help").text


def test_sentences_fill_in_their_facts_and_an_unknown_code_is_named(app):
    from crm.kernel.errors import Invalid

    with app.test_request_context():
        assert "5" in wording.sentence(Invalid("password.short", least=5))
        assert "no.such_code" in wording.sentence(Invalid("no.such_code"))
        assert wording.sentence(Invalid("password.short", other=1))
