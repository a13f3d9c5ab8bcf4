"""Many phones at the same moment, from several processes: each has connections of its own to the same database.

`python -m tests.field.crowd` makes the app, becomes as many processes as it is told on its standard input, lets them post from
several threads each, and writes the answers down.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import time_machine
from flask import Flask

from crm import create_app
from crm.kernel.clock import now
from crm.settings import Settings
from tests.conftest import KEYS
from tests.field import careless
from tests.moments import NOON

ROOT = Path(__file__).resolve().parents[2]
THREADS = 8
LIMIT = 300.0
"""Seconds after which all of the processes are ended."""

Posted = tuple[str, dict[str, Any]]
"""Whose session it is ("id|version"), and the JSON of a batch."""
Answer = tuple[int, dict[str, Any]]


@dataclass
class Forked:
    """What a process has from the one that it was."""

    app: Flask
    together: Barrier


def at_once(home: Path, url: str, posts: Sequence[Sequence[Posted]], *, without: Sequence[str] = ()) -> list[Answer]:
    """All posts, those of each list from a process of its own; the answers list after list.

    `without` names guards that these processes work without (`careless.WAYS`).
    """
    command = [sys.executable, "-W", "ignore", "-m", "tests.field.crowd"]
    child = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    told = {"home": str(home), "url": url, "without": list(without), "posts": posts}
    try:
        answers = json.loads(child.communicate(json.dumps(told), timeout=LIMIT)[0])
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
    return [(status, body) for status, body in answers]


def main() -> None:
    """The process that becomes many."""
    told = json.load(sys.stdin)
    settings = Settings(
        home=Path(told["home"]), database_url=told["url"], keys=KEYS, bank="测试农商银行", testing=True,
        secure_cookies=False,
    )  # fmt: skip
    for name in told["without"]:
        careless.WAYS[name]()
    lists, forking = told["posts"], get_context("fork")
    with time_machine.travel(NOON, tick=True):
        app = create_app(settings)
        app.config["WTF_CSRF_ENABLED"] = False
        begun = (Forked(app, forking.Barrier(len(lists))),)
        with ProcessPoolExecutor(len(lists), forking, initializer=_begin, initargs=begun) as pool:
            answers = [answer for own in pool.map(_post_all, lists) for answer in own]
    json.dump(answers, sys.stdout)


_here: list[Forked] = []


def _begin(forked: Forked) -> None:
    _here.append(forked)


def _post_all(posts: list[Posted]) -> list[Answer]:
    _here[0].together.wait(LIMIT)  # so that each process takes one list, and all begin at once
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(partial(_post, _here[0].app), posts))


def _post(app: Flask, post: Posted) -> Answer:
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["since"] = post[0], now().timestamp()
    answer = client.post("/m/api/sync", json=post[1])
    return answer.status_code, answer.get_json(silent=True)


if __name__ == "__main__":
    main()
