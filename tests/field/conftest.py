"""phone_of("bob") is bob's phone, which talks to the app in this process."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from crm.kernel.clock import now
from tests.field.phone import Phone


@pytest.fixture
def phone_of(client_of, cast) -> Callable[..., Phone]:
    """A phone with its session fetched, in the roadshow."""

    def make(name: str, *, clock: Callable[[], datetime] = now, device: str | None = None) -> Phone:
        client = client_of(name)

        def ask(method: str, path: str, *, json: Any = None, data: Any = None, csrf: str = "") -> tuple[int, Any]:
            answer = client.open(path, method=method, json=json, data=data, headers={"X-CSRFToken": csrf})
            return answer.status_code, answer.get_json(silent=True)

        phone = Phone(ask, clock, device=device)
        phone.campaign = cast.campaigns["roadshow"]
        phone.connect()
        return phone

    return make
