"""Target maps and their cache."""

import numpy as np
import pytest

from tubekit.data import cached_target_map, confidence_map, target_map, targets
from tubekit.geometry import signed_distance, skeletonize, tubed_skeleton


@pytest.fixture
def label():
    array = np.zeros((40, 50), np.uint8)
    array[5:16, 4:46] = 1
    array[16:36, 20:22] = 2
    return array


def test_each_map_is_its_geometry(label):
    tube = target_map("tube", label)
    assert tube.dtype == np.int64
    assert (tube == tubed_skeleton(label, 2)).all()
    assert (target_map("tube_unclipped", label) == tubed_skeleton(label, 2, clip=False)).all()
    skeleton = target_map("skeleton", label)
    assert ((skeleton > 0) == skeletonize(label > 0)).all()
    assert set(np.unique(skeleton)) == {0, 1, 2}
    distance = target_map("signed_distance", label, (2.0, 1.0))
    assert distance.dtype == np.float32
    assert np.allclose(distance, signed_distance(label > 0, (2.0, 1.0)))


def test_unclipped_tube_leaves_the_label_and_the_clipped_does_not(label):
    assert not target_map("tube", label)[label == 0].any()
    assert target_map("tube_unclipped", label)[label == 0].any()


@pytest.mark.parametrize("name", [m for m in targets.MAPS if m != "confidence"])
@pytest.mark.parametrize("shape", [(6, 7), (4, 5, 6)])
def test_empty_label(name, shape):
    made = target_map(name, np.zeros(shape, np.uint8))
    assert made.shape == shape
    assert np.isfinite(made).all()


def test_confidence_is_the_map_of_the_case_and_needs_a_vessel(label):
    made = target_map("confidence", label)
    assert made.dtype == np.float32
    assert (made == confidence_map(label)).all()
    with pytest.raises(ValueError, match="at least one annotated voxel"):
        target_map("confidence", np.zeros((4, 5), np.uint8))


def test_unknown_map(label):
    with pytest.raises(ValueError, match=r"target map must be one of 'tube', .*got 'tubes'"):
        target_map("tubes", label)


@pytest.fixture
def counted(monkeypatch):
    """Counts how often a map is really computed."""
    made = []
    original = targets.target_map
    monkeypatch.setattr(
        targets, "target_map", lambda *arguments: made.append(arguments[0]) or original(*arguments)
    )
    return made


@pytest.mark.parametrize("name", list(targets.MAPS))
def test_cache_gives_the_same_map_without_computing(label, tmp_path, counted, name):
    first = cached_target_map(name, label, (1.0, 1.0), folder=tmp_path)
    again = cached_target_map(name, label.copy(), (1.0, 1.0), folder=tmp_path)
    assert counted == [name]
    assert again.dtype == first.dtype
    assert (again == first).all()


def test_key_covers_what_the_map_depends_on(label, tmp_path, counted, monkeypatch):
    def entries():
        return len(list(tmp_path.iterdir()))

    cached_target_map("tube", label, None, folder=tmp_path)
    cached_target_map("skeleton", label, None, folder=tmp_path)
    cached_target_map("tube", label, (1.0, 2.0), folder=tmp_path)
    cached_target_map("tube", np.where(label == 2, 0, label), None, folder=tmp_path)
    cached_target_map("tube", label.T.copy(), None, folder=tmp_path)
    monkeypatch.setattr(targets, "_sources", lambda: "another version")
    cached_target_map("tube", label, None, folder=tmp_path)
    assert entries() == len(counted) == 6


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut short", None])
def test_damaged_entry_is_computed_anew(label, tmp_path, counted, damage):
    wanted = cached_target_map("tube", label, folder=tmp_path)
    (entry,) = tmp_path.iterdir()
    good = entry.read_bytes()
    entry.write_bytes(good[: len(good) // 2] if damage is None else damage)
    assert (cached_target_map("tube", label, folder=tmp_path) == wanted).all()
    assert counted == ["tube", "tube"]
    assert entry.read_bytes() == good


def test_cache_that_cannot_be_written_is_no_obstacle(label, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    made = cached_target_map("tube", label, folder=tmp_path / "file" / "below")
    assert (made == target_map("tube", label)).all()
