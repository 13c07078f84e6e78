"""Tree length and branches detected: known answers, recorded ATM'22 values, both reductions."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.geometry.branch_maps import merge_regions, nearest_piece
from tubekit import metrics
from tubekit.geometry import components, skeletonize
from tubekit.geometry.branch_parsing import skeleton_pieces
from tubekit.metrics import BranchReport, branch_report, reference_tree
from tubekit.phantoms import GrowthRule, Root, grow_tree, rasterise

CASES = ("tree3d_a", "ring3d", "two3d")
REDUCTIONS = {"as_given": "asgiven", "largest_component": "lcc"}


def fork() -> np.ndarray:
    """A trunk of three voxels' width with two slanted arms: 3 branches."""
    mask = np.zeros((25, 41), bool)
    mask[1:13, 19:22] = True
    for step in range(11):
        mask[13 + step, 18 - step : 21 - step] = mask[13 + step, 20 + step : 23 + step] = True
    return mask


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("case", CASES)
def test_references(oracle, case: str, reduction: str):
    """The reference reports per cent, rounded to two decimals."""
    inputs, recorded = oracle("inputs"), oracle("branch_metrics")
    pair, key = (inputs[f"{case}__pred"], inputs[case]), REDUCTIONS[reduction]
    report = branch_report(*pair, reduction=reduction)
    assert report.branches == recorded[f"{case}__bd_total__{key}"]
    assert report.branches_detected == recorded[f"{case}__bd_detected__{key}"]
    tld = metrics.tree_length_detected(*pair, reduction=reduction)
    bd = metrics.branches_detected(*pair, reduction=reduction)
    assert round(100 * tld, 2) == recorded[f"{case}__tld_percent__{key}"]
    assert round(100 * bd, 2) == recorded[f"{case}__bd_percent__{key}"]
    assert (tld, bd) == (report.tree_length_share, report.branch_share)


@pytest.mark.parametrize("view", [fork(), fork()[None], np.repeat(fork()[:, None], 3, axis=1)])
def test_a_fork_has_three_branches(view):
    tree = reference_tree(view)
    assert np.array_equal(np.unique(tree.branch), [1, 2, 3])
    assert branch_report(view, view) == (len(tree.voxels), len(tree.voxels), 3, 3)
    assert view[tuple(tree.voxels.T)].all()


def test_counts_by_hand():
    target = fork()
    tree = reference_tree(target)
    sizes = np.bincount(tree.branch)[1:]
    for lost in (1, 2, 3):
        pred = target.copy()
        pred[tuple(tree.voxels[tree.branch == lost].T)] = False
        report = branch_report(pred, target)
        assert report == (sizes.sum(), sizes.sum() - sizes[lost - 1], 3, 2)
        assert report.tree_length_share == pytest.approx(1 - sizes[lost - 1] / sizes.sum())
        assert report.branch_share == pytest.approx(2 / 3)


@pytest.mark.parametrize(("length", "kept", "detected"), [(5, 4, 1), (10, 8, 1), (10, 7, 0)])
def test_eighty_per_cent_are_enough(length: int, kept: int, detected: int):
    target = np.zeros((3, length + 2), bool)
    target[1, 1:-1] = True
    pred = target.copy()
    pred[1, 1 + kept :] = False
    assert branch_report(pred, target) == (length, kept, 1, detected)
    assert metrics.branches_detected(pred, target) == detected
    assert metrics.tree_length_detected(pred, target) == kept / length


def test_a_gap_near_the_root_costs_everything_behind_it_in_the_largest_component():
    target = fork()
    pred = target.copy()
    pred[15, :20] = False  # where the left arm begins
    as_given = branch_report(pred, target)
    largest = branch_report(pred, target, reduction="largest_component")
    assert as_given.branches_detected == 3
    assert largest.branches_detected == 2
    assert largest.length_detected < as_given.length_detected < as_given.length


def test_holes_of_the_largest_component_are_filled():
    target = np.zeros((15, 30), bool)
    target[3:12, 2:28] = True
    pred = target.copy()
    pred[6:9, 4:26] = False  # hollow: the centre line lies in the hole
    assert metrics.tree_length_detected(pred, target) < 0.3
    assert metrics.tree_length_detected(pred, target, reduction="largest_component") == 1
    assert metrics.branches_detected(pred, target, reduction="largest_component") == 1


def test_pieces_of_the_target():
    target = np.zeros((9, 40), bool)
    target[2, 1:31] = True
    target[6, 1:11] = True
    pred = target.copy()
    pred[2] = False
    assert branch_report(pred, target) == (30, 0, 1, 0)
    assert branch_report(pred, target, target_reduction="as_given") == (40, 10, 2, 1)
    for metric, expected in (
        (metrics.tree_length_detected, 0.25),
        (metrics.branches_detected, 0.5),
    ):
        assert metric(pred, target) == 0
        assert metric(pred, target, target_reduction="as_given") == expected


def test_objects_without_a_branch_count_as_one():
    target = np.zeros((7, 7, 9), bool)
    target[3, 3, 1:4] = True  # three voxels are no branch
    target[1, 1, 7] = True
    tree = reference_tree(target, reduction="as_given")
    assert sorted(tree.branch) == [1, 2, 2, 2]
    assert branch_report(target, target) == (3, 3, 1, 1)


FLAT, SOLID = Root((6.0, 64.0), (1.0, 0.0), 2.5), Root((5.0, 32.0, 32.0), (1.0, 0.0, 0.0), 2.2)


