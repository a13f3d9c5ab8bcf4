"""Both languages are whole: each message in the code has its Chinese; the check that says so has been seen to fail."""

from pathlib import Path

import pytest

from crm.packaging.translations import check_translations, compile_translations

ROOT = Path(__file__).resolve().parents[2]
HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
GREETING = 'msgid "Good morning, %(name)s"\nmsgstr "%(name)s，早上好"\n'


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """A tree with one template, one module and a catalogue that is whole."""
    write(tmp_path, "templates/hello.html", "{{ _('Good morning, %(name)s', name=name) }}")
    write(tmp_path, "crm/leads/views.py", "from flask_babel import gettext as _\n")
    write(tmp_path, "crm/translations/zh_Hans_CN/web.po", HEADER + GREETING)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def add(root: Path, name: str, text: str) -> None:
    write(root, name, (root / name).read_text(encoding="utf-8") + text)


def test_every_message_of_the_product_has_its_chinese() -> None:
    findings = check_translations(ROOT)
    assert findings.problems == [], "\n".join(findings.problems)


def test_a_whole_catalogue_has_no_problem(small_tree: Path) -> None:
    findings = check_translations(small_tree)
    assert (findings.problems, findings.warnings, findings.messages) == ([], [], 1)


@pytest.mark.parametrize(
    "line",
    [
        "_('Missing')",
        "gettext('Missing')",
        "lazy_gettext('Missing')",
        "_l('Missing')",
        "ngettext('Missing', '%(num)s missing', 2)",
        "lazy_ngettext('Missing', '%(num)s missing', 2)",
    ],
)
def test_a_message_without_chinese_is_named(small_tree: Path, line: str) -> None:
    add(small_tree, "crm/leads/views.py", f"x = {line}\n")
    assert check_translations(small_tree).problems == ["crm/leads/views.py:2: no Chinese for 'Missing'"]


def test_a_message_in_a_trans_block_is_seen(small_tree: Path) -> None:
    write(small_tree, "templates/leads/list.html", "<p>{% trans %}Missing{% endtrans %}</p>")
    assert check_translations(small_tree).problems == ["templates/leads/list.html:1: no Chinese for 'Missing'"]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ('msgid "Missing"\nmsgstr ""\n', "has no Chinese"),
        ('#, fuzzy\nmsgid "Missing"\nmsgstr "缺少"\n', "is marked fuzzy"),
        ('msgid "Missing"\nmsgstr "缺少 %(what)s"\n', "placeholders"),
    ],
)
def test_an_entry_that_is_not_usable_is_named(small_tree: Path, entry: str, says: str) -> None:
    add(small_tree, "crm/leads/views.py", "x = _('Missing')\n")
    write(small_tree, "crm/translations/zh_Hans_CN/leads.po", HEADER + entry)
    (problem,) = check_translations(small_tree).problems
    assert says in problem


def test_two_rooms_that_translate_one_message_differently_are_named(small_tree: Path) -> None:
    write(small_tree, "crm/translations/zh_Hans_CN/leads.po", HEADER + GREETING.replace("早上好", "早"))
    (problem,) = check_translations(small_tree).problems
    assert "reads otherwise in crm/translations/zh_Hans_CN/leads.po" in problem


def test_the_same_text_in_two_rooms_is_no_problem(small_tree: Path) -> None:
    write(small_tree, "crm/translations/zh_Hans_CN/leads.po", HEADER + GREETING)
    assert check_translations(small_tree).problems == []


def test_an_entry_that_nothing_uses_is_a_warning_only(small_tree: Path) -> None:
    write(small_tree, "crm/translations/zh_Hans_CN/leads.po", HEADER + 'msgid "Old"\nmsgstr "旧"\n')
    findings = check_translations(small_tree)
    assert findings.problems == []
    assert "no longer used: 'Old'" in findings.warnings[0]


def test_a_bare_per_cent_sign_in_a_template_is_named(small_tree: Path) -> None:
    write(small_tree, "templates/rates.html", "{{ _('under 50% of all') }}")
    write(small_tree, "crm/translations/zh_Hans_CN/rates.po", HEADER + 'msgid "under 50% of all"\nmsgstr "不足五成"\n')
    (problem,) = check_translations(small_tree).problems
    assert "bare % sign" in problem


def test_a_chinese_message_in_the_code_is_named(small_tree: Path) -> None:
    write(small_tree, "templates/rates.html", "{{ _('申请率') }}")
    write(small_tree, "crm/translations/zh_Hans_CN/rates.po", HEADER + 'msgid "申请率"\nmsgstr "申请率"\n')
    (problem,) = check_translations(small_tree).problems
    assert "written in English" in problem


@pytest.mark.parametrize(
    "markup",
    [
        "<p>Hello</p>",
        "<p>你好</p>",
        '<input placeholder="Hello">',
        "{% block content %}Hello{% endblock %}",
        "{% if late %}Hello{% endif %}",
    ],
)
def test_text_outside_of_a_message_is_named(small_tree: Path, markup: str) -> None:
    write(small_tree, "templates/hello.html", "{{ _('Good morning, %(name)s', name=name) }}\n" + markup)
    (problem,) = check_translations(small_tree).problems
    assert problem.startswith("templates/hello.html:2: not translated: ")


@pytest.mark.parametrize(
    "markup",
    [
        "{# a note #}",
        '<p class="wt-card" data-poll="yes">{{ name }} &nbsp; Excel, 12:30</p>',
        '<script type="application/json">{"kind": "bar"}</script>',
        "{% block body_class %}wt-desk{% endblock %}",
    ],
)
def test_what_nobody_reads_needs_no_translation(small_tree: Path, markup: str) -> None:
    write(small_tree, "templates/hello.html", "{{ _('Good morning, %(name)s', name=name) }}\n" + markup)
    assert check_translations(small_tree).problems == []


def test_fragments_become_one_catalogue_and_only_when_they_changed(small_tree: Path) -> None:
    target = small_tree / "crm/translations/zh_Hans_CN/LC_MESSAGES/messages.mo"
    assert compile_translations(small_tree)
    assert "早上好".encode() in target.read_bytes()
    assert not compile_translations(small_tree)
    add(small_tree, "crm/translations/zh_Hans_CN/web.po", '\nmsgid "New"\nmsgstr "新"\n')
    assert compile_translations(small_tree)
    assert "新".encode() in target.read_bytes()
