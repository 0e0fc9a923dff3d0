"""Finds antecedents: who may be meant by a role, a kind of body or a pronoun, each with a score.

The score counts nearness, grammar, who spoke last, gender and number.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property

from pipeline.text import countries
from pipeline.text.names.descriptions import FORMER
from pipeline.text.names.name_index import GPE, NORP, ORG, PERSON, UNKNOWN, Referent
from pipeline.text.names.name_spans import kind_of
from pipeline.text.names.person_name import is_title, key, pronoun_of
from pipeline.text.names.ranking import Candidate, Ranking
from pipeline.text.names.referents import Referents
from pipeline.text.quotes.lexicon.grammar import HE_OR_HIMSELF, IT, PROPER, SHE_OR_HERSELF, SUBJECTS, THEY
from pipeline.text.quotes.lexicon.nouns import (
    ALSO_CALLED,
    COMPANIES,
    EPITHETS,
    FEMALE_NOUNS,
    GROUPS,
    INSTITUTIONS,
    KIN,
    MALE_NOUNS,
    ROLES,
    WRITINGS,
    role,
)
from pipeline.text.quotes.lexicon.speech_verbs import VERBS

ARTICLE = re.compile(r"^(?:the|a|an|one|another) ", re.IGNORECASE)
AGED = re.compile(r"\d{1,3}-year-old")
_OF_SPEAKER = SUBJECTS | {"poss"}
_UNNAMED = (ROLES | KIN) - INSTITUTIONS
"""Nouns that somebody may be called who has no name."""

_THINGS = INSTITUTIONS | COMPANIES | WRITINGS
_MAIN = frozenset({"ROOT", "conj"})
_LOOSE = frozenset({"former", "outgoing", "new", "old", "then", "late", "embattled", "ex", "acting", "own", "the"})
_ATTACHED = frozenset({"of", "for", "at", "in", "with", "to", "from"})
_DEPUTY = frozenset({"deputy", "vice", "shadow", "assistant"})
"""Words that make a role another: the mayor is not the deputy mayor."""

_LEADERS = frozenset({"boss", "coach", "manager"})
_OF_LEADERS = frozenset({"assistant", "caretaker", "chief", "executive", "head", "interim", "new", "player"})
_BEFORE_NAME = 4  # tokens between a nation's word and the name that it tells of
_NATIONS = ("an", "i")
"""What names of nations end in that are not those of many: the Norwegian, the Iraqi; not the British, the Swiss."""

_ELECTED = frozenset({"senator", "congressman", "congresswoman", "governor", "representative"})
_PUBLIC_BODIES = INSTITUTIONS - COMPANIES
_ANY_BODY = frozenset({"group", "organisation", "organization", "body"})
LONGEST_PARAGRAPH = 1000  # tokens before a pronoun in which somebody without a name is looked for
_NEW_TOPIC = 3.0  # for the subject of the sentence between the last speech and the pronoun
_LAST_SPEAKER = 3.2  # for who has spoken last
_CLEAR = 0.25
"""How much better than the next the best antecedent must be."""

_CANDIDATES, _BEHIND = 16, 4  # people before and behind a pronoun whom it may mean, at the most
_GENDERS = dict.fromkeys(HE_OR_HIMSELF, "he") | dict.fromkeys(SHE_OR_HERSELF, "she")

Scored = list[tuple[float, Referent]]


def clear(scored: Scored) -> bool:
    """Whether the best antecedent is better than the next by enough."""
    return len(scored) < 2 or scored[0][1] is scored[1][1] or scored[0][0] - scored[1][0] >= _CLEAR


class Antecedents:
    """Who is present in one article, and who has spoken so far (`last_spoken`: token and speaker)."""

    def __init__(self, referents: Referents) -> None:
        self.table = referents.table
        self.referents = referents
        self.by_token = self.referents.by_token
        self.last_spoken: tuple[int, Referent] | None = None
        self._spoken: dict[int, int] = {}  # the token at which each person spoke last
        self._ranking = Ranking(self.table)
        self._groups: dict[str, Referent] = {}
        self._namesakes: dict[tuple[int, str], Referent] = {}
        self.own: list[tuple[int, int]] = []  # offsets of the quote whose speaker is looked for
        self._reported: set[int] = set()  # tokens of the quotes so far
        self._pronouns: list[int] = []  # those that are read, in order, and whom they mean
        self._meant: list[Referent] = []
        self._read_to = 0
        self._times_meant: dict[int, int] = {}

    def reports(self, segments: list[tuple[int, int]]) -> None:
        """A quote has been read: whom it names is less likely to speak next."""
        for start, end in segments:
            self._reported.update(self.table.tokens_between(start, end))

    def speaks(self, token: int, referent: Referent) -> None:
        """Note that a referent has spoken, by the mention at a token."""
        self.last_spoken = token, referent
        self._spoken[id(referent)] = token

    def _aged(self, first: int, last: int) -> bool:
        return bool(AGED.search(self.table.text[self.table.start[first] : self.table.end[last]]))

    def holders(self, head: int, first: int, last: int, noun: str) -> Scored:
        """Who holds the role, or which body is of the kind, that "the …" names; best first."""
        table = self.table
        modifiers = {table.lower[t] for t in range(first, last + 1)
                     if t != head and table.tag[t] in {"NN", "NNP", "NNS", "JJ"}} - _LOOSE  # fmt: skip
        modifiers -= {w for w in modifiers if table.tag[head][:2] == "NN" and w.endswith("-year-old")}
        before = set(table.lower[first:head])
        scored: Scored = []
        kind = noun in COMPANIES or noun in INSTITUTIONS
        near = self.referents.near(head)
        for referent in near:
            if referent.shared_by or not referent.mentions:
                continue
            is_held = any(role(noun) == held and modifiers <= words and not _DEPUTY & words - {noun} - before
                          for held, words in referent.roles)  # fmt: skip
            if referent.label == PERSON and is_held and table.tag[head] != "NNS":
                scored.append((self._score(referent, head), referent))
            elif kind and referent.label != PERSON and (is_held or self._is_called(referent, noun, modifiers)):
                scored.append((self._score(referent, head) + 0.3 * referent.company, referent))
        if not scored and noun in _LEADERS and modifiers:
            scored = self._leading(near, head, noun, modifiers)
        called = noun in EPITHETS or (noun in _ELECTED and modifiers) or self._aged(first, last)
        if not scored and table.lower[first] == "the" and (called or self._is_of_nation(head, first)):
            gender = "he" if noun in MALE_NOUNS else "she" if noun in FEMALE_NOUNS else None
            scored = [(self._score(p, head), p) for p in near if p.label == PERSON and not p.shared_by
                      and (gender is None or p.gender in {None, gender})]  # fmt: skip
            told = [one for one in scored if any(noun in words for _, words in one[1].roles)]
            scored = told or scored  # the Norwegian is the Norwegian skier
        scored = self._of_today(scored, noun, first, last)
        scored = [s for s in scored if s[0] > -50]
        if kind and not scored and noun in COMPANIES and not modifiers:
            # No body of that name: the business that the article is about.
            scored = [(self._score(p, head), p) for p in near if p.label == ORG
                      and (noun in _ANY_BODY or _PUBLIC_BODIES.isdisjoint(p.words))]  # fmt: skip
            scored = [s for s in scored if s[0] > -50]
        return sorted(scored, key=lambda s: -s[0])

    def _leading(self, near: list[Referent], head: int, noun: str, modifiers: set[str]) -> Scored:
        """Who leads what "the Dunmore boss" names, as its manager or coach."""
        team = modifiers - _LEADERS - _OF_LEADERS
        scored: Scored = []
        for referent in near:
            if referent.label != PERSON or referent.shared_by or not referent.mentions:
                continue
            led = [
                words for held, words in referent.roles if _LEADERS & words or (noun == "boss" and held == role(noun))
            ]
            told = (words - _LEADERS - _OF_LEADERS - set(referent.words) for words in led)
            if any(words and words <= team for words in told):
                scored.append((self._score(referent, head), referent))
        return scored

    def _is_of_nation(self, head: int, first: int) -> bool:
        """Whether "the Norwegian" is one person: somebody whom the article has not called so before without a name."""
        table = self.table
        noun = table.lower[head]
        single = head == first + 1 and table.tag[head] in {"NN", "NNP", "JJ"} and noun.endswith(_NATIONS)
        if not single or table.entity[head] != NORP:
            return False
        return all(self._is_of_person(token) for token in range(head) if table.lower[token] == noun)

    def _is_of_person(self, token: int) -> bool:
        """Whether a nation's word tells of a name behind it: the Norwegian skier Ann Lee."""
        table = self.table
        behind = token + 1
        while behind not in self.by_token and table.tag[behind] in {"NN", "JJ"} and behind < token + _BEFORE_NAME:
            behind += 1
        named = self.by_token.get(behind)
        return named is not None and named.label == PERSON

    def _of_today(self, scored: Scored, noun: str, first: int, last: int) -> Scored:
        """Those who hold a role today, or for "the former governor" once; all where that is everybody or nobody."""
        past = bool(FORMER & set(self.table.lower[first : last + 1]))
        fits = [one for one in scored
                if past == all(FORMER & words for held, words in one[1].roles if held == role(noun))]  # fmt: skip
        return fits or scored

    @staticmethod
    def _is_called(referent: Referent, noun: str, modifiers: set[str]) -> bool:
        if modifiers - set(referent.words):
            return False
        if noun in referent.words or set(referent.words) & ALSO_CALLED.get(noun, set()):
            return True
        return noun in COMPANIES and referent.company

    def _score(self, referent: Referent, head: int) -> float:
        """How present somebody is at a mention: nearness, grammar, and whether it was they who spoke last."""
        table = self.table
        number = bisect_left(referent.mentions, head)
        while number and self._in_own_quote(referent.mentions[number - 1]):
            number -= 1
        if not number:
            return -100.0
        token = referent.mentions[number - 1]
        if table.sentence[token] == table.sentence[head] and token in self._reported and number == 1:
            return -100.0  # named only in what the same sentence reports before
        paragraphs = table.paragraph[head] - table.paragraph[token]
        sentences = min(4, table.sentence[head] - table.sentence[token]) if not paragraphs or paragraphs == 1 else 4
        score = -2.0 * paragraphs - 0.004 * (head - token) - 0.3 * sentences
        subject = table.dep[self._said_of(token)] in SUBJECTS
        joined = table.dep[token] == "conj" and table.dep[table.head[token]] in SUBJECTS
        score += 1.6 if subject or joined else 0.0
        score -= 0.7 if table.dep[token] in {"poss", "compound"} else 0.0
        score -= 3.0 if table.quoted_span[token] >= 0 or token in self._reported else 0.0
        score += _NEW_TOPIC if subject and self._is_new_topic(token, head) else 0.0
        spoke = self._spoken.get(id(referent))
        if spoke is not None and spoke < head:
            here = max(0, table.paragraph[head] - table.paragraph[spoke])
            score += 1.2 / (1 + here)
            if self.last_spoken is not None and self.last_spoken[1] is referent:
                score += 1.5 + 1.5 * min(2, max(0, paragraphs - here))
        return score

    def _in_own_quote(self, token: int) -> bool:
        return any(start <= self.table.start[token] < end for start, end in self.own)

    def _is_new_topic(self, token: int, head: int) -> bool:
        """Whether the sentence before a mention, in its paragraph, is about somebody who has not spoken since."""
        table = self.table
        if self.last_spoken is None or token <= self.last_spoken[0] or table.quoted_span[token] >= 0:
            return False
        verb = table.head[self._said_of(token)]
        main = table.dep[verb] == "ROOT" and table.lower[verb] not in VERBS
        here = table.paragraph[token] == table.paragraph[head]
        return main and here and table.sentence[head] - table.sentence[token] == 1

    def _said_of(self, token: int) -> int:
        """The noun that a name stands beside ("a pupil, Noor Aziz, came"), or the name."""
        return self.table.head[token] if self.table.dep[token] == "appos" else token

    def bare_name(self, token: int) -> Referent | None:
        """Who a surname is that the article has nowhere in full: “Okafor spoke. He said …”."""
        referent = self.referents.surnames.get(self.table.word(token))
        return referent if referent is not None and token in referent.mentions else None

    def candidates(self, head: int, gender: str) -> list[Candidate]:
        """Whom a pronoun may mean: those named or meant last before it, and those named next behind it."""
        found: dict[int, Candidate] = {}
        names, tokens = self.referents.named_at, self.referents.tokens
        at, read = bisect_left(tokens, head) - 1, bisect_left(self._pronouns, head) - 1
        low = head - LONGEST_PARAGRAPH
        while len(found) < _CANDIDATES and (at >= 0 or read >= 0):
            by_name = read < 0 or (at >= 0 and tokens[at] >= self._pronouns[read])
            token, referent = (tokens[at], names[at]) if by_name else (self._pronouns[read], self._meant[read])
            at, read = (at - 1, read) if by_name else (at, read - 1)
            if token < low:
                break
            referent = self._as_meant(_alone(referent, gender), token, gender)
            if id(referent) not in found and not self._in_own_quote(token) and _may_be_person(referent, gender):
                found[id(referent)] = self._candidate(referent, token, head, len(found))
        if not self.own:  # Who speaks has been named before.
            self._look_behind(head, gender, found)
        candidates = list(found.values())
        self._compare(candidates, gender)
        return candidates

    def _look_behind(self, head: int, gender: str, found: dict[int, Candidate]) -> None:
        """Add who is named next behind a pronoun."""
        names, tokens = self.referents.named_at, self.referents.tokens
        first = bisect_left(tokens, head)
        for number in range(first, min(len(tokens), first + _BEHIND)):
            referent = self._as_meant(_alone(names[number], gender), tokens[number], gender)
            away = self.table.sentence[tokens[number]] - self.table.sentence[head]
            if away > 1:
                break
            if id(referent) in found:
                known = found[id(referent)]
                if known.following < 0:
                    known.following = tokens[number]
            elif _may_be_person(referent, gender):
                found[id(referent)] = Candidate(referent, -1, -1, tokens[number], 0, len(found), is_first=False)

    def _as_meant(self, referent: Referent, token: int, gender: str) -> Referent:
        """Whom a surname alone means before a full name of another gender: "Lee left. Her husband, Bo Lee"."""
        if referent.gender in {None, "they", gender} or not referent.full_mentions or token in referent.full_mentions:
            return referent
        whose = id(referent), gender
        if whose not in self._namesakes:
            full = {*referent.full_mentions}
            alone = [at for at in referent.mentions if at not in full and self._is_bare(at, referent.words[-1])]
            before = alone if alone and alone[0] < min(full) else []
            name = self.table.word(alone[0]) if alone else referent.name
            self._namesakes[whose] = Referent(name, PERSON, referent.words[-1:], mentions=before)
        namesake = self._namesakes[whose]
        return namesake if token in namesake.mentions else referent

    def _is_bare(self, token: int, surname: str) -> bool:
        """Whether a surname stands without a title."""
        return key(self.table.word(token)) == surname and not (token and is_title(self.table.lower[token - 1]))

    def _compare(self, candidates: list[Candidate], gender: str) -> None:
        """Note what sets a candidate apart from the others."""
        table = self.table
        most = max((candidate.count for candidate in candidates), default=0)
        often = [candidate for candidate in candidates if candidate.count == most > 1]
        if len(often) == 1:
            often[0].is_most = True
        known = [candidate for candidate in candidates if _gender(candidate.referent) == gender]
        if len(known) == 1:
            known[0].is_only = True
        leftmost: dict[int, Candidate] = {}
        subject = None
        for candidate in candidates:
            if candidate.last < 0:
                continue
            sentence = table.sentence[candidate.last]
            if sentence not in leftmost or leftmost[sentence].last > candidate.last:
                leftmost[sentence] = candidate
            if table.dep[candidate.last] in SUBJECTS and (subject is None or subject.last < candidate.last):
                subject = candidate
        for candidate in leftmost.values():
            candidate.is_leftmost = True
        if subject is not None:
            subject.is_last_subject = True

    def _candidate(self, referent: Referent, last: int, head: int, rank: int) -> Candidate:
        number = bisect_left(referent.mentions, head)
        while number and self._in_own_quote(referent.mentions[number - 1]):
            number -= 1
        named = referent.mentions[number - 1] if number else -1
        count = number + self._times_meant.get(id(referent), 0)
        if -1 < named < last and self.table.sentence[named] == self.table.sentence[last]:
            # "Lee watched with a coat over her head": the subject is what the next sentence goes on with.
            is_subject = self.table.dep[named] in SUBJECTS and self.table.dep[last] == "poss"
            last = named if is_subject else last
        is_first = bool(self.referents.named_at) and self._first is referent
        return Candidate(referent, last, named, -1, count, rank, is_first=is_first)

    @cached_property
    def _first(self) -> Referent | None:
        """The first person of the article."""
        return next((referent for referent in self.referents.named_at if referent.label == PERSON), None)

    def _note(self, token: int, referent: Referent) -> None:
        """A pronoun means somebody, who is mentioned by it."""
        number = bisect_left(self._pronouns, token)
        if number < len(self._pronouns) and self._pronouns[number] == token:
            self._times_meant[id(self._meant[number])] -= 1
            self._meant[number] = referent
        else:
            self._pronouns.insert(number, token)
            self._meant.insert(number, referent)
        self._times_meant[id(referent)] = self._times_meant.get(id(referent), 0) + 1

    def _read(self, head: int) -> None:
        """Find whom the pronouns before a token mean, outside of marks, as they are mentions too."""
        table = self.table
        for token in range(self._read_to, head):
            gender = _GENDERS.get(table.lower[token])
            if gender is None or table.quoted_span[token] >= 0 or token in self._reported:
                continue
            if self.own and table.dep[token] not in _OF_SPEAKER:
                continue  # Who is only spoken of is not the likelier to speak.
            number = bisect_left(self._pronouns, token)
            if number < len(self._pronouns) and self._pronouns[number] == token:
                continue
            scored = self._ranked(token, gender)
            if scored and clear(scored):
                self._note(token, scored[0][1])
        self._read_to = max(self._read_to, head)

    def _ranked(self, head: int, gender: str) -> Scored:
        candidates = self.candidates(head, gender)
        candidates += self._unnamed(head, gender, len(candidates))
        scored = [(self._ranking.score(head, gender, c) + self._heard(c, head), c.referent) for c in candidates]
        return sorted((one for one in scored if one[0] > -50), key=lambda s: -s[0])

    def _heard(self, candidate: Candidate, head: int) -> float:
        """How much likelier news makes somebody: who speaks goes on, and whom a quote names is not its speaker."""
        table, token, referent = self.table, candidate.last, candidate.referent
        if token < 0:
            return 0.0
        reported = table.quoted_span[token] >= 0 or token in self._reported
        if reported and bisect_left(referent.mentions, head) == 1 and table.sentence[token] == table.sentence[head]:
            return -100.0  # named only in what the same sentence reports before
        paragraphs = max(0, table.paragraph[head] - table.paragraph[token])
        score = -1.0 * paragraphs - (3.0 if reported else 0.0)
        if table.dep[head] not in SUBJECTS:
            return score
        # The name opens the sentence before, whatever pronoun in it means the same person.
        places = {token, candidate.named} - {-1}
        if any(self._is_subject(self._said_of(at)) and self._is_new_topic(at, head) for at in places):
            score += _NEW_TOPIC
        spoke = self._spoken.get(id(referent))
        if spoke is not None and spoke < head:
            here = max(0, table.paragraph[head] - table.paragraph[spoke])
            score += 1.2 / (1 + here)
            if self.last_spoken is not None and self.last_spoken[1] is referent:
                score += _LAST_SPEAKER
        return score

    def of_pronoun(self, head: int, word: str) -> Scored:
        """Whom a pronoun may stand for, best first."""
        if word in THEY:
            singular = [(self._score(p, head), p) for p in self.referents.near(head) if p.gender == "they"]
            scored = [one for one in singular if one[0] > -50]
            return sorted([*scored, *self._things(head, plural=True)], key=lambda s: -s[0])
        if word in IT:
            return self._things(head, plural=False)
        gender = _GENDERS.get(word)
        if gender is not None:
            self._read(head)
            return self._ranked(head, gender)
        if word != "who":
            return []
        persons = [p for p in self.referents.near(head) if p.label == PERSON and not p.shared_by]
        scored = [(self._score(p, head), p) for p in persons]
        return sorted((one for one in scored if one[0] > -50), key=lambda s: -s[0])

    def introduction(self, noun: int) -> str:
        """The words that bring in somebody without a name, up to a clause or a comma: a mother of two."""
        table = self.table
        last = noun
        for kid in table.children[noun]:
            if kid == last + 1 and table.dep[kid] == "prep" and table.lower[kid] in _ATTACHED:
                last = table.right_edge[kid]
        stops = (t for t in range(noun + 1, last + 1) if table.tag[t] in {",", "WP", "WDT", "VBG", "VBN", "``"})
        last = next(stops, last + 1) - 1
        return " ".join(table.text[table.start[table.left_edge[noun]] : table.end[last]].split())

    def _unnamed(self, head: int, gender: str, rank: int) -> Iterator[Candidate]:
        """ "A neighbour watched. She said …": people whom the article never names, in the same paragraph."""
        table = self.table
        low = table.paragraph_tokens(table.paragraph[head]).start if table.paragraph[head] >= 0 else head
        for token in range(max(low, head - LONGEST_PARAGRAPH), head):
            if table.tag[token] != "NN" or not self._is_subject(token) or table.quoted_span[token] >= 0:
                continue
            first = table.left_edge[token]
            kin = table.lower[token] in KIN and table.lower[first] == "the" and self._is_of_somebody_new(token)
            opens = table.lower[first] in {"a", "an", "one", "another"}
            new = (kin or opens) and table.dep[table.head[token]] in _MAIN
            if not new or table.lower[token] not in _UNNAMED:
                continue
            name = ARTICLE.sub("", self.introduction(token))
            somebody = self._groups.setdefault(name, Referent(name, UNKNOWN, gender=gender))
            yield Candidate(somebody, token, token, -1, 1, rank, is_first=False)

    def _is_subject(self, token: int) -> bool:
        """Whether a noun is a subject, before its verb or behind it: "In the front row was the mother of …"."""
        table = self.table
        verb = table.head[token]
        behind = table.dep[token] == "attr" and not any(table.dep[k] in {"nsubj", "expl"} for k in table.children[verb])
        return table.dep[token] in SUBJECTS or behind

    def _is_of_somebody_new(self, token: int) -> bool:
        """Whether a noun is somebody's who has no name either: the mother of a patient."""
        table = self.table
        return any(
            table.lower[table.left_edge[noun]] in {"a", "an", "one", "another"}
            for of in table.children[token] if table.lower[of] == "of"
            for noun in table.children[of]
        )  # fmt: skip

    def _things(self, head: int, *, plural: bool) -> Scored:
        """ "They" and "it": the nearest subject that is many, or a body."""
        table = self.table
        scored: Scored = []
        low = head
        while low and table.paragraph[low - 1] >= table.paragraph[head] - 1 and head - low < 120:
            low -= 1
        for token in range(low, head):
            if table.dep[token] not in SUBJECTS or table.quoted_span[token] >= 0:
                continue
            if table.sentence[token] == table.sentence[head]:
                continue
            named = self.by_token.get(token)
            many = self._are_many(token)
            body = self._is_body(token)
            if plural != (many and not body) and not (plural and body):
                continue
            if not plural and not body:
                continue
            score = -2.0 * (table.paragraph[head] - table.paragraph[token]) - 0.02 * (head - token)
            score += -0.5 if plural and body else 0.0
            scored.append((score, named if named is not None and not many else self._thing(token)))
        return sorted(scored, key=lambda s: -s[0])

    def _are_many(self, token: int) -> bool:
        """Whether a subject is several people: neighbours, the couple, the Greens, Ann Lee and Bo Marsh."""
        table, named = self.table, self.by_token.get(token)
        if table.tag[token] in {"NNS", "NNPS"} or table.lower[token] in GROUPS:
            return True
        party = named is not None and named.label == NORP
        return party or any(table.dep[kid] == "conj" for kid in table.children[token])

    def _is_body(self, token: int) -> bool:
        """Whether a subject is what "it said" goes on with: a body, or what is written."""
        table, named = self.table, self.by_token.get(token)
        if named is not None:
            return named.label in {ORG, GPE}
        if table.lower[token] in _THINGS or table.tag[token] in PROPER:
            return True  # An unlisted name goes on with "it" only where it is no person's.
        return self._body_beside(token) is not None

    def _body_beside(self, token: int) -> Referent | None:
        """The body whose name stands beside a noun: the operator, Vale Rail."""
        table = self.table
        beside = (self.by_token.get(kid) for kid in table.children[token] if table.dep[kid] == "appos" and kid > token)
        return next((one for one in beside if one is not None and one.label == ORG), None)

    def _thing(self, token: int) -> Referent:
        table = self.table
        if (together := self._together(token)) is not None:
            return together
        if (body := self._body_beside(token)) is not None:
            return body
        first, last = table.left_edge[token], token
        for kid in table.children[token]:
            if kid > token and table.dep[kid] in {"conj", "cc"} and table.quoted_span[kid] < 0:
                last = max(last, table.right_edge[kid])
        if table.lower[first] == "the" and last == token:
            scored = self.holders(token, first, last, table.lower[token])
            if scored and clear(scored):
                return scored[0][1]
        if last == token and table.tag[token] == "NNS":
            return self._group(self.introduction(token))  # residents of Mill Street
        return self._group(" ".join(table.text[table.start[first] : table.end[last]].split()))

    def _together(self, token: int) -> Referent | None:
        """The people whom a subject names together, or who are named beside it: the couple, Ann Lee and Bo Marsh."""
        table = self.table
        beside = (kid for kid in table.children[token] if table.dep[kid] == "appos" and kid in self.by_token)
        first = token if token in self.by_token else next(beside, None)
        people = [] if first is None else [first, *(k for k in table.children[first] if table.dep[k] == "conj")]
        named = [one for one in map(self.by_token.get, people) if one is not None and one.label == PERSON]
        if len(named) < 2 or len(named) < len(people):
            return None
        return self._group(f"{', '.join(one.name for one in named[:-1])} and {named[-1].name}")

    def _group(self, words: str) -> Referent:
        """Somebody without a name, known by the words of the mention."""
        name = ARTICLE.sub("", words)
        return self._groups.setdefault(name, Referent(name, UNKNOWN))


def _gender(referent: Referent) -> str | None:
    """The gender of somebody, or that of a first name that stands alone."""
    if referent.gender is not None or len(referent.words) != 1:
        return referent.gender
    return pronoun_of(referent.words[0])


def _alone(referent: Referent, gender: str) -> Referent:
    """The only one of that gender whom a name that several share may mean."""
    fitting = [one for one in referent.shared_by if one.gender in {None, gender}]
    return fitting[0] if len(fitting) == 1 else referent


def _may_be_person(referent: Referent, gender: str) -> bool:
    if referent.gender not in {None, gender} or referent.company:
        return False
    if referent.label == PERSON:
        return True
    return len(referent.words) == 1 and not countries.find(referent.name) and kind_of(referent.name) is None
