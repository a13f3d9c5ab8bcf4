"""The installation's settings, read once from the environment. os.environ is touched nowhere else."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from crm.kernel.clock import DEFAULT_ZONE, zone
from crm.kernel.crypto import KeyFileError, Keys, load_keys

PACKAGE = Path(__file__).resolve().parent
DRIVERS = ("sqlite", "postgresql+psycopg")
LEAST_IDLE, MOST_IDLE = 5, 720
"""Minutes: below the least nobody can fill a form in, above the most a session ends by its age anyhow."""


SAMPLE_BANK = "示例农商银行"
"""The name on the screens while CRM_BANK says none."""


class SettingsError(Exception):
    """The installation is half-configured; the message says what to do."""


@dataclass(frozen=True)
class Settings:
    """Everything that differs between installations. `home` holds database, keys and files."""

    home: Path
    database_url: str
    keys: Keys = field(repr=False)
    bank: str = SAMPLE_BANK
    zone: str = DEFAULT_ZONE
    demo: bool = False
    testing: bool = False
    secure_cookies: bool = True
    trusted_hosts: tuple[str, ...] = ()
    proxies: int = 0
    idle_minutes: int = 30
    templates: Path = PACKAGE.parent / "templates"
    migrations: Path = PACKAGE.parent / "migrations"
    contracts: Path = PACKAGE.parent / "imports"
    max_upload: int = 20 * 1024 * 1024
    inline_work: bool = False

    @property
    def named(self) -> bool:
        """Whether the bank has a name of its own; a notice to customers must not carry the sample's."""
        return self.bank != SAMPLE_BANK

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Reads CRM_* variables; raises SettingsError with the remedy when something is missing or wrong."""
        env = os.environ if env is None else env
        home = home_of(env)
        zone_name = env.get("CRM_TIMEZONE", DEFAULT_ZONE)
        root = _root()
        try:
            zone(zone_name)
            keys = load_keys(home / "keys.json")
        except KeyFileError as error:
            raise SettingsError(str(error) + _demo_beside(home)) from None
        except (ZoneInfoNotFoundError, ValueError):
            raise SettingsError(f"CRM_TIMEZONE={zone_name!r} is not a time zone") from None
        return cls(
            home=home,
            database_url=_database_url(env, home),
            keys=keys,
            bank=env.get("CRM_BANK", "").strip() or SAMPLE_BANK,
            zone=zone_name,
            demo=_flag(env, "CRM_DEMO"),
            secure_cookies=not _flag(env, "CRM_INSECURE_COOKIES"),
            trusted_hosts=tuple(filter(None, map(str.strip, env.get("CRM_TRUSTED_HOSTS", "").split(",")))),
            proxies=_proxies(env),
            idle_minutes=_idle(env),
            templates=root / "templates",
            migrations=root / "migrations",
            contracts=root / "imports",
        )

    def for_tests(self, **changes: object) -> "Settings":
        """A copy with other values."""
        return replace(self, **changes)  # type: ignore[arg-type]


def environment(**changes: str) -> dict[str, str]:
    """The process's environment with some variables set otherwise, for `Settings.from_env`."""
    return {**os.environ, **changes}


def home_of(env: Mapping[str, str] | None = None) -> Path:
    """The data folder: CRM_HOME, or `var` below the folder in which the command was called."""
    env = os.environ if env is None else env
    return Path(env.get("CRM_HOME") or "var").expanduser().resolve()


def demo_home(env: Mapping[str, str] | None = None) -> Path:
    """The demo's own data folder, inside the real one and never the same."""
    return home_of(env) / "demo"


def _demo_beside(home: Path) -> str:
    """A word for whoever has made the demo and asks the folder above it."""
    inside = home / "demo"
    return f"; for the demo's data set CRM_HOME={inside}" if (inside / "keys.json").exists() else ""


def _root() -> Path:
    """Where the data folders are: inside an installed wheel they travel in the package."""
    inside = PACKAGE / "_bundled"
    return inside if inside.is_dir() else PACKAGE.parent


def _database_url(env: Mapping[str, str], home: Path) -> str:
    """The database's address. What is wrong with it is said without it: it may hold a password."""
    address = env.get("CRM_DATABASE_URL", "").strip() or f"sqlite:///{home / 'crm.db'}"
    try:
        driver = make_url(address).drivername
    except (ArgumentError, ValueError):
        driver = ""
    if driver not in DRIVERS:
        raise SettingsError(
            "CRM_DATABASE_URL must be of the form postgresql+psycopg://user:password@host/name"
            + (f", not {driver}://" if driver else "")
        )
    return address


def _flag(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


def _idle(env: Mapping[str, str]) -> int:
    minutes = _number(env, "CRM_IDLE_MINUTES", Settings.idle_minutes)
    if not LEAST_IDLE <= minutes <= MOST_IDLE:
        raise SettingsError(f"CRM_IDLE_MINUTES must lie between {LEAST_IDLE} and {MOST_IDLE}")
    return minutes


def _proxies(env: Mapping[str, str]) -> int:
    proxies = _number(env, "CRM_PROXIES", 0)
    if proxies < 0:
        raise SettingsError("CRM_PROXIES must not be below 0")
    return proxies


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(env.get(name, default))
    except ValueError:
        raise SettingsError(f"{name} must be a whole number") from None
