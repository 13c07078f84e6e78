"""Soft skeletons of arrays and their gradients, one image at a time."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float

from tubekit.geometry.kernels.compiled import in_slabs
from tubekit.geometry.kernels.soft_gradient import dilation_gradient, erosion_gradient
from tubekit.geometry.kernels.soft_morphology import (
    add_residue,
    dilate_planes,
    erode,
    residue_gradient,
)

# Up to this size threads take one image each: starting threads for every step would cost more
# than it saves. Larger ones are cut into slabs, which needs the working memory only once.
SMALL = 2**19

Sweep = Callable[..., None]


def skeletons(images: Float[np.ndarray, "n *s"], iterations: int) -> Float[np.ndarray, "n *s"]:
    """Soft skeleton of every image; finite values, 2-D or 3-D, any strides."""
    result = np.zeros(images.shape, images.dtype)

    def work(index: int, sweep: Sweep) -> None:
        skeleton = _volume(result[index])
        widest = np.empty_like(skeleton)
        for image, eroded in _layers(_volume(images[index]), iterations, sweep):
            sweep(dilate_planes, len(image), eroded, widest)
            sweep(add_residue, len(image), image, widest, skeleton)

    _side_by_side(work, images)
    return result


def skeleton_gradients(
    images: Float[np.ndarray, "n *s"], of_skeletons: Float[np.ndarray, "n *s"], iterations: int
) -> Float[np.ndarray, "n *s"]:
    """Gradient with respect to the images, from that with respect to their skeletons.

    The layers are made again instead of kept since the forward pass, so that no more than those of
    one image (or one per thread) exist at a time.
    """
    result = np.empty(images.shape, images.dtype)

    def work(index: int, sweep: Sweep) -> None:
        flat = images.ndim == 3
        layers = list(_layers(_volume(images[index]), iterations, sweep))
        of_skeleton = _volume(of_skeletons[index]).copy()
        of_eroded, of_image, widest = (np.zeros_like(of_skeleton) for _ in range(3))
        depth = len(widest)
        states = [np.zeros_like(widest)]  # the skeleton before each layer joins
        for image, eroded in layers[:-1]:
            states.append(states[-1].copy())
            sweep(dilate_planes, depth, eroded, widest)
            sweep(add_residue, depth, image, widest, states[-1])
        while layers:
            (image, eroded), state = layers.pop(), states.pop()
            sweep(dilate_planes, depth, eroded, widest)
            sweep(residue_gradient, depth, image, widest, state, of_skeleton, of_image)
            sweep(dilation_gradient, depth, eroded, widest, of_image, of_eroded)
            sweep(erosion_gradient, depth, image, flat, of_eroded, of_image)
            of_image, of_eroded = of_eroded, of_image
        result[index] = of_eroded.reshape(result.shape[1:])

    _side_by_side(work, images)
    return result


def _layers(
    image: np.ndarray, iterations: int, sweep: Sweep
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every image that leaves a residue, with its erosion."""
    for _ in range(iterations + 1):
        if image.max() == image.flat[0] == image.min():
            return  # a constant image has no residue, and neither has any that follows
        eroded = np.empty_like(image)
        sweep(erode, len(image), image, eroded)
        yield image, eroded
        image = eroded


def _volume(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image).reshape((1,) * (3 - image.ndim) + image.shape)


def _side_by_side(work: Callable[[int, Sweep], None], images: np.ndarray) -> None:
    if images.ndim == 3 or images[:1].size <= SMALL:
        in_slabs(_one_by_one, len(images), work)
    else:
        for index in range(len(images)):
            work(index, in_slabs)


def _one_by_one(start: int, stop: int, work: Callable[[int, Sweep], None]) -> None:
    for index in range(start, stop):
        work(index, _at_once)


def _at_once(kernel: Callable[..., None], length: int, *arguments: np.ndarray | bool) -> None:
    kernel(0, length, *arguments)
