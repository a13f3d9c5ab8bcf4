"""Runs the commands of crm/docs/examples.md in a fresh installation, once per test run, as a person would type them."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "crm" / "docs" / "examples.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n```json\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A command as it stands on the page, and what it is said to print (None: nothing is said)."""

    command: str
    says: Any


@dataclass(frozen=True)
class Run:
    """What a command did: exit code, output, CPU seconds and the peak of its memory in MiB."""

    example: Example
    code: int
    out: str
    err: str
    seconds: float
    peak: float

    def answer(self) -> Any:
        """The JSON that it printed."""
        return json.loads(self.out)


def examples() -> list[Example]:
    """The commands of the page, in order."""
    text = PAGE.read_text(encoding="utf-8")
    return [Example(command.strip(), json.loads(says) if says else None) for command, says in BLOCK.findall(text)]


def run_all(home: Path, data: Path) -> list[Run]:
    """Runs every command of the page in that new data folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    environment |= {
        "CRM_HOME": str(home),
        "DATA": str(data),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    return [_run(example, environment) for example in examples()]


def _run(example: Example, environment: dict[str, str]) -> Run:
    child = subprocess.Popen(
        ["bash", "-c", f"exec {example.command}"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    with child.stdout, child.stderr:
        out, err = child.stdout.read(), child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Run(example, child.returncode, out, err, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
