"""Finds antecedents: who may be meant by a role, a kind of body or a pronoun, each with a score.

The score counts nearness, grammar, who spoke last, gender and number.
"""

from collections.abc import Iterable

from pipeline.text.names.he_and_she import GENDERS, HeAndShe
from pipeline.text.names.it_and_they import ItAndThey
from pipeline.text.names.name_index import PERSON, Referent
from pipeline.text.names.presence import Presence, Scored, best_first
from pipeline.text.names.ranking import Candidate
from pipeline.text.names.referents import Referents
from pipeline.text.names.role_holders import RoleHolders
from pipeline.text.names.unnamed import Unnamed
from pipeline.text.quotes.lexicon.grammar import IT, THEY


class Antecedents:
    """Who is present in one article, and who has spoken so far.

    Attributes:
        table: the article.
        referents: whom it names.
        by_token: whose name a token belongs to.
        presence: who has spoken so far.
    """

    def __init__(self, referents: Referents) -> None:
        self.table = referents.table
        self.referents = referents
        self.by_token = referents.by_token
        self.presence = Presence(self.table)
        unnamed = Unnamed(self.table)
        self._holders = RoleHolders(referents, self.presence)
        self._he_and_she = HeAndShe(referents, self.presence, unnamed)
        self._it_and_they = ItAndThey(referents, self._holders, unnamed)

    @property
    def own(self) -> list[tuple[int, int]]:
        """Offsets of the quote whose speaker is looked for."""
        return self.presence.own

    @own.setter
    def own(self, segments: list[tuple[int, int]]) -> None:
        self.presence.own = segments

    def reports(self, segments: list[tuple[int, int]]) -> None:
        """A quote has been read: whom it names is less likely to speak next."""
        self.presence.reports(segments)

    def holders(self, head: int, first: int, last: int, noun: str) -> Scored:
        """Who holds the role, or which body is of the kind, that "the …" names; best first."""
        return self._holders.of(head, first, last, noun)

    def candidates(self, head: int, gender: str) -> list[Candidate]:
        """Whom "he" or "she" may mean: those named or meant last before it, and those named next behind it."""
        return self._he_and_she.candidates(head, gender)

    def of_pronoun(self, head: int, word: str) -> Scored:
        """Whom a pronoun may stand for, best first."""
        if word in THEY:
            singular = self._scored((p for p in self.referents.near(head) if p.gender == "they"), head)
            return sorted([*singular, *self._it_and_they.meant(head, plural=True)], key=lambda s: -s[0])
        if word in IT:
            return self._it_and_they.meant(head, plural=False)
        gender = GENDERS.get(word)
        if gender is not None:
            return self._he_and_she.meant(head, gender)
        if word != "who":
            return []
        return self._scored((p for p in self.referents.near(head) if p.label == PERSON and not p.shared_by), head)

    def _scored(self, referents: Iterable[Referent], head: int) -> Scored:
        return best_first([(self.presence.score(referent, head), referent) for referent in referents])

    def bare_name(self, token: int) -> Referent | None:
        """Who a surname is that the article has nowhere in full: “Okafor spoke. He said …”."""
        referent = self.referents.surnames.get(self.table.word(token))
        return referent if referent is not None and token in referent.mentions else None
