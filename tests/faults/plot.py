"""A plain SVG of how much memory each part held over time."""

from collections import defaultdict
from collections.abc import Sequence
from html import escape
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 800, 320, 56
_COLOURS = ("#1b6ca8", "#c8553d", "#4f772d", "#7b2d8b", "#b8860b", "#444444")


def draw(path: Path, samples: Sequence[tuple[float, str, float]], title: str) -> None:
    """Writes the picture: seconds, part and megabytes of each sample as a line for each part."""
    lines: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for second, name, megabytes in samples:
        lines[name].append((second, megabytes))
    longest = max((second for second, _, _ in samples), default=1.0)
    most = max((megabytes for _, _, megabytes in samples), default=1.0) * 1.05
    right, bottom = WIDTH - MARGIN * 2, HEIGHT - MARGIN

    def place(second: float, megabytes: float) -> str:
        x = MARGIN + (right - MARGIN) * second / longest
        return f"{x:.1f},{bottom - (bottom - MARGIN) * megabytes / most:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{MARGIN}" y="24" font-size="14">{escape(title)}</text>'
    ]
    for step in range(5):
        megabytes, second = most * step / 4, longest * step / 4
        _, y = place(0, megabytes).split(",")
        x, _ = place(second, 0).split(",")
        parts.append(f'<line x1="{MARGIN}" x2="{right}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y}" text-anchor="end">{megabytes:.0f} MB</text>')
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{second / 60:.1f} min</text>')
    for number, (name, points) in enumerate(sorted(lines.items())):
        colour = _COLOURS[number % len(_COLOURS)]
        path_points = " ".join(place(*point) for point in _thinned(points))
        parts.append(f'<polyline points="{path_points}" fill="none" stroke="{colour}"/>')
        parts.append(f'<text x="{right + 8}" y="{MARGIN + 16 * number}" fill="{colour}">{escape(name)}</text>')
    path.write_text("\n".join([*parts, "</svg>\n"]), encoding="utf-8")


def _thinned(points: Sequence[tuple[float, float]], most: int = 400) -> list[tuple[float, float]]:
    """At most so many points: of each stretch the highest, so that no peak is lost."""
    size = max(1, len(points) // most + 1)
    return [max(points[at : at + size], key=lambda point: point[1]) for at in range(0, len(points), size)]
