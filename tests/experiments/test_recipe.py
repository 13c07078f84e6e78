"""Specs and recipes: checked early, named by what packages export, compared by content."""

import dataclasses
import importlib
import json
import math

import pytest
import torch

from tubekit.chapters import chapter as room
from tubekit.chapters import known
from tubekit.losses import SoftRecallLoss
from tubekit.types import Spec


def test_spec_rejects_an_unknown_argument_at_once():
    from tubekit.losses import SoftClDiceLoss

    with pytest.raises(TypeError, match="no argument iters; it accepts"):
        Spec(SoftClDiceLoss, iters=3)


def test_a_call_is_named_by_what_exports_it_and_holds_its_defaults():
    from tubekit.losses import DiceCELoss, SoftDiceLoss
    from tubekit.training import adamw

    told = Spec(SoftDiceLoss).to_dict()
    assert told["target"] == "tubekit.losses:SoftDiceLoss"
    assert told["kwargs"]["smooth"] == 1e-5
    assert told["kwargs"]["include_background"] is False  # an option of all losses
    assert Spec(SoftDiceLoss) == Spec(SoftDiceLoss, smooth=1e-5) != Spec(SoftDiceLoss, smooth=1.0)
    assert Spec(SoftDiceLoss) != Spec(DiceCELoss)
    assert Spec(adamw).to_dict() == {
        "target": "tubekit.training:adamw",
        "kwargs": {"lr": 1e-3, "weight_decay": 0.01},
    }


def test_what_is_recorded_is_compared_argument_by_argument():
    def then(size: int, *, bias: bool = True) -> None: ...

    def later(size: int, *, bias: bool = True, gain: float = 1.0) -> None: ...

    def changed(size: int, *, bias: bool = False) -> None: ...

    for function in (then, later, changed):
        function.__module__, function.__qualname__ = "here", "call"
    recorded = json.loads(json.dumps(Spec(then, size=3).to_dict()))
    assert Spec(then, size=3).agrees(recorded)
    assert Spec(later, size=3).agrees(recorded)  # what came later is at its default
    assert Spec(changed, size=3, bias=True).agrees(recorded)
    for other in (
        Spec(then, size=4),
        Spec(then, size=3.0),
        Spec(changed, size=3),  # the default is another one
        Spec(later, size=3, gain=2.0),
    ):
        assert not other.agrees(recorded)
    assert not Spec(then, size=3).agrees(Spec(later, size=3).to_dict())  # an argument that went
    assert not Spec(then, size=3).agrees(None)


def test_every_name_of_a_recipe_is_exported_by_a_package():
    """Else a file that moves would change the digest of its recipes."""
    names = set()

    def look(value):
        if isinstance(value, dict):
            names.add(value.get("target", "a:b"))
        for part in value.values() if isinstance(value, dict) else value:
            if isinstance(part, (dict, list)):
                look(part)

    for name in known():
        for made in room(name).recipes("laptop"):
            look(made.content())
    homes = {importlib.import_module(name.partition(":")[0]) for name in names - {"a:b"}}
    assert len(homes) > 4
    assert all(hasattr(home, "__path__") for home in homes), names


def test_a_nested_call_that_lacks_an_argument_becomes_a_function():
    from tubekit.training import Supervised, adamw

    network = torch.nn.Conv2d(1, 1, 1)
    update = Spec(Supervised, loss=Spec(SoftRecallLoss), optimizer=Spec(adamw, lr=0.5))
    assert update.build(network).optimizers["network"].param_groups[0]["lr"] == 0.5


def test_digest_follows_numbers_not_names():
    chapter = room("skeleton_recall")
    base = chapter.recipe("laptop", "table-2/retina/srl")
    other = chapter.recipe("laptop", "table-2/retina/cldice")
    renamed = dataclasses.replace(base, method="x", seeds=(9,), deviations=("y",))
    assert renamed.digest == base.digest
    assert base.made(json.loads(json.dumps(renamed.to_dict())))
    assert not base.made(json.loads(json.dumps(other.to_dict())))
    assert not base.made(base.to_dict() | {"unheard_of": 1})
    selected = json.loads(json.dumps(base.to_dict()))
    selected["stages"][0]["select"]["kwargs"]["rule"] = 1
    assert not base.made(selected)  # weights that an older rule has selected
    shorter = base.shortened(steps=10)
    assert len({base.digest, other.digest, shorter.digest}) == 3
    assert "10 of the" in shorter.deviations[-1]
    with pytest.raises(ValueError, match="cannot be longer"):
        base.shortened(steps=base.steps + 1)


@pytest.mark.parametrize("profile", ["smoke", "laptop", "full"])
@pytest.mark.parametrize("chapter", known())
def test_all_recipes_build_their_losses_and_have_unique_ids(chapter, profile):
    made = room(chapter).recipes(profile)
    assert len({r.id for r in made}) == len(made)
    for r in made:
        stage = r.stages[0]
        assert stage.update.build(torch.nn.Conv2d(1, 1, 1)).modules["objective"] is not None
        assert r.deviations or profile == "full"


def test_methods_of_one_data_set_differ_only_in_the_loss():
    for name in ("roads", "retina", "cracks", "canal", "cow_binary"):
        contents = set()
        for r in room("skeleton_recall").recipes("laptop"):
            if (r.table, r.data_name) == ("table-2", name):
                content = r.content()
                del content["stages"][0]["update"]["kwargs"]["loss"]
                contents.add(json.dumps(content, sort_keys=True))
        assert len(contents) == 1


def test_functions_are_named_and_those_without_a_name_refused():
    from tubekit.training import Supervised, adamw, ramp

    assert Spec(Supervised, optimizer=adamw).to_dict()["kwargs"]["optimizer"] == (
        "tubekit.training:adamw"
    )
    for nameless in (ramp(0, 1, 0.1, 0.5), lambda at: 1.0):
        with pytest.raises(TypeError, match="functions that can be imported"):
            Spec(Supervised, loss=nameless)


def test_infinity_is_recorded_and_compared():
    from tubekit.training import Supervised

    recorded = json.loads(json.dumps(Spec(Supervised, grad_clip=math.inf).to_dict()))
    assert Spec(Supervised, grad_clip=math.inf).agrees(recorded)
    assert not Spec(Supervised, grad_clip=12.0).agrees(recorded)


def test_equal_specs_hash_alike():
    from tubekit.networks import UNet

    assert Spec(UNet, ndim=2) != Spec(UNet, ndim=2.0)
    assert len({Spec(UNet, ndim=2), Spec(UNet, ndim=2)}) == 1


def test_a_default_of_a_field_may_not_change_unnoticed():
    recorded = room("skeleton_recall").recipe("laptop", "table-2/retina/srl").to_dict()
    assert recorded["precision"] == "auto"
    assert recorded["stages"][0]["fresh"] is False
