"""Builds the site with MkDocs, which calls these hooks: adds pages from outside of docs/, and leads links to pages.

The README is the site's home; SECURITY, CONTRIBUTING, CHANGELOG and deploy/README.md are pages too, and `reference`
makes others of the code. Links between files of the repository become links between pages. Those to files that are no
pages lead to the repository where its address is known (`repo_url`), and else are plain text.
"""

import posixpath
import re
import sys
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))

import reference  # noqa: E402  - beside this file, which MkDocs loads by its path

OUTSIDE = {
    "README.md": "index.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "deploy/README.md": "deploy.md",
}
"""Files outside of docs/ that are pages, with the page's place in the site."""

FOLDERS = {"deploy": "deploy.md", "docs/schemas": "reference/events.md"}
"""Folders of the repository that a page stands for."""

_ORIGIN = {page: origin for origin, page in OUTSIDE.items()}
_INLINE = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?://|mailto:)([^)\s]+)\)")
_DEFINITION = re.compile(r"^\[([\w-]+)\]: (?!https?://)(\S+)$", re.MULTILINE)
_FENCE = re.compile(r"^( *)```(\w+).*$")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are not in docs/."""
    for origin, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / origin).read_text(encoding="utf-8")))
    for page, write in reference.PAGES.items():
        files.append(File.generated(config, page, content=write()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files, **_: Any) -> str:
    """The page's text as Python-Markdown wants it, with links that lead somewhere."""
    if page.file.src_uri in reference.PAGES:
        return markdown
    links = Links(page.file.src_uri, config.repo_url or "", {one.src_uri for one in files})
    parts = re.split(r"(^ *```.*?^ *```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(_fence(part) if part.lstrip().startswith("```") else links.in_text(part) for part in parts)


class Links:
    """The links of a page, whose origin is another place in the repository."""

    def __init__(self, page: str, repository: str, known: set[str]) -> None:
        self._page = page
        self._folder = posixpath.dirname(_ORIGIN.get(page, f"docs/{page}"))
        self._repository = repository.rstrip("/")
        self._known = known

    def in_text(self, text: str) -> str:
        """The text with its links led to pages, and nested lists as deep as Python-Markdown wants them."""
        text = re.sub(r"^  ([-*] )", r"    \1", text, flags=re.MULTILINE)
        for label, target in _DEFINITION.findall(text):
            link = self.to(target)
            if link is None:
                text = text.replace(f"[{label}]: {target}\n", "").replace(f"[{label}]: {target}", "")
                text = text.replace(f"[{label}]", f"{label}:")
            else:
                text = text.replace(f"[{label}]: {target}", f"[{label}]: {link}")
        return _INLINE.sub(self._inline, text)

    def to(self, target: str) -> str | None:
        """Where a link of the repository leads in the site; None where nothing there stands for it."""
        path, mark, anchor = target.partition("#")
        if not path:
            return target
        place = posixpath.normpath(posixpath.join(self._folder, path))
        page = OUTSIDE.get(place) or FOLDERS.get(place) or place.removeprefix("docs/")
        if (place in OUTSIDE or place in FOLDERS or place.startswith("docs/")) and page in self._known:
            return posixpath.relpath(page, posixpath.dirname(self._page) or ".") + mark + anchor
        if not (ROOT / place).exists():
            return target  # which MkDocs then warns of
        return f"{self._repository}/blob/main/{PurePosixPath(place)}" if self._repository else None

    def _inline(self, match: re.Match[str]) -> str:
        link = self.to(match[2])
        return match[1] if link is None else f"[{match[1]}]({link})"


def _fence(block: str) -> str:
    """The block without what stands behind its language, which tells our tests why it is not run."""
    first, _, rest = block.partition("\n")
    return _FENCE.sub(r"\1```\2", first) + "\n" + rest
