"""A network of MONAI trained with cross-entropy, Dice and Skeleton Recall."""

import torch
from monai.data import DataLoader, Dataset
from monai.networks.nets import UNet
from monai.transforms import Compose, LoadImaged, RandFlipd

from tubekit.interop.monai import MonaiLoss, TubedSkeletond
from tubekit.losses import DiceCELoss, SkeletonRecallLoss, WeightedSum


def train(files: list[dict[str, str]], epochs: int) -> UNet:
    load = LoadImaged(("image", "label"), ensure_channel_first=True)
    flip = RandFlipd(("image", "label"), prob=0.5, spatial_axis=2)
    data = Dataset(files, Compose([load, flip, TubedSkeletond("label")]))  # the tube comes last
    network = UNet(3, 1, 3, channels=(8, 16, 32), strides=(2, 2), num_res_units=1)
    loss = MonaiLoss(WeightedSum([DiceCELoss(), SkeletonRecallLoss()], [1.0, 1.0]))
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(epochs):
        for batch in DataLoader(data, batch_size=2, shuffle=True):
            optimiser.zero_grad()
            loss(network(batch["image"]), batch["label"], tube=batch["tube"]).backward()
            optimiser.step()
    return network
