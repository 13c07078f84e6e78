"""Readable names of methods, for tables, figures and the ledger."""

from collections.abc import Mapping

METHOD_LABELS = {
    "ce_dice": "CE + Dice",
    "cldice": "+ clDice",
    "cldice_authors": "+ clDice, authors' algorithm",
    "topo_cldice": "+ Topo-clDice",
    "srl": "+ Skeleton Recall",
    "soft_recall": "+ soft recall (whole label)",
    "tversky": "CE + Tversky (0.3, 0.7)",
    "srl_unclipped": "+ Skeleton Recall, unclipped tube",
    "srl_reskeletonised": "+ Skeleton Recall, tube made anew",
    "srl_as_released": "+ Skeleton Recall, as released",
    "unet": "U-Net (batch norm, CE)",
    "nnunet": "U-Net, nnU-Net-like",
    "nnunet_cldice": "nnU-Net-like + clDice",
    "nnunet_srl": "nnU-Net-like + Skeleton Recall",
    "transunet": "TransUNet",
    "cs2net": "CS²-Net",
    "dcunet": "DCU-Net",
    "dscnet": "DSCNet",
    "unetpp": "UNet++",
    "wingsnet": "WingsNet-like",
    "harmonyseg": "HarmonySeg",
    "plain": "plain (nnU-Net-like)",
    "wide": "plain, as many weights as D2SD + SADF",
    "concat": "vesselness concatenated",
    "d2sd": "D2SD",
    "d2sd_sadf": "D2SD + SADF",
    "gsb": "GSB",
    "full": "D2SD + SADF + GSB",
    "baseline": "CE + Dice",
    "baseline_twice": "CE + Dice, twice the steps",
    "r_sup": "relaxed supervision alone",
    "con": "+ reconnection",
    "spatial": "+ spatial prior",
    "mix": "+ mix-equivalence",
    "all": "all four terms",
    "all_twice": "all four terms, twice the steps",
    "r_sup_label": "relaxed supervision, mean over the label",
    "con_label": "+ reconnection, mean over the skeleton",
    "con_probs": "+ reconnection on probabilities",
    "spatial_potts": "+ spatial prior, Potts form",
    "all_label": "all four, mean over the label",
    "all_symmetric": "all four, symmetric cross-entropy",
}


def method_label(method: str, printed: Mapping[str, str] | None = None) -> str:
    """Readable name of a method, with its weight where the name carries one.

    Args:
        printed: the paper's names, for methods that we have no name for.
    """
    name, _, weight = method.partition("_w")
    if name.startswith("lambda_"):
        return f"λ = {name.removeprefix('lambda_')}"
    label = METHOD_LABELS.get(name, (printed or {}).get(name, name))
    return f"{label}, w = {weight}" if weight else label
