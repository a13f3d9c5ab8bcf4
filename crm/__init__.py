"""Waituo CRM (外拓): campaigns, field outreach and the PK for bank teams."""

import gc

from flask import Flask

from crm.settings import Settings

__version__ = "0.1.0"


def create_app(settings: Settings | None = None) -> Flask:
    """The application: settings, database, HTTP kernel, then the rooms."""
    from crm import tables, wiring
    from crm.kernel.db import db, prepare_engine
    from crm.web.install import install as install_web

    settings = settings or Settings.from_env()
    # A page makes some thousands of objects and few circles: Python's own 700 costs every page a sixth of its time.
    gc.set_threshold(50_000, 20, 20)
    app = Flask(__name__, template_folder=str(settings.templates), static_folder=None)
    app.config.update(SQLALCHEMY_DATABASE_URI=settings.database_url, TESTING=settings.testing)
    assert tables.METADATA.tables
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
    install_web(app, settings, wiring.NAVIGATION, wiring.TABS)
    wiring.install(app)
    return app
