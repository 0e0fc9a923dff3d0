"""Writes the tags of many tokens at once, the same as spaCy's tagger writes word by word.

spaCy's tagger looks up the hash of each token's tag by its name.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from spacy.attrs import TAG  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.pipeline import Tagger
from spacy.tokens import Doc

from pipeline.text.transition_model import replace_components


class BatchTagger(Tagger):  # type: ignore[misc]  # compiled, without types
    """spaCy's tagger, with the same tags in less time."""

    def set_annotations(self, docs: Iterable[Doc], batch_tag_ids: Any) -> None:
        """Write what `predict` gives into the texts."""
        docs = [docs] if isinstance(docs, Doc) else docs
        strings = self.vocab.strings
        hashes = np.array([strings[label] for label in self.labels], dtype=np.uint64)
        for doc, numbers in zip(docs, batch_tag_ids, strict=True):
            if len(doc):
                before: Any = doc.to_array(TAG)
                tags = hashes[numbers]
                doc.from_array([TAG], tags if self.cfg["overwrite"] else np.where(before == 0, tags, before))


def use_batch_tagger(nlp: Language) -> None:
    """Put the batch tagger in the place of spaCy's.

    The pipeline's configuration stays, so a pipeline that is saved afterwards loads in bare spaCy.
    """
    replace_components(nlp, Tagger, BatchTagger, lambda component: True)
