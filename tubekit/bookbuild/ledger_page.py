"""The claims ledger as a page: folded groups, filters, a place for every row."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from tubekit._html import Html, table
from tubekit.evidence.curves import EVERY, LAST, POINTS
from tubekit.evidence.published import SECOND_HAND, SECOND_HAND_MEANS
from tubekit.evidence.verdict import ALPHA, PATIENTS, RULE, RUNS
from tubekit.plots.tables import VERDICT_ICONS, verdict_html

HEAD = ("Row", "Verdict", "Metric", "Ours / paper", "Our data", "Why")
INTRODUCTION = f"""(ledger)=
# Claims ledger

One line for every row of every published table and for every statement that can be tested. *Paper*
is the printed value; "not known" means that we could not see it, and we do not guess. The sign
{SECOND_HAND} stands beside a value that {SECOND_HAND_MEANS}. *Ours* is the mean over seeds, from
the committed records.

## The rule, version {RULE}

A statement is tested on the difference of two methods, paired by run and patient. Runs and patients
both count as random, the 95 % interval is shown, and p is corrected for the number of statements of
the chapter that are tested (Holm). Five words can follow:

- *reproduced*: the claimed sign in every run, and significant;
- *trend only*: the claimed sign on average, and either in every run or significant by itself,
  before Holm's correction;
- *open*: neither of these, so both signs remain possible;
- *opposite*: significant against the statement;
- *not comparable*: other data, other budget, no printed value, no records, fewer than two common
  runs or patients, or runs in different arithmetic.

No test is made, and the word is *open*, with fewer than {RUNS} runs or {PATIENTS} patients, and
where a training had not converged. That asks for a validation at least every {100 * EVERY:.0f} % of
the steps, and that the last {100 * LAST:.0f} % gain less than {POINTS} points of validation Dice.
Tables of shorter trainings are headed "which learns faster". A statement of no difference is
reproduced if every run and, significantly, the mean lie within a margin that was written before
the runs. The same method with other seeds is called different in about {100 * ALPHA:.0f} % of
comparisons at most: a test of the library holds the rule to that. Costs of a training step are
measured on one machine and not tested: there *reproduced* means that the printed size was reached,
and *trend only* its direction.

## The rows

Open a table below, or choose what to see. The name of a row leads to its table in the chapter where
that shows it, the sign # is the address of the row itself.
"""
Rows = Sequence[Mapping[str, Any]]
Places = Mapping[str, Mapping[str, str]]


def ledger_page(rows: Rows, titles: Mapping[str, str], places: Places) -> str:
    """Every published row beside ours, folded by chapter and by table.

    Args:
        rows: of ``ledger.rows``.
        titles: page of a chapter to its title.
        places: page of a chapter to the ids in it, each with the page that shows it, since a long
            chapter has several; a link leads to the first page where the place is not among them.
    """
    parts = [INTRODUCTION, f"{len(rows)} rows: {_counts(rows)}.\n", _filters(rows, titles)]
    for page, mine in _grouped(rows, "link"):
        parts.append(f"\n\n## {titles[page]}\n\n{{doc}}`Read the chapter </{page}>`\n\n")
        tables = "\n".join(
            _folded(
                name,
                lines,
                table(f"{titles[page]}: {name}", HEAD, _cells(lines, places)).text,
                kind="ledger-table",
            )
            for name, lines in _grouped(mine, "table")
        )
        more = f' data-page="{escape(page)}" open'
        parts.append(_folded("All tables", mine, tables, kind="ledger-chapter", more=more))
    return "\n".join(parts) + "\n"


def _grouped(rows: Rows, key: str) -> Iterator[tuple[str, Rows]]:
    return ((name, list(group)) for name, group in groupby(rows, key=lambda row: row[key]))


def _folded(name: str, rows: Rows, body: str, *, kind: str, more: str = "") -> str:
    """A group whose first line says how many rows it has and how they ended."""
    facts = f'{len(rows)} rows: <span class="ledger-counts">{_counts(rows)}</span>'
    title = escape(name)
    return (
        f'<details class="{kind}" data-name="{title}"{more}>'
        f"<summary><strong>{title}</strong>, {facts}</summary>\n{body}\n</details>"
    )


def _counts(rows: Rows) -> str:
    """How many rows ended how, in the order of the verdicts."""
    found = Counter(str(row["verdict"]) for row in rows)
    return ", ".join(f"{found[word]} {word}" for word in VERDICT_ICONS if word in found)


def _filters(rows: Rows, titles: Mapping[str, str]) -> str:
    """A form that ``_static/ledger.js`` brings to life; without it everything is shown."""
    chapters = {page: titles[page] for page, _ in _grouped(rows, "link")}
    tables = {name: name for name in dict.fromkeys(str(row["table"]) for row in rows)}
    verdicts = {word: word for word in VERDICT_ICONS}
    fields = {"Chapter": chapters, "Table": tables, "Verdict": verdicts}
    selects = "".join(
        f'<label>{label} <select name="{label.lower()}"><option value="">all</option>'
        + "".join(
            f'<option value="{escape(value)}">{escape(text)}</option>'
            for value, text in options.items()
        )
        + "</select></label> "
        for label, options in fields.items()
    )
    return (
        '<form class="ledger-filter" aria-label="Filter the ledger" hidden>'
        f'{selects}<button type="reset">Show all</button> <span role="status"></span></form>'
    )


def _cells(rows: Rows, places: Places) -> Iterator[tuple[object, ...]]:
    for row in rows:
        page, place = row["link"], row["place"]
        shown = places.get(page, {})
        address = f"{shown[place]}.html#{place}" if place in shown else f"{page}.html"
        name = escape(row["row"])
        key = escape(row["id"])
        yield (
            Html(
                f'<a href="{address}">{name}</a> '
                f'<a class="row-link" id="{key}" href="#{key}" aria-label="This row">#</a>'
            ),
            verdict_html(row["verdict"]),
            row["metric"],
            f"{row['ours']} / {row['paper']}",
            f"{row['data']}, {row['seeds']} seeds" if row["seeds"] else row["data"],
            row["reason"],
        )
