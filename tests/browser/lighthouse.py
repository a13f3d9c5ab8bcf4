"""Lighthouse's own judgement of the phone's first page, on a slow phone: `make lighthouse`.

Lighthouse 12 is installed into build/lighthouse from npm; nothing of the product needs it. On a machine that is busy with other
things the time that scripts take counts several times, so the best of three runs is judged.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.browser.serving import CHROMIUM, ROOT, serving

LEAST = {"performance": 0.95, "accessibility": 0.95}
PLACE = ROOT / "build" / "lighthouse"
RUNS = 3
TOLD = ("first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift")
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic"


def judged(url: str) -> dict[str, float]:
    """Category -> score of one run, 0 to 1."""
    report = PLACE / "report.json"
    command = [
        str(PLACE / "node_modules" / ".bin" / "lighthouse"), url, "--quiet", "--form-factor=mobile", "--output=json",
        f"--output-path={report}", f"--only-categories={','.join(LEAST)}", f"--chrome-flags={FLAGS}",
    ]  # fmt: skip
    subprocess.run(command, check=True, env=os.environ | {"CHROME_PATH": CHROMIUM}, timeout=240)
    told = json.loads(report.read_text())
    print(", ".join(f"{name} {told['audits'][name]['displayValue']}" for name in TOLD), flush=True)
    return {name: told["categories"][name]["score"] for name in LEAST}


def main() -> int:
    """Exit code 1 when a score is below the least."""
    PLACE.mkdir(parents=True, exist_ok=True)
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(["npm", "install", "--prefix", str(PLACE), *quiet, "lighthouse@12"], check=True)
    best = dict.fromkeys(LEAST, 0.0)
    with tempfile.TemporaryDirectory() as folder, serving(Path(os.environ.get("CRM_BROWSER_HOME") or folder)) as demo:
        for _ in range(RUNS):
            scores = judged(f"{demo.url}/m/zh/")
            best = {name: max(best[name], score) for name, score in scores.items()}
            if all(best[name] >= least for name, least in LEAST.items()):
                break
    print("  ".join(f"{name} {score:.2f}" for name, score in best.items()))
    return int(any(best[name] < least for name, least in LEAST.items()))


if __name__ == "__main__":
    sys.exit(main())
