"""What goes wrong is told without what anybody typed, and a foreign host gets a plain answer."""

import pytest
from sqlalchemy import text

from crm.kernel.db import db
from crm.kernel.errors import traced
from crm.settings import Settings

CANARY = "金丝雀13900009999"


def test_the_log_of_an_error_holds_nothing_that_was_typed(app, client_of, monkeypatch, caplog):
    def ask_wrongly(*_: object, **__: object) -> None:
        try:
            raise ValueError(CANARY)
        except ValueError:
            db.session.execute(text("SELECT nothing FROM nowhere WHERE name = :name"), {"name": CANARY})

    monkeypatch.setattr("crm.people.queries.people_page", ask_wrongly)
    assert client_of("adam").get(f"/people?q={CANARY}").status_code >= 500
    assert "ask_wrongly" in caplog.text
    assert "ValueError" in caplog.text
    assert CANARY not in caplog.text


def test_an_error_of_the_database_names_no_values(app):
    with pytest.raises(Exception, match="nowhere") as caught:
        db.session.execute(text("SELECT nothing FROM nowhere WHERE name = :name"), {"name": CANARY})
    assert CANARY not in str(caught.value) + traced(caught.value)
    db.session.rollback()


@pytest.mark.parametrize("path", ["/", "/healthz", "/sign-in", "/nowhere"])
def test_a_foreign_host_gets_a_plain_400(app, client_of, monkeypatch, path):
    monkeypatch.setitem(app.config, "TRUSTED_HOSTS", ["crm.bank.example"])
    answer = client_of(None).get(path, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.mimetype) == (400, "text/plain")
    assert client_of(None).get("/healthz", headers={"Host": "crm.bank.example"}).status_code == 200


def test_trusted_hosts_may_stand_with_blanks_between(tmp_path, monkeypatch):
    monkeypatch.setattr("crm.settings.load_keys", lambda _: None)
    settings = Settings.from_env({"CRM_HOME": str(tmp_path), "CRM_TRUSTED_HOSTS": "a.example, b.example ,"})
    assert settings.trusted_hosts == ("a.example", "b.example")


def test_a_proxy_that_was_not_told_of_is_mentioned_once(app, client_of, monkeypatch, caplog):
    monkeypatch.setitem(app.extensions, "crm.proxy_seen", False)
    client = client_of(None)
    client.get("/sign-in")
    assert "CRM_PROXIES" not in caplog.text
    for _ in range(3):
        client.get("/sign-in", headers={"X-Forwarded-For": "10.1.2.3"})
    assert caplog.text.count("set CRM_PROXIES") == 1
