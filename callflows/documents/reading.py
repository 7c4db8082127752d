"""From text or bytes to a tree, safely: no entity, DTD, network, namespace or oversized input gets any further.

Measured on libxml2 2.14 (ecosystem.md 5.6): a DOCTYPE makes XSD validation raise, an xsi: attribute passes it, a
namespace gives riddles for messages, and text up to 10 MB is parsed. So all of those are looked for here.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

from lxml import etree

from ..marks import LINK_CLOSE, LINK_OPEN
from ..models import Severity
from .findings import MOST, Finding, Node
from .grammar import parse_error
from .schema import XML_PREFIX
from .spots import START, TOKEN, attributes_of, unbalanced

MAX_BYTES = 100_000  # "100 KB" on both platforms (plivo.md 1.0, vobiz.md 1.1); the smaller of the two readings
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
MAX_TAGS = 3_000  # start and end tags, and comments: each takes time to judge, and no caller hears a thousand elements
MOST_ATTRIBUTES = 500  # of one element; the grammar knows 30, and libxml2 looks for each among all of them
TOKEN_BYTES = 1_800  # what a sealed token takes at most (signing.MAX_TOKEN); an unsealed link counts as that

_PREFIX = re.compile("\ufeff?\\s*(?:<\\?xml\\s[^>]*?\\?>)?\\s*")
_ENCODING = re.compile(r"""\A<\?xml\s[^>]*?encoding\s*=\s*["']([^"']*)["']""")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNREAD = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>", re.DOTALL)
_LINK = re.compile(f"{LINK_OPEN}[0-9]{{1,9}}{LINK_CLOSE}")
_SYNTAX = {  # words of libxml2's, and what to do
    "Extra content": "put everything into one <Response>, and remove what stands behind it",
    "Start tag expected": "begin with <Response>, or with <?xml before it",
    "invalid element name": "write < as &lt; where it begins no element",
    "redefined": "remove one of the two",
    "AttValue": 'put the value into plain quotes: name="value"',
    "Specification mandates value": 'write name="value"',
    "attributes construct error": "put a space between attributes, and quotes around values",
}
_ALTERED = re.compile("%EE%80%8[23]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """`body` is the text without BOM, declaration and white space in front; `root` None when there is no tree."""

    body: str
    root: Node | None
    findings: list[Finding]


class _Parser(threading.local):
    def __init__(self) -> None:
        self.parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


_local = _Parser()


def read(text: str) -> Reading:
    prefix = _PREFIX.match(text)
    start = prefix.end() if prefix else 0
    body = text[start:]
    if not body.strip():
        return Reading("", None, [Finding("xml.empty", "the document is empty", hint="at least <Response/>", offset=0)])
    findings: list[Finding] = []
    if len(body) > MAX_BYTES:
        return Reading(body, None, [too_large(len(body))])
    before = text.count("\n", 0, start)
    try:
        # Line breaks in place of what was cut off: the parser's lines are the author's.
        root = etree.fromstring(("\n" * before + body).encode(), _local.parser)
    except UnicodeEncodeError:
        return Reading(body, None, [_illegal(text)])
    except etree.XMLSyntaxError as error:
        return Reading(body, None, [_syntax(text, body, start, error)])
    if "<!DOCTYPE" in body and (doctype := _doctype(body)) >= 0:
        return Reading(body, None, [_refused_doctype(start + doctype)])
    if (tags := body.count("<")) > MAX_TAGS:
        return Reading(body, None, [_too_many(tags)])
    if len(body) > 4 * MOST_ATTRIBUTES and root.xpath(f"//*[count(@*)>{MOST_ATTRIBUTES}]"):
        return Reading(body, None, [_crowded(text, start)])
    if "xmlns" in body:
        findings += _namespaces(root, text, start)
    if "<?" in body:
        findings += _instructions(text, start)
    findings += _links(text)
    return Reading(body, root, findings)


def decode(data: bytes) -> tuple[str, list[Finding]]:
    """A file's bytes as text. UTF-8 is the only encoding we serve, so a file that is something else, or says so,
    would not be what callers hear."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00<" in data[:8] or b"<\x00" in data[:8]:
        return "", [_encoding("the file is UTF-16 or UTF-32", 1)]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return "", [_encoding(f"byte 0x{data[error.start]:02x} is not UTF-8", line)]
    text = text.removeprefix("\ufeff")
    declared = _ENCODING.match(text)
    if declared and declared[1].upper() not in ("UTF-8", "US-ASCII", "ASCII"):
        return text, [_encoding(f"the file declares the encoding {declared[1]}", 1)]
    if text[:1].isspace() and text.lstrip().startswith("<?xml "):
        return text, [
            Finding(
                "xml.declaration", "there is white space before the XML declaration", hint="begin with <?xml", line=1
            )
        ]
    return text, []


def served_bytes(text: str) -> int:
    """Size of what the platform gets: declaration and sealed tokens included."""
    size = len(DECLARATION) + len(text.encode())
    if LINK_OPEN in text:
        size += sum(TOKEN_BYTES - len(link.encode()) for link in _LINK.findall(text))
    return size


def too_large(size: int) -> Finding:
    return Finding(
        "xml.too-large",
        f"the document has {size} bytes, and the platforms take {MAX_BYTES}",
        hint="split it into steps and go on with Redirect",
        offset=0,
    )


def _too_many(tags: int) -> Finding:
    message = f"the document has {tags} tags; at most {MAX_TAGS}"
    return Finding("xml.tags", message, hint="split it into steps and go on with Redirect", offset=0)


