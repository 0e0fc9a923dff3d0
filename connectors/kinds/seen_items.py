"""Remembers which items of a feed or sitemap have been read, and keeps that in the source's cursor.

The cursor has two entries: `seen` maps each item's key to `mark|hash|revision`, and `tries` counts the failed attempts
of items that are still waiting for another one.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from connectors.base import Cursor
from pipeline.models import Article

_HASH_LENGTH = 8  # characters of a content hash that tell two versions of one article apart


@dataclass(frozen=True)
class SeenItem:
    """One item when it was last read.

    Attributes:
        mark: changes whenever the source says something else about the item.
        content: the beginning of its article's content hash; empty where no article was ever read from it.
        revision: the revision that its article was published with.
    """

    mark: str
    content: str = ""
    revision: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads an item from its text in a cursor."""
        mark, _, rest = text.partition("|")
        content, _, revision = rest.partition("|")
        return cls(mark, content, int(revision) if revision else None)

    def __str__(self) -> str:
        return f"{self.mark}|{self.content}|{'' if self.revision is None else self.revision}"


class SeenItems:
    """The items that were read in this poll and in earlier ones."""

    def __init__(self, cursor: Cursor) -> None:
        self._seen: dict[str, str] = dict(cursor.get("seen") or {})
        self._tries: dict[str, int] = dict(cursor.get("tries") or {})
        self._changes = _Changes(dict(self._seen), dict(self._tries))

    @property
    def waiting(self) -> bool:
        """Whether any item waits for another attempt."""
        return bool(self._tries)

    def is_new(self, key: str, mark: str) -> bool:
        """Whether the item was never read, or has changed since."""
        return self._seen.get(key, "").partition("|")[0] != mark

    def revision(self, key: str) -> int | None:
        """The revision that the item's article was last published with."""
        return self._item(key).revision

    def record(self, key: str, mark: str, article: Article | None) -> Article | None:
        """Notes that the item has been read, and what came of it.

        Returns:
            The article where its content is new. None where the same content was published before: a change that the
            source announces often changes no word of the text.
        """
        before = self._item(key)
        content = article.content_hash[:_HASH_LENGTH] if article else ""
        fresh = article if article and content != before.content else None
        # Where no article was read this time, the last one is still the one that was published.
        item = SeenItem(mark, content, fresh.revision) if fresh else SeenItem(mark, before.content, before.revision)
        self._tries.pop(key, None)
        self._seen.pop(key, None)  # the newest stand at the end
        self._seen[key] = str(item)
        self._changes.log.append((key, str(item), 0))
        return fresh

    def record_failure(self, key: str) -> int:
        """Notes a failed attempt to read the item; returns how many there have been."""
        count = self._tries[key] = self._tries.get(key, 0) + 1
        self._changes.log.append((key, None, count))
        return count

    def cursor(self, other: Mapping[str, Any] | None = None) -> Cursor:
        """The cursor as of now; `other` are its entries beside `seen` and `tries`."""
        return _CursorAt(self._changes, len(self._changes.log), other or {})

    def current(self, keys: Collection[str], *, gone: int) -> dict[str, Any]:
        """The cursor's two entries with these items, and before them the newest `gone` others: some items come back."""
        present = set(keys)
        others = [key for key in self._seen if key not in present][-gone:]
        return {
            "seen": {key: self._seen[key] for key in (*others, *keys) if key in self._seen},
            "tries": {key: count for key, count in self._tries.items() if key in present},
        }

    def newest(self, most: int) -> dict[str, Any]:
        """The cursor's two entries with the `most` items that were read last."""
        return {"seen": dict(list(self._seen.items())[-most:]), "tries": dict(self._tries)}

    def _item(self, key: str) -> SeenItem:
        return SeenItem.parse(self._seen.get(key, ""))


class _Changes:
    """What was known at the beginning of a poll, and each change since."""

    def __init__(self, seen: dict[str, str], tries: dict[str, int]) -> None:
        self.seen = seen
        self.tries = tries
        self.log: list[tuple[str, str | None, int]] = []  # key; the item, or None and its failed attempts


class _CursorAt(Mapping[str, Any]):
    """The cursor after the first `count` changes.

    It is put together only when somebody reads it. A poll gives a cursor with each of its items but only few of them
    are kept; a copy of all items for each would take time and memory squared.
    """

    def __init__(self, changes: _Changes, count: int, other: Mapping[str, Any]) -> None:
        self._changes = changes
        self._count = count
        self._other = other

    @cached_property
    def _entries(self) -> dict[str, Any]:
        seen, tries = dict(self._changes.seen), dict(self._changes.tries)
        for key, item, count in self._changes.log[: self._count]:
            if item is None:
                tries[key] = count
                continue
            tries.pop(key, None)
            seen.pop(key, None)
            seen[key] = item
        return {**self._other, "seen": seen, "tries": tries}

    def __getitem__(self, name: str) -> Any:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
