"""The second pass of the network, on mixed images."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.training import _run
from tubekit.losses import DiceCELoss, MixEquivalenceLoss, SegmentationLoss, WeightedSum
from tubekit.training import Supervised, fit, load_checkpoint, nnunet_sgd
from tubekit.training.mixing import mix_maps
from tubekit.types import SegOutput, Spec


class Seen(nn.Module):
    """Returns its image, and remembers it."""

    def __init__(self, *, more: bool = False) -> None:
        super().__init__()
        self.images: list[Tensor] = []
        self.more = more

    def forward(self, image: Tensor) -> Tensor | SegOutput:
        self.images.append(image)
        return SegOutput(image, (image[..., ::2],)) if self.more else image


@pytest.mark.parametrize("grid", [(4, 6), (2, 4, 6)])
@pytest.mark.parametrize("more", [False, True])
def test_every_sample_is_mixed_with_the_one_before_it(grid: tuple[int, ...], more: bool):
    image = torch.randn(3, 2, *grid)
    network = Seen(more=more)
    maps = mix_maps(network, image, 0, 5)
    assert len(network.images) == 1
    shares = maps["mix_weight"].flatten(1)
    assert maps["mix_weight"].shape == (3, 1, *grid)
    assert (shares == shares[:, :1]).all()
    assert maps["mix_weight"].stride()[2:] == (0,) * len(grid), "a view, not a volume"
    for i in range(3):
        expected = shares[i, 0] * image[i] + (1 - shares[i, 0]) * image[i - 1]
        torch.testing.assert_close(maps["mixed_logits"][i], expected)


def test_weights_are_a_pure_function_of_seed_and_index():
    image = torch.zeros(4, 1, 2, 2)

    def weights(seed: int, index: int) -> list[float]:
        return mix_maps(Seen(), image, seed, index)["mix_weight"][:, 0, 0, 0].tolist()

    first = weights(1, 7)
    torch.rand(3)
    assert weights(1, 7) == first
    assert not set(first) & set(weights(1, 8))
    assert not set(first) & set(weights(2, 7))
    assert len(set(first)) == 4, "every sample has its own"


def test_weights_are_uniform_and_never_at_an_end():
    image = torch.zeros(20_000, 1, 1, 1)
    weight = mix_maps(Seen(), image, 0, 0)["mix_weight"].flatten()
    assert weight.dtype == torch.float32
    assert 0 < weight.min() < 1e-3
    assert 1 - 1e-3 < weight.max() < 1
    # Odd multiples of 2^-24, so that no draw whatever is 0 or 1.
    assert ((weight.double() * 2**24) % 2 == 1).all()
    assert torch.histc(weight, 10, 0, 1).sub(2000).abs().max() < 200


def test_a_single_sample_has_no_partner():
    with pytest.raises(ValueError, match="at least two samples in a batch, got 1"):
        mix_maps(Seen(), torch.zeros(1, 1, 4, 4), 0, 0)


# --- in the training loop


def mixing_loss() -> SegmentationLoss:
    return WeightedSum([DiceCELoss(), MixEquivalenceLoss()], [1.0, 1.0])


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def train(net, loss, batches=_run.batches, *, steps: int = 8, grad_clip=12.0, **more: object):
    update = Supervised(net, loss, Spec(nnunet_sgd, lr=0.05), grad_clip)
    return fit(update, batches, steps=steps, **more)


def test_the_loop_makes_the_maps_only_where_the_loss_needs_them():
    calls = []

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = _run.plain()

        def forward(self, image: Tensor) -> Tensor:
            calls.append(image)
            return self.inside(image)

    train(Counting(), DiceCELoss(), steps=3)
    assert len(calls) == 3
    calls.clear()
    train(Counting(), mixing_loss(), steps=3)
    assert len(calls) == 6
    assert all(torch.equal(calls[2 * i], _run.batches(i)["image"]) for i in range(3))
    assert not torch.equal(calls[1], calls[0])


def test_the_gradient_of_the_mixed_pass_reaches_the_network():
    alone = _run.plain()
    before = weights_of(alone)
    train(alone, MixEquivalenceLoss(), steps=1)
    assert any(not torch.equal(before[k], v) for k, v in alone.state_dict().items())


def test_a_loss_without_mixing_trains_as_before():
    """The same bits as a loop that knows nothing of mixing."""
    net, plain = _run.plain(), _run.plain()
    train(net, DiceCELoss(), grad_clip=float("inf"))
    optimizer = nnunet_sgd(plain.parameters(), lr=0.05)
    for step in range(8):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 8) ** 0.9
        batch = _run.batches(step)
        DiceCELoss()(plain(batch["image"]).logits, batch["target"]).backward()
        optimizer.step()
        optimizer.zero_grad()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(net.state_dict()[name], value, rtol=1e-5, atol=1e-7)


def test_a_resumed_run_sees_the_same_mixtures(tmp_path):
    whole = _run.network()  # with dropout and batch norm
    history = train(whole, mixing_loss()).history
    path = tmp_path / "run.ckpt"

    def until(last: int) -> Callable[[int], dict[str, Tensor]]:
        def batches(step: int) -> dict[str, Tensor]:
            if step == last:
                raise RuntimeError("the power goes out")
            return _run.batches(step)

        return batches

    every = {"checkpoint": path, "checkpoint_every": 1, "prefetch": False}
    with pytest.raises(RuntimeError, match="power"):
        train(_run.network(), mixing_loss(), until(3), **every)
    assert load_checkpoint(path)["step"] == 3
    resumed = _run.network()
    result = train(resumed, mixing_loss(), **every)
    assert result.history == history
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value)


def test_the_seed_of_the_run_draws_the_weights():
    nets = [_run.plain() for _ in range(3)]
    for net, seed in zip(nets, (0, 0, 1), strict=True):
        train(net, mixing_loss(), seed=seed)
    first, again, other = (torch.cat([v.flatten() for v in n.state_dict().values()]) for n in nets)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_errors_name_the_step():
    def single(step: int) -> dict[str, Tensor]:
        return {name: value[:1] for name, value in _run.batches(step).items()}

    with pytest.raises(ValueError, match="training step 1: mixing needs at least two samples"):
        train(_run.plain(), mixing_loss(), single, steps=2)
