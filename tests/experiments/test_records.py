"""Records and published numbers: written whole, read strictly."""

import os
import re

import pytest

from tests.experiments.factory import record
from tubekit.experiments import published
from tubekit.experiments.evaluate import MEASURES
from tubekit.experiments.ledger import rows
from tubekit.experiments.overheads import cut_verdict, measured
from tubekit.experiments.recipes import CHAPTERS, recipes
from tubekit.experiments.record import read_record, read_records, write_record, write_text
from tubekit.experiments.report import claims_html, place, result_frame, result_html
from tubekit.experiments.tables import claims_table, lead_by_run, result_table


def test_a_record_survives_the_disk(tmp_path):
    made = record(cases={"a": {"dice": 0.8, "hd95": None}})
    path = write_record(made, tmp_path)
    assert read_record(path) == made
    assert read_records("skeleton_recall", "laptop", tmp_path) == [made]


@pytest.mark.parametrize("damage", [lambda t: t[: len(t) // 2], lambda t: "", lambda t: "{}"])
def test_a_record_cut_short_gives_one_clear_error(tmp_path, damage):
    path = write_record(record(), tmp_path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match=r"not a complete record.*delete the file and run"):
        read_record(path)


def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("chapter", published.chapters())
def test_every_published_cell_and_statement_is_in_the_ledger(chapter):
    printed = published.load(chapter)
    cells = sum(
        len(row) for t in printed.tables.values() for m in t.rows.values() for row in m.values()
    )
    lines = [line for line in rows() if line["chapter"] == chapter]
    # The cells of the overheads, and what the paper concludes from them.
    overheads = 2 * (len(printed.overheads) + 1) if printed.overheads else 0
    assert len(lines) == cells + len(printed.claims) + overheads
    assert all(line["verdict"] and line["reason"] for line in lines)
    assert len({line["id"] for line in rows()}) == len(rows())


def test_the_ledger_has_the_order_of_the_book():
    pages = [line["link"] for line in rows()]
    assert pages == sorted(pages)


def test_published_numbers_as_printed():
    printed = published.load("skeleton_recall")
    assert printed.cell("table-2", "roads", "srl", "betti_error_0") == 4.846
    assert printed.cell("table-2", "cow", "cldice", "dice") == "out of memory"
    assert printed.cell("table-2", "roads", "soft_recall", "dice") is None
    with pytest.raises(ValueError, match="known chapters"):
        published.load("nothing")


@pytest.mark.parametrize("chapter", published.chapters())
def test_every_statement_agrees_with_the_cells_it_is_about(chapter):
    """Its direction holds in print, and the numbers in its text are those of its two cells."""
    printed = published.load(chapter)
    assert len({c.id for c in printed.claims}) == len(printed.claims)
    for claim in printed.claims:
        a, b = (
            printed.cell(claim.table, claim.data, method, claim.metric)
            for method in (claim.method, claim.baseline)
        )
        if not isinstance(a, float) or not isinstance(b, float):
            continue
        if a != b:
            assert (a > b) == MEASURES[claim.metric].higher_is_better, claim.id
        quoted = {float(x) for x in re.findall(r"\d+\.\d+", claim.text)}
        assert quoted <= {a, b}, claim.id


def test_printed_cells_carry_their_deviation():
    printed = published.load("harmonyseg")
    assert printed.text("table-1", "hvs", "harmonyseg", "dice") == "66.79 ± 6.34"
    assert printed.text("table-6", "hvs", "gsb", "dice") == "64.00 ± 6.10"  # the zeros are printed
    assert printed.text("table-5", "coronary", "unetpp", "dice") == "82.96"
    assert printed.text("table-5", "coronary", "dscnet", "dice") == ""
    empty = result_table([], "harmonyseg", "table-5", "laptop", ["dice"])
    shown, _ = result_frame(empty, "coronary", ["dice"], ["shen"])
    assert shown.loc["Shen et al.", "Dice (%), ours / paper"] == "not\u00a0run /\u00a080.58"


def test_result_table_shows_per_cent_and_the_paper():
    metrics = {"dice": 0.8, "cldice": 0.9, "betti_error_0": 5.0}
    runs = [
        record(seed=s, method=m, cases={f"c{i}": metrics for i in range(3)})
        for s in range(3)
        for m in ("ce_dice", "srl")
    ]
    table = result_table(runs, "skeleton_recall", "table-2", "laptop", list(metrics))
    row = next(r for r in table.rows if (r.method, r.metric) == ("srl", "dice"))
    assert (row.mean, row.paper, row.seeds, row.units) == (pytest.approx(80.0), 80.99, 3, 3)
    frame, unseen = result_frame(table, "retina", list(metrics))
    assert frame.loc["+ Skeleton Recall", "Dice (%), ours / paper"].endswith(" /\u00a080.99")
    assert unseen == ["clDice (%)"]  # not printed where we could read it: ours stands alone
    assert "/" not in frame.loc["+ Skeleton Recall", "clDice (%)"]
    page = result_html(table, "retina", "Retinas", list(metrics)).text
    assert "not known to us for: clDice (%)." in page
    assert "id=" not in page  # one printed metric lacks, so the ledger does not lead here
    page = result_html(table, "retina", "Retinas", [*metrics, "betti_error_1"]).text
    assert f'id="{place("table-2", "retina")}"' in page
    assert "retina" not in claims_table(runs, "skeleton_recall").query("patients == 0").id.to_list()


def test_a_mean_over_some_of_the_results_says_so():
    found = [{"a": {"hd95": 2.0}, "b": {"hd95": 3.0}}, {"a": {"hd95": 4.0}, "b": {"hd95": None}}]
    runs = [record(seed=seed, cases=cases) for seed, cases in enumerate(found)]
    runs += [record(method="cldice", cases={"a": {"hd95": None}, "b": {"hd95": None}})]
    table = result_table(runs, "skeleton_recall", "table-2", "laptop", ["hd95"])
    shown = result_frame(table, "retina", ["hd95"])[0]["HD95"].str.replace("\u00a0", " ").to_list()
    assert shown == ["3.00 ± 0.00 (3 of 4)", "undefined"]


def test_the_lead_run_by_run():
    runs = [record(seed=s, cases={"a": {"dice": 0.5}, "b": {"dice": 0.7 + s / 10}}) for s in (1, 2)]
    runs += [record(seed=s, method="ce_dice", cases={"a": {"dice": 0.5}}) for s in (2, 3)]
    keys = [("table-2", "retina", name) for name in ("srl", "ce_dice")]
    assert lead_by_run(runs, *keys, "dice") == {"run 2": pytest.approx(20.0)}
    assert lead_by_run([], *keys, "dice") == {}


def test_a_star_asks_for_what_a_verdict_asks_for():
    better = {f"c{i}": {"dice": 0.9} for i in range(8)}
    worse = {f"c{i}": {"dice": 0.5} for i in range(8)}
    runs = [record(seed=s, method="ce_dice", cases=worse) for s in range(3)]
    for seeds, star in ((3, True), (2, False)):
        more = [record(seed=s, cases=better) for s in range(seeds)]
        table = result_table(runs + more, "skeleton_recall", "table-2", "laptop", ["dice"])
        shown = result_frame(table, "retina", ["dice"])[0].loc["+ Skeleton Recall"].item()
        assert ("*" in shown) == star


@pytest.mark.parametrize("chapter", list(CHAPTERS))
def test_every_committed_record_belongs_to_a_recipe_of_today(chapter):
    known = {r.digest for r in recipes(chapter, "laptop")}
    records = read_records(chapter, "laptop")
    assert records
    stale = ["/".join(r.key) for r in records if r.digest not in known]
    assert stale == []
    assert all(r.stopped_by == "steps" for r in records)


def test_overheads_are_relative_to_the_plain_loss_of_the_same_patch():
    rows = [
        {"method": m, "patch": [p], "step_seconds": p * s, "peak_mb": p * b}
        for p in (1.0, 10.0)
        for m, s, b in (("ce_dice", 1.0, 1.0), ("cldice", 2.0, 3.0), ("srl", 1.1, 1.0))
    ]
    assert measured(rows, "cldice", "time") == pytest.approx(100.0)
    assert measured(rows, "cldice", "memory") == pytest.approx(200.0)
    assert measured(rows, "srl", "time") == pytest.approx(10.0)
    assert [cut_verdict(c) for c in (0.95, 0.5, -0.1)] == [
        "reproduced",
        "trend only",
        "not reproduced",
    ]


def test_a_p_value_is_never_printed_as_zero():
    values = {"dice": 0.5, "cldice": 0.5, "betti_error_0": 9.0}
    better = {"dice": 0.9, "cldice": 0.9, "betti_error_0": 1.0}
    runs = [
        record(seed=s, data="cracks", method=m, cases={f"c{i}": v for i in range(20)})
        for s in range(3)
        for m, v in (("ce_dice", values), ("cldice", values), ("srl", better))
    ]
    page = claims_html(claims_table(runs, "skeleton_recall"))._repr_html_()
    assert "&lt;\u00a00.001" in page
    assert "0.000" not in page
