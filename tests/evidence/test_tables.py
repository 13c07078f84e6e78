"""Tables from records: ours beside the paper's, what is undefined, stars and statements."""

import numpy as np
import pytest

from tests.experiments.factory import record
from tubekit.chapters import chapter, known
from tubekit.evidence import published, report
from tubekit.evidence.names import labels, method_label
from tubekit.evidence.report import place, result_frame, result_html
from tubekit.evidence.statements import claims_html, claims_table
from tubekit.evidence.tables import ResultTable, Row, lead_by_run, result_table
from tubekit.evidence.verdict import RULE, RUNS
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
    assert frame.loc["+ Skeleton Recall", "Dice (%), ours / paper"].endswith(" /\u00a080.99\u00a0†")
    assert unseen == ["clDice (%)"]  # not printed where we could read it: ours stands alone
    assert "/" not in frame.loc["+ Skeleton Recall", "clDice (%)"]
    page = result_html(table, "retina", "Retinas", list(metrics)).text
    assert "not known to us for: clDice (%). † is quoted by others" in page
    assert "Retinas: which learns faster at 1 step " in page  # one validation shows no plateau
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
    assert lead_by_run(runs, *keys, "dice") == {"run 2": 0.0}  # of the common patient
    assert lead_by_run([], *keys, "dice") == {}


FLAT = {"validation": [(step, 0.5) for step in range(1, 21)], "steps_done": 20}


def test_a_star_asks_for_as_many_runs_as_a_verdict():
    better = {f"c{i}": {"dice": 0.9} for i in range(8)}
    worse = {f"c{i}": {"dice": 0.5} for i in range(8)}
    runs = [record(seed=s, method="ce_dice", cases=worse, **FLAT) for s in range(RUNS)]
    for seeds, star in ((RUNS, True), (RUNS - 1, False)):
        more = [record(seed=s, cases=better, **FLAT) for s in range(seeds)]
        table = result_table(runs + more, "skeleton_recall", "table-2", "laptop", ["dice"])
        shown = result_frame(table, "retina", ["dice"])[0].loc["+ Skeleton Recall"].item()
        assert ("*" in shown) == star
        assert "learns faster" not in result_html(table, "retina", "Retinas", ["dice"]).text


def statement_runs(table="table-2", data="cracks", **changes):
    """Skeleton Recall better than both rivals in everything, in as many runs as are asked for."""
    values = {"dice": 0.5, "cldice": 0.5, "betti_error_0": 9.0, "betti_error_1": 9.0}
    better = {"dice": 0.9, "cldice": 0.9, "betti_error_0": 1.0, "betti_error_1": 1.0}
    return [
        record(
            seed=s,
            table=table,
            data=data,
            method=m,
            cases={f"c{i}": v for i in range(20)},
            **FLAT | changes,
        )
        for s in range(RUNS)
        for m, v in (("ce_dice", values), ("cldice", values), ("srl", better))
    ]


def test_a_p_value_is_never_printed_as_zero():
    page = claims_html(claims_table(statement_runs(), "skeleton_recall"))._repr_html_()
    assert "&lt;\u00a00.001" in page
    assert "0.000" not in page


def test_statements_without_a_plateau_stand_apart_without_p():
    claims = claims_table(statement_runs(), "skeleton_recall")
    words = claims.set_index("id").verdict
    assert words["cracks-dice"] == "reproduced"
    assert words["cracks-betti0-cldice"] == "opposite"
    assert words["roads-dice"] == "not comparable"
    page = claims_html(claims).text
    assert f"tested on our data by rule {RULE}" in page
    assert page.count("<table") == 2
    short = claims_table(statement_runs(validation=[(20, 0.5)]), "skeleton_recall")
    assert short.set_index("id").verdict["cracks-dice"] == "open"
    page = claims_html(short).text
    assert "After 20 steps: no verdict" in page
    assert page.count("<table") == 1
    assert '<th scope="col">p</th>' not in page


def test_holm_runs_over_the_statements_that_are_judged():
    def corrected(*records):
        claims = claims_table([r for part in records for r in part], "skeleton_recall")
        return claims.set_index("id").p.dropna()

    few = corrected(statement_runs())
    many = corrected(statement_runs(), statement_runs(data="roads"))
    short = corrected(statement_runs(), statement_runs(data="roads", validation=[(20, 0.5)]))
    assert len(many) > len(few) == len(short)


def test_runs_made_to_decide_a_statement_take_the_place_of_the_short_ones():
    short = statement_runs(data="retina", validation=[(20, 0.5)])
    words = claims_table(short, "skeleton_recall").set_index("id").verdict
    assert words["retina-cldice"] == "open"
    long = statement_runs(data="retina", table="decisive")
    words = claims_table(short + long, "skeleton_recall").set_index("id").verdict
    assert words["retina-cldice"] == "reproduced"
    assert words["retina-dice-cldice"] == "opposite"


@pytest.mark.parametrize("name", known())
def test_every_method_has_a_label_of_its_own(name):
    for table in {r.table for r in chapter(name).recipes("laptop")}:
        methods = {r.method for r in chapter(name).recipes("laptop") if r.table == table}
        assert len({method_label(name, method) for method in methods}) == len(methods)
    unused = set(labels(name).methods) - set(labels(name).grid)
    unused -= {r.method for r in chapter(name).recipes("laptop")}
    assert unused <= {"cldice_authors"}  # of the costs, which are no recipes
    with pytest.raises(ValueError, match=r"add it to the chapter's labels\.toml"):
        method_label(name, "region_with_boundary")


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
        steps=250,
        flat=False,
        source="real",
        device=stored,
        against_baseline=None,
        p_holm=None,
    )
    table = ResultTable("skeleton_recall", "table-2", "laptop", (row, row))
    expected = f"real data, 12 patients, 3 runs, profile laptop, {shown}"
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
