"""The commands `tubekit bench` and `tubekit cost`."""

from typing import Annotated

import typer

from tubekit._extras import extra


def bench_command(
    only: Annotated[str, typer.Option(help="rows whose name contains this")] = "",
    threads: Annotated[int, typer.Option(help="of torch and of compiled loops")] = 2,
) -> None:
    """Measure every instrument against its peer in one process and store the table."""
    import torch

    from tubekit._folders import written_results

    with extra("test", "tubekit bench"):
        from tubekit.benchmarks.measure import describe
        from tubekit.benchmarks.run import run

    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}; 2 made the stored table")
    torch.set_num_threads(threads)
    path = run(only, lambda row: print(describe(row), flush=True), root=written_results())
    print(f"wrote {path}")


def cost_command(
    profile: Annotated[str, typer.Option(help="smoke, laptop or full")] = "laptop",
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Measure time and memory of a training step per loss and store them as records."""
    from tubekit._folders import written_results
    from tubekit.experiments.cost import write_costs

    with extra("test", "tubekit cost"):
        from tubekit.benchmarks.training_step import fig_6, fig_7
        from tubekit.training import resolve_device

    place = resolve_device(device)
    for name, measured in (("fig-6", fig_6), ("fig-7", fig_7)):
        rows = measured(profile, place)  # type: ignore[arg-type]
        print(write_costs(f"{name}__{profile}__{place}", rows, place, written_results()))
