"""The shell of the phone pages: the same for everybody, whole in both languages, and all that it names is there."""

import json
import re
from pathlib import Path

import pytest
from flask_babel import force_locale

from crm.field.phone_words import words
from crm.web.locale import LOCALES

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "crm" / "static" / "js" / "phone"
LANGUAGES = pytest.mark.parametrize("lang", ["zh", "en"])


@LANGUAGES
def test_the_shell_is_the_same_for_everybody_and_holds_no_token(client_of, app, lang):
    texts = {client.get(f"/m/{lang}/").text for client in (client_of("bob"), client_of("mona"), app.test_client())}
    assert len(texts) == 1
    assert "csrf" not in texts.pop()


def test_the_language_is_that_of_the_address_not_that_of_the_reader(client_of):
    bob = client_of("bob")
    assert 'lang="en"' in bob.get("/m/en/").text.partition("<head>")[0]
    assert 'lang="zh-Hans-CN"' in bob.get("/m/zh/").text.partition("<head>")[0]
    assert bob.get("/m/").location == "/m/zh/"
    bob.set_cookie("crm_lang", "en")
    assert bob.get("/m/").location == "/m/en/"


def test_it_comes_compressed_to_who_accepts_that(client_of):
    answer = client_of("bob").get("/m/zh/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) < 16_000


def test_every_word_that_the_phone_asks_for_is_there(app):
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.js")))
    asked = set(re.findall(r'\bt\("([\w.]+)"[),]', source))
    with app.test_request_context():
        assert asked - set(words()) == set()
    assert len(asked) > 100


@LANGUAGES
def test_the_words_are_all_in_the_language_of_the_page(app, lang):
    with app.test_request_context(), force_locale(LOCALES[lang]):
        said = words()
    chinese = {key for key, text in said.items() if re.search(r"[\u3400-\u9fff]", text)}
    assert chinese == (set() if lang == "en" else set(said) - {"tab.pk", "tally.saved", "tally.undone", "measure.of"})


@LANGUAGES
def test_the_manifest_opens_the_phone_pages_and_names_icons_that_exist(client_of, lang):
    client = client_of("bob")
    answer = client.get(f"/m/{lang}/app.webmanifest")
    told = json.loads(answer.data)
    assert (answer.mimetype, told["start_url"], told["scope"]) == ("application/manifest+json", f"/m/{lang}/", "/m/")
    assert {(one["sizes"], one["purpose"]) for one in told["icons"]} >= {("192x192", "any"), ("512x512", "maskable")}
    for one in told["icons"]:
        assert client.get(one["src"]).data.startswith(b"\x89PNG")


def test_the_worker_keeps_the_shell_of_both_languages_and_nothing_of_a_person(client_of):
    client = client_of("bob")
    answer = client.get("/m/sw.js")
    assert answer.mimetype == "text/javascript"
    kept = json.loads(re.search(r"^const SHELL = (\[.*\]);$", answer.text, re.M)[1])
    assert {"/m/zh/", "/m/en/", "/m/zh/app.webmanifest", "/m/en/app.webmanifest"} < set(kept)
    assert [one for one in kept if not one.startswith("/m/")] == [
        one for one in kept if re.match(r"/static/.*\?v=\w+$", one)
    ]
    assert not any("/api/" in one for one in kept)
    for one in kept:
        assert client.get(one).status_code == 200, one


def test_the_tab_leads_who_records_to_the_phone_pages_and_nobody_else(client_of):
    assert client_of("bob").get("/m/record").location == "/m/zh/#record"
    assert client_of("mona").get("/m/record").status_code == 403
