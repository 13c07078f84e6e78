"""The primer's helpers against answers known by hand and against each other."""

import importlib.util

import numpy as np
import pytest

from tubekit import geometry, metrics, phantoms
from tubekit.chapters.primer import material as primer
from tubekit.types import Case


@pytest.fixture(scope="module")
def fundus():
    return phantoms.fundus_phantom(256, 3).case.label > 0


@pytest.fixture(scope="module")
def pairs(fundus):
    """Column to (prediction, target, spacing): a 2-D and an anisotropic 3-D pair."""
    tree = phantoms.vascular_phantom((24, 48, 48), 1, spacing=(2.0, 0.8, 0.8))
    solid = tree.case.label > 0
    lost = phantoms.drop_branches(tree, 0.3, np.random.default_rng(0)).label > 0
    return {
        "flat": (primer.two_mistakes(fundus, 1.0)[0], fundus, (1.0, 1.0)),
        "deep": (lost, solid, (2.0, 0.8, 0.8)),
    }


def test_two_mistakes_lack_equally_many_voxels_but_not_the_same_centre_line(fundus):
    without_thin, peeled = primer.two_mistakes(fundus, 1.0)
    assert without_thin.sum() == peeled.sum() < fundus.sum()
    assert not (without_thin & ~fundus).any()
    assert not (peeled & ~fundus).any()
    assert metrics.dice(without_thin, fundus) == metrics.dice(peeled, fundus)
    assert metrics.topology_sensitivity(peeled, fundus) == 1
    assert metrics.topology_sensitivity(without_thin, fundus) < 0.9


def test_two_mistakes_take_the_thin_bar_and_the_rim_of_the_thick_one():
    mask = np.zeros((24, 40), bool)
    mask[3, 2:22] = True
    mask[9:20, 2:38] = True
    without_thin, peeled = primer.two_mistakes(mask, 1.0)
    assert not without_thin[3].any()
    assert peeled[3].sum() == 20
    assert peeled[13:16, 8:32].all()  # the core stays, only the outermost layer goes


def test_two_mistakes_refuses_more_loss_than_there_is_rim():
    mask = np.zeros((12, 40), bool)
    mask[2, 2:38] = True
    mask[6:9, 2:8] = True
    with pytest.raises(ValueError, match="expected at least 42 voxels"):
        primer.two_mistakes(mask, 1.0)


def test_hd95_rows_agree_where_they_must_and_differ_where_they_should(pairs):
    table = primer.hd95_table(pairs)
    for title in pairs:
        column = table[title]
        assert column["HD95, MONAI"] == pytest.approx(column["HD95, larger direction"], rel=1e-5)
        assert column["HD"] >= column["HD95, larger direction"] > column["HD95, pooled"]
    assert table["flat"]["HD95, spacing forgotten"] == table["flat"]["HD95, larger direction"]
    assert table["deep"]["HD95, spacing forgotten"] != table["deep"]["HD95, larger direction"]


def test_cldice_rows(pairs):
    table = primer.cldice_table(pairs)
    for title, (pred, target, _) in pairs.items():
        assert table[title]["hard, tubekit"] == pytest.approx(metrics.cldice(pred, target))
        soft, monai = table[title][["soft, 10 iterations", "soft, 10 iterations, MONAI"]]
        assert monai == pytest.approx(soft, abs=0.02)  # MONAI adds 1 to every sum
    assert np.isnan(table["deep"]["hard, medial axis"])
    assert table["flat"].notna().all()


def test_betti_rows_on_a_diagonal():
    target = np.zeros((40, 40), bool)
    target[10:13, 4:36] = True
    diagonal = target | np.eye(40, dtype=bool)[:, ::-1]
    table = primer.betti_table({"pair": (diagonal, target, (1.0, 1.0))})["pair: β₀ error"]
    pieces = geometry.components(diagonal, 4)[1] - 1
    assert pieces > 30
    for row in ("tubekit, full (8 or 26)", "scikit-image label, as it comes"):
        assert table[row] == 0
    for row in ("tubekit, face (4 or 6)", "SciPy label, as it comes"):
        assert table[row] == pieces


@pytest.mark.skipif(importlib.util.find_spec("gudhi") is None, reason="needs gudhi")
def test_betti_rows_agree_with_gudhi(pairs):
    table = primer.betti_table(pairs)
    assert table.loc["scikit-image label, as it comes"].isna().tolist() == [False, True] * 2
    for ours, theirs in (("full (8 or 26)", "cells"), ("face (4 or 6)", "vertices")):
        assert (table.loc[f"tubekit, {ours}"] == table.loc[f"GUDHI, voxels as {theirs}"]).all()


def test_patches_see_less_than_the_whole_image():
    target = np.zeros((64, 64), bool)
    target[8, 4:60] = True
    cut = target.copy()
    cut[8, 31:33] = False  # the gap lies on the border of two patches
    table = primer.betti_table({"pair": (cut, target, (1.0, 1.0))})["pair: β₀ error"]
    assert table["tubekit, full (8 or 26)"] == 1
    assert table["tubekit, mean over patches of 32"] == 0


def test_small_things_lie_in_the_middle_of_their_window():
    mask = np.zeros((200, 300), bool)
    mask[90:94, 150:158] = True
    rows, columns = primer.densest_window(mask, 60)
    assert abs((rows.start + rows.stop) / 2 - 92) <= 1
    assert abs((columns.start + columns.stop) / 2 - 154) <= 1


def test_densest_window_finds_the_blob_and_stays_inside():
    mask = np.zeros((50, 20), bool)
    mask[40:49, 3:6] = True
    window = primer.densest_window(mask, 24)
    assert mask[window].shape == (24, 20)
    assert mask[window].sum() == mask.sum()


def test_fullest_slice_of_a_volume_and_of_a_photograph():
    label = np.zeros((3, 4, 5), int)
    label[1, 0, 0], label[2, :2, :2] = 1, 2
    image = np.arange(60, dtype=np.float32).reshape(1, 3, 4, 5)
    picture, mask = primer.fullest_slice(Case("a", image, label, (1.0, 1.0, 1.0)))
    np.testing.assert_array_equal(picture, image[:, 2])
    np.testing.assert_array_equal(mask, label[2])
    flat = Case("b", image[:, 0], label[1], (1.0, 1.0))
    picture, mask = primer.fullest_slice(flat)
    np.testing.assert_array_equal(picture, flat.image)
    np.testing.assert_array_equal(mask, flat.label)
