"""Peak memory of a kernel and its children, sampled from outside."""

import threading
from types import TracebackType

from tubekit._extras import extra

with extra("book", __name__):
    import psutil

INTERVAL_SECONDS = 0.2


class PeakMemory:
    """Context manager; afterwards ``megabytes`` holds the largest resident size seen.

    Counts every process started below this one while the context is open, so that data loader
    workers and training subprocesses of a notebook are included.
    """

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._done = threading.Event()
        self._before = {child.pid for child in psutil.Process().children(recursive=True)}
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._done.wait(INTERVAL_SECONDS):
            total = 0
            for child in me.children(recursive=True):
                if child.pid in self._before:
                    continue
                try:
                    total += child.memory_info().rss
                except psutil.NoSuchProcess:  # it ended between listing and asking
                    continue
            self.megabytes = max(self.megabytes, total / 1e6)
