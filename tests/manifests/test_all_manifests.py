"""Every manifest in the repository: valid, patient-wise, and true of the files in the mirror."""

import re

import pytest

from tests.manifests.sets import ELSEWHERE, HERE, NAMES
from tubekit.data import (
    DataUnavailable,
    PatchSampler,
    check_patient_wise,
    inside_closed_organ,
    load_cases,
    load_manifest,
    read_case,
)
from tubekit.data.discover import _shared_out
from tubekit.data.resolved import resolve
from tubekit.data.schema import SPLITS, Shares
from tubekit.data.verification import verify


@pytest.mark.parametrize("name", NAMES)
def test_patients_stay_in_one_split(name):
    manifest = load_manifest(name)
    check_patient_wise(manifest)
    groups = manifest.groups
    seen = {s: {groups[i] for i in getattr(manifest.splits, s)} for s in SPLITS}
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["val"]
    assert not seen["val"] & seen["test"]


def test_eyes_of_one_child_and_overlapping_stacks_are_one_group():
    chase = load_manifest("chase_db1").groups
    assert chase["Image_07L"] == chase["Image_07R"] != chase["Image_08L"]
    stacks = load_manifest("vesselnn").groups
    assert stacks["poon2015_BBB_Leakage"] == stacks["poon2015_BBB_noLeakage"]
    assert (
        stacks["santos2015_lowContrastVessels"] == stacks["santos2015_mixedSizelowContrastVessels"]
    )
    deepcrack = load_manifest("deepcrack")
    for case_id, group in deepcrack.groups.items():
        assert case_id.startswith(group)


def test_circle_of_willis_has_thirteen_named_arteries():
    labels = load_manifest("topcow").labels
    arteries = "BA,R-PCA,L-PCA,R-ICA,R-MCA,L-ICA,L-MCA,R-Pcom,L-Pcom,Acom,R-ACA,L-ACA,3rd-A2"
    assert ",".join(labels.names[1:]) == arteries
    assert len(labels.names) == 14


@pytest.mark.parametrize("name", HERE)
def test_first_case_of_every_split_reads(name):
    found = resolve(name)
    for split in [s for s in SPLITS if getattr(found.manifest.splits, s)]:
        case_id = next(i for i in getattr(found.manifest.splits, split) if i in found.files)
        case = read_case(found.manifest, case_id, found.files[case_id])
        assert case.image.dtype == "float32"
        assert case.label is not None
        assert 0 < case.label.max() < len(found.manifest.labels.names)
        assert 0.0005 < (case.label > 0).mean() < 0.6


def test_verify_reports_every_listed_file():
    states = [state for _, state in verify("chase_db1")]
    assert states.count("ok") == 72
    assert states.count("missing") == 12
    assert len(states) == 84


def test_windows_of_the_papers_tasks():
    windows = {n: load_manifest(n).window for n in NAMES}
    got = {n: (w.low, w.high) for n, w in windows.items() if w is not None}
    liver = (-100, 200)
    assert got == {
        "airway_bas": (-1350, 150),
        "imagecas": (-400, 500),
        "ircad01": liver,
        "livs": liver,
        "msd08_hepatic_vessel": liver,
    }


@pytest.mark.parametrize("name", ELSEWHERE)
def test_sets_without_files_invent_no_hash_and_say_how_to_get_them(name):
    manifest = load_manifest(name)
    assert manifest.obtain
    assert f"TUBEKIT_{name.upper()}_DIR" in manifest.obtain
    for case in manifest.cases:
        assert not any(f.facts.sha256 or f.sources for f in manifest.case_files(case.id))
    with pytest.raises(DataUnavailable, match=re.escape(manifest.obtain)):
        resolve(name)


