"""A short form takes the article's one best full name, and none where two fit."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.names.forms import surface
from pipeline.text.names.name_index import Mention, NameIndex, settle_names


class Names:
    """The names of an article that has these mentions."""

    def __init__(self, mentions: Iterable[tuple[str, str]]) -> None:
        self.index = NameIndex()
        found = [Mention.of(text, label) for text, label in mentions]
        for mention in sorted(found, key=lambda mention: -len(mention.words)):
            self.index.add(mention)
        settle_names(self.index.all)

    def of(self, text: str, label: str = "?") -> str:
        mention = Mention.of(text, label, in_place=label == "GPE")
        referent = self.index.find(mention)
        return referent.name if referent else mention.text


def people(*names: str) -> Names:
    return Names((name, "PERSON") for name in names)


def organisations(*names: str) -> Names:
    return Names((name, "ORG") for name in names)


@pytest.mark.parametrize(
    "mention",
    [
        *("Rubio", "Rubio’s", "RUBIO", "Senator Rubio", "Mr. Rubio", "Marco", "Marco Rubio", "M. Rubio"),
        *("Marco A. Rubio", "Marco Antonio Rubio", "Rubio,", "“Rubio”"),
    ],
)
def test_a_short_form_takes_the_full_name(mention: str) -> None:
    assert people("Marco Rubio", "Olaf Scholz").of(mention) == "Marco Rubio"


@pytest.mark.parametrize("mention", ["Rubin", "Marco Polo", "Polo", "A. Rubio", "Mrs. Rubio", "Rubio Scholz"])
def test_another_name_keeps_its_own(mention: str) -> None:
    assert people("Marco Rubio", "Olaf Scholz").of(mention, "PERSON") != "Marco Rubio"


def test_a_surname_of_two_people_stays_as_it_is() -> None:
    names = people("Bill Clinton", "Hillary Clinton")
    assert names.of("Clinton", "PERSON") == "Clinton"
    assert names.of("Clinton") == "Clinton"


def test_a_title_tells_two_people_of_one_surname_apart() -> None:
    names = people("Bill Clinton", "Hillary Clinton")
    assert names.of("Mrs. Clinton") == "Hillary Clinton"
    assert names.of("Mr. Clinton") == "Bill Clinton"


def test_a_family_name_goes_before_a_given_name() -> None:
    names = people("Thomas Gray", "Anna Thomas")
    assert names.of("Thomas", "PERSON") == "Anna Thomas"
    assert names.of("Anna", "PERSON") == "Anna Thomas"


def test_the_bare_surname_of_father_and_son_is_the_father() -> None:
    names = people("Harry Belden", "Harry Belden Jr.")
    assert names.of("Belden", "PERSON") == "Harry Belden"
    assert names.of("Belden Jr.", "PERSON") == "Harry Belden Jr."
    assert names.of("Harry Belden Jr.", "PERSON") == "Harry Belden Jr."


def test_forms_with_and_without_an_initial_are_one_person() -> None:
    names = people("Donald J. Trump", "Donald Trump", "Trump", "Donald Trump")
    assert {names.of(form, "PERSON") for form in ("Trump", "Donald J. Trump", "Donald Trump")} == {"Donald Trump"}


@pytest.mark.parametrize(
    ("full", "short"),
    [
        ("Ursula von der Leyen", "von der Leyen"),
        ("Ursula von der Leyen", "Leyen"),
        ("Bashar al-Assad", "Assad"),
        ("Andrés Manuel López Obrador", "López Obrador"),
        ("Andrés Manuel López Obrador", "Lopez Obrador"),
        ("Kim Jong Un", "Kim"),
        ("Pedro Sánchez Castejón", "Sánchez"),
        ("Pope Francis", "Francis"),
    ],
)
def test_names_of_other_shapes_have_short_forms_too(full: str, short: str) -> None:
    assert people(full, "Marco Rubio").of(short, "PERSON") == full


@pytest.mark.parametrize(
    ("full", "short"),
    [
        ("HM Revenue and Customs", "HMRC"),
        ("HM Revenue & Customs", "HMRC"),
        ("the Department of Justice", "DOJ"),
        ("the International Monetary Fund (IMF)", "the IMF"),
        ("World Health Organization", "W.H.O."),
        ("Arden Group", "Arden"),
        ("Bergström Holdings Ltd.", "Bergström"),
    ],
)
def test_an_organisation_has_its_full_name(full: str, short: str) -> None:
    names = organisations(full, "First Castrel Bank")
    assert names.of(short, "ORG") == names.of(full, "ORG")
    assert len(names.of(short, "ORG")) > len(short.removeprefix("the "))


def test_an_acronym_of_two_organisations_stays_as_it_is() -> None:
    names = organisations("Norvale Roads Agency", "National Rivers Agency", "NRA")
    assert names.of("NRA", "ORG") == "NRA"


def test_a_longer_name_that_is_another_thing_is_not_taken() -> None:
    names = organisations("Ford Foundation", "Castrel Bank")
    assert names.of("Ford", "ORG") == "Ford"
    assert names.of("Castrel", "ORG") == "Castrel"


def test_a_first_word_means_a_business_named_before() -> None:
    names = organisations("Vale Marine", "Orrin shouted", "Dunmore City Council")
    assert names.of("Vale", "ORG") == "Vale Marine"
    assert names.of("Orrin", "ORG") == "Orrin"
    assert names.of("Dunmore", "ORG") == "Dunmore"
    index = NameIndex()
    full = index.add(Mention.of("Vale Marine", "ORG"), 20)
    assert full is not None
    full.full_mentions.append(20)
    assert index.find(Mention.of("Vale", "ORG"), 30) is full
    assert index.find(Mention.of("Vale", "ORG"), 10) is None


@pytest.mark.parametrize("form", ["Norvale Inc.", "Norvale, Inc.", "Norvale Corp", "Norvale plc", "Norvale S.A."])
def test_the_legal_form_is_no_part_of_a_name(form: str) -> None:
    assert organisations(form).of(form, "ORG") == "Norvale"


def test_countries_have_one_name_whatever_they_are_called() -> None:
    names = Names([("the U.S.", "GPE"), ("Britain", "GPE")])
    assert names.of("the U.S.", "GPE") == names.of("America", "GPE") == names.of("US", "ORG") == "United States"
    assert names.of("Britain", "GPE") == "United Kingdom"


def test_a_place_is_not_taken_for_a_person() -> None:
    assert people("Denzel Washington").of("Washington", "GPE") == "Washington"


def test_the_surface_is_one_line_without_article_and_possessive() -> None:
    assert surface("the Norvale\n Roads  Agency’s") == "Norvale Roads Agency"


@given(st.lists(st.tuples(st.text(max_size=30), st.sampled_from(["PERSON", "ORG", "GPE", "NORP", "?"])), max_size=12))
def test_no_names_raise_and_a_name_stands_for_who_bears_it(mentions: list[tuple[str, str]]) -> None:
    names = Names(mentions)
    for referent in names.index.all:
        again = names.index.find(Mention(referent.name, referent.label, referent.words, suffix=referent.suffix))
        assert again is not None
        assert referent in {again, *again.shared_by} or again.words == referent.words or referent.label != "PERSON"
