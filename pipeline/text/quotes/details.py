"""To whom, through which medium and when something was said, read from the cue's own clause."""

from collections.abc import Iterator

from pipeline.text.dates import find_dates
from pipeline.text.quotes.candidate import Draft, stretch_range
from pipeline.text.quotes.lexicon.nouns import ROLES, TALKS
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import Sheet

_OUTLETS = frozenset(
    """twitter facebook x instagram telegram tv television cnn msnbc fox abc nbc cbs bbc npr radio truth weibo linkedin
    youtube tiktok reddit mastodon bluesky threads""".split()
)
_MEDIA = TALKS | _OUTLETS | frozenset(
    """tweet tweets post posts video report book filing documentary essay blog newsletter memoir affidavit lawsuit
    house parliament congress court summit forum event show program programme floor dinner ceremony panel meeting
    convention gathering fundraiser luncheon breakfast town-hall session phone telephone website""".split()
)  # fmt: skip
_ONLY_NAMES = frozenset({"house", "x", "truth", "threads", "fox"})
_PREPOSITIONS = frozenset({"in", "on", "at", "during", "via", "through", "by", "over"})
_TO = frozenset(
    """say state explain add note write stress declare complain respond reply confirm admit reveal suggest
emphasize remark announce repeat speak indicate comment recall insist joke""".split()
)
_SPEAKING = frozenset({"speaking", "talking", "spoke", "talked"})
_NO_HEARER = frozenset({"truth", "story", "stories", "lie", "lies", "tale", "joke", "itself", "himself", "herself"})
_OFF = frozenset({"relcl", "acl"})
_SUBJECTS = frozenset({"nsubj", "nsubjpass"})
_REASONS = frozenset({"because", "since", "although", "though", "if", "unless", "while"})
_LONGEST = 80  # characters of a medium


def addressee(sheet: Sheet, draft: Draft) -> str | None:
    """Whom the speaker told it."""
    cue = draft.cue
    verb = VERBS.get(sheet.lower[cue]) if cue is not None else None
    if cue is None or verb is None or (sheet.tag[cue] == "VBN" and not sheet.kids[cue]):
        return None
    for kid in sheet.kids[cue]:
        if verb.addressed and sheet.dep[kid] == "nsubjpass" and not _inside(sheet, kid, draft):
            return _noun(sheet, kid, draft)  # "the crew was told"
        if not cue < kid or _inside(sheet, kid, draft):
            continue
        if verb.addressed and sheet.dep[kid] in {"dobj", "dative"} and sheet.tag[kid] != "TO":
            return _noun(sheet, kid, draft) if sheet.lower[kid] not in _NO_HEARER else None
        if sheet.lower[kid] == "to" and sheet.dep[kid] in {"prep", "dative"} and verb.lemma in _TO:
            for noun in sheet.kids[kid]:
                if sheet.dep[noun] == "pobj" and not _inside(sheet, noun, draft):
                    return _noun(sheet, noun, draft)
    following = cue + 1
    named = following < len(sheet.tag) and sheet.tag[following] in {"NNS", "NNP", "PRP"}
    if verb.addressed and named and not _inside(sheet, following, draft) and following != draft.subject:
        last = following
        while last + 1 < len(sheet.tag) and sheet.tag[last + 1] == "NNP" and not _inside(sheet, last + 1, draft):
            last += 1
        return sheet.text[sheet.start[following] : sheet.end[last]]
    return _hearer(sheet, draft, cue)


def _hearer(sheet: Sheet, draft: Draft, cue: int) -> str | None:
    """Who is spoken to "in an interview with …", "in a letter to …", "speaking to …"."""
    low, high = stretch_range(sheet, cue)
    for token in range(low, high + 1):
        if sheet.lower[token] not in {"to", "with"} or _inside(sheet, token, draft) or sheet.region[token] >= 0:
            continue
        above = sheet.head[token]
        spoken = sheet.lower[above] in _SPEAKING and sheet.tag[above][:2] == "VB" and sheet.dep[above] not in _OFF
        occasion = sheet.lower[above] in TALKS and _place(sheet, above, cue) is not None
        if not spoken and not (occasion and sheet.dep[above] == "pobj"):
            continue
        for noun in sheet.kids[token]:
            if sheet.dep[noun] == "pobj" and sheet.tag[noun] != "VBG" and not _inside(sheet, noun, draft):
                return _noun(sheet, noun, draft)
    return None


def medium(sheet: Sheet, draft: Draft) -> str | None:
    """Through or at what it was said, with its preposition."""
    if draft.cue is None:
        return None
    low, high = stretch_range(sheet, draft.cue)
    for token in range(low, high + 1):
        if sheet.lower[token] not in _PREPOSITIONS or _inside(sheet, token, draft) or sheet.region[token] >= 0:
            continue
        for noun in sheet.kids[token]:
            if sheet.dep[noun] != "pobj" or _inside(sheet, noun, draft) or not _is_medium(sheet, token, noun):
                continue
            behind = draft.subject is not None and draft.cue < draft.subject == sheet.head[token] < token
            if _place(sheet, token, draft.cue) is None and not (behind and sheet.lower[noun] in TALKS):
                continue  # "said the chair Ann Lee in an email" hangs on the chair, in some parses
            last = max([noun, *(min(sheet.right[k], high) for k in _further(sheet, noun, draft))])
            text = sheet.text[sheet.start[token] : _end(sheet, token, last)]
            return text if len(text) < _LONGEST else sheet.text[sheet.start[token] : sheet.end[noun]]
    return None


