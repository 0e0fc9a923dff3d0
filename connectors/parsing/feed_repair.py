"""Prepares a feed's bytes for feedparser: corrects the charset, strips input that makes parsing quadratic."""

import codecs
import re

from lxml import etree

from connectors.parsing import markup

_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_DOCTYPE = re.compile(rb"<!DOCTYPE", re.IGNORECASE)
_DOCTYPE_END = re.compile(rb"[\[>]")
_SUBSET_END = re.compile(rb"\]\s*>")
_UTF_7 = re.compile(
    rb"(encoding\s*=\s*[\"'])\s*utf-?7", re.IGNORECASE
)  # text that is harmless in UTF-7 may not be in UTF-8
_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?\sencoding\s*=\s*[\"']\s*([\w.:-]{2,40})[^>]{0,100}\?>")
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_LONGEST_DECLARATION = 300
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_DECLARATION = re.compile(r"<\?xml[^>]*\?>")
_ENDLESS_PERSON = re.compile(
    rb"(<[\w:]{0,40}(?:author|creator|contributor|publisher|name|owner|editor|webmaster|email)\b[^>]{0,1000}>"
    rb"(?:\s{0,100}<!\[CDATA\[)?[^<]{0,500})[^<]*",
    re.IGNORECASE,
)  # no name is longer, and feedparser's pattern for addresses in them takes quadratic time
_ENDLESS_TAG = re.compile(
    rb"<([a-zA-Z][\w:.-]{0,100})[^<>]{20000,}>"
)  # no feed has such tags, and parsers take quadratic time for them

_DEEPEST = 2000  # elements within elements
_SCOPE = re.compile(rb"""\sxml(?:ns)?:[\w.-]{1,100}\s{0,100}=\s{0,100}(?:"[^"<>]*"|'[^'<>]*')""")
_MARKUP = re.compile(rb"<!\[CDATA\[|<!--|<(/?)([A-Za-z_][\w:.-]{0,100})([^<>]*)>")
_UNCLOSED = frozenset(
    {
        b"area",
        b"base",
        b"br",
        b"col",
        b"dd",
        b"dt",
        b"hr",
        b"img",
        b"input",
        b"li",
        b"link",
        b"meta",
        b"p",
        b"td",
        b"tr",
    }
)
_ENDS = {b"<![CDATA[": b"]]>", b"<!--": b"-->"}


def _without_deep_scopes(data: bytes) -> bytes:
    """The document without bases and namespaces of elements that stand in more than `_DEEPEST` others.

    feedparser takes quadratic time for those. Tags that HTML leaves open do not count.
    """
    depth = at = 0
    while found := _MARKUP.search(data, at):
        at = found.end()
        if end := _ENDS.get(found[0]):
            if (at := data.find(end, at)) < 0:
                return data
        elif found[1]:
            depth = max(0, depth - 1)
        elif not found[3].endswith(b"/") and (b"xml" in found[3] or found[2].lower() not in _UNCLOSED):
            depth += 1
            if depth > _DEEPEST:
                return data[: found.start()] + _SCOPE.sub(b"", data[found.start() :])
    return data


def sanitise(data: bytes, content_type: str) -> tuple[bytes, str]:
    """The document without harmful input and with the right charset, and its content type."""
    data, content_type = _declared_safely(data, content_type)
    if _ENTITY.search(data[:65_536]):
        data = _without_doctype(data)
    return _without_deep_scopes(_ENDLESS_PERSON.sub(rb"\1", _ENDLESS_TAG.sub(rb"<\1>", data))), content_type


def well_formed(data: bytes) -> bytes:
    """The document as well-formed XML, as far as lxml can recover it."""
    content = _DECLARATION.sub("", markup.decode(data)).lstrip()
    reader = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(content.encode("utf-8", "replace"), reader)
    return b"" if root is None else bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))


def _declared_safely(data: bytes, content_type: str) -> tuple[bytes, str]:
    """The document with its XML declaration on a short line of its own, and its content type.

    feedparser's pattern for the encoding takes cubic time in the length of the first line.
    """
    if data[:4].startswith(_WIDE) or data[:2] in (b"<\x00", b"\x00<"):
        content = _DECLARATION.sub("", markup.decode(data, _wide(data)), count=1)
        return b"\n" + content.encode("utf-8", "replace"), "application/xml; charset=utf-8"
    start = len(data) - len(data.lstrip(b"\xef\xbb\xbf \t\r\n"))
    misread = _misdeclared(data, content_type, _ENCODING.match(data, start))
    if misread is not None:
        return b"\n" + misread.encode("utf-8", "replace"), "application/xml; charset=utf-8"
    if not data.startswith(b"<?", start):
        return data, content_type
    end = data.find(b"?>", start, start + _LONGEST_DECLARATION) + 2
    if end < 2:  # never closed, or far too long: it is dropped
        return data[:start] + data[start + 2 :], content_type
    return _UTF_7.sub(rb"\1utf-8", data[:end]) + b"\n" + data[end:], content_type


def _misdeclared(data: bytes, content_type: str, declaration: re.Match[bytes] | None) -> str | None:
    """The text of UTF-8 that is declared as something else or has a broken letter; None of all other documents.

    feedparser would decode either as a Western charset.
    """
    said = [
        match.group(1) for match in (_CHARSET.search(content_type.encode("ascii", "replace")), declaration) if match
    ]
    names = [name.decode("ascii", "replace").lower() for name in said]
    if any(markup.is_utf_8_in_disguise(data, name) for name in names):
        content = data.decode("utf-8")
    elif any(name not in ("utf-8", "utf8") for name in names) or markup.is_utf_8(data):
        return None
    elif (nearly := markup.decode_nearly_utf_8(data)) is not None:
        content = nearly
    else:
        return None
    content = content.lstrip("\ufeff \t\r\n")
    found = _DECLARATION.match(content)
    return content[found.end() :] if found else content


def _wide(data: bytes) -> str | None:
    """The charset of text with two or four bytes a character, where it has no byte order mark."""
    if data[:4] in (b"<\x00\x00\x00", b"\x00\x00\x00<"):
        return "utf-32-le" if data[:1] == b"<" else "utf-32-be"
    return None if data[:4].startswith(_WIDE) else "utf-16-le" if data[:1] == b"<" else "utf-16-be"


def _without_doctype(data: bytes) -> bytes:
    """Removes the DOCTYPE with its entities, which are never expanded.

    Each bracket is searched for once: one pattern for the whole would start again at each of many opening brackets.
    """
    opened = _DOCTYPE.search(data)
    end = opened and _DOCTYPE_END.search(data, opened.end())
    if opened and end and end.group() == b"[":
        end = _SUBSET_END.search(data, end.end())
    return data[: opened.start()] + data[end.end() :] if opened and end else data
