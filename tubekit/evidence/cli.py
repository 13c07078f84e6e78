"""The command `tubekit ledger`."""

from typing import Annotated

import typer

from tubekit._extras import extra


def ledger_command(
    verdict: Annotated[str, typer.Option(help="show only this verdict")] = "",
) -> None:
    """Print the claims ledger."""
    from rich.console import Console
    from rich.table import Table

    with extra("all", "tubekit ledger"):
        from tubekit.evidence.ledger import rows

    columns = ("table", "row", "metric", "paper", "ours", "verdict", "reason")
    table = Table(*columns)
    for row in rows():
        if verdict in ("", row["verdict"]):
            table.add_row(*(str(row[name]) for name in columns))
    Console().print(table)
