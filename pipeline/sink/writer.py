"""Writes articles with their quotes, so that the newest revision wins as a whole, despite repeats and crashes.

What holds, and why:

* **A late older revision changes nothing, nor does the result of an older engine.** Every write carries an external
  version (`external_gte`; `documents.version`): the article's revision first, then the engine's version. So
  Elasticsearch refuses what is older. The article is written first, and it alone decides: where Elasticsearch refuses
  it as older, the sink neither writes nor removes any of its quotes.
* **A new revision removes the quotes that it no longer has, and a change of month moves the article.** Before
  writing, the sink looks up in all months where the batch's articles are, and which of their quotes are obsolete.
  After writing the article, it deletes those quotes by id, with the new version. It deletes an article's document in
  a former month last.
* **The lookup sees everything, although a search does not see the last seconds.** The sink remembers which articles
  it has written since the last refresh (pipeline.sink.refresher). It refreshes the indices before the lookup when one
  of them comes again, and when partitions are newly assigned: another sink, or this one before it was killed, may have
  written a moment ago. News rarely repeats within seconds, so such refreshes are rare; asking each month by id in real
  time would cost every batch months x articles requests. A shard that does not answer fails the lookup; it never
  counts as "nothing there".
* **A replay heals a crash between any two requests**, for the sink commits offsets only when a batch is done. It
  writes articles before their quotes, and deletes them after their quotes: where quotes are, their article is too. So
  the replay finds the article, and by it any quote that was left over.
* **One partition belongs to one sink at a time**, and an article to one partition. A sink that was cut off and comes
  back late meets versions: of what is there, and of deletions, which the indices remember for an hour. So the quotes
  of a revision that a newer one in the same batch replaced are deleted by id too, in case another sink has written
  them.
* **A swap of the aliases to a rebuilt version loses nothing.** The rebuild blocks the old version first
  (pipeline.reindex.rebuild); a sink that meets the block asks for the aliases, and begins its batch again there.
* **Several requests on their way change none of this.** Requests of one phase (articles, quotes, deletions) may be
  answered in any order, as no document is in two of them; a phase begins when all of the one before are answered
  (pipeline.sink.batch). A batch begins while the one before it is written (`BatchQueue`) only where they have no
  article in common, no article of one may be a copy of one of the other, and a search sees all that was written of
  its articles. It is committed after the one before it. So what each of them looks up and decides is what it would be
  afterwards. What was looked up ahead is used for a few seconds only, and not where it failed or the aliases were
  swapped: then the batch looks again, and says what is wrong. A stop finishes what has begun, in order.
* **A partition that goes to another sink while its events are written** is that sink's, which writes them again; this
  one commits none of them, and takes none of them back: that would be a deletion with the version that the other sink
  writes, which may have succeeded where this one did not. What this one has on its way meets versions, as above; a
  batch that has to wait for the cluster is given up, as versions of deletions are remembered for an hour only.
* **Documents are made as they are sent**, those of a request while the requests before it are on their way: an
  article may ask for many times its own size. Where a document cannot be made because of an unexpected error, its
  article becomes a dead letter, and no other.
* **What was taken down stays away** (pipeline.tombstones). Before a batch is written, the sink looks up its articles
  among the tombstones, in real time, and once more when all is written. A take-down writes its tombstone first and
  then removes what is there. So either that removal sees what the sink has written, or the sink's second look, when
  all requests of the batch are answered, sees the tombstone and the sink removes the article itself. A sink that dies
  before the second look has not committed, and the sink that repeats the batch removes it.
* **Whole or not at all.** An article that Elasticsearch refuses leaves what was there as it is. Where Elasticsearch
  takes the article but refuses one of its quotes, the sink takes the article and its quotes back. Either way the
  event becomes a dead letter with Elasticsearch's reason.
* **Nothing is taken back before its dead letter is kept.** A sink that stalls may have lost a partition without
  knowing, and take back what the next sink has written and committed since. Nobody reads that event again, so its
  letter must be there first, whenever this sink dies. The article may be searchable all the same, or have two letters.
"""

from collections.abc import Sequence

from pipeline.sink.batch import Batch
from pipeline.sink.events import Event
from pipeline.sink.target import Target


class Writer(Target):
    """Makes batches for one cluster. What it has of `Target` is what they share."""

    def batch(self, events: Sequence[Event]) -> Batch:
        """A batch of these events, which come in the order of their offsets."""
        return Batch(self, events)
