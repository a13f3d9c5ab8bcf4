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

# A child inherits the peak of whoever starts it, and a test process is large: a small process stands between.
MEASURED = """
import json, resource, subprocess, sys
done = subprocess.run(["bash", "-c", f"exec {sys.argv[1]}"], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"code": done.returncode, "out": done.stdout, "err": done.stderr,
                  "seconds": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}))
"""


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
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, example.command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return Run(example, **json.loads(done.stdout))
