"""The administrator's page on how the installation is."""

from flask import Blueprint, render_template

from crm.kernel.clock import now
from crm.status import queries
from crm.status.policy import StatusPermission
from crm.web.guards import requires
from crm.web.identity import settings, the_actor

blueprint = Blueprint("status", __name__)


@blueprint.get("/status")
@requires(StatusPermission.VIEW)
def index() -> str:
    """Versions, database, disk, jobs, imports that failed, the last backup."""
    return render_template("status/index.html", page=queries.state(the_actor(), settings(), at=now()))
