"""Metrics of this library over a loader of MONAI."""

import torch
from monai.data import DataLoader
from monai.networks.utils import one_hot
from torch import nn

from tubekit.interop.monai import MonaiMetric
from tubekit.metrics import cldice, hd95


def evaluate(network: nn.Module, loader: DataLoader, classes: int) -> dict[str, float]:
    metrics = {"cldice": MonaiMetric(cldice), "hd95": MonaiMetric(hd95)}
    for batch in loader:
        with torch.no_grad():
            found = network(batch["image"]).argmax(1, keepdim=True)
        masks = {"y_pred": one_hot(found, classes), "y": one_hot(batch["label"], classes)}
        for metric in metrics.values():
            metric(**masks, spacing=(1.0, 1.0, 1.0))  # mm per voxel and axis
    return {name: metric.aggregate().item() for name, metric in metrics.items()}
