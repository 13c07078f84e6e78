"""Every public function of the package takes what people have, and gives the same for it."""

import dataclasses
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from tubekit import data
from tubekit.types import Case

SHAPE = (6, 20, 24)
RNG = np.random.default_rng(0)
IMAGE = RNG.normal(100, 20, (1, *SHAPE)).astype(np.float32)
LABEL = np.zeros(SHAPE, np.int32)
LABEL[1:4, 4:7, 2:20] = 1
LABEL[3:5, 10:12, 2:20] = 2
VALID = np.zeros(SHAPE, bool)
VALID[:, 1:-1, 1:-1] = True


def mapped(array: np.ndarray, folder: Path) -> np.ndarray:
    path = folder / f"{len(list(folder.iterdir()))}.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def read_only(array: np.ndarray, _: Path) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


def of_type(name: str) -> Callable[[np.ndarray, Path], np.ndarray]:
    return lambda array, _: array.astype(name) if array.dtype == np.int32 else array


KINDS: dict[str, Callable[[np.ndarray, Path], Any]] = {
    "memory map": mapped,
    "read-only": read_only,
    "other byte order": lambda a, _: a.astype(a.dtype.newbyteorder("S")),
    "negative strides": lambda a, _: a[::-1].copy()[::-1],
    "columns first": lambda a, _: np.asfortranarray(a),
    "tensor": lambda a, _: torch.from_numpy(a.copy()),
    "MetaTensor": lambda a, _: MetaTensor(torch.from_numpy(a.copy())),
    **{name: of_type(name) for name in ("uint8", "int8", "uint16", "uint32", "uint64", "int64")},
}


class Given(NamedTuple):
    """How arrays, integers and paths are passed, and a folder to write to."""

    array: Callable[[np.ndarray], Any]
    whole: Callable[[int], Any]
    path: Callable[[Path], Any]
    folder: Path

    @property
    def case(self) -> Case:
        image, label, valid = map(self.array, (IMAGE, LABEL, VALID))
        return Case("a", image, label, (2.0, 1.0, 1.0), valid, derived=self.whole(0))


def plain(folder: Path) -> Given:
    return Given(lambda a: a, int, Path, folder)


def written(given: Given) -> Path:
    path = given.folder / "v.nii.gz"
    data.write_label(given.path(path), given.array(LABEL), (2.0, 1.0, 1.0))
    return path


def unpacked(given: Given) -> list[str]:
    with zipfile.ZipFile(given.folder / "a.zip", "w") as file:
        file.writestr("inside/a.txt", "a")
    out = data.extract(given.path(given.folder / "a.zip"), given.path(given.folder / "out"))
    return sorted(path.name for path in out.rglob("*"))


def batch(given: Given, size: Any) -> Any:
    sampler = data.PatchSampler(
        [given.case], size, given.whole(2), seed=given.whole(3), mirror_axes=[given.whole(1)]
    )
    return sampler.batch(given.whole(4))


def slices(given: Given) -> data.SliceSampler:
    size, n = given.whole(4), given.whole(1)
    return data.SliceSampler([given.case], n, size, n, neighbours=n, box=n, seed=n, maps=())


SAMPLERS = {"PatchSampler", "SliceSampler", "Together"}


def of_toy(call: Callable[[Given, data.Manifest], Any]) -> Callable[[Given], Any]:
    return lambda given: call(given, data.load_manifest("toy"))


