"""Makes rulings hold in the store, or hold no more where they are undone.

No decision is rewritten: a merged entity redirects to the other, and a split changes what the decisions of its articles
mean in the store.
"""

from collections.abc import Sequence

from pipeline.elasticsearch_client import chunks
from pipeline.entities.documents import ruled
from pipeline.entities.models import Kind, Link, Ruling
from pipeline.entities.profile import Profile, entity_id
from pipeline.entities.store import EntityStore

_AT_ONCE = 300


def put_into_effect(store: EntityStore, ruling: Ruling) -> None:
    """Makes a ruling hold in the store, or hold no more where it is undone. Again it changes nothing."""
    store.rule([ruling])
    if ruling.action == "split":
        store.redecide(ruling.articles, store.splits(ruling.articles))
        store.refresh()
        kind = (store.get([ruling.entity]).get(ruling.entity) or Profile(ruling.entity, _kind(ruling), "")).kind
        for id in (ruling.entity, ruling.other):
            recount(store, id, Profile(id, kind, ""))
        return
    rulings = [other for other in store.rulings_about([ruling.entity]) if other.entity == ruling.entity]
    store.change([ruling.entity], lambda profile: derive(profile, rulings))
    store.refresh()


def _kind(ruling: Ruling) -> Kind:
    return next(kind for kind in Kind if entity_id(kind, "x")[0] == ruling.entity[:1])


def derive(profile: Profile, rulings: Sequence[Ruling]) -> None:
    """Sets what rulings say of an entity; they are in the order of their time."""
    holding = [ruling for ruling in rulings if not ruling.undone]

    def last(action: str) -> Ruling | None:
        return next((ruling for ruling in reversed(holding) if ruling.action == action), None)

    merge, rename = last("merge"), last("rename")
    profile.redirect = merge.other if merge else None
    profile.named = rename.name if rename else None
    for action, kept in (("alias", profile.aliases), ("link", profile.links)):
        ever = {ruling.name for ruling in rulings if ruling.action == action}
        kept[:] = [name for name in kept if name not in ever]
        kept += dict.fromkeys(ruling.name for ruling in holding if ruling.action == action)
    rekey(profile)


def rekey(profile: Profile) -> None:
    """Makes the keys and the preferred name of an entity anew."""
    profile.keys.clear()
    for name in [*profile.variants, *profile.aliases, *filter(None, [profile.named])] or [profile.name]:
        profile.call(name)


def recount(store: EntityStore, id: str, blank: Profile) -> None:
    """Makes an entity anew from the decisions that name it and the rulings about it."""
    seen: list[tuple[Link, str]] = []
    for decisions in chunks(store.decisions_of(id), _AT_ONCE):
        splits = store.splits([decision.article for decision in decisions])
        for decision in decisions:
            mine = (link for link in decision.links if ruled(decision.article, link.entity, splits) == id)
            seen += [(link, decision.day) for link in mine]
    rulings = [ruling for ruling in store.rulings_about([id]) if ruling.entity == id]

    def anew(profile: Profile) -> None:
        # What no article has said is from a knowledge base.
        titles, affiliations = (
            [name for name, span in spans.items() if not span.count] for spans in (profile.titles, profile.affiliations)
        )
        for known in (profile.variants, profile.titles, profile.affiliations, profile.features):
            known.clear()
        profile.seen = type(profile.seen)()
        profile.keys.clear()
        for link, day in seen:
            profile.see(link, day)
        profile.told(titles, affiliations)
        derive(profile, rulings)

    store.change([id], anew, {id: blank} if seen else None)
