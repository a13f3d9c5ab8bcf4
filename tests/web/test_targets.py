"""Where a redirect may lead: 24 ways off this host are refused, paths of our own are kept."""

import pytest

from crm.web.targets import own_path
from tests.cast import PASSWORD

OFF_SITE = (
    "http://evil.example", "https://evil.example/", "HTTPS://evil.example", "//evil.example", "///evil.example", "////evil.example",
    "/\\evil.example", "\\evil.example", "\\\\evil.example", "/\\/evil.example", "\\/evil.example", "/a\\..\\..\\evil",
    "javascript:alert(1)", "data:text/html,x", "evil.example", "@evil.example", "https:evil.example", "https:/evil.example",
    "/\t/evil.example", "/\n/evil.example", "/\r\nSet-Cookie: a=b", "\t//evil.example", " //evil.example", "/ok\x7f",
)  # fmt: skip
OURS = ("/", "/ok", "/leads?id=1", "/leads?q=张三", "/a/b#c", "/a//b", "/sign-in?next=/x")


@pytest.mark.parametrize("target", [*OFF_SITE, "", None])
def test_a_way_off_this_host_is_replaced(target):
    assert own_path(target, "/home") == "/home"


@pytest.mark.parametrize("target", OURS)
def test_our_own_paths_are_kept(target):
    assert own_path(target, "/home") == target


def test_there_are_as_many_vectors_as_the_plan_says():
    assert len(set(OFF_SITE)) == 24


@pytest.mark.parametrize("target", OFF_SITE)
def test_neither_the_sign_in_nor_the_language_switch_leads_off_this_host(client_of, target):
    signed_in = client_of(None).post("/sign-in", data={"login": "bob", "password": PASSWORD, "next": target})
    switched = client_of(None).post("/language", data={"language": "en", "next": target})
    assert [answer.headers["Location"] for answer in (signed_in, switched)] == ["/", "/"]
