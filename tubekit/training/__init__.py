"""Training: one visible loop, seeds, schedules, optimisers and checkpoints."""

from tubekit._extras import extra

with extra("train", __name__):
    from tubekit.training.checkpoint import load_checkpoint, save_checkpoint
    from tubekit.training.loop import fit
    from tubekit.training.optimizers import adamw, nnunet_sgd
    from tubekit.training.precision import resolve_device, resolve_precision
    from tubekit.training.schedule import poly
    from tubekit.training.seeding import deterministic
    from tubekit.training.state import FitResult

__all__ = [
    "FitResult",
    "adamw",
    "deterministic",
    "fit",
    "load_checkpoint",
    "nnunet_sgd",
    "poly",
    "resolve_device",
    "resolve_precision",
    "save_checkpoint",
]