CALLS: dict[str, Callable[[Given], Any]] = {
    "PatchSampler": lambda g: [batch(g, g.whole(4)), batch(g, [g.whole(4)] * 3)],
    "SliceSampler": lambda g: slices(g).batch(g.whole(4)),
    "Together": lambda g: data.Together({"": slices(g)}).batch(g.whole(4)),
    "cached_target_map": lambda g: data.cached_target_map(
        "tube", g.array(LABEL), [2.0, 1.0, 1.0], folder=g.path(g.folder)
    ),
    "check_patient_wise": of_toy(lambda _, toy: data.check_patient_wise(toy)),
    "clip_window": lambda g: data.clip_window(g.case, g.whole(90), 110.0),
    "close_organ_mask": lambda g: data.close_organ_mask(g.array(VALID), g.whole(2)),
    "confidence_map": lambda g: data.confidence_map(g.array(LABEL)),
    "crop_to_valid": lambda g: data.crop_to_valid(g.case, g.whole(1)),
    "describe": lambda _: data.describe("toy", offline=True),
    "downscale": lambda g: [
        data.downscale(g.case, g.whole(2)),
        data.downscale(g.case, [g.whole(1), g.whole(3), g.whole(2)]),
    ],
    "extract": unpacked,
    "inside_closed_organ": lambda g: data.inside_closed_organ(g.case, g.whole(2)),
    "kfold": lambda g: data.kfold({"a": "p", "b": "p", "c": "q"}, g.whole(2), g.whole(0)),
    "known_names": lambda _: data.known_names(),
    "load_cases": lambda g: data.load_cases("toy", "train", limit=g.whole(1), offline=True),
    "load_manifest": lambda _: data.load_manifest("toy").name,
    "normalise": lambda g: data.normalise(g.case),
    "read_case": of_toy(
        lambda g, toy: data.read_case(
            toy, "a", {r: g.path(p) for r, p in data.resolve("toy", ["a"]).files["a"].items()}
        )
    ),
    "read_image": lambda g: data.read_image(g.path(written(g)), dimensions=g.whole(3)),
    "read_label": lambda g: data.read_label(
        g.path(written(g)),
        data.load_manifest("toy").labels.model_copy(update={"values": [0, 1, 2], "names": "abc"}),
        dimensions=g.whole(3),
    ),
    "read_manifest": lambda g: (
        data.read_manifest(g.path(data.manifest.manifest_folder() / "toy.toml")).name
    ),
    "relaxation_beta": lambda g: data.relaxation_beta(g.array(LABEL)),
    "resample": lambda g: data.resample(g.case, np.array([1.0, 2.0, 1.5])),
    "resolve": lambda _: data.resolve("toy", ["a"], offline=True).source,
    "target_map": lambda g: [
        data.target_map(name, g.array(LABEL), [2.0, 1.0, 1.0])
        for name in ("tube", "tube_unclipped", "skeleton", "signed_distance", "confidence")
    ],
    "verify": lambda _: len(list(data.verify("toy"))),
    "with_vesselness": lambda g: data.with_vesselness(
        g.case,
        sigmas_mm=np.array([1.5, 2.0]),
        channel=g.whole(0),
        erode_voxels=g.whole(1),
        folder=g.path(g.folder),
    ),
    "write_label": lambda g: written(g).read_bytes(),
}


def values(found: Any) -> list[Any]:
    """Everything in a result, in order, as arrays and plain values."""
    if dataclasses.is_dataclass(found):
        return values([getattr(found, f.name) for f in dataclasses.fields(found)])
    if isinstance(found, dict):
        return values([found[name] for name in sorted(found)])
    if isinstance(found, (list, tuple)):
        return [value for part in found for value in values(part)]
    return [np.asarray(found) if hasattr(found, "__array__") else found]


def same(first: Any, second: Any) -> bool:
    pairs = zip(values(first), values(second), strict=True)
    return all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a == b
        for a, b in pairs
    )


@pytest.fixture
def at_hand(toy, monkeypatch, tmp_path):
    """The toy data set lies in a mirror."""
    monkeypatch.setenv("TUBEKIT_MIRROR", str(toy.write_mirror(tmp_path / "mirror")))
    return tmp_path


def test_every_public_name_is_in_the_table():
    kinds = {name for name in data.__all__ if isinstance(getattr(data, name), type)}
    functions = set(data.__all__) - kinds
    assert functions | SAMPLERS == set(CALLS)
    # Neither errors nor records of what was read are made by people.
    assert kinds - SAMPLERS == {
        "ArchiveError", "DataUnavailable", "DownloadError", "IntegrityError", "Manifest",
        "ReadError", "Resolved",
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CALLS)
def test_functions_take_what_people_have(at_hand, name, kind):
    folders = [at_hand / "x", at_hand / "y"]
    for folder in folders:
        folder.mkdir()
    given = Given(lambda a: KINDS[kind](a, folders[1]), np.int64, str, folders[1])
    assert same(CALLS[name](plain(folders[0])), CALLS[name](given))
