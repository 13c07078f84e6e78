"""The loss that CONTRIBUTING adds: it runs, and is what it says."""

import doctest
import re
import types
from pathlib import Path

import pytest
import torch

from tubekit.losses import TverskyLoss

from .scenes import scene

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
FILE = "tubekit/losses/focal_tversky.py"


@pytest.fixture
def added() -> types.ModuleType:
    patch = re.search(rf"\+\+\+ b/{FILE}\n((?:\+.*\n)+)---", TEXT)[1]
    code = "\n".join(line[1:] for line in patch.splitlines())
    module = types.ModuleType("focal_tversky")
    exec(compile(code, FILE, "exec"), vars(module))
    return module


@pytest.mark.parametrize("options", [{}, {"smooth": 1.0}, {"batch": True}, {"weight": [1, 2, 3.0]}])
def test_focal_tversky(added: types.ModuleType, options: dict):
    """The mean of powers, of the indices as the options ask for them."""
    at = scene(3)
    plain = TverskyLoss(reduction="none", **options | {"weight": None})(at.logits, at.target)
    costs = plain ** (1 / 2) * torch.tensor(options.get("weight", [1, 1.0, 1.0])[1:])
    found = added.FocalTverskyLoss(2.0, **options)(at.logits, at.target)
    torch.testing.assert_close(found, costs.mean())


def test_its_example(added: types.ModuleType):
    loss = added.FocalTverskyLoss
    example = doctest.DocTestParser().get_doctest(loss.__doc__, vars(added), "focal", None, None)
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0
