"""A wheel carries all that the product needs: it is built, installed and used where no checkout is near."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow

# Follows the redirect of the front page to the sign-in page and fetches what that page refers to.
FETCH_SIGN_IN_PAGE = """
import re
from pathlib import Path
import crm
from crm import create_app
from crm.settings import Settings

client = create_app(Settings.from_env()).test_client()
page = client.get("/", follow_redirects=True, headers={"Accept-Language": "zh-CN"}, base_url="https://localhost")
assert page.status_code == 200, page.status
assert 'type="password"' in page.text, page.text[:500]
assert re.search("[\\u4e00-\\u9fff]", page.text), "the page is not in Chinese"
links = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text))
assert any("vendor" in link for link in links), links
for link in sorted(links):
    answer = client.get(link, base_url="https://localhost")
    assert answer.status_code == 200, (link, answer.status)
print(Path(crm.__file__).parent)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built with the tools of the test environment."""
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)], cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel; the product's dependencies are lent by the test environment.

    The loan is a .pth file; the lender's own .pth files, such as that of its checkout, are not read through it.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], cwd=folder)
    python = str(folder / "venv" / "bin" / "python")
    run([sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", str(wheel)], cwd=folder)
    (site_packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site_packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def run(command: list[str], *, cwd: Path, home: Path | None = None) -> str:
    """Standard output of a command that has to succeed, run with no trace of the checkout in its environment."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CRM_", "PYTHON", "PYTEST_"))}
    if home is not None:
        env["CRM_HOME"] = str(home)
    result = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def test_the_wheel_holds_everything_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    expected = [
        "crm/static/vendor/tabler.min.css",
        "crm/static/vendor/tabler.min.css.br",
        "crm/static/vendor/htmx.min.js.gz",
        "crm/static/vendor/echarts.min.js",
        "crm/static/vendor/icons.svg",
        "crm/static/vendor/licences/tabler-icons.txt",
        "crm/translations/zh_Hans_CN/LC_MESSAGES/messages.mo",
    ]
    assert [name for name in expected if name not in names] == []
    for folder in ("templates", "migrations", "imports"):
        inside = {name for name in names if name.startswith(f"crm/_bundled/{folder}/")}
        assert inside >= {f"crm/_bundled/{path.relative_to(ROOT).as_posix()}" for path in held_by_git(folder)}, folder
    strangers = ("node_modules", "vendor-test", ".po", "package-lock.json", "static/build", "__pycache__")
    assert [name for name in names if any(part in name for part in strangers)] == []


def held_by_git(folder: str) -> list[Path]:
    """Files of a folder of the checkout, without what Python leaves behind."""
    return [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def test_the_installed_product_starts_outside_the_checkout(installation: Path, tmp_path: Path) -> None:
    crm = str(installation / "venv" / "bin" / "crm")
    home = tmp_path / "home"
    assert "0." in run([crm, "--version"], cwd=tmp_path)
    run([crm, "init"], cwd=tmp_path, home=home)
    python = str(installation / "venv" / "bin" / "python")
    package = run([python, "-c", FETCH_SIGN_IN_PAGE], cwd=tmp_path, home=home).strip()
    assert Path(package).is_relative_to(installation)
