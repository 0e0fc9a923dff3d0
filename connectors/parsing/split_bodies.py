"""Articles that a page cuts into several boxes of one kind, with advertisements and pictures between them."""

from typing import Any

_PARAGRAPHS = 2  # of one box at least; teasers of other articles have one
_LONG = 300  # characters of the paragraphs of one box at least


def length(tree: Any) -> int:
    """The characters of the paragraphs in boxes that have others of their kind; 0 where the page has none such."""
    return sum(_size(box) for boxes in _kinds(tree) for box in boxes)


def join(tree: Any) -> None:
    """Puts what the later boxes of each kind hold behind what the first one holds."""
    for first, *others in _kinds(tree):
        for box in others:
            first.extend(list(box))


def _kinds(tree: Any) -> list[list[Any]]:
    """The boxes by their kind: their classes, and the article they are in. Two of a kind at least hold paragraphs."""
    paragraphs: dict[Any, int] = {}
    for paragraph in tree.iter("p"):
        box = paragraph.getparent()
        if box is not None and box.tag in ("div", "section") and box.get("class"):
            paragraphs[box] = paragraphs.get(box, 0) + 1
    kinds: dict[tuple[Any, str], list[Any]] = {}
    for box in paragraphs:
        if (article := next(box.iterancestors("article", "main"), None)) is not None:
            kinds.setdefault((article, box.get("class")), []).append(box)
    return [
        boxes
        for boxes in kinds.values()
        if sum(paragraphs[box] >= _PARAGRAPHS and _size(box) >= _LONG for box in boxes) > 1 and not _nested(boxes)
    ]


def _nested(boxes: list[Any]) -> bool:
    members = set(boxes)
    return any(outer in members for box in boxes for outer in box.iterancestors())


def _size(box: Any) -> int:
    return sum(len(child.text_content()) for child in box if child.tag == "p")
