"""Every name that the command line knows stands for something that trains."""

import pytest

from tests.own.scenes import quick, write
from tubekit.own.choices import LOSSES, NETWORKS
from tubekit.own.folder import find_entries
from tubekit.own.ready import prepare


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    """Of each kind of image."""
    found = {}
    for kind in ("grey", "volume"):
        root = write(tmp_path_factory.mktemp(kind), kind)
        found[kind] = find_entries(root / "images", root / "labels")
    return found


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["grey", "volume"])
def test_losses_take_two_classes_and_three(entries, kind, loss):
    ready = prepare(entries[kind][:3], entries[kind][3:], quick(loss=loss), "cpu")
    assert len(ready.model.values) == (2 if kind == "grey" else 3)


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_take_pictures_of_any_size(entries, network):
    asked = quick(network=network, width=4)
    ready = prepare(entries["grey"][:3], entries["grey"][3:], asked, "cpu")
    (case,) = ready.validation
    assert ready.model.of_case(case).shape == (2, *case.image.shape[1:])


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_take_volumes(entries, network):
    asked = quick(network=network, width=4)
    prepare(entries["volume"][:1], entries["volume"][3:], asked, "cpu")
