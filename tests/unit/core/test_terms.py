"""Words become terms: the same ones, however a word is written."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Harbour BRIDGE", "harbour bridge"),
        ("café naïve Łódź Straße Ærø Þór", "cafe naive lodz strasse aero thor"),
        ("re\u0301sume\u0301 Pen\u0303a", "resume pena"),
        ("ﬁne Ａｂ", "fine ab"),
        ("O'Brien O’Brien OʼBrien OBrien", "obrien obrien obrien obrien"),
        ("don't don’t", "dont dont"),
        ("Kenya's Kenya’s Kenya", "kenya kenya kenya"),
        ("ministers' offices", "ministers offices"),
        ("‘warm’ 'words'", "warm words"),
        ("l’Élysée d'Estaing qu'il", "l elysee d estaing qu il"),
        ("D'Souza", "dsouza"),
        ("min\u00adis\u00adter zero\u200bwidth", "minister zerowidth"),
        ("Lopez-Ruiz non-story 24/7 AT&T", "lopez ruiz non story 24 7 at t"),
        ("U.S. U.K.'s a.m. J.K.", "us uk am jk"),
        ("€1,200.50 1.200,50 3.5 1,2,3", "1200.50 1200.50 3.5 1 2 3"),
        ("C++ C# a+b", "c++ c# a b"),
        ("港は", "港 は"),
        ("한국어 हिन्दी", "한국어 हिन्दी"),
        ("Σίσυφος ёлка", "σισυφοσ елка"),
        ("שָׁלוֹם", "שלום"),
        ("— “” … 😀 _", ""),
    ],
)
def test_words_become_terms(text: str, expected: str) -> None:
    assert " ".join(terms.fold(text)) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("warnings", "warned"), ("taxes", "tax"), ("ceasefires", "ceasefire"), ("ministers", "minister"),
        ("trains", "train"), ("negotiating", "negotiations"), ("Kenyas", "Kenya’s"),
    ],
)  # fmt: skip
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert terms.indexed(one)[1] == terms.indexed(other)[1]


def test_what_is_not_english_has_no_stem_of_its_own() -> None:
    assert terms.stem("выборы") == "выборы"
    assert terms.stem("2026s") == "2026s"


def test_words_know_where_they_stand() -> None:
    text = "😀 “Zoë’s café” in l’Élysée"
    assert [text[word.start : word.end] for word in terms.words(text)] == ["Zoë’s", "café", "in", "l’Élysée"]


def test_a_word_without_end_is_cut() -> None:
    assert terms.fold("a" * 100_000) == ("a" * terms.LONGEST,)


@pytest.mark.parametrize("word", ["é" * 60_000, "a" + "\u0301" * 60_000, "a'" * 60_000, "1," * 60_000, "a." * 60_000])
def test_no_long_word_is_remembered(word: str) -> None:
    terms._fold.cache_clear()
    assert all(len(term) <= terms.LONGEST for term in terms.fold(word))
    assert terms._fold.cache_info().currsize <= 1


@pytest.mark.parametrize("space", [" ", "\n", "\u2003"])
def test_a_long_text_has_the_terms_of_its_parts(space: str) -> None:
    parts = [f"Zoë’s{number} 1,{number:03} l’Élysée U.S." for number in range(9000)]
    made = [terms.indexed(part) for part in parts]
    assert terms.indexed(space.join(parts)) == tuple(" ".join(part) for part in zip(*made, strict=True))


def test_a_text_without_space_is_cut() -> None:
    assert terms.indexed("港" * 600_000)[0].split() == ["港"] * 600_000


@given(st.text())
def test_any_text_has_terms_that_fit_an_index(text: str) -> None:
    found = list(terms.words(text))
    ends = [0, *(edge for word in found for edge in (word.start, word.end))]
    assert ends == sorted(ends)
    for word in found:
        assert word.terms
        for term in word.terms:
            assert 0 < len(term) <= terms.LONGEST
            assert not any(character.isspace() for character in term)


@given(st.text(alphabet=st.sampled_from("aZ9é.,'’+#- \u00a0\u200b\u0301\u2028“港한" + terms._AROUND)))
def test_pieces_of_a_text_have_its_words(text: str) -> None:
    assert terms.fold(text) == tuple(term for word in terms.words(text) for term in word.terms)


@given(st.text(alphabet=st.characters(categories=["L", "N", "Zs"]), max_size=40))
def test_case_and_form_do_not_matter(text: str) -> None:
    folded = terms.fold(text)
    assert terms.fold(unicodedata.normalize("NFD", text)) == folded
    assert terms.fold(unicodedata.normalize("NFC", text)) == folded


def test_as_many_pieces_as_twice_the_bound_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "_PIECES", 10)
    pieces = terms._Pieces()
    for number in (*range(100), 85, 3):
        assert pieces[f"Runs{number}"] == (f"runs{number}", f"runs{number}")
    assert pieces["x" * 41 + "’s"] == ("x" * 41, "x" * 41)
    kept = [set(pieces), set(pieces._before)]
    assert [len(some) for some in kept] == [2, 10]
    assert kept[0] == {"Runs85", "Runs3"}


def test_a_word_that_is_its_own_term_and_stem_is_kept_once() -> None:
    pieces = terms._Pieces()
    piece = "".join(["har", "bour"])
    assert all(made is piece for made in pieces[piece])
    assert pieces["Warnings,"] == ("warnings", "warn")
    assert pieces["“42nd”"] == ("42nd", "42nd")
