"""Decodes bytes to text, and turns HTML into plain paragraphs."""

import codecs
import html
import re

import lxml.html
from charset_normalizer import from_bytes
from lxml import etree

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BYTE_A_LETTER = re.compile(r"cp125\d$|iso8859-\d+$|koi8-[ru]$|mac-roman$")
_RARE = 10  # good letters beyond ASCII for each broken one in what is still UTF-8
_GUESS_FROM = 64 * 1024  # enough to tell a charset by; the guess takes long on long text
_BLOCKS = frozenset(
    "address article aside blockquote br dd details div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header "
    "hr li main nav ol p pre section summary table td th tr ul".split()
)
_SILENT = frozenset("script style noscript template iframe object embed svg math head title textarea select".split())
_MARKUP = re.compile(r"<\s*/?\s*[a-zA-Z!][^>]*>|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,31});")
_DEEPEST = 500  # elements within elements; deeper is an attack, not an article
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def decode(data: bytes, charset: str | None = None) -> str:
    """Decodes bytes: by BOM, by the charset, as UTF-8, or else by a guess. Line ends stay as they are.

    Valid UTF-8 is read as UTF-8 even where a charset with one byte a letter is stated: no text is valid by chance.
    """
    for mark, codec in _BOMS:
        if data.startswith(mark):
            return data.decode(codec, "replace")
    for name in ("utf-8" if charset and is_utf_8_in_disguise(data, charset) else charset, "utf-8"):
        if name:
            try:
                return data.decode(web_charset(name))
            except (LookupError, ValueError):  # UnicodeDecodeError is a ValueError
                continue
    if (nearly := decode_nearly_utf_8(data)) is not None:
        return nearly
    best = from_bytes(data[:_GUESS_FROM], cp_isolation=list(_GUESSES)).best()
    charset = web_charset(best.encoding) if best else "cp1252"
    if charset in ("cp1250", "cp1254"):  # told from the far more usual one by letters that short texts lack
        try:
            return data.decode("cp1252")
        except UnicodeDecodeError:
            return data.decode(charset, "replace")
    return data.decode(charset, "replace")


_GUESSES = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "shift_jis", "euc_jp", "euc_kr",
    "gb18030", "big5", "utf_16", "utf_16_le", "utf_16_be",
)  # fmt: skip


def decode_nearly_utf_8(data: bytes) -> str | None:
    """The text of bytes that are UTF-8 but for letters cut in two or pieces from elsewhere; None where not."""
    found = data.decode("utf-8", "replace")
    broken = found.count("\ufffd")
    return found if broken * (_RARE + 1) <= len(found) - len(found.encode("ascii", "ignore")) else None


def is_utf_8_in_disguise(data: bytes, charset: str) -> bool:
    """Whether bytes are UTF-8, and not only ASCII, although the stated charset has one byte a letter."""
    try:
        codec = web_charset(charset)
    except (LookupError, ValueError):  # the latter for a name with a zero byte
        return False
    return bool(_BYTE_A_LETTER.match(codec)) and not data.isascii() and is_utf_8(data)


def is_utf_8(data: bytes) -> bool:
    """Whether the bytes are valid UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def web_charset(name: str) -> str:
    """The codec that browsers use for a label: they read latin-1 as windows-1252.

    Raises:
        LookupError: there is no such charset of text.
    """
    info = codecs.lookup(name.strip().strip("'\"").lower())
    if not info._is_text_encoding or info.name == "utf-7":  # 'hex', 'zlib' … decode no text; browsers know no UTF-7
        raise LookupError(name)
    alias = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "iso8859-9": "cp1254"}
    return alias.get(info.name, info.name)


def paragraphs(markup: str) -> str:
    """The plain text of a piece of HTML: its paragraphs, one a line. Text without markup keeps its own lines."""
    if not _MARKUP.search(markup):
        return plain_lines(markup)
    if "<" not in markup:
        return plain_lines(html.unescape(markup))
    try:
        tree = lxml.html.fragment_fromstring(_CONTROL.sub(" ", markup), create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError, TypeError):
        return plain_lines(html.unescape(re.sub(r"<[^>]*>", " ", markup)))
    pieces: list[str] = []
    _collect(tree, pieces)
    return plain_lines("".join(pieces))


def plain_lines(text: str) -> str:
    """The text's lines without white space around or doubled within them, and without empty ones."""
    lines = (" ".join(line.split()) for line in _CONTROL.sub(" ", text).splitlines())
    return "\n".join(line for line in lines if line)


def _collect(root: etree._Element, pieces: list[str]) -> None:
    """Collects the tree's texts in order, with line ends around blocks; a loop, as pages nest too deep to recurse."""
    stack: list[tuple[etree._Element, bool]] = [(root, False)]
    while stack:
        element, closing = stack.pop()
        tag = element.tag if isinstance(element.tag, str) else ""
        block = tag.lower() in _BLOCKS
        if closing:
            if block:
                pieces.append("\n")
            if element is not root and element.tail:
                pieces.append(_flat(element.tail))
            continue
        stack.append((element, True))
        if not tag or tag.lower() in _SILENT or len(stack) > _DEEPEST * 2:
            continue
        if block:
            pieces.append("\n")
        if element.text:
            pieces.append(element.text if tag == "pre" else _flat(element.text))
        stack.extend((child, False) for child in reversed(element))


def _flat(text: str) -> str:
    # line ends in the source of a page are blanks; only elements break lines
    return re.sub(r"\s+", " ", text)
