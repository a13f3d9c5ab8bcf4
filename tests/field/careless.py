"""What the server would be without its guards. Tests patch one away to see that they notice; nothing of the product does so.

`python -m tests.field.careless serve ...` is `crm serve` by a server that knows no record again.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from crm.cli import main
from crm.field import commands, rules
from crm.kernel.db import db, plain_insert, table_of
from crm.leads import commands as leads
from crm.leads import party, taking_in
from crm.leads.models import Lead


def know_no_record_again() -> None:
    """Each arrival of a record is a new one, as if phones gave them no id of their own."""

    def one(taker: Any, sent: Any, opened: Any) -> Any:
        found = opened[sent.uid]
        if not isinstance(found, tuple):
            return commands._refused(sent, found)
        fresh = replace(rules.readable(found[1]), uid=str(uuid4()))
        result = commands._apply(taker, sent, fresh, found[0])
        return replace(result, uid=sent.uid, content_hash=sent.content_hash)

    commands._one = one


def know_no_customer_again() -> None:
    """Nobody asks whether the customer is held, nobody waits, and nothing in the database says no."""
    look = taking_in.look

    def blind(*signs: Any, **more: Any) -> Any:
        known = look(*signs, **more)
        return known and replace(known, by_phone=None)

    taking_in.look = blind
    taking_in._claiming = lambda _dialect: plain_insert(Lead).returning(table_of(Lead).c.id)
    party.lock_phones = commands.lock_phones = lambda _found: None
    leads.lock_person = lambda _phone: None


def drop_claims() -> None:
    """Takes the unique index away that holds one lead per customer; inside an open unit of work."""
    table = table_of(Lead)
    (index,) = (one for one in table.indexes if one.unique and "phone_key" in one.columns)
    db.session.execute(text(f"DROP INDEX {index.name}"))


WAYS: dict[str, Callable[[], None]] = {
    "no record again": know_no_record_again,
    "no customer again": know_no_customer_again,
}

if __name__ == "__main__":
    know_no_record_again()
    main()
