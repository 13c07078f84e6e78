"""Training: what a step is, a loop that knows no loss, seeds, schedules, checkpoints."""

from tubekit._extras import extra

with extra("train", __name__):
    from tubekit.training.adversarial import Adversarial
    from tubekit.training.checkpoint import load_checkpoint, save_checkpoint
    from tubekit.training.distil import Distil
    from tubekit.training.loop import fit
    from tubekit.training.objective import Objective, Term, ramp, switch
    from tubekit.training.optimizers import adamw, nnunet_sgd
    from tubekit.training.precision import resolve_device, resolve_precision
    from tubekit.training.schedule import poly
    from tubekit.training.seeding import deterministic
    from tubekit.training.state import FitResult
    from tubekit.training.supervised import Supervised
    from tubekit.training.update import Progress

__all__ = [
    "Adversarial",
    "Distil",
    "FitResult",
    "Objective",
    "Progress",
    "Supervised",
    "Term",
    "adamw",
    "deterministic",
    "fit",
    "load_checkpoint",
    "nnunet_sgd",
    "poly",
    "ramp",
    "resolve_device",
    "resolve_precision",
    "save_checkpoint",
    "switch",
]
