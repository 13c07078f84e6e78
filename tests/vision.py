"""How colours look to everybody, and how far apart they are."""

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

# Full loss of one kind of cone, after Machado, Oliveira and Fernandes, 2009, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear(rgb):
    rgb = np.asarray(rgb, dtype=float)
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def seen(rgb, vision):
    light = np.clip(linear(rgb) @ VISION[vision].T, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def difference(one, other):
    """CIEDE2000; 1 is just seen, above 20 two colours are called by different names."""
    return deltaE_ciede2000(rgb2lab(one), rgb2lab(other))


def contrast(one, other):
    """Ratio of luminance as the accessibility guidelines (WCAG) define it; they ask for 3."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    low, high = np.sort(np.broadcast_arrays(linear(one) @ weights, linear(other) @ weights), axis=0)
    return (high + 0.05) / (low + 0.05)
