"""The commands `tubekit bench` and `tubekit cost`."""

from typing import Annotated

import typer

from tubekit.benchmarks.measure import Measurement


def bench_command(
    only: Annotated[str, typer.Option(help="rows whose name contains this")] = "",
    threads: Annotated[int, typer.Option(help="of torch and of compiled loops")] = 2,
) -> None:
    """Measure every instrument against its peer in one process and store the table."""
    import torch

    from tubekit.benchmarks.run import run

    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}; 2 made the stored table")
    torch.set_num_threads(threads)
    path = run(only, report=lambda row: print(describe(row), flush=True))
    print(f"wrote {path}")


def describe(row: Measurement) -> str:
    """One line of the table in words."""

    def against(ratio: float, target: float | None) -> str:
        if target is None:
            return f"{ratio:.3g}"
        return f"{ratio:.3g} (asked: {target:.3g}, {'yes' if ratio <= target else 'NO'})"

    return (
        f"{row.instrument} / {row.peer}: time {against(row.time_ratio, row.time_target)}, "
        f"memory {against(row.memory_ratio, row.memory_target)}; "
        f"{1000 * row.seconds:.1f} ms against {1000 * row.peer_seconds:.1f} ms, "
        f"{row.megabytes:.0f} MB against {row.peer_megabytes:.0f} MB; "
        f"{row.equality}: {row.difference:.3g} ({'equal' if row.equal else 'DIFFERENT'})"
    )


def cost_command(
    profile: Annotated[str, typer.Option(help="smoke, laptop or full")] = "laptop",
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Measure time and memory of a training step per loss and store them as records."""
    from tubekit.benchmarks.training_step import fig_6, fig_7
    from tubekit.experiments.cost import write_costs
    from tubekit.training import resolve_device

    place = resolve_device(device)
    for name, measured in (("fig-6", fig_6), ("fig-7", fig_7)):
        rows = measured(profile, place)  # type: ignore[arg-type]
        print(write_costs(f"{name}__{profile}__{place}", rows, place))
