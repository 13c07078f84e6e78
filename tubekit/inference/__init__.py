"""From a trained network and a whole image to probabilities and labels."""

from tubekit._extras import extra

with extra("train", __name__):
    from tubekit.inference.predictors import CoarseToFine, Slices, Views, Windows
    from tubekit.inference.sliding_window import predict_label, predict_probs

__all__ = ["CoarseToFine", "Slices", "Views", "Windows", "predict_label", "predict_probs"]
