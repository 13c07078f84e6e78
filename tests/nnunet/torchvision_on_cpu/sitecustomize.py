"""Lets torchvision be imported beside a PyTorch without CUDA.

Python runs this file at its start where the folder is on PYTHONPATH. The torchvision of PyPI is
compiled for CUDA: beside a CPU build of PyTorch its operators do not load, and its import fails
because they are unknown. nnU-Net imports it, through timm, and calls none of them, so it is enough
to make the names known.
"""

from importlib.util import find_spec
from pathlib import Path

import torch

for library in Path(find_spec("torchvision").origin).parent.glob("_C*"):
    try:
        torch.ops.load_library(library)
    except OSError:
        boxes = "Tensor dets, Tensor scores, float iou_threshold"
        for operator in ("nms", "qnms"):
            torch.library.define(f"torchvision::{operator}", f"({boxes}) -> Tensor")
