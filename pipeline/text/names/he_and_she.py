"""Finds whom "he" and "she" may mean: people who are named or meant near the pronoun, ranked by `ranking.py`."""

from bisect import bisect_left
from functools import cached_property

from pipeline.text import countries
from pipeline.text.names.name_index import PERSON, Referent
from pipeline.text.names.name_spans import kind_of
from pipeline.text.names.person_name import is_title, key, pronoun_of
from pipeline.text.names.presence import NEW_TOPIC, Presence, Scored, best_first, clear, is_subject
from pipeline.text.names.ranking import Candidate, Ranking
from pipeline.text.names.referents import Referents
from pipeline.text.names.unnamed import LONGEST_PARAGRAPH, Unnamed
from pipeline.text.quotes.lexicon.grammar import HE_OR_HIMSELF, SHE_OR_HERSELF, SUBJECTS

GENDERS = dict.fromkeys(HE_OR_HIMSELF, "he") | dict.fromkeys(SHE_OR_HERSELF, "she")
"""The gender that each pronoun tells."""

_LAST_SPEAKER = 3.2  # for who has spoken last
_CANDIDATES, _BEHIND = 16, 4  # people before and behind a pronoun whom it may mean, at the most
_OF_SPEAKERS = SUBJECTS | {"poss"}


