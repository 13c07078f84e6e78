"""A bug on either side of a comparison of HarmonySeg, and the comparison fails."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.plain import test_harmonyseg as compared
from tubekit import data, geometry, losses, networks
from tubekit.plain import harmonyseg_attention as attention
from tubekit.plain import harmonyseg_losses as terms
from tubekit.plain import harmonyseg_network as network


def bent(value: Any) -> Any:
    """Wrong by a tenth, or where it is a mask by one voxel."""
    if isinstance(value, tuple):
        return (*value[:-1], bent(value[-1]))
    if isinstance(value, np.ndarray) and value.dtype == bool:
        value = value.copy()
        value.flat[0] ^= True
        return value
    return value * 1.1 + (0.1 if isinstance(value, torch.Tensor) else 0)


def whole() -> None:
    compared.test_mix_equivalence_and_the_sum()


PLANTED: list[tuple[Any, str, Callable[[], None]]] = [
    (attention, "attention", lambda: compared.test_attention(2)),
    (networks, "attend", lambda: compared.test_attention(2)),
    *((owner.DeepMutualQuery, "forward", compared.test_deep_mutual_query)
      for owner in (attention, networks)),
    *((owner.ShallowQuery, "forward", lambda: compared.test_shallow_query(32, 2))
      for owner in (attention, networks)),
    *((owner.FlexibleConv, "forward", lambda: compared.test_flexible_convolution(3, 8, 1))
      for owner in (network, networks)),
    *((owner.HarmonySeg, "forward", compared.test_the_whole_network)
      for owner in (network, networks)),
    (network.DeepToShallow, "forward", compared.test_the_whole_network),
    (network.Enrich, "forward", compared.test_the_whole_network),
    (terms, "confidence", lambda: compared.test_confidence("random")),
    (data, "confidence_map", lambda: compared.test_confidence("random")),
    (terms, "join", lambda: compared.test_joining(0)),
    (geometry, "reconnect", lambda: compared.test_joining(0)),
    (terms, "reconnection", lambda: compared.test_reconnection(0)),
    (losses, "reconnection_loss", lambda: compared.test_reconnection(0)),
    (terms, "relaxed_supervision", lambda: compared.test_relaxed_supervision("flat")),
    (losses.RelaxedSupervisionLoss, "forward", lambda: compared.test_relaxed_supervision("flat")),
    (terms, "spatial_prior", lambda: compared.test_spatial_prior((9, 12), 5)),
    (losses, "spatial_prior", lambda: compared.test_spatial_prior((9, 12), 5)),
    *((terms, name, whole) for name in ("mix_equivalence", "growth_suppression")),
    *((owner, "forward", whole)
      for owner in (losses.MixEquivalenceLoss, losses.GrowthSuppressionLoss)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("owner", "name", "check"), PLANTED, ids=[f"{o.__name__}.{n}" for o, n, _ in PLANTED]
)
def test_a_bug_on_either_side_is_seen(owner: Any, name: str, check, monkeypatch):
    right = getattr(owner, name)
    check()
    monkeypatch.setattr(owner, name, lambda *a, **k: bent(right(*a, **k)))
    with pytest.raises(AssertionError):
        check()