def _crowded(text: str, start: int) -> Finding:
    tags = (token for token in TOKEN.finditer(text, start) if token[START] is not None)
    tag = next(tag for tag in tags if sum(1 for _ in attributes_of(tag)) > MOST_ATTRIBUTES)
    message = f"{tag[START]} has more than {MOST_ATTRIBUTES} attributes"
    return Finding("xml.attributes", message, hint="remove what the platform does not know", offset=tag.start())


def _encoding(message: str, line: int) -> Finding:
    return Finding("xml.encoding", message, hint="save the file as UTF-8", line=line)


def _illegal(text: str) -> Finding:
    found = _NOT_XML.search(text)
    position = found.start() if found else 0
    return Finding(
        "xml.character",
        f"XML cannot contain the character U+{ord(text[position]):04X}",
        hint="remove it; values from callers are scrubbed by default",
        offset=position,
    )


def _syntax(text: str, body: str, start: int, error: etree.XMLSyntaxError) -> Finding:
    if _NOT_XML.search(text):
        return _illegal(text)
    if "<!DOCTYPE" in body and (doctype := _doctype(body)) >= 0:
        return _refused_doctype(start + doctype)
    message, line, column = parse_error(error)
    offset = _offset(text, start, line, column)
    if message.startswith("Entity '"):
        hint = "XML knows &amp; &lt; &gt; &quot; &apos; and numbers such as &#160;"
        return Finding("xml.entity", message, hint=hint, offset=offset)
    if message.startswith("Namespace prefix"):
        hint = "the platforms know no namespaces: remove the prefix"
        return Finding("xml.namespace", message, hint=hint, offset=offset)
    if "Excessive depth" in message:
        hint = "the platforms' grammar is 5 deep"
        return Finding("xml.depth", "elements are nested too deeply", hint=hint, offset=offset)
    if "invalid xmlChar value" in message:
        message = "a character reference names a character XML cannot contain"
        return Finding("xml.character", message, hint="remove it", offset=offset)
    if ("tag mismatch" in message or "Premature end" in message) and (found := unbalanced(body)) is not None:
        at, message, meant = found  # libxml2 points at the end tag where it noticed
        hint = f"write </{meant}>" if meant else "remove it"
        return Finding("xml.syntax", f"not well-formed: {message}", hint=hint, offset=start + at)
    hint = ""
    if "EntityRef" in message or "CharRef" in message:
        hint = "write & as &amp;, also inside URLs"
    elif "attribute value: '<'" in message or "Unescaped '<'" in message:
        hint = "write < as &lt;"
    elif "{%" in text or "{{" in text:
        hint = "is this a template? callflows flows check FLOW judges those"
    else:
        hint = next((hint for words, hint in _SYNTAX.items() if words in message), "mend the XML there")
    return Finding("xml.syntax", f"not well-formed: {message}", hint=hint, offset=offset)


def _offset(text: str, start: int, line: int, column: int) -> int:
    """Of the character libxml2 stopped behind. It counts lines and columns from 1, in characters."""
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1
    offset = min(max(at, start) + max(column - 2, 0), len(text))
    return offset + 1 if text[offset : offset + 1] == " " else offset  # of some mistakes, the character itself


def _doctype(body: str) -> int:
    """Where the DOCTYPE stands; -1 when it is only spoken of in a comment or CDATA section."""
    return _UNREAD.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), body).find("<!DOCTYPE")


def _refused_doctype(offset: int) -> Finding:
    message = "a document for the platforms has no DOCTYPE"
    return Finding("xml.doctype", message, hint="remove it, with its entities", offset=offset)


def _namespaces(root: Node, text: str, start: int) -> list[Finding]:
    """One finding per declaration; then names are made plain, so that the rest can be judged as it was meant. The
    text is looked at, as lxml tells all that is in scope for every element anew."""
    found = []
    for tag in TOKEN.finditer(text, start):
        if tag[START] is None or "xmlns" not in tag[0]:
            continue
        for attribute in attributes_of(tag):
            if attribute[1] == "xmlns" or attribute[1].startswith("xmlns:"):
                message = f"{tag[START].rpartition(':')[2]} declares the namespace {attribute[2][1:-1][:80]}"
                hint = f"the platforms know no namespaces: remove {attribute[1]}"
                found.append(Finding("xml.namespace", message, hint=hint, offset=attribute.start()))
        if len(found) >= MOST:
            break
    if found:
        for element in root.iter("*"):
            element.tag = etree.QName(element).localname
            for key in list(element.attrib):
                if str(key).startswith("{") and not str(key).startswith(XML_PREFIX):
                    del element.attrib[key]
    return found


def _instructions(text: str, start: int) -> list[Finding]:
    return [
        Finding(
            "xml.instruction",
            "a processing instruction; no platform says what it does with one",
            hint="remove it",
            severity=Severity.WARNING,
            offset=token.start(),
        )
        for token in TOKEN.finditer(text, start)
        if token[0].startswith("<?")
    ]


def broken_link(text: str) -> int:
    """Where a mark of ours is not whole, as after a filter or string operation on step_url() and its kin; or -1."""
    if not (LINK_OPEN in text or LINK_CLOSE in text or "%EE%80" in text or "%ee%80" in text):
        return -1
    rest = _LINK.sub(lambda found: " " * len(found[0]), text)
    broken = [position for mark in (LINK_OPEN, LINK_CLOSE) if (position := rest.find(mark)) >= 0]
    if (altered := _ALTERED.search(rest)) is not None:
        broken.append(altered.start())
    return min(broken, default=-1)


def _links(text: str) -> list[Finding]:
    position = broken_link(text)
    if position < 0:
        return []
    return [
        Finding(
            "rule.link-altered",
            "a link of ours was changed after it was made, and would not work",
            hint="put step_url(...), flow_url(...) and events_url() into the document as they are, without filters",
            fatal=True,
            offset=position,
        )
    ]