@pytest.mark.parametrize(
    ("name", "count", "image", "label", "wanted"),
    [
        ("imagecas", 1000, "{}.img.nii.gz", "{}.label.nii.gz", (700, 50, 250)),
        ("airway_bas", 90, "images/{}.nii.gz", "labels/{}.nii.gz", (50, 20, 20)),
        ("imagecas", 20, "{}.img.nii.gz", "{}.label.nii.gz", (14, 1, 5)),
        ("livs", 10, "image_nii/{}.nii.gz", "vessel_mask_nii/{}.nii.gz", (6, 2, 2)),
    ],
)
def test_found_cases_are_shared_out_as_in_the_paper(
    monkeypatch, tmp_path, name, count, image, label, wanted
):
    for n in range(1, count + 1):
        for pattern in (image, label):
            path = tmp_path / pattern.format(n)
            path.parent.mkdir(exist_ok=True)
            path.touch()
    monkeypatch.setenv(f"TUBEKIT_{name.upper()}_DIR", str(tmp_path))
    found = resolve(name)
    splits = [getattr(found.manifest.splits, s) for s in SPLITS]
    assert tuple(map(len, splits)) == wanted
    assert set().union(*splits) == {str(n) for n in range(1, count + 1)} == set(found.files)
    assert resolve(name).manifest.splits == found.manifest.splits
    ordered = sorted(found.files)
    assert splits[2] not in (ordered[: len(splits[2])], ordered[-len(splits[2]) :])


def test_patients_of_several_scans_are_shared_out_together():
    groups = {f"p{n // 3}_{n}": f"p{n // 3}" for n in range(60)}
    splits = _shared_out(groups, Shares(train=6, val=2, test=2))
    sets = [{groups[i] for i in getattr(splits, s)} for s in SPLITS]
    assert sum(map(len, sets)) == 20
    assert [len(getattr(splits, s)) for s in SPLITS] == [36, 12, 12]


def test_mask_only_patients_have_both_trees_and_no_image():
    found = resolve("ircad01_masks")
    masks = found.manifest
    assert len(found.files) == len(masks.cases) == 16
    assert not set(masks.groups.values()) & set(load_manifest("ircad01").groups.values())
    assert [f.role for f in masks.case_files("ircad01_10")] == [
        "label/portalvein1",
        "label/venacava",
        "valid",
    ]
    case = read_case(masks, "ircad01_19", found.files["ircad01_19"])
    assert case.image.shape == (0, 124, 512, 512)
    assert case.image.dtype == "float32"
    assert case.spacing == (4.0, 0.703125, 0.703125)
    assert case.label.shape == case.valid.shape == (124, 512, 512)
    closed = inside_closed_organ(case)
    # What the remarks say of this patient.
    assert "19 16661 / 22189" in " ".join(masks.remarks)
    assert ((closed.label == 1).sum(), (closed.label == 2).sum()) == (16661, 22189)
    with pytest.raises(ValueError, match="case ircad01_19: expected an image, got 0 channels"):
        PatchSampler([case], (8, 8, 8), 1)


def test_load_cases_applies_the_window_on_request():
    (raw,) = load_cases("ircad01", "test")
    (cut,) = load_cases("ircad01", "test", window=True)
    assert raw.image.min() < -900
    assert (cut.image.min(), cut.image.max()) == (-100, 200)
    assert (cut.image == raw.image.clip(-100, 200)).all()
    with pytest.raises(ValueError, match=r"hrf: expected a window of intensities .*got none"):
        load_cases("hrf", "val", window=True)


def test_seven_slices_are_the_channels_of_a_flat_image():
    (*_, case) = load_cases("lvsd_liver_vessels_25d", "test", limit=2)
    assert case.image.shape == (7, 512, 512)
    assert case.label.shape == (512, 512)
    assert case.spacing == (1.0, 1.0)
    # Vessels are bright in the slice that the mask belongs to, more than in the outer ones.
    contrast = [channel[case.label > 0].mean() for channel in case.image]
    assert contrast[3] > max(contrast[0], contrast[6])


def test_map_of_organs_and_single_arteries_in_one_set():
    manifest = load_manifest("totalsegmentator_pseudo")
    found = resolve(manifest.name).files
    names = manifest.labels.names
    organs = read_case(manifest, "abdomen_3mm", found["abdomen_3mm"])
    assert organs.label.max() == names.index("costal cartilages")
    (arteries,) = (read_case(manifest, i, found[i]) for i in found if i == "thorax_pulmonary_1p5mm")
    assert set(arteries.label.ravel()) == {0, names.index("pulmonary artery")}
