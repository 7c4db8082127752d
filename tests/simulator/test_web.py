"""What the platforms ask web applications: signatures, settings, retries, and every 70xx and 80xx hang-up code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

import pytest
from plivo.utils import validate_signature, validate_v3_signature
from werkzeug.wrappers import Request, Response

from callflows.simulator.fetching import signatures

from .conftest import CALLER, Phone, Web

AUTO_INPUT = {"plivo": "GetInput", "vobiz": "Gather"}


def v3_is_valid(phone: Phone, received: Any) -> bool:
    headers = received.headers
    params = {}
    if received.method == "POST":
        query = dict(pair.split("=") for pair in received.url.partition("?")[2].split("&") if pair)
        params = {name: value for name, value in received.params.items() if name not in query}
    return bool(
        validate_v3_signature(
            received.method,
            received.url,
            headers["X-Plivo-Signature-V3-Nonce"],
            phone.simulator.auth_token,
            headers["X-Plivo-Signature-V3"],
            params,
        )
    )


def test_the_official_sdk_accepts_every_plivo_signature(plivo: Phone, web: Web) -> None:
    web.xml("/post", "<Redirect method='GET'>{web}/get?b=2&amp;a=x%20y</Redirect>")
    web.xml("/get", "<Redirect method='GET'>{web}/plain</Redirect>")
    web.xml("/plain", "<Hangup/>")
    url = web.xml("/answer", "<Speak>Hi</Speak><Redirect>{web}/post?z=1&amp;a=2</Redirect>")
    plivo.call(url, caller_name="Ann & Co = 100%+")  # not ASCII, in a GET, makes the SDK itself stumble
    plivo.run()
    assert [(each.method, each.path) for each in web.received] == [
        ("POST", "/answer"),
        ("POST", "/post"),
        ("GET", "/get"),
        ("GET", "/plain"),
    ]
    nonces = set()
    for received in web.received:
        assert v3_is_valid(plivo, received), received.url
        headers = received.headers
        assert headers["X-Plivo-Signature-Ma-V3"] == headers["X-Plivo-Signature-V3"]
        v2 = (headers["X-Plivo-Signature-V2-Nonce"], headers["X-Plivo-Signature-V2"], plivo.simulator.auth_token)
        assert validate_signature(received.url, *v2)
        nonces |= {headers["X-Plivo-Signature-V2-Nonce"], headers["X-Plivo-Signature-V3-Nonce"]}
    assert len(nonces) == 8
    assert all(len(nonce) == 20 and nonce.isdigit() for nonce in nonces)


def test_vobiz_signs_the_bare_url(vobiz: Phone, web: Web) -> None:
    vobiz.call(web.xml("/answer", "<Hangup/>") + "?t=1")
    received = web.at("/answer")[0]
    token, headers = vobiz.simulator.auth_token.encode(), received.headers

    def mac(text: str) -> str:
        return base64.b64encode(hmac.new(token, text.encode(), hashlib.sha256).digest()).decode()

    names = {name.lower(): value for name, value in headers.items()}
    url = web.url + "/answer"
    assert names["x-vobiz-signature-v2"] == mac(url + names["x-vobiz-signature-v2-nonce"])
    assert names["x-vobiz-signature-v3"] == mac(f"{url}.{names['x-vobiz-signature-v3-nonce']}")
    assert names["x-vobiz-signature-ma-v3"] == names["x-vobiz-signature-v3"]
    assert names["x-vobiz-signature-ma-v2"] == names["x-vobiz-signature-v2"]
    assert len(names["x-vobiz-signature"]) == 28
    assert "X-Vobiz-Signature-V2-Nonce" in headers or "X-Vobiz-Signature-V2-Nonce".lower() in names


def test_signatures_can_be_switched_off(phone: Phone, web: Web) -> None:
    phone.switch(signatures="none")
    phone.call(web.xml("/answer", "<Hangup/>"))
    assert not [name for name in web.at("/answer")[0].headers if "signature" in name.lower()]


def test_vectors_of_the_documents() -> None:
    url, token = "https://hooks.example.com/vobiz/transfer?tid=42&x=%2B1", "test_auth_token_123"
    assert signatures.vobiz_v2(token, url, "12345678901234567890") == "qDeo5f4AxYi7JYbt213Q7mzewislkAr6VWA62N+MH4U="
    assert signatures.vobiz_v3(token, url, "98765432109876543210") == "ZwqqvXUcoKH13JNTqtvksAfe4kRjw4h2iEKxZg1/JXA="
    docs = {"CallUuid": "4vbcpem8-0u46-x1ha-9af1-438vc92bf374", "Digits": "1234", "From": "+15551111111"}
    docs["To"] = "+15555555555"
    expected = "+GIg2JlfSs3DcD8ya+BMAYnb04mZPy9MvAJZlHVaIcE="
    assert signatures.plivo_v3("my_auth_token", "POST", "https://example.com/abcd?foo=bar", docs, "12345") == expected
    vectors = [
        ("POST", "https://example.com/p?b=2&a=1", {}, "86UVTFq5pa47HKor4lsymqSbtcXtA8FdCxEPr7U5WiE="),
        ("POST", "https://example.com/p", {}, "Dnk7EUOmmb9Ppt7Xk/3clbvx2iD+4KjN0H3K+f5cpXs="),
        ("GET", "https://example.com/p?To=%2B1555&From=1&x=a+b", {}, "52Xsmw8i2FPRa6UofoBhc3aQr7zcyDXeg8dB/T5iOpw="),
        ("GET", "https://example.com/p?z=2&z=1&a=", {}, "hIYistD3ac9s/PU4p+mz+FT8W29DJ+CRWvE4bI5D6ts="),
        ("POST", "https://example.com/p/#ct=2000", {"a": "1"}, "KILTG/6JEOuljGsKCLzdrDpV0h+5ZtXkc2ESY81gxF4="),
        ("POST", "https://EXAMPLE.com:443/p/", {"a": "1"}, "U8AxVIWchfeyey2G8BmGbKZVgUpfS3MiAjyh/ko4XvM="),
        ("POST", "https://example.com/p%20q/x", {"a": "é"}, "AMF6QJK1nRmv4EWBpvJCSi5PMzGyuz61B2jWMOcub/Q="),
    ]
    for method, url, params, signature in vectors:
        assert signatures.plivo_v3("my_auth_token", method, url, params, "12345") == signature, url
    v2 = [("https://answer.url", "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="),
          ("https://answer.url/", "do1CXv+k99A6+B+eTcyqbxWlezFIxJ/1vz72787r37g="),
          ("https://answer.url:8000", "Gm7Z7AGBmf5JpSHrtUmeofrGyA4xV0ZiV0rH8JPXWGU=")]  # fmt: skip
    for url, signature in v2:
        assert signatures.plivo_v2("my_auth_token", url, "12345") == signature


def document_after(phone: Phone, web: Web, purpose: str, url: str, method: str = "POST") -> str:
    """A call whose next document, fetched for `purpose`, is at `url`."""
    if purpose == "answer":
        return phone.call(url, answer_method=method)
    written = escape(url)
    if purpose == "redirect":
        inside = f"<Redirect method='{method}'>{written}</Redirect>"
    elif purpose == "action":
        phone.number(CALLER, keys=[[1.5, "1"]])
        verb = AUTO_INPUT[phone.simulator.provider]
        inside = f"<{verb} action='{written}' method='{method}' numDigits='1'/>"
    else:
        inside = "<Wait length='60'/>"
    uuid = phone.call(web.xml("/start", f"<Speak>Hi</Speak>{inside}"))
    if purpose == "transfer":
        assert phone.transfer(uuid, aleg_url=url, aleg_method=method).status_code == 202
    return uuid


PURPOSES = {"answer": 1, "action": 2, "transfer": 3, "redirect": 4}
FAILURES: dict[str, Any] = {
    "404": Response("no", 404),
    "500": Response("<Response/>", 500, mimetype="application/xml"),
    "301": Response("", 301, headers={"Location": "/start"}),
    "302": Response("", 302, headers={"Location": "/start"}),
    "307": Response("", 307, headers={"Location": "/start"}),
}
INVALID: dict[str, Any] = {
    "empty": "",
    "text": "OK",
    "cut short": "<Response><Speak>Hi",
    "ampersand": "<Response><Redirect>https://e.com/?a=1&b=2</Redirect></Response>",
    "other root": "<response/>",
    "unknown": "<Response><Say>Hi</Say></Response>",
    "lower case": "<Response><speak>Hi</speak></Response>",
    "nested wrong": "<Response><Dial><Speak>Hi</Speak></Dial></Response>",
    "empty number": "<Response><Dial><Number> </Number></Dial></Response>",
    "no number": "<Response><Dial/></Response>",
    "bad value": "<Response><Speak loop='often'>Hi</Speak></Response>",
    "bad flag": "<Response><Dial redirect='maybe'><Number>14155550123</Number></Dial></Response>",
    "doctype": "<!DOCTYPE r [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><Response><Speak>&e;</Speak></Response>",
    "html": Response("<Response/>", mimetype="text/html"),
    "no type": Response("<Response/>", headers={"Content-Type": ""}),
    "too large": "<Response><Speak>" + "x" * 102_400 + "</Speak></Response>",
    "space before": "\n<?xml version='1.0'?><Response/>",
    "bytes": Response(b"\xff\xfe\x00", mimetype="application/xml"),
}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_documents_that_cannot_be_reached(phone: Phone, web: Web, purpose: str) -> None:
    number, names = PURPOSES[purpose], set()
    for name, page in FAILURES.items():
        web.pages["/step"] = page
        uuid = document_after(phone, web, purpose, web.url + "/step")
        phone.run(300)
        assert phone.ended(uuid) == (7010 + number, "Error"), name
        names.add(phone.leg(uuid)["hangup"]["name"])
    refused = document_after(phone, web, purpose, "http://127.0.0.1:1/step")
    phone.run(300)
    assert phone.ended(refused) == (7010 + number, "Error")
    assert names == {f"Error Reaching {purpose.title()} URL"}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_documents_that_are_invalid(phone: Phone, web: Web, purpose: str) -> None:
    for name, page in INVALID.items():
        web.pages["/step"] = page
        uuid = document_after(phone, web, purpose, web.url + "/step")
        phone.run(300)
        assert phone.ended(uuid) == (8010 + PURPOSES[purpose], "Error"), name
        assert phone.leg(uuid)["hangup"]["name"] == f"Invalid {purpose.title()} XML"


@pytest.mark.parametrize("purpose", ["action", "redirect", "transfer"])
def test_urls_and_methods_that_are_invalid(phone: Phone, web: Web, purpose: str) -> None:
    phone.switch(transfer_checks="at-fetch")
    number = PURPOSES[purpose]
    for url in ["/relative", "ftp://example.com/x", "example.com"]:
        uuid = document_after(phone, web, purpose, url)
        phone.run(300)
        assert phone.ended(uuid) == (7020 + number, "Error")
        assert phone.leg(uuid)["hangup"]["name"] == f"Invalid {purpose.title()} URL"
    uuid = document_after(phone, web, purpose, web.url, method="PUT")
    phone.run(300)
    assert phone.ended(uuid) == (7030 + number, "Error")
    assert phone.leg(uuid)["hangup"]["name"] == f"Invalid Method For {purpose.title()} URL"


def test_what_is_tolerated(phone: Phone, web: Web) -> None:
    fine = [
        "<?xml version='1.0' encoding='UTF-8'?>\n<!-- c --><Response a='1'>\n<Speak madeUp='x'>Hi</Speak></Response>",
        Response("<Response><Speak>Hi</Speak></Response>", mimetype="text/xml"),
        Response("<Response><Speak>Hi</Speak></Response>", content_type="Application/XML; charset=utf-8"),
        Response("<Response><Speak>Hi</Speak></Response>", status=201, mimetype="application/xml"),
    ]
    for page in fine:
        web.pages["/step"] = page
        uuid = phone.call(web.url + "/step")
        phone.run()
        assert phone.ended(uuid)[0] == 4010


def test_leniency_can_be_switched_on(phone: Phone, web: Web) -> None:
    phone.switch(unknown_element="ignore", content_type="any", bad_value="default")
    document = "<Response><Say>x</Say><Speak loop='often'>Hi <b>there</b></Speak></Response>"
    web.pages["/step"] = Response(document, mimetype="text/plain")
    uuid = phone.call(web.url + "/step")
    phone.run()
    assert phone.ended(uuid)[0] == 4010
    assert phone.texts("hear") == ['hears "Hi there"']


def slow(seconds: float) -> Callable[[Request], str]:
    def page(request: Request) -> str:
        time.sleep(seconds)
        return "<Response><Speak>At last.</Speak></Response>"

    return page


def test_plivos_fragment_sets_timeouts_and_retries(plivo: Phone, web: Web) -> None:
    web.pages["/slow"] = slow(0.6)
    uuid = plivo.call(web.url + "/slow#ct=500&rt=100&rc=2&rp=rt")
    plivo.run()
    assert plivo.ended(uuid)[0] == 7011
    assert [entry["at"] for entry in plivo.entries("fetch")] == [0.1, 0.2, 0.3]
    assert plivo.entries("fetch")[0]["error"] == "read timeout"
    assert all("#" not in each.url for each in web.received)
    nonces = {each.headers["X-Plivo-Signature-V3-Nonce"] for each in web.received}
    assert len(nonces) == len(web.received) == 3


def test_plivos_total_time_ends_the_retries(plivo: Phone, web: Web) -> None:
    web.pages["/slow"] = slow(0.4)
    plivo.call(web.url + "/slow#rt=100&tt=250&rc=5&rp=all")
    plivo.run()
    assert plivo.entries("fetch")[-1]["at"] == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize(
    ("fragment", "requests"),
    [
        ("", 1),
        ("rc=3", 1),
        ("rc=3&rp=5xx", 4),
        ("rc=0&rp=all", 1),
        ("rp=4xx", 1),
        ("rc=99&rp=5xx", 2),
        ("junk&rc=x", 1),
    ],
)
def test_what_plivo_retries(plivo: Phone, web: Web, fragment: str, requests: int) -> None:
    web.pages["/step"] = Response("no", 503)
    uuid = plivo.call(f"{web.url}/step#{fragment}")
    plivo.run()
    assert plivo.ended(uuid)[0] == 7011
    assert len(web.at("/step")) == requests


def test_a_retry_that_works_is_a_document(plivo: Phone, web: Web) -> None:
    answers = [Response("no", 500), Response("no", 500)]

    def page(request: Request) -> Any:
        return answers.pop() if answers else "<Response><Speak>At last.</Speak></Response>"

    web.pages["/step"] = page
    plivo.call(f"{web.url}/step#rc=2&rp=all")
    plivo.run()
    assert plivo.texts("hear") == ['hears "At last."']


def test_vobiz_retries_the_answer_url_but_no_transfer(vobiz: Phone, web: Web) -> None:
    web.pages["/step"] = Response("no", 503)
    vobiz.call(web.url + "/step", hangup_url=web.xml("/hangup", ""))
    vobiz.run()
    assert len(web.at("/step")) == 4
    uuid = vobiz.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='60'/>"), hangup_url=web.xml("/hangup", ""))
    web.received.clear()
    vobiz.transfer(uuid, aleg_url=web.url + "/step")
    vobiz.run()
    assert len(web.at("/step")) == 1


def test_vobiz_repeats_a_callback_that_failed_with_growing_pauses(vobiz: Phone, web: Web) -> None:
    web.pages["/hangup"] = Response("no", 503)
    vobiz.call(web.xml("/answer", "<Hangup/>"), hangup_url=web.url + "/hangup")
    vobiz.run()
    assert [entry["at"] for entry in vobiz.entries("fetch")[1:]] == [0.0, 1.0, 3.0, 7.0]


def test_patience_caps_real_waiting_while_virtual_time_pays_in_full(start: Callable[..., Phone], web: Web) -> None:
    vobiz = start("vobiz", patience=0.1)
    web.pages["/slow"] = slow(0.3)
    uuid = vobiz.call(web.xml("/answer", "<Speak>Hi</Speak><Redirect>{web}/slow</Redirect>"))
    vobiz.run()
    assert vobiz.ended(uuid)[0] == 7014
    assert vobiz.control("GET", "clock")["now"] == 11.0


def test_a_fallback_for_the_answer_url_only(phone: Phone, web: Web) -> None:
    fallback = web.xml("/fallback", "<Speak>Fallback.</Speak>")
    for page in (Response("no", 404), "not XML"):
        web.pages["/step"] = page
        phone.call(web.url + "/step", fallback_url=fallback)
        phone.run()
        assert phone.texts("hear")[-1] == 'hears "Fallback."'
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Redirect>{web}/step</Redirect>"), fallback_url=fallback)
    phone.run()
    assert phone.ended(uuid)[0] == 8014


def test_the_body_is_a_form_sorted_by_name(phone: Phone, web: Web) -> None:
    phone.call(web.xml("/answer", "<Hangup/>") + "?t=own", caller_name="Ann\n\ud800<é>")
    received = web.at("/answer")[0]
    names = [pair.split("=")[0] for pair in received.body.decode().split("&")]
    assert names == sorted(names)
    assert "t" not in names
    assert received.params["t"] == "own"
    assert received.params["CallerName"] == "Ann\n?<é>"
    assert received.headers["User-Agent"] == phone.simulator.dialect.title
