"""The two READMEs say the same, and nothing that is not there."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from crm import cli

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md")
REGISTRIES = ("pypi", "npmjs", "registry", "yarnpkg", "jsdelivr", "unpkg")


@pytest.fixture(params=READMES)
def readme(request) -> str:
    return (ROOT / request.param).read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[str]:
    """What stands between fences, without comments."""
    found = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [re.sub(r"\s+#.*", "", block) for block in found]


def test_every_make_target_is_one(readme):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b", readme))
    assert named - targets == set()
    documented = set(re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE))
    assert documented - named == set()


def dependencies() -> set[str]:
    """Names of all direct ones: running, developing, front end."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    package = json.loads((ROOT / "crm" / "static" / "package.json").read_text(encoding="utf-8"))
    python = {match.group() for line in lines if (match := re.match(r"[A-Za-z0-9_.-]+", line))}
    return python | set(package["dependencies"]) | set(package["devDependencies"])


def test_every_dependency_stands_in_the_table_with_a_reason_and_no_other(readme):
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", readme, flags=re.MULTILINE)
    packages = {name: reason.strip() for name, _use, reason in rows if not name.startswith("CRM_")}
    people = {"organiser", "lead1", "lead2", "m101", "manager", "auditor", "admin", "trainer"}
    assert set(packages) - people == dependencies()
    assert all(packages.values())


def test_both_have_the_same_headings_commands_and_table_rows():
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in READMES]
    levels = [re.findall(r"^(#+) ", without_code(text), flags=re.MULTILINE) for text in texts]
    assert levels[0] == levels[1]
    assert [text.count("\n|") for text in texts[:1]] == [text.count("\n|") for text in texts[1:]]
    commands = [[shlex.split(line) for block in blocks(text) for line in block.splitlines()] for text in texts]
    assert commands[0] == commands[1]
    assert len(commands[0]) > 20


def test_every_command_and_option_exists(readme):
    cli._collect()
    for line in "\n".join(blocks(readme)).splitlines():
        words = shlex.split(line)
        if words and Path(words[0]).name == "crm":
            command, rest = resolved(words[1:])
            with command.make_context(command.name, list(rest), resilient_parsing=True) as context:
                known = {option for param in command.get_params(context) for option in param.opts}
            assert {word for word in rest if word.startswith("--")} - known == set(), line


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = cli.crm
    while isinstance(command, click.Group):
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    return command, words


def test_every_setting_of_the_environment_is_told(readme):
    settings = (ROOT / "crm" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'"(CRM_[A-Z_]+)"', settings)) - {"CRM_DEMO"}  # set by `crm demo` alone
    assert set(re.findall(r"^\| `(CRM_[A-Z_]+)`", readme, flags=re.MULTILINE)) == read


def test_what_is_linked_is_there_and_no_registry_is_named(readme):
    links = re.findall(r"\]\(([^)\s]+)\)", readme)
    assert len([link for link in links if link.endswith(".png")]) == 3
    for link in links:
        assert not link.startswith("http"), link
        assert (ROOT / link).exists(), link
    addresses = re.findall(r"https?://[^\s`)]+", readme)
    assert [one for one in addresses if any(word in one for word in REGISTRIES)] == []
