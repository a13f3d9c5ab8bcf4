"""The shell of the phone pages: one page per language that holds no personal data, so that a phone may keep it and open it offline."""

from flask import Blueprint, render_template, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from crm.web.guards import public
from crm.web.locale import language

blueprint = Blueprint("field", __name__)


@blueprint.get("/m/")
@public
def home() -> Response:
    """The phone pages in the reader's language."""
    return redirect(url_for("field.shell", lang=language()))


@blueprint.get("/m/<any(zh, en):lang>/")
@public
def shell(lang: str) -> str:
    """All screens of the phone; what they show comes from the phone itself."""
    return render_template("field/shell.html", lang=lang)


from crm.field import views_api, views_desk, views_team  # noqa: E402, F401 - further views of this blueprint
