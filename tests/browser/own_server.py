"""A server of a test's own: over a copy of the demo bank, on one address, to be stopped, killed and migrated at will."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.browser.serving import ROOT, Served

PATIENCE = 90


def rows_of(database: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Reads, or changes what no page offers, beside the server that has this file open."""
    with closing(sqlite3.connect(database, timeout=30)) as base:
        found = base.execute(statement, values).fetchall()
        base.commit()
        return found


class OwnServer:
    """`start` and `stop` as an operator does it; `kill` as a power cut does it. The address stays the same."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.served = Served(self.url, home)
        self.process: subprocess.Popen[str] | None = None

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
        own = {"CRM_HOME": str(self.home), "CRM_DEMO": "1", "CRM_INSECURE_COOKIES": "1", "PYTHONUNBUFFERED": "1"}
        return kept | own

    def start(self) -> None:
        """Serves, and comes back when the server has answered."""
        command = [sys.executable, "-m", "crm", "serve", "--port", str(self.port), "--processes", "1"]
        with (self.home / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("http://"), (self.home / "server.log").read_text()[-2000:]
        with urllib.request.urlopen(f"{self.url}/healthz", timeout=PATIENCE) as answer:  # noqa: S310 - our own address
            assert answer.status == 200

    def stop(self) -> None:
        """Ends the server as its service manager does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it without a word."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        os.killpg(self.process.pid, how)
        self.process.communicate(timeout=PATIENCE)
        self.process = None

    def run(self, *words: str) -> str:
        """What a command of the product says."""
        done = subprocess.run(
            [sys.executable, "-m", "crm", *words],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Reads, or changes what no page offers; on the server's own file."""
        return rows_of(self.home / "crm.db", statement, *values)

    def received(self, device: str) -> dict[str, tuple[str, str]]:
        """uuid -> (receipt's number, SHA-256) of what this phone's records became here."""
        found = self.rows("SELECT uid, id, content_hash FROM field_record WHERE device = ?", device)
        return {uid: (f"{number:06d}", digest) for uid, number, digest in found}

    def bodies(self, device: str) -> list[dict[str, Any]]:
        """What this phone's records say, opened with the server's keys, in the order in which they came."""
        from crm.kernel.crypto import load_keys

        keys = load_keys(self.home / "keys.json")
        found = self.rows(
            "SELECT uid, content_hash, body_sealed FROM field_record WHERE device = ? ORDER BY id", device
        )
        return [json.loads(keys.open(sealed, place=f"field_record:{uid}:{digest}")) for uid, digest, sealed in found]

    def sign_everybody_out(self, login: str) -> None:
        """Ends all sessions of a person, as a changed password does."""
        self.rows("UPDATE user_account SET session_version = session_version + 1 WHERE login = ?", login)


@contextmanager
def own_server(demo: Served, folder: Path) -> Iterator[OwnServer]:
    """A started server over a copy of the demo bank in `folder`; it is stopped at the end."""
    source, home = demo.home / "demo", folder / "own"
    home.mkdir()
    shutil.copy(source / "keys.json", home)
    with closing(sqlite3.connect(source / "crm.db")) as live, closing(sqlite3.connect(home / "crm.db")) as copy:
        live.backup(copy)
    server = OwnServer(home)
    try:
        server.start()
        yield server
    finally:
        server.kill()