@pytest.mark.parametrize("seed", [0, 2, 3])
@pytest.mark.parametrize(("shape", "root"), [((128, 128), FLAT), ((64, 64, 64), SOLID)])
def test_known_trees(shape, root, seed):
    """The rule finds the branches, less those that touch their parent across a sibling alone."""
    rule = GrowthRule(generations=3, length_ratio=9)
    tree = grow_tree(shape, seed=seed, roots=[root], rule=rule)
    target = rasterise(tree).owner > 0
    report = branch_report(target, target)
    merged = {(2, 3): 2, (3, 0): 2}.get((len(shape), seed), 0)
    assert report.branches == report.branches_detected == len(tree.branches) - merged
    assert report.length == report.length_detected
    for leaf in tree.leaves()[:2] if merged == 0 else ():
        pruned = rasterise(tree.without({leaf})).owner > 0
        assert branch_report(pruned, target).branches_detected == len(tree.branches) - 1


def by_maps(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The plain formulation of a reference tree, with maps of each object."""
    skeleton, (objects, count) = skeletonize(target), components(target)
    voxels, numbers = [], [np.zeros(1, int)]
    for own in (objects == number for number in range(1, count + 1)):
        lines = skeleton & own
        pieces, found = skeleton_pieces(lines)
        branch = merge_regions(nearest_piece(own, pieces))[0][lines] if found else own[lines]
        voxels.append(np.argwhere(lines))
        numbers.append(branch + numbers[-1].max())
    return np.concatenate(voxels), np.concatenate(numbers[1:])


@pytest.mark.parametrize(("shape", "root"), [((128, 128), FLAT), ((48, 64, 64), SOLID)])
def test_a_reference_tree_by_maps(shape, root, rng):
    tree = rasterise(grow_tree(shape, seed=0, roots=[root])).owner > 0
    loops = (tree | np.roll(tree, (9, 5), (0, 1))) & (rng.random(shape) > 0.02)
    loops[shape[0] // 2] = False  # several objects, and specks between them
    target = np.asfortranarray(loops | (rng.random(shape) < 0.0005))[::-1]
    found = reference_tree(target, reduction="as_given")
    assert found.branch.max() > 10
    assert all(map(np.array_equal, found[:2], by_maps(target)))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_no_map_of_labels_is_made(reduction):
    """Even one of 32 bits would take four bytes for each voxel of the image."""
    target = np.pad(np.repeat(fork()[:, None], 3, axis=1), 30)
    reference_tree(target, reduction=reduction)  # compiled now
    tracemalloc.start()
    reference_tree(target, reduction=reduction)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * target.size


def test_a_reference_tree_serves_any_number_of_predictions():
    target, rng = fork(), np.random.default_rng(0)
    for reduction in REDUCTIONS:
        tree = reference_tree(target, reduction=reduction)
        for _ in range(3):
            pred = target & (rng.random(target.shape) < 0.8)
            assert branch_report(pred, tree) == branch_report(
                pred, target, target_reduction=reduction
            )


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([(6, 7), (4, 5, 6)]).flatmap(
        lambda shape: st.tuples(*[hnp.arrays(bool, shape) for _ in range(2)])
    ),
    st.sampled_from(list(REDUCTIONS)),
    st.sampled_from(list(REDUCTIONS)),
)
def test_properties(pair, reduction, target_reduction):
    pred, target = pair
    options = {"reduction": reduction, "target_reduction": target_reduction}
    report = branch_report(pred, target, **options)
    assert 0 <= report.length_detected <= report.length
    assert 0 <= report.branches_detected <= report.branches <= report.length
    assert (report.branches > 0) == bool(target.any())
    assert branch_report(np.ones_like(target), target, **options) == BranchReport(
        report.length, report.length, report.branches, report.branches
    )
    # Never less for more, as long as all of the prediction counts.
    if reduction == "as_given":
        more = branch_report(pred | np.roll(target, 1), target, **options)
        assert more.length_detected >= report.length_detected
        assert more.branches_detected >= report.branches_detected
    scaled = branch_report(pred, target, spacing=(3.0,) * pred.ndim, **options)
    assert scaled == report


def test_thin_diagonals_fall_apart():
    """A diagonal line is one object, but no two of its pixels share a face."""
    target = np.eye(12, dtype=bool)
    assert branch_report(target, target) == (1, 1, 1, 1)
    assert branch_report(target, target, target_reduction="as_given") == (12, 12, 1, 1)


def test_empty_masks():
    some = fork()
    none = np.zeros_like(some)
    for metric in (metrics.tree_length_detected, metrics.branches_detected):
        for reduction in REDUCTIONS:
            assert metric(none, some, reduction=reduction) == 0
            assert np.isnan(metric(some, none, reduction=reduction))
            assert np.isnan(metric(none, none, reduction=reduction))
            assert type(metric(some, some, reduction=reduction)) is float


def test_bad_input_is_named():
    mask = fork()
    for metric in (metrics.tree_length_detected, metrics.branches_detected, branch_report):
        for option in ("reduction", "target_reduction"):
            with pytest.raises(ValueError, match=f"{option} must be one of 'as_given', 'largest_c"):
                metric(mask, mask, **{option: "lcc"})
        with pytest.raises(ValueError, match="pred must be binary"):
            metric(mask * 2, mask)
        with pytest.raises(ValueError, match="expected equal shapes"):
            metric(mask, mask.T)
        with pytest.raises(ValueError, match="spacing needs one positive value per axis"):
            metric(mask, mask, spacing=(1.0,))
    with pytest.raises(ValueError, match=r"expected equal shapes, got pred \(24, 41\), t"):
        branch_report(mask[1:], reference_tree(mask))
    with pytest.raises(ValueError, match="target must be binary"):
        reference_tree(mask * 2)
