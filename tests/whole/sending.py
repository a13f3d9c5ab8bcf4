"""Forms filled in and sent as a person would, and what became of the rows."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from crm.kernel.db import db
from tests.field.setting import rescue_file
from tests.moments import DAY_1, DAY_2
from tests.whole.conftest import ASIDE, Bank, Key
from tests.whole.crawling import Form, Rows, contents

Clients = Callable[[str | None], FlaskClient]
_WORDS = "字{}".format
VALUES: dict[str, dict[str, object]] = {
    "campaigns.save_teams": {"district-1": ("2", "4")},
    "contest.adjust": {"reason": _WORDS},
    "contest.new": {"code": "PK-N{}".format, "name": _WORDS, "campaign_ids": "2", "team_ids": "1"},
    "contest.new_rules": {"cap_visit": "1{}".format, "reason": _WORDS},
    "districts.move": {"parent": ("", "柳树村")},
    "field.rescue": {"file": rescue_file},
    "intake.columns": {"campaign_month": ("2026-11", "2026-10"), "source_basis": _WORDS},
    "intake.confirm": {"mode": ("good", "all")},
    "leads.assign": {"to": "2"},
    "leads.bulk_assign": {"ids": "1", "to": "2"},
    "leads.follow_up": {"text": _WORDS},
    "leads.intent": {"intent": ("B", "C")},
    "leads.save": {"trade": "catering", "phone": "1380000000{}".format},
    "leads.withdraw": {"what": "everything"},
    "meetings.passed": {"member": ("2", "4")},
    "meetings.routes": {"district-2": ("2", "4")},
    "people.join_team": {"user_id": "7", "on": (DAY_2.isoformat(), DAY_1.isoformat())},
    "reports.make": {"from_day": (DAY_1.isoformat(), DAY_2.isoformat())},
    "people.change_password": {"current": "correct horse 外拓", "new|again": "battery staple 外拓"},
}
"""What a form needs beyond something plausible, by endpoint and pattern of field: the value, or one for each sending."""


@dataclass
class Sent:
    """A form that was accepted: who sent what, what the answer was, and the rows before and after."""

    endpoint: str
    who: str
    form: Form
    data: MultiDict[str, object]
    answer: tuple[int, str]
    before: Rows
    after: Rows


def send(client_of: Clients, who: str, form: Form, data: MultiDict[str, object]) -> TestResponse:
    """Posts a copy of the data: a file can be read once only."""
    copy = MultiDict(data)
    files = [(name, value) for name, value in data.items(multi=True) if isinstance(value, tuple)]
    for name, (body, file_name) in files:
        copy.setlist(name, [(type(body)(body.getvalue()), file_name)])
    kind = "multipart/form-data" if files else None
    return client_of(who).post(form.action, data=copy, content_type=kind)


def filled(endpoint: str, form: Form, number: int) -> MultiDict[str, object]:
    """What a person sends in their first (1) or second (2) writing of this form."""
    data = form.filled(number)
    for pattern, value in VALUES.get(endpoint, {}).items():
        chosen = value(number) if callable(value) else value[number - 1] if isinstance(value, tuple) else value
        for name in form.names:
            if re.fullmatch(pattern, name):
                data.setlist(name, [chosen])
    return data


def typed(form: Form, data: MultiDict[str, object]) -> list[str]:
    """The words that were typed, which a page that comes back must still hold."""
    return [str(data[name]) for name in form.names if form.kind(name) in ("text", "textarea") and data.get(name)]


def accepted(client_of: Clients, bank: Bank, key: Key) -> Sent | list[str]:
    """The first of these forms that is accepted and changes something, or what the answers were."""
    refused = []
    unlike = {(form.action, *map(str, form.fields)): (who, form) for who, form in reversed(bank.forms[key])}
    for who, form in [bank.good[key]] if key in bank.good else reversed(unlike.values()):
        bank.back()
        before, data = bank.rows, filled(key[0], form, 1)
        answer = send(client_of, who, form, data)
        after = contents(aside=ASIDE)
        if answer.status_code < 400 and after != before:
            bank.good[key] = (who, form)
            return Sent(key[0], who, form, data, (answer.status_code, answer.location or ""), before, after)
        errors = re.findall(r'class="wt-error" id[^>]*>(.*?)</p>|role="alert"[^>]*>(.*?)</ul>', answer.text, re.DOTALL)
        said = " ".join(re.sub("<[^>]*>", " ", " ".join(map("".join, errors))).split())
        refused.append(f"{form.action} as {who}: {answer.status_code} {said}")
    return refused


def grown(before: Rows, after: Rows) -> list[str]:
    """Tables with more rows than before."""
    return sorted(name for name in after if after[name].total() > before[name].total())


def changed_in_place(before: Rows, after: Rows) -> list[str]:
    """Tables with a version in which a row that was there holds something else now."""
    found = []
    for table in db.metadata.sorted_tables:
        if table.name in after and "version" in table.c and "id" in table.c:
            place = list(table.c.keys()).index("id")
            gone, new = before[table.name] - after[table.name], after[table.name] - before[table.name]
            if {row[place] for row in gone} & {row[place] for row in new}:
                found.append(table.name)
    return sorted(found)