def _is_medium(sheet: Sheet, preposition: int, noun: int) -> bool:
    if sheet.lower[preposition] in {"via", "through", "by"}:
        person = sheet.lower[noun] in ROLES and sheet.lower[preposition] != "by"
        written = sheet.lower[noun] in {"phone", "telephone", "email", "e-mail", "letter", "video", "radio"}
        return person or written or (sheet.lower[noun] in _MEDIA and sheet.lower[preposition] == "via")
    if sheet.lower[preposition] == "over":
        return sheet.lower[noun] in {"phone", "telephone", "radio"}
    if sheet.lower[noun] in _ONLY_NAMES and not sheet.word(noun)[0].isupper():
        return False
    return sheet.lower[noun] in _MEDIA or any(
        sheet.lower[k] in _OUTLETS and sheet.word(k)[0].isupper() and sheet.dep[k] in {"compound", "poss", "nmod"}
        for k in sheet.kids[noun]
    )


def _further(sheet: Sheet, noun: int, draft: Draft) -> Iterator[int]:
    """What belongs to a medium behind its noun: "with Channel Nine", "to the board", "on Truth Social"."""
    for kid in sheet.kids[noun]:
        if kid != noun + 1 or sheet.dep[kid] != "prep" or _inside(sheet, kid, draft) or sheet.region[kid] >= 0:
            continue
        objects = [k for k in sheet.kids[kid] if sheet.dep[k] == "pobj"]
        outlet = sheet.lower[kid] == "on" and objects and sheet.tag[objects[0]] in {"NNP", "NNPS", "SYM"}
        if (sheet.lower[kid] in {"with", "to"} or outlet) and not any(
            find_dates(sheet.text, sheet.start[kid], sheet.end[sheet.right[kid]])
        ):
            yield kid


def date_mention(sheet: Sheet, draft: Draft) -> str | None:
    """The words that say when, in the cue's sentence and outside what was said; the nearest to the cue."""
    if draft.cue is None:
        return None
    low, high = stretch_range(sheet, draft.cue)
    best: tuple[int, int] | None = None
    mention = None
    for found in find_dates(sheet.text, sheet.start[low], sheet.end[high]):
        first = sheet.at(found.start)
        if any(a <= found.start < b for a, b in draft.segments) or sheet.region[first] >= 0:
            continue
        tokens = sheet.tokens(found.start, found.end)
        top = next((t for t in tokens if sheet.head[t] not in tokens), first)
        place = _place(sheet, top, draft.cue)
        if place is None or (sheet.dep[top] == "poss" and sheet.lower[sheet.head[top]] not in _MEDIA):
            continue
        if best is None or (place, abs(first - draft.cue)) < best:
            best, mention = (place, abs(first - draft.cue)), sheet.text[found.start : found.end]
    return mention


def _place(sheet: Sheet, token: int, cue: int) -> int | None:
    """How far from the cue a word hangs in its sentence: 0 on the cue, 1 on a noun below it, 2 on another verb that it
    shares its subject with or that says when; None where it belongs to something else."""
    place, node = 0, token
    if 0 < token - cue < 5 and not any(sheet.tag[t][:2] in {"VB", "NN"} for t in range(cue + 1, token)):
        return 0
    while node != cue:
        above = sheet.head[node]
        if above == node:
            break
        if sheet.dep[node] in _OFF:
            return None
        if node != token and sheet.dep[node] in _SUBJECTS:
            return None
        if sheet.tag[above][:2] == "VB" and above != cue:
            place = 2
            if any(sheet.lower[k] in _REASONS and sheet.dep[k] == "mark" for k in sheet.kids[above]):
                return None
        elif sheet.tag[above][:2] in {"NN", "PR"}:
            place = max(place, 1)
        node = above
    if node == cue:
        return place
    own = any(sheet.dep[k] in _SUBJECTS for k in sheet.kids[cue])
    return None if own and sheet.dep[cue] == "conj" else 2


def _inside(sheet: Sheet, token: int, draft: Draft) -> bool:
    return any(a <= sheet.start[token] < b for a, b in draft.segments)


def _end(sheet: Sheet, first: int, last: int) -> int:
    """Where words end that may end in marked ones: on CNN's “New Day”."""
    region = sheet.region[last]
    return sheet.marked[region].end if region >= 0 and region != sheet.region[first] else sheet.end[last]


def _noun(sheet: Sheet, head: int, draft: Draft) -> str:
    first = last = head
    new = False
    for kid in sheet.kids[head]:
        if kid < head and sheet.tag[kid] != "_SP":
            first = min(first, sheet.left[kid])
            new |= sheet.lower[kid] in {"a", "an"}
        elif kid < head or _inside(sheet, kid, draft) or _inside(sheet, sheet.right[kid], draft):
            continue
        elif sheet.dep[kid] == "prep" and (
            sheet.lower[kid] == "of"
            or (new and sheet.lower[kid] in {"in", "at", "from"})
            or (sheet.lower[kid] == "for" and sheet.lower[head].removesuffix("s") in ROLES)
        ):
            dated = any(find_dates(sheet.text, sheet.start[kid], sheet.end[sheet.right[kid]]))
            if not dated and sheet.right[kid] - kid < 8:
                last = max(last, sheet.right[kid])
        elif sheet.dep[kid] == "conj" and sheet.tag[kid][:2] == "NN" and kid - last < 5:
            last = max(last, kid)
        elif sheet.dep[kid] == "appos" and sheet.left[kid] == last + 1:
            last = sheet.right[kid]  # the newspaper Dnevni Most
    return sheet.text[sheet.start[first] : _end(sheet, first, last)]
