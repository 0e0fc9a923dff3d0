"""Sets how the process of a sink uses memory: when Python looks for cycles, and what glibc gives back to the system."""

import contextlib
import ctypes
import gc

_NEW_OBJECTS = 50_000  # between two runs of Python's collector
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # the numbers of these parameters in glibc's malloc.h


def collect_garbage_less_often() -> None:
    """Tunes Python's collector of cycles for this process.

    A batch is a hundred thousand objects and hardly a cycle. With Python's own threshold of 700 new objects, the
    collector walks them again and again, for a third of the sink's time.
    """
    gc.collect()
    gc.freeze()  # what is loaded stays for good
    gc.set_threshold(_NEW_OBJECTS, 20, 20)


def give_memory_back() -> None:
    """Makes glibc return the memory of whole requests, and keep one heap for all threads; elsewhere does nothing."""
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, 256 * 1024)
