"""A U-Net small enough to type."""

import torch
from torch import Tensor, nn


def stage(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Twice convolution, normalisation, LeakyReLU; the first convolution may halve the image."""
    layers: list[nn.Module] = []
    for channels, step in ((inputs, stride), (outputs, 1)):
        layers += [
            nn.Conv2d(channels, outputs, 3, step, padding=1),
            nn.InstanceNorm2d(outputs, affine=True),
            nn.LeakyReLU(0.01),
        ]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Down by strides, up by transposed convolutions, what was seen on the way down beside it."""

    def __init__(self, inputs: int, outputs: int, features: tuple[int, ...]) -> None:
        super().__init__()
        fine, coarse = features[:-1], features[1:]
        first = stage(inputs, features[0])
        self.down = nn.ModuleList([first, *map(lambda a, b: stage(a, b, 2), fine, coarse)])
        self.up = nn.ModuleList(map(lambda a, b: nn.ConvTranspose2d(b, a, 2, 2), fine, coarse))
        self.join = nn.ModuleList(stage(2 * a, a) for a in fine)
        self.head = nn.Conv2d(features[0], outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        seen = []
        for down in self.down:
            x = down(x)
            seen.append(x)
        for level in reversed(range(len(self.up))):
            x = self.join[level](torch.cat([self.up[level](x), seen[level]], dim=1))
        return self.head(x)
