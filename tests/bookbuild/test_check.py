"""Checks of exercises accept what is right within a tolerance, and show no answer."""

import numpy as np
import pytest

from tubekit.bookbuild.check import check, check_function, seal


@pytest.mark.parametrize("given", [0.2176, 1 / np.log(99), np.float32(0.218), np.array(0.2176)])
def test_a_seal_takes_more_digits_than_were_printed(given, capsys):
    check(lambda: given, seal(0.218, tolerance=1e-3), tolerance=1e-3, hint="")
    assert capsys.readouterr().out.startswith("✔")


@pytest.mark.parametrize("given", [0.215, -0.218, [0.218], "0.2x", {}, float("inf")])
def test_a_seal_refuses_what_differs(given, capsys):
    check(lambda: given, seal(0.218, tolerance=1e-3), tolerance=1e-3, hint="Think.")
    assert capsys.readouterr().out.startswith("✘ Not yet")


def test_seals_of_several_numbers_keep_their_order(capsys):
    check(lambda: (1, 1, 2), seal((2, 1, 1), tolerance=0.1), tolerance=0.1, hint="")
    check(lambda: [2, 1, 1.0], seal((2, 1, 1), tolerance=0.1), tolerance=0.1, hint="")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("✘")
    assert second.startswith("✔")


@pytest.mark.parametrize("given", [None, ...])
def test_no_answer_is_not_a_wrong_answer(given, capsys):
    check(lambda: given, 1, hint="")
    check_function(lambda x: given, abs, [(1,)], hint="")
    assert all(line.startswith("○") for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(
    ("mine", "sign"),
    [
        (lambda x: np.abs(x), "✔"),
        (lambda x: x, "✘"),
        (lambda x: np.abs(x)[:-1], "✘"),
        (lambda x: x / 0, "✘"),
        (lambda x: "text", "✘"),
    ],
)
def test_every_input_must_agree(mine, sign, capsys):
    check_function(mine, np.abs, [(np.array([1.0, 2.0]),), (np.array([-1.0, 2.0]),)], hint="Sign?")
    assert capsys.readouterr().out.startswith(sign)


def test_a_function_that_changes_its_input_does_not_change_the_truth(capsys):
    def careless(x):
        x += 1
        return x

    check_function(careless, lambda x: x + 1, [(np.zeros(3),)], hint="")
    assert capsys.readouterr().out.startswith("✔")