class HeAndShe:
    """Whom the pronouns of one article mean, as far as it has been read; they are mentions too."""

    def __init__(self, referents: Referents, presence: Presence, unnamed: Unnamed) -> None:
        self._table = referents.table
        self._referents = referents
        self._presence = presence
        self._unnamed = unnamed
        self._ranking = Ranking(referents.table)
        self._namesakes: dict[tuple[int, str], Referent] = {}
        self._pronouns: list[int] = []  # those that are read, in order, and whom they mean
        self._meant: list[Referent] = []
        self._read_to = 0
        self._times_meant: dict[int, int] = {}

    def meant(self, head: int, gender: str) -> Scored:
        """Whom a pronoun may mean, best first."""
        self._read(head)
        return self._ranked(head, gender)

    def candidates(self, head: int, gender: str) -> list[Candidate]:
        """Whom a pronoun may mean: those named or meant last before it, and those named next behind it."""
        found: dict[int, Candidate] = {}
        tokens, names = self._people
        at, read = bisect_left(tokens, head) - 1, bisect_left(self._pronouns, head) - 1
        low = head - LONGEST_PARAGRAPH
        while len(found) < _CANDIDATES and (at >= 0 or read >= 0):
            if read < 0 or (at >= 0 and tokens[at] >= self._pronouns[read]):
                token, referent = tokens[at], names[at]
                at -= 1
            else:
                token, referent = self._pronouns[read], self._meant[read]
                read -= 1
            if token < low:
                break
            if id(referent) in found:
                continue
            referent = self._as_meant(_alone(referent, gender), token, gender)
            if id(referent) in found or not _fits(referent, gender) or self._presence.in_own_quote(token):
                continue
            found[id(referent)] = self._candidate(referent, token, head, len(found))
        if not self._presence.own:  # Who speaks has been named before.
            self._look_behind(head, gender, found)
        candidates = list(found.values())
        self._compare(candidates, gender)
        return candidates

    @cached_property
    def _people(self) -> tuple[list[int], list[Referent]]:
        """The mentions of those who may be people: the last token of each, in order, and whom it names."""
        mentions = zip(self._referents.tokens, self._referents.named_at, strict=True)
        people = [(token, referent) for token, referent in mentions if _may_be_person(referent)]
        return [token for token, _ in people], [referent for _, referent in people]

    def _look_behind(self, head: int, gender: str, found: dict[int, Candidate]) -> None:
        """Add who is named next behind a pronoun."""
        names, tokens = self._referents.named_at, self._referents.tokens
        first = bisect_left(tokens, head)
        for number in range(first, min(len(tokens), first + _BEHIND)):
            referent = self._as_meant(_alone(names[number], gender), tokens[number], gender)
            away = self._table.sentence[tokens[number]] - self._table.sentence[head]
            if away > 1:
                break
            if id(referent) in found:
                known = found[id(referent)]
                if known.following < 0:
                    known.following = tokens[number]
            elif _fits(referent, gender) and _may_be_person(referent):
                found[id(referent)] = Candidate(referent, -1, -1, tokens[number], 0, len(found), is_first=False)

    def _as_meant(self, referent: Referent, token: int, gender: str) -> Referent:
        """Whom a surname alone means before a full name of another gender: "Lee left. Her husband, Bo Lee"."""
        if referent.gender in (None, "they", gender) or not referent.full_mentions or token in referent.full_mentions:
            return referent
        whose = id(referent), gender
        if whose not in self._namesakes:
            full = {*referent.full_mentions}
            alone = [at for at in referent.mentions if at not in full and self._is_bare(at, referent.words[-1])]
            before = alone if alone and alone[0] < min(full) else []
            name = self._table.word(alone[0]) if alone else referent.name
            self._namesakes[whose] = Referent(name, PERSON, referent.words[-1:], mentions=before)
        namesake = self._namesakes[whose]
        return namesake if token in namesake.mentions else referent

    def _is_bare(self, token: int, surname: str) -> bool:
        """Whether a surname stands without a title."""
        return key(self._table.word(token)) == surname and not (token and is_title(self._table.lower[token - 1]))

    def _candidate(self, referent: Referent, last: int, head: int, rank: int) -> Candidate:
        table = self._table
        number = self._presence.times_named(referent, head)
        named = referent.mentions[number - 1] if number else -1
        count = number + self._times_meant.get(id(referent), 0)
        if -1 < named < last and table.sentence[named] == table.sentence[last]:
            # "Lee watched with a coat over her head": the subject is what the next sentence goes on with.
            is_subject = table.dep[named] in SUBJECTS and table.dep[last] == "poss"
            last = named if is_subject else last
        return Candidate(referent, last, named, -1, count, rank, is_first=self._first is referent)

    @cached_property
    def _first(self) -> Referent | None:
        """The first person of the article."""
        return next((referent for referent in self._referents.named_at if referent.label == PERSON), None)

    def _compare(self, candidates: list[Candidate], gender: str) -> None:
        """Note what sets a candidate apart from the others."""
        table = self._table
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

    def _read(self, head: int) -> None:
        """Find whom the pronouns before a token mean, outside of marks, as they are mentions too."""
        table = self._table
        for token in range(self._read_to, head):
            gender = GENDERS.get(table.lower[token])
            if gender is None or self._presence.is_reported(token):
                continue
            if self._presence.own and table.dep[token] not in _OF_SPEAKERS:
                continue  # Who is only spoken of is not the likelier to speak.
            scored = self._ranked(token, gender)
            if scored and clear(scored):
                self._note(token, scored[0][1])
        self._read_to = max(self._read_to, head)

    def _note(self, token: int, referent: Referent) -> None:
        """A pronoun means somebody, who is mentioned by it; those without a name are found by their words."""
        if _may_be_person(referent):
            self._pronouns.append(token)
            self._meant.append(referent)
        self._times_meant[id(referent)] = self._times_meant.get(id(referent), 0) + 1

    def _ranked(self, head: int, gender: str) -> Scored:
        candidates = self.candidates(head, gender)
        rank = len(candidates)
        candidates += [
            Candidate(somebody, token, token, -1, 1, rank, is_first=False)
            for token, somebody in self._unnamed.before(head, gender)
        ]
        scored = [(self._ranking.score(head, gender, one) + self._heard(one, head), one.referent) for one in candidates]
        return best_first(scored)

    def _heard(self, candidate: Candidate, head: int) -> float:
        """How much likelier news makes somebody: who speaks goes on, and whom a quote names is not its speaker."""
        table, presence, token, referent = self._table, self._presence, candidate.last, candidate.referent
        if token < 0:
            return 0.0
        reported = presence.is_reported(token)
        if reported and bisect_left(referent.mentions, head) == 1 and table.sentence[token] == table.sentence[head]:
            return -100.0  # named only in what the same sentence reports before
        paragraphs = max(0, table.paragraph[head] - table.paragraph[token])
        score = -1.0 * paragraphs - (3.0 if reported else 0.0)
        if table.dep[head] not in SUBJECTS:
            return score
        # The name opens the sentence before, whatever pronoun in it means the same person.
        if self._is_topic(token, head) or (
            candidate.named not in {-1, token} and self._is_topic(candidate.named, head)
        ):
            score += NEW_TOPIC
        since = presence.since_spoken(referent, head)
        if since is not None:
            score += 1.2 / (1 + since)
            if presence.is_last_speaker(referent):
                score += _LAST_SPEAKER
        return score

    def _is_topic(self, token: int, head: int) -> bool:
        """Whether a mention is the subject of the sentence before, of which nobody has spoken since."""
        presence = self._presence
        return presence.is_new_topic(token, head) and is_subject(self._table, presence.said_of(token))


def _gender(referent: Referent) -> str | None:
    """The gender of somebody, or that of a first name that stands alone."""
    if referent.gender is not None or len(referent.words) != 1:
        return referent.gender
    return pronoun_of(referent.words[0])


def _alone(referent: Referent, gender: str) -> Referent:
    """The only one of that gender whom a name that several share may mean."""
    if not referent.shared_by:
        return referent
    fitting = [one for one in referent.shared_by if one.gender in (None, gender)]
    return fitting[0] if len(fitting) == 1 else referent


def _fits(referent: Referent, gender: str) -> bool:
    """Whether nothing that is known of somebody speaks against the gender of a pronoun."""
    return referent.gender in (None, gender) and not referent.company


def _may_be_person(referent: Referent) -> bool:
    """Whether a name is a person's, or may be a surname that was taken for something else."""
    if referent.label == PERSON:
        return True
    return len(referent.words) == 1 and not countries.find(referent.name) and kind_of(referent.name) is None
