"""A clock that can be moved on: who fills a form in takes longer than a program."""

import pytest
import time_machine

from tests.moments import NOON


@pytest.fixture
def clock(app):
    """Stands at NOON until it is shifted."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def nobody(client_of):
    """A phone of somebody without an account."""
    return client_of(None)
