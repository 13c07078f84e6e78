"""Metrics made of three counts."""

import numpy as np


def dice(pred: np.ndarray, target: np.ndarray) -> float:
    """Equation ``eq-dice``."""
    return 2 * (pred & target).sum() / (pred.sum() + target.sum())


def precision(pred: np.ndarray, target: np.ndarray) -> float:
    """The share of the prediction that is true."""
    return (pred & target).sum() / pred.sum()


def recall(pred: np.ndarray, target: np.ndarray) -> float:
    """The share of the truth that is found."""
    return (pred & target).sum() / target.sum()
