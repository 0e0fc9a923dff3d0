"""Control characters go; what a person wrote stays."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.control_characters import escaped_in_json, for_terminal, without_breaks, without_controls

HARMFUL = [
    *map(chr, range(0x00, 0x09)),
    *map(chr, range(0x0B, 0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b]0;owned\x07Dam \x1b[2Jreopened", "]0;ownedDam [2Jreopened"),
        ("C1: \x9b31m red \x9d0;t\x9c", "C1: 31m red 0;t"),
        ("paid\u202egpj.exe\u202c, \u2066isolated\u2069", "paidgpj.exe, isolated"),
        ("a\r\nb\rc\x0cd\x0be\x85f", "a\nb\nc\nd\ne\nf"),
        ("a\x1cb\x1dc\x1ed\x1fe", "a b c d e"),
        ("Zażółć\t“gęślą”\n東京 🌊 e\u0301 \u200f\u2028", "Zażółć\t“gęślą”\n東京 🌊 e\u0301 \u200f\u2028"),
    ],
)
def test_a_text_keeps_letters_tabs_and_lines(text: str, left: str) -> None:
    assert without_controls(text) == left


@given(st.text(alphabet=st.one_of(st.sampled_from(HARMFUL), st.characters(codec=None)), max_size=50))
def test_nothing_harmful_is_left_of_any_text(text: str) -> None:
    left = without_controls(text)
    assert not set(left) & set(HARMFUL)
    assert without_controls(left) == left
    assert not set(without_breaks(text)) & {*HARMFUL, "\n", "\t"}
    for_terminal(text).encode()


@given(st.text(alphabet=st.one_of(st.sampled_from(HARMFUL), st.characters(codec=None)), max_size=50))
def test_json_says_the_same_with_escapes(text: str) -> None:
    document = escaped_in_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert json.loads(document) == {text: [text]}
    assert not set(document) & set(HARMFUL)
    document.encode()
