"""Plivo's V3 and V2: every vector of the facts sheet (section 4), and the official SDK as a stranger."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import parse_qsl, quote, urlencode, urlparse, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from plivo.utils import validate_signature, validate_v3_signature
from plivo.utils.signature_v3 import construct_get_url, construct_post_url, get_signature_v3

from callflows.models import Signature, WebhookRequest
from callflows.providers.plivo import Plivo, v3_bases
from callflows.providers.signatures import mac

QA_TOKEN = "Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4"
QA_NONCE = "31627761595286130198"
QA_URL = "https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml"
_ID = "3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"
P = {
    "Direction": "outbound",
    "From": "19792014278",
    "ALegUUID": _ID,
    "ALegRequestUUID": _ID,
    "CallUUID": _ID,
    "RequestUUID": _ID,
    "CallStatus": "in-progress",
    "BillRate": "0.002",
    "ParentAuthID": "MANWVLYTK4ZWU1YTY4QA",
    "To": "sip:PlivoSignature382029104058171078704104@phone-qa.voice.plivodev.com",
    "SIP-H-To": "<sip:PlivoSignature382029104058171078704104@52.9.11.55;transport=udp>;tag=1",
    "SessionStart": "2020-04-08 11:34:33.238707",
    "Event": "StartApp",
}
CALL = {"CallUUID": "abc", "From": "15551230000", "To": "15551230001"}
DOCS = {
    "CallUuid": "4vbcpem8-0u46-x1ha-9af1-438vc92bf374",
    "Digits": "1234",
    "From": "+15551111111",
    "To": "+15555555555",
}
LOCAL = "http://127.0.0.1:5000/transfer/aleg"
T, N = "my_auth_token", "12345"

# token, nonce, method, URL, form, signature
V3 = [
    (QA_TOKEN, QA_NONCE, "POST", QA_URL + "/?a=b&c=d", P, "k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c="),
    (QA_TOKEN, QA_NONCE, "POST", QA_URL, P, "iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0="),
    # the SDKs pass a GET's parameters apart; on the wire they are in the query
    (
        QA_TOKEN,
        QA_NONCE,
        "GET",
        f"{QA_URL}/?a=b&c=d&{urlencode(P)}",
        {},
        "UBq8jAtd32wR8EK9VgxbBn4n5rpI/l1H9iN4WfSEHFQ=",
    ),
    (QA_TOKEN, QA_NONCE, "GET", f"{QA_URL}?{urlencode(P)}", {}, "i/MQsaQSAd6fiKhOh2qeeeLHZ9faldADSb3/7+Akfbc="),
    (T, N, "POST", LOCAL, CALL, "yTB2W+aHgS+4auX8CcbrYyys1o+5sePVFzp8pN9RWEs="),
    (T, N, "POST", LOCAL + "?x=1&y=a%20b", CALL, "7/0mMtP8Msu1b4/jX20FUoUC+SJlB166LROb4I756RU="),
    (T, N, "POST", "https://example.com/p?b=2&a=1", {}, "86UVTFq5pa47HKor4lsymqSbtcXtA8FdCxEPr7U5WiE="),
    (T, N, "POST", "https://example.com/p", {}, "Dnk7EUOmmb9Ppt7Xk/3clbvx2iD+4KjN0H3K+f5cpXs="),
    (
        T,
        N,
        "GET",
        "https://example.com/p?To=%2B1555&From=1&x=a+b",
        {},
        "52Xsmw8i2FPRa6UofoBhc3aQr7zcyDXeg8dB/T5iOpw=",
    ),
    (T, N, "GET", "https://example.com/p?z=2&z=1&a=", {}, "hIYistD3ac9s/PU4p+mz+FT8W29DJ+CRWvE4bI5D6ts="),
    (T, N, "POST", "https://example.com/p", {"k": ["b", "a"], "a": ""}, "cN507SwdQQVi5pX4oh+/yk1uBwpF3bgyEcMezo9wpIM="),
    (T, N, "POST", "https://example.com/p/#ct=2000", {"a": "1"}, "KILTG/6JEOuljGsKCLzdrDpV0h+5ZtXkc2ESY81gxF4="),
    (T, N, "POST", "https://EXAMPLE.com:443/p/", {"a": "1"}, "U8AxVIWchfeyey2G8BmGbKZVgUpfS3MiAjyh/ko4XvM="),
    (T, N, "POST", "https://example.com/p%20q/x", {"a": "é"}, "AMF6QJK1nRmv4EWBpvJCSi5PMzGyuz61B2jWMOcub/Q="),
    (T, N, "POST", "https://example.com/abcd?foo=bar", DOCS, "+GIg2JlfSs3DcD8ya+BMAYnb04mZPy9MvAJZlHVaIcE="),
]
V2 = [
    ("https://answer.url", "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="),
    ("https://answer.url/", "do1CXv+k99A6+B+eTcyqbxWlezFIxJ/1vz72787r37g="),
    ("https://answer.url/?a=b#c", "do1CXv+k99A6+B+eTcyqbxWlezFIxJ/1vz72787r37g="),
    ("https://answer.url:8000", "Gm7Z7AGBmf5JpSHrtUmeofrGyA4xV0ZiV0rH8JPXWGU="),
]


def plivo(*tokens: str) -> Plivo:
    return Plivo(auth_id="MAXXXXXXXXXXXXXXXXXX", auth_tokens=tokens, api_url="http://127.0.0.1:1/v1")


def pairs(form: dict[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, str(one)) for name, value in form.items() for one in (value if isinstance(value, list) else [value])
    )


def request(method: str, url: str, form: tuple[tuple[str, str], ...] = (), **headers: str) -> WebhookRequest:
    return WebhookRequest(
        method=method,
        path=urlsplit(url).path.rstrip("/"),
        url=url,
        headers={f"x-plivo-signature-{name.replace('_', '-')}": value for name, value in headers.items()},
        query=tuple(parse_qsl(urlsplit(url).query, keep_blank_values=True, errors="surrogateescape")),
        form=form,
    )


@pytest.mark.parametrize(("token", "nonce", "method", "url", "form", "signature"), V3)
def test_v3_vectors(token: str, nonce: str, method: str, url: str, form: dict[str, object], signature: str) -> None:
    given = request(method, url, pairs(form), v3=signature, v3_nonce=nonce)
    assert plivo(token).verify(given) is Signature.VALID
    assert plivo(token + "x").verify(given) is Signature.WRONG
    main_account = request(method, url, pairs(form), ma_v3=signature, v3_nonce=nonce)
    assert plivo(token).verify(main_account) is Signature.VALID
    changed = request(method, url, (*pairs(form), ("Digits", "9")), v3=signature, v3_nonce=nonce)
    assert plivo(token).verify(changed) is Signature.WRONG


def test_v3_the_order_of_parameters_does_not_matter() -> None:
    token, nonce, method, url, form, signature = V3[0]
    given = request(method, url, tuple(reversed(pairs(form))), v3=signature, v3_nonce=nonce)
    assert plivo(token).verify(given) is Signature.VALID


def test_v3_head_is_signed_like_get() -> None:
    token, nonce, _, url, _, signature = V3[2]
    assert plivo(token).verify(request("HEAD", url, v3=signature, v3_nonce=nonce)) is Signature.VALID


def test_v3_a_body_on_get_is_not_covered_and_so_refused() -> None:
    token, nonce, _, url, _, signature = V3[2]
    given = request("GET", url, (("Digits", "1"),), v3=signature, v3_nonce=nonce)
    assert plivo(token).verify(given) is Signature.WRONG
    token, nonce, _, url, form, signature = V3[0]
    assert plivo(token).verify(request("GET", url, pairs(form), v3=signature, v3_nonce=nonce)) is Signature.WRONG


def test_v3_signed_get_sent_as_post_with_parameters_is_wrong() -> None:
    token, nonce, _, _, _, signature = V3[3]
    assert plivo(token).verify(request("POST", QA_URL, pairs(P), v3=signature, v3_nonce=nonce)) is Signature.WRONG


@pytest.mark.parametrize(("url", "signature"), V2)
def test_v2_vectors(url: str, signature: str) -> None:
    assert plivo(T).verify(request("POST", url, v2=signature, v2_nonce=N)) is Signature.VALID
    assert plivo(T).verify(request("POST", url, ma_v2=signature, v2_nonce=N)) is Signature.VALID
    assert plivo(T).verify(request("POST", url, v2=signature, v2_nonce="1")) is Signature.WRONG
    assert validate_signature(url, N, signature, T)


def test_v2_does_not_rescue_a_wrong_v3() -> None:
    url, signature = V2[1]
    both = request("POST", url, (("Digits", "1"),), v3="AAAA", v3_nonce=N, v2=signature, v2_nonce=N)
    assert plivo(T).verify(both) is Signature.WRONG
    ma = request("POST", url, (("Digits", "1"),), ma_v3="AAAA", v3_nonce=N, v2=signature, v2_nonce=N)
    assert plivo(T).verify(ma) is Signature.WRONG
    no_nonce = request("POST", url, v3="AAAA", v2=signature, v2_nonce=N)
    assert plivo(T).verify(no_nonce) is Signature.WRONG


def test_one_right_v3_header_is_enough() -> None:
    token, nonce, method, url, form, signature = V3[0]
    given = request(method, url, pairs(form), v3="AAAA", ma_v3=signature, v3_nonce=nonce)
    assert plivo(token).verify(given) is Signature.VALID


def test_v1_is_no_evidence() -> None:
    given = request("POST", "http://foo.com/answer/", (("Duration", "300"),))
    v1 = WebhookRequest(
        method="POST",
        path=given.path,
        url=given.url,
        headers={"x-plivo-signature": "EJEt0ELanhr8hjMPIJnLNLex0dE="},
        form=given.form,
    )
    assert plivo("MAXXXXXXXXXXXXXXXXXX").verify(v1) is Signature.ABSENT


@pytest.mark.parametrize("as_signed", [b"Caf\xe9", "Caf\ufffd".encode()], ids=["original bytes", "replacements"])
def test_v3_undecodable_bytes(as_signed: bytes) -> None:
    received = b"Caf\xe9".decode("utf-8", "surrogateescape")
    # keys sort by code point: CallUUID before CallerName
    base = b"https://example.com/p?x=" + as_signed + b".CallUUIDuCallerName" + as_signed
    signature = base64.b64encode(hmac.digest(T.encode(), base + b"." + N.encode(), "sha256")).decode()
    given = request(
        "POST",
        "https://example.com/p?x=Caf%E9",
        (("CallerName", received), ("CallUUID", "u")),
        v3=signature,
        v3_nonce=N,
    )
    assert plivo(T).verify(given) is Signature.VALID


def test_the_scheme_is_compared_in_lower_case() -> None:
    token, nonce, method, url, _, signature = V3[7]
    assert (
        plivo(token).verify(request(method, url.replace("https", "HTTPS"), v3=signature, v3_nonce=nonce))
        is Signature.VALID
    )


def test_without_such_parameters_there_is_one_spelling() -> None:
    for url in ("https://example.com/p?a=;b", "https://example.com/x;y/p", "https://example.com", "x;y"):
        assert len(v3_bases(request("POST", url))) == 1


SEGMENT = st.text("abcXYZ019-_.~", min_size=1, max_size=8) | st.sampled_from(["p%20q", "%C3%A9", "a%2Fb", "@", "x:y"])
HOST = st.sampled_from(["example.com", "EXAMPLE.com", "flows.example.com:443", "127.0.0.1:5000", "localhost"])
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
QUERY = st.lists(st.tuples(ASCII, ASCII), max_size=5)
FORM = st.dictionaries(ANY, ANY | st.lists(ANY, min_size=1, max_size=3), max_size=5)


@st.composite
def urls(draw: st.DrawFn) -> str:
    path = "".join("/" + segment for segment in draw(st.lists(SEGMENT, max_size=4))) + draw(st.sampled_from(["", "/"]))
    raw = draw(st.sampled_from([quote, None]))
    encoded = urlencode(draw(QUERY), **({"quote_via": quote} if raw else {}))
    query = draw(st.sampled_from(["", "?"])) if not encoded else "?" + encoded
    return (
        draw(st.sampled_from(["http", "https"]))
        + "://"
        + draw(HOST)
        + path
        + query
        + draw(st.sampled_from(["", "#ct=2000&rt=4000"]))
    )


@given(url=urls(), form=FORM, nonce=st.text("0123456789", min_size=1, max_size=20), token=ASCII.filter(str.strip))
def test_v3_post_agrees_with_the_official_sdk(url: str, form: dict[str, object], nonce: str, token: str) -> None:
    token = token.strip()
    base = construct_post_url(url, form).decode("utf-8")
    signature = get_signature_v3(token.encode(), base, nonce).decode()
    ours = plivo(token)
    assert ours.verify(request("POST", url, pairs(form), v3=signature, v3_nonce=nonce)) is Signature.VALID
    assert v3_bases(request("POST", url, pairs(form))) == (base.encode(),)
    more = (*pairs(form), ("Zz", "1"))
    assert ours.verify(request("POST", url, more, v3=signature, v3_nonce=nonce)) is Signature.WRONG


@given(url=urls(), nonce=st.text("0123456789", min_size=1, max_size=20))
def test_v3_get_agrees_with_the_official_sdk(url: str, nonce: str) -> None:
    base = construct_get_url(url, {}).decode("utf-8")
    signature = get_signature_v3(T.encode(), base, nonce).decode()
    assert plivo(T).verify(request("GET", url, v3=signature, v3_nonce=nonce)) is Signature.VALID
    assert plivo(T).verify(request("GET", url, v3=signature, v3_nonce=nonce + "1")) is Signature.WRONG


PARAMETRISED = ["/p;a", "/p;a=1;b=2", "/x;y/p", "/x;y/p;z", "/p/;a", "/;", "/p;a%3Bb"]


@pytest.mark.parametrize("path", PARAMETRISED)
@pytest.mark.parametrize("query", ["", "?b=2&a=%3B", "?x=/a;b#ct=2000"])
def test_parameters_of_the_last_path_segment_may_be_signed_or_not(path: str, query: str) -> None:
    url, form = f"https://example.com{path}{query}", {"CallUUID": "u"}
    sent = tuple(form.items())
    post, get = construct_post_url(url, form).decode(), construct_get_url(url, {}).decode()
    ours = plivo(T)
    for method, given_form, theirs in (("POST", sent, post), ("GET", (), get)):
        whole, *others = v3_bases(request(method, url, given_form))
        assert theirs.encode() in (whole, *others)
        assert whole.startswith(f"https://example.com{path}".encode())
        for base in (theirs.encode(), whole):
            signature = mac(T.encode(), base + b"." + N.encode()).decode()
            assert ours.verify(request(method, url, given_form, v3=signature, v3_nonce=N)) is Signature.VALID
            signature = mac(T.encode(), base + b"x." + N.encode()).decode()
            assert ours.verify(request(method, url, given_form, v3=signature, v3_nonce=N)) is Signature.WRONG
    v2 = mac(T.encode(), f"https://example.com{path}{N}".encode()).decode()
    assert ours.verify(request("POST", url, v2=v2, v2_nonce=N)) is Signature.VALID
    bare = urlparse(url)._replace(params="", query="", fragment="").geturl()
    v2 = mac(T.encode(), f"{bare}{N}".encode()).decode()
    assert validate_signature(url, N, v2, T)
    assert ours.verify(request("POST", url, v2=v2, v2_nonce=N)) is Signature.VALID


@given(url=urls(), form=FORM)
def test_the_sdk_accepts_what_we_hold_for_signed(url: str, form: dict[str, object]) -> None:
    (base,) = v3_bases(request("POST", url, pairs(form)))
    signature = mac(T.encode(), base + b"." + N.encode()).decode()
    try:
        agreed = validate_v3_signature("POST", url, N, T, f"AAAA,{signature}", form)
    except Exception:  # the SDK's own idea of a URL is narrower than ours
        assume(False)
    assert agreed
