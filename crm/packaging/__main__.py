"""`python -m crm.packaging` builds what git does not hold; with `check-translations` it proves the catalogue whole."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .front_end import BuildFailed, build_front_end
from .translations import check_translations, compile_translations

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Run one of the commands; 0 if it succeeded."""
    parser = argparse.ArgumentParser(prog="python -m crm.packaging", description=__doc__)
    parser.add_argument("command", nargs="?", default="build", choices=["build", "translations", "check-translations"])
    parser.add_argument("--root", type=Path, default=ROOT, help="folder that holds crm/ and templates/")
    parser.add_argument("--force", action="store_true", help="build the front end even if nothing has changed")
    options = parser.parse_args(arguments)
    if options.command == "check-translations":
        return report(options.root)
    try:
        if options.command == "build":
            build_front_end(options.root, force=options.force)
        if compile_translations(options.root):
            print("translations: compiled")
    except BuildFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def report(root: Path) -> int:
    """Print what is missing in the Chinese catalogue; 1 if anything is."""
    findings = check_translations(root)
    for warning in findings.warnings:
        print(f"warning: {warning}")
    for problem in findings.problems:
        print(problem)
    print(f"translations: {findings.messages} messages, {len(findings.problems)} problems")
    return 1 if findings.problems else 0


if __name__ == "__main__":
    sys.exit(main())
