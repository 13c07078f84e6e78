"""Patients stay together, in written splits and in folds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tubekit.data import check_patient_wise, kfold, load_manifest


def test_leak_is_told(toy):
    text = toy.write_manifest().replace('one = ["a", "b"]', 'one = ["a", "c"]')
    (toy.root / "manifests" / "toy.toml").write_text(text)
    with pytest.raises(ValueError, match="got group 'one' in test and train; move all its cases"):
        check_patient_wise(load_manifest("toy"))


@given(
    groups=st.dictionaries(
        st.text("abcdef0123456789", min_size=1, max_size=4), st.sampled_from("PQRSTUV"), min_size=12
    ).filter(lambda g: len(set(g.values())) >= 4),
    k=st.integers(2, 4),
    seed=st.integers(0, 5),
)
def test_folds(groups, k, seed):
    folds = kfold(groups, k, seed)
    assert folds == kfold(dict(reversed(groups.items())), k, seed)
    assert sorted(i for _, test in folds for i in test) == sorted(groups)
    largest = max(list(groups.values()).count(g) for g in groups.values())
    sizes = [len(test) for _, test in folds]
    assert max(sizes) - min(sizes) <= largest
    for train, test in folds:
        assert sorted(train + test) == sorted(groups)
        assert test
        assert not {groups[i] for i in train} & {groups[i] for i in test}


def test_seed_matters_and_too_many_folds_are_refused():
    groups = {f"{n}{e}": str(n) for n in range(10) for e in "LR"}
    assert kfold(groups, 5, 0) != kfold(groups, 5, 1)
    with pytest.raises(ValueError, match=r"2\.\.10 \(the number of patients\), got 11"):
        kfold(groups, 11, 0)
