"""Specs and recipes: checked early, hashed by content, read back without running foreign code."""

import json

import pytest

from tubekit.experiments.recipes import CHAPTERS, recipe, recipes
from tubekit.types import Spec


def test_spec_rejects_an_unknown_argument_at_once():
    from tubekit.losses import SoftClDiceLoss

    with pytest.raises(TypeError, match="no argument iters; it accepts"):
        Spec(SoftClDiceLoss, iters=3)


def test_spec_round_trip_and_digest():
    made = recipe("skeleton_recall", "laptop", "table-2/retina/srl").loss
    again = Spec.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again == made
    assert again.digest == made.digest
    assert type(again.build()).__name__ == "WeightedSum"


@pytest.mark.parametrize("target", ["os:system", "builtins:eval", "tubekit.types:Spec.build"])
def test_spec_from_file_names_only_trusted_code(target):
    with pytest.raises(ValueError, match="may name only"):
        Spec.from_dict({"target": target, "kwargs": {}})


def test_digest_follows_numbers_not_names():
    base = recipe("skeleton_recall", "laptop", "table-2/retina/srl")
    other = recipe("skeleton_recall", "laptop", "table-2/retina/cldice")
    shorter = base.shortened(steps=10)
    assert len({base.digest, other.digest, shorter.digest}) == 3
    assert "10 of the" in shorter.deviations[-1]
    with pytest.raises(ValueError, match="cannot be longer"):
        base.shortened(steps=base.steps + 1)


@pytest.mark.parametrize("profile", ["smoke", "laptop", "full"])
@pytest.mark.parametrize("chapter", list(CHAPTERS))
def test_all_recipes_build_their_losses_and_have_unique_ids(chapter, profile):
    made = recipes(chapter, profile)
    assert len({r.id for r in made}) == len(made)
    for r in made:
        assert r.loss.build().needs is not None
        assert r.deviations or profile == "full"


def test_methods_of_one_data_set_differ_only_in_the_loss():
    for name in ("roads", "retina", "cracks", "canal", "cow_binary"):
        contents = set()
        for r in recipes("skeleton_recall", "laptop"):
            if (r.table, r.data_name) == ("table-2", name):
                content = r.to_dict()
                del content["loss"], content["method"]
                contents.add(json.dumps(content, sort_keys=True))
        assert len(contents) == 1
