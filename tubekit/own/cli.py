"""The commands `tubekit train` and `tubekit predict`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from tubekit._extras import extra

Device = Annotated[str, typer.Option(help="cpu, cuda or auto")]
Number = TypeVar("Number", int, float)


def train_command(
    images: Annotated[Path, typer.Argument(help="folder of PNG, JPEG, TIFF or NIfTI images")],
    labels: Annotated[Path, typer.Argument(help="folder of label maps of the same names")],
    save: Annotated[Path, typer.Option(help="folder of the model")],
    loss: Annotated[
        str, typer.Option(help="dice_ce, srl, cldice, topo_cldice, tversky or boundary")
    ] = "dice_ce",
    network: Annotated[
        str, typer.Option(help="unet, unetpp, cs2net, dcunet, dscnet or, in 2-D, hrnet")
    ] = "unet",
    steps: Annotated[
        int | None, typer.Option(help="length of the training [default: 1000]")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="instead of --steps")] = None,
    validation: Annotated[
        float, typer.Option(help="share of the patients that select the weights; 0 for none")
    ] = 0.2,
    group_pattern: Annotated[
        str | None,
        typer.Option(help="finds the patient in a name, e.g. '^([0-9]+)_' [default: all differ]"),
    ] = None,
    scale: Annotated[float, typer.Option(help="0.5 shows the network half the resolution")] = 1.0,
    spacing: Annotated[
        str, typer.Option(help="mm per voxel to resample to (z,y,x), e.g. 1,0.5,0.5")
    ] = "",
    window: Annotated[
        tuple[float, float] | None, typer.Option(help="lowest and highest intensity to keep")
    ] = None,
    vesselness: Annotated[
        str | None, typer.Option(help="add a filter for bright or dark tubes as a channel")
    ] = None,
    patch: Annotated[
        str, typer.Option(help="voxels that the network sees at once, e.g. 256 or 64,96,96")
    ] = "",
    width: Annotated[int, typer.Option(help="channels of the network's finest level")] = 32,
    batch: Annotated[int | None, typer.Option(help="patches per step [default: 4, 3-D: 2]")] = None,
    rate: Annotated[float, typer.Option(help="learning rate")] = 1e-3,
    mirror: Annotated[
        bool, typer.Option(help="flip patches; not for labels that know left from right")
    ] = True,
    seed: Annotated[int, typer.Option(help="of split, weights and patches")] = 0,
    device: Device = "auto",
) -> None:
    """Train a network on your own images, and save it with all that prediction needs.

    Interrupted, it goes on where it was when called again with the same arguments.
    """
    from tubekit.own.settings import Settings

    with extra("train", "tubekit train"):
        from tubekit.own.training import train

    sides = _numbers("patch", patch, int)
    settings = Settings(
        loss=loss,
        network=network,
        steps=steps,
        minutes=minutes,
        validation=validation,
        group_pattern=group_pattern,
        scale=scale,
        spacing=_numbers("spacing", spacing, float),
        window=window,
        vesselness=vesselness,
        patch=sides[0] if sides and len(sides) == 1 else sides,
        width=width,
        batch=batch,
        rate=rate,
        mirror=mirror,
        seed=seed,
    )
    bar = sys.stderr.isatty()
    model = train(images, labels, save, settings, device=device, progress=bar, say=typer.echo)
    facts = model.facts
    for value, dice in facts["validation_dice"].items():
        shown = "not in these images" if dice is None else f"{dice:.3f}"
        typer.echo(f"validation Dice of {value}: {shown}")
    typer.echo(f"saved {save} after {facts['steps_done']} steps")


def predict_command(
    model: Annotated[Path, typer.Argument(help="folder that `tubekit train` has saved")],
    source: Annotated[Path, typer.Argument(metavar="IN", help="an image, or a folder of images")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="label map, .png or .nii.gz, or a folder of them")
    ],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="also write NAME.npz with all classes")
    ] = False,
    overlap: Annotated[
        float, typer.Option(help="share of a window that the next one repeats")
    ] = 0.5,
    device: Device = "auto",
) -> None:
    """Segment an image or a folder of images with a network that `tubekit train` has saved.

    With --chapter, MODEL is a recipe of the book: tubekit predict --chapter skeleton_recall --help
    """
    from rich.console import Console
    from rich.progress import Progress

    with extra("train", "tubekit predict"):
        from tubekit.own.model import load
        from tubekit.own.prediction import predict

    trained = load(model, device)
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap must lie in [0, 1), got {overlap}; 0.5 is usual")
    trained.overlap = overlap
    # A notebook tells programs that it shows colours, but it is no place for a moving bar.
    quiet = not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("images", total=None)
        written = predict(
            trained,
            source,
            target,
            probabilities=probabilities,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    many = f"{len(written)} label maps to {target}"
    typer.echo(f"wrote {written[0] if len(written) == 1 else many}")


def _numbers(name: str, text: str, kind: Callable[[str], Number]) -> tuple[Number, ...] | None:
    if not text:
        return None
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"{name} must be numbers with commas between them, got {text!r}; e.g. 64,96,96"
        ) from None
