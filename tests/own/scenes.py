"""Small folders of images and labels, as people have them."""

from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

from tubekit.own import Settings

# Oblique, flipped along x, thick slices.
AFFINE = np.array(
    [[-0.9, 0.1, 0.3, 40.0], [0.1, 0.95, -0.5, -20.0], [-0.05, 0.1, 1.9, 7.0], [0, 0, 0, 1.0]]
)
QUICK = {"steps": 6, "width": 2, "batch": 2, "rate": 0.01, "validation": 0.34}
KINDS = ("grey", "colour", "volume")


def quick(**changes) -> Settings:
    return Settings(**{**QUICK, **changes})


def lines(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """A bar along the last axis, and a second one of its own class."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, np.uint8)
    a, b = rng.choice(np.arange(3, shape[-2] - 4, 5), 2, replace=False)
    mask[..., a : a + 3, 3:-3] = 1
    mask[..., b : b + 2, 2:-5] = 2
    return mask


def picture(mask: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 8, mask.shape)
    return np.clip(80 + 60 * (mask > 0) + noise, 0, 255).astype(np.uint8)


def write(root: Path, kind: str, names: tuple[str, ...] = ("a_1", "a_2", "b_1", "c_1")) -> Path:
    """``images`` and ``labels``: masks of 0 and 255, or volumes with the classes 0, 3 and 7."""
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        shape = (12, 20, 26) if kind == "volume" else (30 + 2 * seed, 44)
        mask = lines(seed, shape)
        image = picture(mask, seed)
        if kind == "volume":
            values = np.array([0, 3, 7], np.uint8)[mask]
            for folder, array in (("images", image), ("labels", values)):
                path = root / folder / f"{name}.nii.gz"
                nibabel.save(nibabel.Nifti1Image(array.T, AFFINE), path)
            continue
        if kind == "colour":
            image = np.stack([255 - image, image, image // 2], axis=-1)
        Image.fromarray(image).save(root / "images" / f"{name}.png")
        Image.fromarray(np.where(mask > 0, 255, 0).astype(np.uint8)).save(
            root / "labels" / f"{name}.png"
        )
    return root


def contents(root: Path) -> dict[str, bytes]:
    """Every file and folder below, to see that nothing has changed."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else b"folder"
        for path in sorted(root.rglob("*"))
    }
