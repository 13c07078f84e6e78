"""How batches reach the loop, and how a batch reaches the loss."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from torch import Tensor, nn

from tubekit.losses import DeepSupervision
from tubekit.types import SegOutput

Batch = dict[str, Tensor]


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


def loss_of(loss: nn.Module, output: object, batch: Batch) -> Tensor:
    """Call ``loss(output, target, **maps)`` with the maps it ``needs`` and ``valid`` if present.

    Only ``DeepSupervision`` sees the coarser levels of an output, other losses its logits.

    Raises:
        ValueError: the batch lacks the target or a map, or as ``SegOutput.of``.
    """
    needs: tuple[str, ...] = getattr(loss, "needs", ())
    if missing := [name for name in ("target", *needs) if name not in batch]:
        raise ValueError(
            f"{type(loss).__name__} needs {', '.join(('target', *needs))}, got a batch with "
            f"{', '.join(batch)}; let the sampler add {', '.join(missing)}"
        )
    names = (*needs, *(("valid",) if "valid" in batch else ()))
    levels = SegOutput.of(output)
    given = levels if isinstance(loss, DeepSupervision) else levels.logits
    value: Tensor = loss(given, batch["target"], **{name: batch[name] for name in names})
    return value
