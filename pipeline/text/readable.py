"""Makes a text readable for the parser: invisible characters, garbled or rare marks, wrapped lines.

The parser reads words as it has seen them in print. Characters that nobody sees break names, "â€œ" is no quotation
mark to it, and a line that is wrapped at a column is no paragraph. `ReadableText` keeps where each character stood, so
that entities and quotes index into the text as it was given.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

_SURROGATE = re.compile("[\ud800-\udfff]")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_EMPHASIS = re.compile(r"\*\*(?:(?=\S)|(?<=\S..))")

# UTF-8 that was read as windows-1252: two or three characters for one.
_BYTES = {bytes([b]).decode("cp1252", "ignore") or chr(b): b for b in range(0x80, 0x100)}
_TRAIL = "[" + re.escape("".join(c for c, b in _BYTES.items() if b < 0xC0)) + "]"
_GARBLED = re.compile(f"â{_TRAIL}{{2}}|[ÂÃ]{_TRAIL}")

_MARKS = str.maketrans({"「": "“", "」": "”", "『": "“", "』": "”", "❝": "“", "❞": "”", "〝": "“", "〞": "”",
                        "―": "—", "‒": "–", "＂": '"'})  # fmt: skip
_RARE_MARK = re.compile("[「」『』❝❞〝〞―‒＂]")
_ACUTE = re.compile("´")
_DOUBLE_PRIME = re.compile(r"″(?<!\d.)")
_ANGLES = re.compile(r"<<(?=\s?\w)|(?<=[\w.,!?])\s?>>")

# What is rare comes first in each pattern, and what stands before it is looked at then: so a search is quick.
_BESIDE_DASH = re.compile(
    r"[—–](?:(?<=[”\"].)(?=\w)|(?<=\w.)(?=[“\"]\w))|--(?:(?<=[”\"]--)(?=\w)|(?<=\w--)(?=[“\"]\w))"
)
_DASH_ON_NAME = re.compile(r"[-–—](?=[A-Z]\w)(?:(?<=[.!?,”\"’»] .)|(?<=\n.)|(?<=^.))")

_WIDEST, _NARROWEST = 100, 40  # characters of a line that is wrapped at a column
_ENDS = frozenset(".!?:;…”\"’'»)")


@dataclass(frozen=True, slots=True)
class ReadableText:
    """A text for the parser, and where each of its characters stood in the given one; None where none has moved."""

    text: str
    starts: list[int] | None = None
    ends: list[int] | None = None

    def given(self, start: int, end: int) -> tuple[int, int]:
        """The offsets in the text as it was given."""
        if self.starts is None or self.ends is None or end <= start:
            return start, end
        return self.starts[start], self.ends[end - 1]

    def replaced(self, pattern: re.Pattern[str], new: Callable[[re.Match[str]], str]) -> "ReadableText":
        """The text with what the pattern matches replaced; what is new stands where the old stood."""
        if pattern.search(self.text) is None:
            return self
        count = len(self.text)
        old_starts = self.starts if self.starts is not None else list(range(count))
        old_ends = self.ends if self.ends is not None else list(range(1, count + 1))
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        position = 0
        for match in pattern.finditer(self.text):
            pieces.append(self.text[position : match.start()])
            starts += old_starts[position : match.start()]
            ends += old_ends[position : match.start()]
            written = new(match)
            pieces.append(written)
            starts += [old_starts[match.start()]] * len(written)
            ends += [old_ends[match.end() - 1]] * len(written)
            position = match.end()
        pieces.append(self.text[position:])
        starts += old_starts[position:]
        ends += old_ends[position:]
        return ReadableText("".join(pieces), starts, ends)


def readable(text: str) -> ReadableText:
    """The text as the parser reads it best."""
    # spaCy wants text that UTF-8 can carry; halves of surrogate pairs are read as the replacement character.
    same_length = _SURROGATE.sub("\ufffd", text)
    if _RARE_MARK.search(same_length):
        same_length = same_length.translate(_MARKS)
    same_length = _DOUBLE_PRIME.sub('"', same_length)
    if same_length.count("´") > 1:
        same_length = _ACUTE.sub(_curly, same_length)
    found = ReadableText(_unwrapped(same_length))
    found = found.replaced(_INVISIBLE, lambda _: "").replaced(_GARBLED, _repaired).replaced(_EMPHASIS, lambda _: "")
    if "<<" in found.text or ">>" in found.text:
        found = found.replaced(_ANGLES, lambda match: "«" if match.group().startswith("<") else "»")
    found = found.replaced(_BESIDE_DASH, lambda match: f" {match.group()} ")
    return found.replaced(_DASH_ON_NAME, lambda match: f"{match.group()} ")


def _curly(match: re.Match[str]) -> str:
    """The single mark for which an acute accent stands: one that opens before a word, else one that closes."""
    text = match.string
    before, after = text[max(0, match.start() - 1) : match.start()], text[match.end() : match.end() + 1]
    return "‘" if after.isalnum() and not before.isalnum() else "’"


def _repaired(match: re.Match[str]) -> str:
    try:
        return bytes(0xE2 if c == "â" else _BYTES[c] for c in match.group()).decode()
    except UnicodeDecodeError:
        return match.group()


def _unwrapped(text: str) -> str:
    """The text with a blank for each line end at which a sentence is only wrapped."""
    if "\n" not in text:
        return text
    lines = text.split("\n")
    if not any(_NARROWEST <= len(line) <= _WIDEST for line in lines):
        return text
    parts = [lines[0]]
    first = 0  # the first line of the block, which an empty line ends
    while first < len(lines):
        last = first
        while last + 1 < len(lines) and lines[last + 1].strip():
            last += 1
        block = lines[first : last + 1]
        width = max(len(line) for line in block)
        for number in range(first + 1, last + 1):
            wrapped = width <= _WIDEST and _is_wrapped(lines[number - 1], lines[number], width)
            parts.append((" " if wrapped else "\n") + lines[number])
        if last + 1 < len(lines):
            parts.append("\n" + lines[last + 1])
        first = last + 1
    return "".join(parts)


def _is_wrapped(line: str, following: str, width: int) -> bool:
    """Whether a line goes on in the next one: it ends in the middle of a sentence, for lack of room."""
    ending = line.rstrip()[-1:]
    if len(line) < _NARROWEST or not ending or ending in _ENDS or line.rstrip() != line:
        return False
    first_word = following.split(maxsplit=1)[0]
    if following[:1].islower():
        return True
    return following[:1].isalnum() and len(line) + 1 + len(first_word) > width and width > _NARROWEST
