"""The terminal names the tab of a workbook and the encoding of a text file, as the pages do."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crm.intake import console
from crm.kernel import terminal
from crm.people.queries import user_by_login
from tests.intake.test_pages import people, workbook


@pytest.fixture
def roster(app, monkeypatch):
    """roster(file, options): `crm import roster`."""
    monkeypatch.setattr(terminal, "application", lambda: app)
    command = next(one for one in console.GROUPS["import"] if one.name == "roster")

    def run(file: Path, *options: str) -> Result:
        return CliRunner().invoke(command, [str(file), *options, "--json"])

    return run


def test_the_terminal_takes_the_tab_that_is_named(roster, cast, tmp_path):
    file = tmp_path / "a.xlsx"
    file.write_bytes(workbook(一队=people("yi"), 二队=people("er", "san")))
    assert roster(file, "--sheet", "三队").exit_code != 0
    assert json.loads(roster(file, "--sheet", "二队").output)["new"] == 2
    assert (user_by_login("yi"), user_by_login("er") is None) == (None, False)


def test_the_terminal_takes_the_encoding_that_is_named(roster, cast, tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes("login,name\r\nzhengwei,郑伟\r\n".encode("gb18030"))
    assert roster(file).exit_code != 0
    assert json.loads(roster(file, "--encoding", "gb18030").output)["new"] == 1
    assert user_by_login("zhengwei").name == "郑伟"
