"""`crm demo`: makes the demo bank, prints its sign-ins and figures, and serves it."""

import json
from contextlib import suppress

import click

from crm import __version__, create_app
from crm.campaigns.models import Campaign
from crm.contest.models import Contest
from crm.contest.queries import BoardRow, standings_of
from crm.demo.bank import PK, SPRINT
from crm.demo.making import make_demo, sign_ins
from crm.figures.asking import FunnelQuery
from crm.figures.funnels import funnel
from crm.figures.labels import rate_words
from crm.figures.rules import MINIMUM_BASE
from crm.installing import PORT, make_keys
from crm.kernel.actor import SYSTEM
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.schema import migrate
from crm.kernel.terminal import print_table
from crm.serving import listen, serve
from crm.settings import Settings, SettingsError, demo_home, environment

MARK = "demo.json"


@click.command("demo")
@click.option("--serve", "serving", is_flag=True, help="Serve the demo when it is made.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=PORT, default=8080, show_default=True)
@click.option("--seed", default=7, show_default=True, help="The same seed on the same day gives the same figures.")
@click.option("--fresh", is_flag=True, help="Make it anew even when today's demo is there.")
def demo(serving: bool, host: str, port: int, seed: int, fresh: bool) -> None:
    """A believable demo bank in an SQLite database of its own."""
    # Before the minute that the making takes: a port that is taken is known at once.
    listening = listen(host, port) if serving else None
    settings = demo_settings()
    app = create_app(settings)
    with app.test_request_context():
        made = _today_s_mark(settings, seed)
        if fresh or not (settings.home / "crm.db").exists() or _mark(settings) != made:
            _make(settings, seed, made)
        else:
            click.echo("today's demo is there already (--fresh makes it anew)")
        _print(_mark(settings))
        click.echo(f"\nthe other commands answer about this bank with  export CRM_HOME={settings.home}")
        app.extensions["crm.demo_sign_ins"] = sign_ins()
    if listening is not None:
        serve(app, listening)


def demo_settings() -> Settings:
    """Settings of the demo: its own data folder, keys and SQLite file; never those of a real installation."""
    env = environment(CRM_DEMO="1", CRM_INSECURE_COOKIES="1", CRM_BANK="清江农商银行")
    home = demo_home(env)
    env["CRM_HOME"] = str(home)
    env.pop("CRM_DATABASE_URL", None)
    home.mkdir(parents=True, exist_ok=True)
    make_keys(home)
    return Settings.from_env(env)


def _today_s_mark(settings: Settings, seed: int) -> dict[str, object]:
    return {"day": business_day(now(), settings.zone).isoformat(), "seed": seed, "version": __version__}


def _mark(settings: Settings) -> dict[str, object]:
    with suppress(OSError, ValueError):
        found = json.loads((settings.home / MARK).read_text())
        return {name: value for name, value in found.items() if name in {"day", "seed", "version"}}
    return {}


def _make(settings: Settings, seed: int, mark: dict[str, object]) -> None:
    db.engine.dispose()
    for name in ("crm.db", "crm.db-wal", "crm.db-shm", MARK):
        (settings.home / name).unlink(missing_ok=True)
    migrate(settings.migrations)
    make_demo(seed=seed, at=now(), bank_name=settings.bank, tell=click.echo)
    (settings.home / MARK).write_text(json.dumps(mark))


def _print(mark: dict[str, object]) -> None:
    if not mark:
        raise SettingsError("the demo was not finished: run `crm demo --fresh`")
    click.echo("\nsign-ins (demo only)")
    print_table(
        [{"login": one.login, "password": one.password, "name": one.name, "role": one.role} for one in sign_ins()]
    )
    campaign_id = sprint_id()
    shown = funnel(SYSTEM, FunnelQuery(campaign_ids=(campaign_id,), by="team"))
    click.echo("\nfunnel of the sprint by team")
    print_table([
        {
            "team": label,
            "consult": counts.consult,
            "application": counts.application,
            "accepted": counts.accepted,
            "application rate": rate_words(counts.application_rate, MINIMUM_BASE["consult"]),
            "acceptance rate": rate_words(counts.acceptance_rate, MINIMUM_BASE["application"]),
        }
        for label, counts in [*((row.label, row.counts) for row in shown.rows), ("合计", shown.total)]
    ])  # fmt: skip
    click.echo("\nPK, cumulative: points per attended person-day")
    board = standings_of(SYSTEM, contest_id(), day=None, cumulative=True, per="team")
    print_table([_line(row) for row in board.rows])


def _line(row: BoardRow) -> dict[str, object]:
    return {
        "rank": row.rank,
        "team": row.name,
        "score": row.score_shown,
        "points": row.points_shown,
        "person-days": row.person_days,
        "visits": row.visits,
    }


def sprint_id() -> int:
    """The campaign whose figures are printed: the demo's own, whatever else has been planned in the demo since."""
    return db.session.scalars(db.select(Campaign.id).where(Campaign.code == SPRINT)).one()


def contest_id() -> int:
    """The contest of the sprint."""
    return db.session.scalars(db.select(Contest.id).where(Contest.code == PK)).one()


GROUPS = {"": [demo]}
HELP: dict[str, str] = {}
