"""The statements of a paper, tested on records by the rule of ``verdict``."""

import dataclasses
from collections.abc import Mapping, Sequence

from tubekit._extras import extra
from tubekit.chapters import chapter as room
from tubekit.evidence import published
from tubekit.evidence.report import kept_together, steps_text
from tubekit.evidence.tables import grouped, scale_of
from tubekit.evidence.verdict import (
    RULE,
    Comparison,
    Verdict,
    compare,
    excess,
    holm,
    objection,
    word,
)
from tubekit.experiments.evaluate import MEASURES
from tubekit.experiments.record import Record
from tubekit.plots import Html, table_html

with extra("evaluate", __name__):
    import pandas as pd

STATEMENTS = "statements"
"""Place in a chapter's page that the ledger links to."""


@dataclasses.dataclass(frozen=True)
class _Statement:
    """A claim, the runs it rests on, and their comparison; ``decided`` where no test decides."""

    claim: published.Claim
    runs: Sequence[Record]
    pair: Comparison | None
    decided: tuple[Verdict, str] | None

    def beyond(self, difference: float) -> float:
        """How far a difference lies on the claimed side."""
        claim = self.claim
        equal = claim.says == "no difference"
        higher = MEASURES[claim.metric].higher_is_better
        return excess(difference, higher=bool(higher), margin=claim.margin, equal=equal)


def claims_table(records: Sequence[Record], chapter: str) -> pd.DataFrame:
    """Every testable statement of the paper with our paired difference and verdict.

    Holm's correction runs over the statements of the chapter that a test decides. Columns: claim,
    metric, difference, low, high, p (corrected; NaN where no test decides), patients, seeds, steps,
    device, verdict, judged, detail, id.
    """
    groups = grouped(records)
    statements = [_statement(c, groups, chapter) for c in published.load(chapter).claims]
    tests = {s.claim.id: _p(s, s.pair) for s in statements if s.pair and not s.decided}
    corrected = dict(zip(tests, holm(list(tests.values())), strict=True))
    return pd.DataFrame([_line(s, corrected) for s in statements])


def _statement(
    claim: published.Claim, groups: Mapping[tuple[str, str, str], list[Record]], chapter: str
) -> _Statement:
    """With the runs made to decide it where there are any, else those of its table."""
    tables = [claim.runs, room(chapter).records_of(claim.table)]
    found = [
        [groups.get((table, claim.data, name), []) for name in (claim.method, claim.baseline)]
        for table in tables
    ]
    method, baseline = next((sides for sides in found if all(sides)), found[-1])
    pair = compare(method, baseline, claim.metric)
    decided = objection(pair, method, baseline)
    if not method or not baseline:
        missing = claim.baseline if method else claim.method
        decided = "not comparable", room(chapter).reason(claim.data, missing)
    scaled = pair.scaled(scale_of(claim.metric)) if pair else None
    return _Statement(claim, [*method, *baseline], scaled, decided)


def _p(statement: _Statement, pair: Comparison) -> float:
    return pair.p(statement.beyond(pair.difference))


def _line(statement: _Statement, corrected: Mapping[str, float]) -> dict[str, object]:
    claim, pair, runs = statement.claim, statement.pair, statement.runs
    p = corrected.get(claim.id, float("nan"))
    low, high = pair.interval if pair else (float("nan"),) * 2
    return {
        "claim": claim.text,
        "metric": MEASURES[claim.metric].label,
        "difference": pair.difference if pair else float("nan"),
        "low": low,
        "high": high,
        "p": p,
        "patients": pair.units if pair else 0,
        "seeds": len(pair.leads) if pair else 0,
        "steps": max((run.steps_done for run in runs), default=0),
        "device": " and ".join(sorted({run.device for run in runs})),
        "judged": claim.id in corrected,
        **_word(statement, p, len(corrected)),
        "id": claim.id,
    }


def _word(statement: _Statement, p: float, family: int) -> dict[str, str]:
    """Verdict and detail."""
    pair = statement.pair
    if statement.decided or pair is None:
        verdict, detail = statement.decided or ("not comparable", "no records")
        return {"verdict": verdict, "detail": detail}
    leads = [statement.beyond(lead) for lead in pair.leads]
    with_it = sum(lead > 0 for lead in leads)
    return {
        "verdict": word(pair, statement.beyond(pair.difference), leads, p),
        "detail": f"rule {RULE}: {with_it} of {len(leads)} runs with the statement; p = {p:.3g} "
        f"after Holm over {family} statements; {pair.units} patients",
    }


def claims_html(claims: pd.DataFrame) -> Html:
    """Statements of the paper with our paired difference and the verdict.

    Those that no test decides stand in a table of their own, without p.
    """
    steps = claims.steps[~claims.judged & (claims.steps > 0)]
    faster = f"After {steps_text(list(steps))}" if len(steps) else "Not run"
    parts = [
        (claims[claims.judged], f"The paper's statements, tested on our data by rule {RULE}", ""),
        (
            claims[~claims.judged],
            f"{faster}: no verdict on the paper's statements",
            "Open: too few runs or patients, or trainings that had not converged. The ledger says "
            "which, and why a statement cannot be compared.",
        ),
    ]
    shown = [part for part in parts if len(part[0])]
    tables = [
        table_html(
            _claims_frame(lines),
            caption=caption,
            verdict="Verdict",
            key="" if number else STATEMENTS,
            note=note,
        )
        for number, (lines, caption, note) in enumerate(shown)
    ]
    return Html("\n".join(table.text for table in tables))


def _claims_frame(claims: pd.DataFrame) -> pd.DataFrame:
    lines = {}
    for line in claims.itertuples():
        interval = f"{line.difference:+.2f} [{line.low:+.2f}, {line.high:+.2f}]"
        lines[line.claim] = {
            "Verdict": line.verdict,
            "Metric": line.metric,
            "Difference, 95 % interval": kept_together(interval) if line.patients else "not run",
            "p": kept_together("< 0.001" if line.p < 0.001 else f"{line.p:.3f}"),
            "Runs": str(line.seeds),
            "Cases": str(line.patients),
        }
    frame = pd.DataFrame.from_dict(lines, orient="index").rename_axis("Statement of the paper")
    return frame if claims.judged.all() else frame.drop(columns="p")
