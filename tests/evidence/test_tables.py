"""Tables from records: ours beside the paper's, what is undefined, stars and statements."""

import numpy as np
import pytest

from tests.experiments.factory import record
from tubekit.chapters import chapter
from tubekit.evidence import published, report
from tubekit.evidence.report import claims_html, place, result_frame, result_html
from tubekit.evidence.tables import ResultTable, Row, claims_table, lead_by_run, result_table
from tubekit.experiments.record import write_record


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


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("CPU (AMD EPYC, 1 threads)", "CPU AMD EPYC, 1 thread"),
        ("CPU (AMD EPYC, 1 thread)", "CPU AMD EPYC, 1 thread"),
        ("CPU (AMD EPYC, 12 threads)", "CPU AMD EPYC, 12 threads"),
        ("NVIDIA A100", "NVIDIA A100"),
    ],
)
def test_a_caption_names_the_device_without_brackets(stored, shown):
    row = Row(
        table="table-2",
        data="roads",
        method="srl",
        metric="dice",
        paper=None,
        mean=0.5,
        sd=0.1,
        units=12,
        results=12,
        defined=12,
        seeds=3,
        source="real",
        device=stored,
        against_baseline=None,
        p_holm=None,
    )
    table = ResultTable("skeleton_recall", "table-2", "laptop", (row, row))
    expected = f"real data, 12 cases, 3 seeds, profile laptop, {shown}"
    assert report.about(table, "roads") == expected


def test_a_metric_that_a_test_set_does_not_have_is_left_open():
    runs = [
        record(seed=s, table="missing", data="missing_25_removed", method=m, cases=cases)
        for s in range(3)
        for m in ("baseline", "all")
        for cases in [{c: {"recall": 0.5} for c in "abcdefg"}]
    ]
    table = result_table(runs, "harmonyseg", "missing", "laptop", ["recall", "dice"])
    found = {(r.method, r.metric): r.mean for r in table.rows}
    assert found["all", "recall"] == 50.0
    assert np.isnan(found["all", "dice"])


def test_a_table_may_show_other_metrics_of_another_tables_runs(tmp_path):
    runs = [
        record(seed=s, table="table-1", data="hvs", method=m, cases={"a": {"dice_small": v}})
        for s in range(3)
        for m, v in (("nnunet", 0.2), ("harmonyseg", 0.3))
    ]
    assert chapter("harmonyseg").records_of("table-2") == "table-1"
    table = result_table(runs, "harmonyseg", "table-2", "laptop", ["dice_small"])
    assert {r.method: r.mean for r in table.rows} == pytest.approx({"nnunet": 20, "harmonyseg": 30})
    for made in runs:
        write_record(made, tmp_path)
