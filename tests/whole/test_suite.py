"""What `make database` leaves out cannot depend on the database: it has no way to it."""

from pathlib import Path

from tests.conftest import SERVER, asks_for_database

FOLDER = Path(__file__).resolve().parents[1]


def test_the_server_of_the_run_is_known_in_one_place_only():
    asking = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.py") if SERVER in path.read_text("utf-8")}
    assert asking == {"conftest.py"}


def test_the_choice_is_made_by_what_a_test_asks_for(request):
    assert not asks_for_database(request.node)


def test_a_fixture_that_asks_is_seen(request, actor):
    assert asks_for_database(request.node)
