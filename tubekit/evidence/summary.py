"""A table led by its one number: two columns in sight, everything else folded below."""

from collections.abc import Sequence

from tubekit.evidence.report import heading, result_frame, result_html
from tubekit.evidence.tables import ResultTable
from tubekit.experiments.evaluate import MEASURES
from tubekit.plots import Html, table_html


def led_html(
    table: ResultTable,
    data: str,
    title: str,
    metrics: Sequence[str],
    methods: Sequence[str] | None = None,
) -> Html:
    """Method and the first metric of one data set; all metrics are a click away.

    Args:
        table, data, title, metrics, methods: as in ``result_html``.
    """
    few, _ = result_frame(table, data, metrics[:1], methods)
    short = table_html(few, caption=f"{heading(table, data, title)}, {MEASURES[metrics[0]].label}")
    return folded(short, result_html(table, data, title, metrics, methods), "All metrics")


def folded(short: Html, full: Html, words: str) -> Html:
    """``short`` in sight, ``full`` behind a line that opens it."""
    return Html(
        f'{short.text}<details class="full-table"><summary>{words}</summary>{full.text}</details>'
    )
