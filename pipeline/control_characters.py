"""Takes control characters out of what strangers write.

A terminal obeys some of them: `ESC ]0;…` sets its title, `ESC [2J` clears it, CR writes over the line, and the C1
controls (U+0080 to U+009F) do the same with one character. The marks that turn the direction of writing round (U+202A
to U+202E, U+2066 to U+2069) make a text look like another one. No article needs any of them.
"""

import re

_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85]")
_BLANK = re.compile("[\x1c-\x1f]")  # separators of files, groups, records and units: white space for Python, too
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]")
_ANY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_BREAK_OR_ANY = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def without_controls(text: str) -> str:
    """The text without control characters, but with its tabs and line ends; every line end is a newline."""
    if not _ANY.search(text):
        return text
    return _CONTROL.sub("", _BLANK.sub(" ", _LINE_END.sub("\n", text)))


def without_breaks(text: str) -> str:
    """The text without any control character, tabs and line ends too: an address has none."""
    return _BREAK_OR_ANY.sub("", text)


def for_terminal(text: str) -> str:
    """The text as a terminal may be given it: without control characters, and with U+FFFD for halves of pairs."""
    return _SURROGATE.sub("\ufffd", without_controls(text))


def escaped_in_json(document: str) -> str:
    r"""The JSON document with `\uXXXX` for what a terminal obeys or UTF-8 cannot carry; it says the same.

    JSON itself escapes only what lies below U+0020. The others can stand in its strings alone.
    """
    return _UNSAFE_IN_JSON.sub(lambda character: f"\\u{ord(character[0]):04x}", document)
