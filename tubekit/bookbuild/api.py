"""One page per layer of the library, written for Sphinx' autodoc."""

import importlib.util
import inspect
from types import ModuleType

from tubekit.bookbuild.layout import Layout

# In reading order: module, heading, one sentence for the overview.
LAYERS = {
    "tubekit.types": ("Core types", "The few types that cross file borders."),
    "tubekit.geometry": ("Geometry", "Skeletons, graphs, distances, topology, vesselness."),
    "tubekit.phantoms": ("Phantoms", "Images whose centre line, radius and topology are known."),
    "tubekit.losses": ("Losses", "What a network is asked to make small."),
    "tubekit.metrics": ("Metrics", "What a mask is judged by."),
    "tubekit.networks": ("Networks", "n-D U-Net, HRNet and snake convolution."),
    "tubekit.data": ("Data", "Manifests, readers, splits, patches."),
    "tubekit.training": ("Training", "A loop that can be read in one sitting."),
    "tubekit.inference": ("Inference", "Sliding windows."),
    "tubekit.plots": ("Plots", "Arrays and tables in, figures out."),
    "tubekit.experiments": ("Experiments", "Recipes, runs, records."),
    "tubekit.evidence": ("Evidence", "Published numbers, verdicts, tables, ledger."),
    "tubekit.evaluation.folder": ("Evaluation", "Folders of predictions against their labels."),
    "tubekit.own": ("Own images", "Train on a folder, predict with the same preparation."),
    "tubekit.benchmarks.measure": ("Benchmarks", "How two implementations are compared."),
    "tubekit.interop": ("Interop", "Bridges to other programs: napari."),
    "tubekit.interop.monai": ("MONAI", "Losses, transforms and metrics in MONAI's conventions."),
    "tubekit.interop.nnunet": ("nnU-Net", "Trainers with an added loss for nnU-Net v2."),
}


def generated(layout: Layout) -> dict[str, str]:
    """The overview and one page per layer."""
    found = {name: text for name, text in LAYERS.items() if _exists(name)}
    files = {f"api/{_slug(name)}.md": _page(name, title) for name, (title, _) in found.items()}
    lines = "\n".join(
        f"- {{doc}}`{title} <{_slug(name)}>`: {text}" for name, (title, text) in found.items()
    )
    files["api/index.md"] = f"""(api)=
# Library reference

Written from the docstrings. A line "Equation" leads back to the place in a chapter where the
formula is derived; the layers are listed from the ground up, and no layer uses a later one.

{lines}
"""
    return files


def public_names(module: ModuleType) -> list[str]:
    """Functions and classes of ``__all__``, or, where that is absent, of the module itself."""
    declared = getattr(module, "__all__", None)
    found = []
    for name in vars(module) if declared is None else declared:
        value = getattr(module, name)
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        own = not name.startswith("_") and value.__module__.startswith(module.__name__)
        if declared is not None or own:
            found.append(name)
    return sorted(found)


def _page(name: str, title: str) -> str:
    module = importlib.import_module(name)
    blocks = []
    for item in public_names(module):
        kind = "class" if inspect.isclass(getattr(module, item)) else "function"
        options = "   :members:\n   :show-inheritance:\n" if kind == "class" else ""
        blocks.append(f".. auto{kind}:: {name}.{item}\n{options}")
    body = "\n".join(blocks)
    return f"""# {title}

```{{eval-rst}}
.. automodule:: {name}
   :no-members:

{body}
```
"""


def _exists(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _slug(name: str) -> str:
    return name.rpartition(".")[2]
