"""Makes articles' mentions of people whose identity is known, to measure who is told from whom.

The people have names that collide as names do (frequent given names and surnames), titles that change over time,
organisations that they speak for, and circles in which they appear together. Their names are spelt in several ways:
with and without middle names and accents, with initials, nicknames, in other transliterations and in Cyrillic. All is
drawn by a seeded generator, the same for the same arguments.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate

from nicknames import NickNamer

from pipeline.entities import names
from pipeline.entities.mentions import own_features
from pipeline.entities.models import Kind, Mention

_GIVEN = (
    "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph "
    "Thomas Sarah Christopher Karen Charles Lisa Daniel Nancy Matthew Sandra Anthony Margaret Mark Ashley Steven "
    "Emily Andrew Paul Donna Joshua Michelle Kenneth Carol Kevin Amanda Brian Melissa George Deborah Edward Laura "
    "Wei Li Min Jun Hiroshi Yuki Haruto Ji-woo Seo-yeon Mohammed Ahmed Fatima Omar Aisha Hassan Layla Ibrahim Yusuf "
    "José María Luis Carmen Juan Ana Carlos Sofía Jürgen Käthe Wolfgang Anke François Élodie Jérôme Giulia Marco "
    "Volodymyr Oleksandr Iryna Dmitry Sergey Natalia Andrei Olga Ivan Tatiana Søren Åsa Björn Ingrid Piotr "
    "Agnieszka Václav Jiří Zoltán Éva Nikos Eleni Mehmet Ayşe Rajesh Priya Amit Sunita Kwame Amara Chinua Ngozi"
).split()  # fmt: skip
_SURNAMES = (
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson "
    "Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson "
    "Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell "
    "Mitchell Carter Roberts Wang Zhang Chen Liu Yang Huang Tanaka Suzuki Sato Kim Park Choi Khan Hussein Rahman "
    "Al-Sayed Al-Masri Haddad Müller Schröder Weiß Fischer Dubois Lefèvre Rossi Bianchi Ivanov Petrov Zelenskyy "
    "Kovalenko Shevchenko Andersen Jørgensen Nowak Kowalski Dvořák Novák Szabó Nagy Papadopoulos Yılmaz Öztürk Sharma "
    "Patel Singh Okafor Mensah Mbeki"
).split()  # fmt: skip
_SYLLABLES = (
    "ba be bo bra ca co da del do fa fer ga gra ha hol ja ka kra la lin lo ma mer mo na nor o pa per ra ri ro sa sen "
    "sto ta ter to va ver vi wa win ya za zel"
).split()  # fmt: skip
_ENDS = "berg feld son ton man ley well ford ski ova enko idis escu ini ez ard ault wick shaw by nen gård olm".split()
_TITLES = (
    "President;Prime Minister;Foreign Minister;Finance Minister;Defence Minister;Senator;Mayor;Governor;Professor;"
    "Chief Executive;Chairwoman;Spokesman;Spokeswoman;Ambassador;General;Police Chief;Judge;Coach;Captain;Striker;"
    "Analyst;Economist;Director;Archbishop;Attorney;Actor;Author;Scientist;Union Leader;Head Teacher"
).split(";")
_ORGANISATIONS = "Ministry Council Bank Institute University Party Union Group Hospital Club Court Agency".split()
_CYRILLIC = {
    "a": "а", "b": "б", "c": "ц", "d": "д", "e": "е", "f": "ф", "g": "г", "h": "х", "i": "и", "j": "й", "k": "к",
    "l": "л", "m": "м", "n": "н", "o": "о", "p": "п", "q": "к", "r": "р", "s": "с", "t": "т", "u": "у", "v": "в",
    "w": "в", "x": "кс", "y": "и", "z": "з",
}  # fmt: skip
_TRANSLITERATIONS = [("yy", "y"), ("ks", "x"), ("sh", "sch"), ("ei", "ey"), ("mm", "m"), ("ff", "f"), ("ou", "u"),
                     ("ov", "off"), ("kh", "h"), ("dm", "dim"), ("v", "w"), ("ss", "s")]  # fmt: skip
_nicknamer = NickNamer()


@cache
def _zipf(count: int) -> list[float]:
    """Weights of names by rank, added up: the first few are frequent, most are rare."""
    return list(accumulate(1 / (rank + 10) for rank in range(count)))


@dataclass
class Person:
    """A person of the corpus."""

    number: int
    given: str
    middle: str
    surname: str
    circle: int
    titles: list[str]
    affiliations: list[str]
    fame: float
    associates: list[int] = field(default_factory=list)
    nickname: str = ""
    transliterated: str = ""


@dataclass(frozen=True)
class Made:
    """An article: its day, its mentions, and whom each names (by the person's number)."""

    article: str
    day: str
    source: str
    mentions: list[tuple[Mention, int]]


class Corpus:
    """People and articles that name them."""

    def __init__(self, people: int, articles: int, seed: int = 14) -> None:
        self._random = random.Random(seed)
        self._articles = articles
        self._surnames = _SURNAMES + sorted({self._surname() for _ in range(people // 3)})
        self._circles = max(4, people // 25)
        self._places = [f"{self._word()}stad" for _ in range(200)]
        self.people = [self._person(number) for number in range(people)]
        members: dict[int, list[int]] = {}
        for person in self.people:
            members.setdefault(person.circle, []).append(person.number)
        for person in self.people:
            near = members[person.circle]
            person.associates = self._random.sample(near, min(len(near), 8))
        self._weights = list(accumulate(person.fame for person in self.people))
        self._members = members

    def articles(self) -> Iterator[Made]:
        """The articles, oldest first."""
        numbers = range(len(self.people))
        subjects = self._random.choices(numbers, cum_weights=self._weights, k=self._articles)
        for at, subject in enumerate(subjects):
            yield self._article(at, self.people[subject])

    def _article(self, at: int, subject: Person) -> Made:
        draw = self._random
        then = at / max(1, self._articles)
        around = draw.sample(subject.associates, min(len(subject.associates), draw.choice((0, 1, 1, 2, 2, 3))))
        if draw.random() < 0.3:
            around.append(draw.choices(range(len(self.people)), cum_weights=self._weights)[0])
        people = [subject, *(self.people[number] for number in dict.fromkeys(around) if number != subject.number)]
        organisation = self._organisation(subject.circle, draw.randrange(3))
        place = self._places[subject.circle % len(self._places)] if draw.random() < 0.6 else draw.choice(self._places)
        source = f"source{draw.randrange(40) if draw.random() < 0.4 else subject.circle % 40}"
        named = [(person, *self._name(person, draw.random() < 0.12)) for person in people]
        company = [f"p:{names.parse(name).key}" for _, name, _ in named]
        others = [f"o:{names.parse(organisation, person=False).key}"] if draw.random() < 0.7 else []
        others.append(f"l:{names.parse(place, person=False).key}")
        mentions = []
        for index, (person, name, partial) in enumerate(named):
            titles, affiliations = self._described(person, then, partial)
            beside = [key for other, key in enumerate(company) if other != index]
            features = [*own_features(titles, affiliations), *beside, *others, f"s:{source}"]
            mention = Mention(
                kind=Kind.PERSON, name=name, locals=[name], titles=titles, affiliations=affiliations, features=features
            )
            mentions.append((mention, person.number))
        day = f"{2020 + int(then * 5)}-{1 + int(then * 60) % 12:02d}-{1 + at % 28:02d}"
        return Made(f"article{at}", day, source, mentions)

    def _described(self, person: Person, then: float, partial: bool) -> tuple[list[str], list[str]]:
        draw = self._random
        stage = min(int(then * len(person.titles)), len(person.titles) - 1)
        titles = [person.titles[stage]] if draw.random() < (0.8 if partial else 0.5) else []
        affiliations = [draw.choice(person.affiliations)] if draw.random() < 0.35 else []
        return titles, affiliations

    def _name(self, person: Person, partial: bool) -> tuple[str, bool]:
        draw = self._random
        if partial:
            return (person.surname if draw.random() < 0.6 else f"{person.given[0]}. {person.surname}"), True
        given, surname = person.given, person.surname
        kind = draw.random()
        if person.middle and kind < 0.08:
            return f"{given} {person.middle[0]}. {surname}", False
        if person.middle and kind < 0.12:
            return f"{given} {person.middle} {surname}", False
        if person.nickname and kind < 0.18:
            return f"{person.nickname} {surname}", False
        if kind < 0.21:
            return names.fold(f"{given} {surname}").title(), False
        if person.transliterated and kind < 0.26:
            return f"{given} {person.transliterated}", False
        if kind < 0.275 and not set("cjqwxyh") & set(names.fold(f"{given}{surname}")):
            return "".join(_CYRILLIC.get(char, char) for char in names.fold(f"{given} {surname}")).title(), False
        if kind < 0.29:
            return f"{surname}, {given}", False
        return f"{given} {surname}", False

    def _person(self, number: int) -> Person:
        draw = self._random
        given = draw.choices(_GIVEN, cum_weights=_zipf(len(_GIVEN)))[0]
        surname = draw.choices(self._surnames, cum_weights=_zipf(len(self._surnames)))[0]
        circle = draw.randrange(self._circles)
        nicknames = sorted(_nicknamer.nicknames_of(given.casefold()))
        spelt = next((surname.replace(a, b) for a, b in _TRANSLITERATIONS if a in surname), "")
        return Person(
            number=number,
            given=given,
            middle=draw.choice(_GIVEN) if draw.random() < 0.4 else "",
            surname=surname,
            circle=circle,
            titles=draw.sample(_TITLES, draw.choice((1, 1, 2, 3))),
            affiliations=[self._organisation(circle, draw.randrange(3)) for _ in range(draw.choice((1, 1, 2)))],
            fame=min(draw.paretovariate(0.9), 3000),
            nickname=draw.choice(nicknames).title() if nicknames and draw.random() < 0.25 else "",
            transliterated=spelt if draw.random() < 0.3 else "",
        )

    def _organisation(self, circle: int, number: int) -> str:
        return (
            f"{self._places[circle * 7 % len(self._places)].title()} {_ORGANISATIONS[(circle + number) % 12]}{circle}"
        )

    def _surname(self) -> str:
        return (self._word() + self._random.choice(_ENDS)).title()

    def _word(self) -> str:
        return "".join(self._random.choice(_SYLLABLES) for _ in range(self._random.choice((1, 2, 2))))
