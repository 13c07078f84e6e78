"""Hard skeletons that never lose an object, and the tubed skeleton of Skeleton Recall."""

import numpy as np
from jaxtyping import Bool, Shaped

from tubekit import _accept
from tubekit._accept import Array, Whole
from tubekit.geometry._input import binary_image, class_image, without_flat_axes
from tubekit.geometry.centerline import centerline
from tubekit.geometry.kernels.tube import draw_tube


def skeletonize(mask: Shaped[Array, "*s"]) -> Bool[np.ndarray, "*s"]:
    """Centre lines of a mask, one voxel thin, at least one voxel for every object.

    Thinning after Zhang and Suen in 2-D and after Lee, Kashyap and Chu in 3-D, as scikit-image
    offers it. Its 3-D thinning deletes some objects completely (boxes and bars with even sides);
    these alone are thinned again, by deleting simple voxels only.

    Args:
        mask: binary, 2-D or 3-D; a volume of one slice is thinned as an image.
    Returns:
        Skeleton, a subset of the mask. Every object (8- or 26-connected) keeps a voxel or more.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D.
    Reference: Zhang and Suen, Communications of the ACM 1984; Lee, Kashyap and Chu, Graphical
        Models and Image Processing 1994.
    Example:
        >>> bar = np.zeros((5, 9), bool)
        >>> bar[1:4, 1:8] = True
        >>> int(bar.sum()), int(skeletonize(bar).sum())
        (21, 6)
    """
    mask = binary_image(mask)
    image, _ = without_flat_axes(mask)
    skeleton = np.zeros(image.shape, dtype=bool)
    _volume(skeleton)[tuple(centerline(_volume(image), image.ndim))] = True
    return skeleton.reshape(mask.shape)


def tubed_skeleton(
    label: Shaped[Array, "*s"],
    radius: Whole = 2,
    *,
    clip: bool = True,
    ignore_label: Whole | None = None,
) -> Shaped[np.ndarray, "*s"]:
    """Skeleton of all classes together, thickened, with the class index put back.

    The label is binarised, skeletonised, dilated ``radius`` times with the face cross (so by an
    l1 ball, in voxels whatever the spacing), and multiplied by the label.

    Args:
        label: class map of whole numbers, 2-D or 3-D, 0 = background; a bool map counts as one
            class. A volume of one slice is thinned as an image.
        radius: of the tube in voxels, 0 or more; 0 leaves the bare skeleton.
        clip: True keeps the tube inside the label, as published. False lets it leave the label
            as a control: there it takes the class of the skeleton voxel nearest in the l1 norm
            (of the higher class where two are equally near).
        ignore_label: this value is background for the thinning, and no tube is written on it.
            May be negative.
    Returns:
        Class map of the tube in the type of ``label`` (int32 for floats); 0 outside the tube.
    Raises:
        ValueError: ``label`` with fractions, not 2-D or 3-D, or with negative values other than
            ``ignore_label``; ``radius`` not an integer of 0 or more.
    Equation: :eq:`eq-tubed-skeleton`
    Reference: Kirchhoff et al., Skeleton Recall Loss, ECCV 2024, algorithm 1.
    Example:
        >>> label = np.zeros((7, 12), np.uint8)
        >>> label[1:6, 1:11] = 2
        >>> tube = tubed_skeleton(label, radius=1)
        >>> tube.max(), bool((tube[label == 0] == 0).all())
        (np.uint8(2), True)
    """
    given = _label(class_image(label), ignore_label)
    radius = _accept.whole("radius", radius, at_least=0)
    image, _ = without_flat_axes(given)
    ignored = None if ignore_label is None else image == ignore_label
    classes = image if ignored is None else np.where(ignored, image.dtype.type(0), image)
    tube = np.zeros(image.shape, image.dtype)
    whole = _volume(classes)
    skeleton = centerline(whole, image.ndim)
    reach = min(radius, sum(image.shape))
    distance = np.full((0, 0, 0) if clip else whole.shape, reach + 1, np.int32)
    draw_tube(_volume(tube), whole, skeleton, reach, distance)
    if ignored is not None:
        tube[ignored] = 0
    return tube.reshape(given.shape)


def _label(label: np.ndarray, ignore_label: Whole | None) -> np.ndarray:
    if label.dtype.kind == "i" and label.size and label.min() < 0:
        negative = label[label < 0]
        unknown = negative if ignore_label is None else negative[negative != ignore_label]
        if unknown.size:
            raise ValueError(
                f"label must be 0 or more, got {unknown.min()}; "
                "set padding to 0 or pass it as ignore_label"
            )
    return label


def _volume(array: np.ndarray) -> np.ndarray:
    """A view with three axes; the compiled loops count True as class 1."""
    array = array[np.newaxis] if array.ndim == 2 else array
    return array.view(np.uint8) if array.dtype == bool else array
