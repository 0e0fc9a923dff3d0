import re
from pathlib import Path

import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from pipeline.text import language

TEXTS = [
    "Der Ausschuss hat am Montag entschieden, dass die Brücke gesperrt bleibt, bis die Schäden behoben sind.",
    "Le comité a décidé lundi que le pont resterait fermé jusqu'à la réparation de tous les dommages.",
    "Комитет решил в понедельник, что мост останется закрытым, пока не будут устранены повреждения.",
    "委员会周一决定，在修复损坏之前，桥梁将继续关闭。" * 5,
    "Bridge shut Monday: Velm, Orrin, Tarn Ferry, Lake Marsh, North Gate, Quell Street, Harbour Road, Old Mill.",
    "ok " * 60,
    "\ud800 ne peut pas être lu, mais le reste de la phrase se lit sans aucune difficulté, dit le comité lundi.",
]

ENGLISH = "The bridge that was shut on Monday will not be opened before the month ends, the council and its mayor said."


@pytest.fixture(scope="module")
def identifier() -> language._Identifier:
    return language._identifier()


def test_identifier_says_what_the_library_says(identifier: language._Identifier) -> None:
    whole = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    for text in TEXTS:
        assert identifier.classify(text) == whole.classify(text)


def test_tables_take_no_memory_between_texts(identifier: language._Identifier) -> None:
    before = _tables_in_memory()
    for text in TEXTS:
        identifier.classify(text)
    sizes, resident = zip(*_tables_in_memory(), strict=True)
    assert len(before) == 2
    assert sum(sizes) > 60_000, "the tables are not in files"
    assert sum(resident) < 1_000, "pages of the tables stay in memory"


def test_language_is_detected_or_left_open() -> None:
    assert [language.detect(2 * text) for text in TEXTS[:3]] == ["de", "fr", "ru"]
    assert language.detect("Nur kurz.") is None
    assert language.detect(ENGLISH) == "en"
    assert language.detect(TEXTS[5]) is None


def _tables_in_memory() -> list[tuple[int, int]]:
    # Kilobytes of each mapped file without a name, and how many of them are in memory.
    smaps = Path("/proc/self/smaps").read_text(encoding="ascii", errors="replace")
    found = re.findall(
        r"^[0-9a-f]+-[0-9a-f]+ r\S+ \S+ \S+ \d+ +\S.* \(deleted\)\nSize: +(\d+) kB\n(?:.*\n)*?Rss: +(\d+) kB",
        smaps,
        re.M,
    )
    return [(int(size), int(resident)) for size, resident in found if int(size) > 10_000]
