"""How batches reach the loop."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tubekit.training.update import Batch


def stream(
    batches: Callable[[int], Batch], indices: Iterable[int], *, prefetch: bool
) -> Iterator[Batch]:
    """``batches(i)`` for each index in order; with ``prefetch`` a thread makes the next one."""
    if not prefetch:
        yield from map(batches, indices)
        return
    with ThreadPoolExecutor(max_workers=1) as pool:
        ready = None
        for index in indices:
            coming = pool.submit(batches, index)
            if ready is not None:
                yield ready.result()
            ready = coming
        if ready is not None:
            yield ready.result()
