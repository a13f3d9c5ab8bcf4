"""What `crm demo` prints about a demo bank that has been used since it was made."""

from crm.campaigns.commands import create_campaign
from crm.demo.bank import SPRINT
from crm.demo.console import sprint_id
from crm.kernel.unit_of_work import unit_of_work
from tests.moments import DAY_1, DAY_6, NOON


def test_a_second_roadshow_does_not_keep_the_demo_from_starting(actor, cast):
    """The cast has a roadshow already, as somebody may plan one in the demo: `make demo` shows its own."""
    with unit_of_work():
        made = create_campaign(
            actor("olga"), name="六天大会战", model="roadshow", starts_on=DAY_1, ends_on=DAY_6, at=NOON, code=SPRINT
        )
    assert sprint_id() == made.id
