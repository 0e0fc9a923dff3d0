"""Turns NITF, the XML that wire services send, into a record. Entities are refused, because an article needs none."""

from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from connectors.parsing.json_record import BadRecord

_BREAKS = frozenset(("p", "hl2", "li", "table", "tr", "br", "block", "bq", "pre"))


def to_record(data: bytes) -> dict[str, Any]:
    """The article of a NITF document, under our field names.

    Raises:
        BadRecord: the bytes are no XML, no NITF, or carry entities.
    """
    try:
        root = fromstring(data, forbid_dtd=False)
    except DefusedXmlException as error:
        raise BadRecord("defines entities of its own, which are not read") from error
    except (ParseError, ValueError, LookupError) as error:
        raise BadRecord(f"is not XML that can be read ({error})") from error
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    if root.tag != "nitf" and (inner := root.find(".//nitf")) is not None:
        root = inner
    if root.tag != "nitf":
        raise BadRecord(f"is XML of another kind (<{root.tag}>), not NITF")
    content = root.find(".//body.content")
    return {
        "id": _attribute(root, ".//doc-id", "id-string"),
        "headline": _text(root.find(".//hedline/hl1")) or _text(root.find(".//head/title")),
        "byline": _text(root.find(".//byline")).removeprefix("By ").strip(),
        "body": "\n".join(_paragraphs(content)) if content is not None else "",
        "published": _attribute(root, ".//date.issue", "norm") or _attribute(root, ".//story.date", "norm"),
        "modified": _attribute(root, ".//date.release", "norm"),
        "tags": [keyword.get("key", "") for keyword in root.iter("keyword") if keyword.get("key")],
        "language": root.get("{http://www.w3.org/XML/1998/namespace}lang", ""),
        "source": _text(root.find(".//distributor")) or _attribute(root, ".//doc.copyright", "holder"),
    }


def _paragraphs(content: Element) -> list[str]:
    """The text of the paragraphs in order; captions and media are left out."""
    lines: list[str] = [""]

    def walk(element: Element) -> None:
        stack: list[tuple[Element, bool]] = [(element, False)]
        while stack:
            node, closing = stack.pop()
            breaks = node.tag in _BREAKS
            if closing:
                if breaks:
                    lines.append("")
                if node is not element:
                    lines[-1] += node.tail or ""
                continue
            stack.append((node, True))
            if node.tag == "media":
                continue
            if breaks:
                lines.append("")
            lines[-1] += node.text or ""
            stack.extend((child, False) for child in reversed(node))

    walk(content)
    return [line for line in (" ".join(line.split()) for line in lines) if line]


def _text(element: Element | None) -> str:
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def _attribute(root: Element, path: str, name: str) -> str:
    element = root.find(path)
    return element.get(name, "") if element is not None else ""
