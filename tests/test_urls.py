"""PUBLIC_URL is the only base of our links, and of the URL the platform must have signed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.urls import PublicUrls, is_loopback, public_url_fault, with_token


@pytest.mark.parametrize(
    "url",
    [
        "https://flows.example.com",
        "https://flows.example.com/",
        "https://flows.example.com:8443/a/b-c_d~e",
        "https://FLOWS.example.com",
        "https://xn--exmple-cua.com",
        "https://203.0.113.5",
        "https://[2001:db8::1]:8443/x",
        "https://flows.example.com/a%20b",
        "http://localhost",
        "http://localhost:8000/flows",
        "http://LOCALHOST:8000",
        "http://127.0.0.1:8000",
        "http://127.8.9.10",
        "http://[::1]:8000",
    ],
)
def test_a_url_the_platform_can_use(url: str) -> None:
    assert public_url_fault(url) == ""


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", "must be an absolute URL"),
        ("flows.example.com", "must be an absolute URL"),
        ("//flows.example.com", "must be an absolute URL"),
        ("https://", "must be an absolute URL"),
        ("https:///x", "must be an absolute URL"),
        ("ftp://flows.example.com", "must be an absolute URL"),
        ("javascript:alert(1)", "must be an absolute URL"),
        ("http://flows.example.com", "must be https"),
        ("http://10.0.0.5", "must be https"),
        ("http://0.0.0.0:8000", "must be https"),
        ("http://127.example.com", "must be https"),
        ("http://127.0.0.1.example.com", "must be https"),
        ("http://localhost.example.com", "must be https"),
        ("http://[2001:db8::1]", "must be https"),
        ("http://localhost@flows.example.com", "must be https"),
        ("https://user@flows.example.com", "user name"),
        ("https://user:pw@flows.example.com", "user name"),
        ("https://:pw@flows.example.com", "user name"),
        ("https://@flows.example.com", "user name"),
        ("https://flows.example.com?a=b", "query or a fragment"),
        ("https://flows.example.com/?", "query or a fragment"),
        ("https://flows.example.com/#", "query or a fragment"),
        ("https://flows.example.com/#x", "query or a fragment"),
        ("https://flöws.example.com", "punycode"),
        ("https://flows.example.com/ü", "punycode"),
        ("https://flows.example.com/a b", "a character"),
        (" https://flows.example.com", "a character"),
        ("https://flows.example.com\n", "a character"),
        ("https://flows.exa\tmple.com", "a character"),
        ("https://flows.example.com/\x7f", "a character"),
        ('https://flows.example.com/"', "a character"),
        ("https://flows.example.com\\x", "a character"),
        ("https://flows.example.com:99999", "is not a URL"),
        ("https://flows.example.com:x", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://[nonsense]", "is not a URL"),
    ],
)
def test_a_url_the_platform_cannot_use(url: str, fault: str) -> None:
    assert fault in public_url_fault(url)


def test_a_password_is_not_repeated() -> None:
    assert "s3cret" not in public_url_fault("https://user:s3cret@flows.example.com")


@given(st.text(max_size=40) | st.text("htps:/[]@.:1a?#% ", max_size=30))
def test_any_text_is_judged(url: str) -> None:
    if public_url_fault(url) == "":
        assert url.isascii()
        assert url.lower().startswith(("https://", "http://"))
        PublicUrls(url).signed("/flows/plivo/menu/aleg")


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "127.255.0.1", "::1"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "127.evil.example", "127.0.0.1.example", "10.0.0.1", "::", "127.1"])
def test_another_machine(host: str) -> None:
    assert not is_loopback(host)


def test_links_start_with_the_public_url() -> None:
    urls = PublicUrls("https://Flows.Example.com/prefix//")
    assert urls.step("plivo", "menu", "aleg") == "https://Flows.Example.com/prefix/flows/plivo/menu/aleg"
    assert urls.events("vobiz") == "https://Flows.Example.com/prefix/events/vobiz"
    assert urls.host == "flows.example.com"
    assert with_token("https://x", "T") == "https://x?t=T"
    assert with_token("https://x", "T", "ct=1&rt=2") == "https://x?t=T#ct=1&rt=2"


TARGET = "/flows/plivo/menu/aleg"


@pytest.mark.parametrize(
    "base", ["https://h.example", "https://h.example:8443", "https://h.example/pre", "https://h.example/flows"]
)
@pytest.mark.parametrize(
    "target",
    [
        TARGET,
        f"{TARGET}/",
        f"{TARGET}?",
        f"{TARGET}?t=1abc.def",
        f"{TARGET}?b=2&a=1&a=&c",
        f"{TARGET}?u=https://x.example/y?z&q=%20+%2B%e4",
        f"{TARGET}?x=a://b",
        "/flows/plivo/m%65nu/al%20eg",
        "/flows//plivo/menu/aleg",
        "/events/vobiz?t=1",
    ],
)
def test_the_signed_url_is_the_public_one_whatever_the_proxy_does(base: str, target: str) -> None:
    urls = PublicUrls(base)
    prefix = base.removeprefix("https://h.example").removeprefix(":8443")
    signed = base + target
    assert urls.signed(target) == signed  # the proxy maps the prefix away
    assert urls.signed(prefix + target) == signed  # the proxy passes it on
    for host in ("http://internal:8000", "https://evil.example", "HTTP://h"):
        assert urls.signed(host + prefix + target) == signed  # absolute form: its host has no influence


def test_a_prefix_is_a_folder_not_the_start_of_a_word() -> None:
    assert PublicUrls("https://h.example/pre").signed("/prefix/flows/x") == "https://h.example/pre/prefix/flows/x"
