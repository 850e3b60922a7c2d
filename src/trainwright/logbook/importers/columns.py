"""Which column of a log is what, told by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from trainwright.core import UsageError
from trainwright.core.errors import nearest

QUANTITIES = (
    "step",
    "epoch",
    "train_loss",
    "validation_loss",
    "train_metric",
    "validation_metric",
    "learning_rate",
    "gradient_norm",
)
"""What a column can be; the names that ``--map`` takes."""

PARTS = {
    "train": ("train", "training", "tr", "fit"),
    "validation": ("val", "valid", "validation", "eval", "evaluation", "dev"),
    "test": ("test", "testing", "holdout"),
}
"""Part of the data → the words for it in column names; test counts as validation where there is nothing better."""

DECORATION = frozenset(
    {"epoch", "step", "batch", "mean", "avg", "average", "running", "total", "metrics", "metric", "global", "scalar"}
)
"""Words that say how a number was taken and not what it is."""

COUNTERS = {
    "step": ("step", "steps", "global step", "trainer global step", "iteration", "iterations", "iter", "it", "niter"),
    "epoch": ("epoch", "epochs"),
}

RATES = ("lr", "learning rate", "learningrate")
NORMS = ("grad norm", "gradient norm", "gradnorm", "grad 2 0 norm", "grads norm")

HIGHER = (
    "accuracy",
    "acc",
    "top1",
    "f1",
    "auc",
    "auroc",
    "r2",
    "iou",
    "miou",
    "dice",
    "map",
    "bleu",
    "precision",
    "recall",
)
LOWER = ("mae", "rmse", "mse", "perplexity", "ppl", "wer", "cer", "error", "err", "metric")

ADVERSARIAL = frozenset({"g", "d", "gen", "disc", "generator", "discriminator", "critic", "adversarial", "gan"})


def words_of(name: str) -> list[str]:
    """The words of a column name in lower case: ``valLoss/epoch`` is val, loss, epoch."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^a-z0-9]+", apart.lower()) if word]


def recognise(name: str) -> tuple[str, str, int] | None:
    """(quantity, metric name, rank) of a column; None for one whose name says nothing.

    The metric name is empty for anything but metrics. Of several columns that are the same quantity the lowest rank is
    taken.
    """
    words = words_of(name)
    text = " ".join(words)
    for counter, names in COUNTERS.items():
        if text in names:
            return counter, "", names.index(text)
    part, rest = _split(words)
    plain = " ".join(word for word in rest if word not in DECORATION) or " ".join(rest)
    rank = len(rest) - len(plain.split()) + 10 * (part == "test")
    if plain.startswith(RATES):
        return "learning_rate", "", len(rest)
    if plain.startswith(NORMS):
        return "gradient_norm", "", rank
    side = "train" if part in ("", "train") else "validation"
    if plain == "loss":
        return f"{side}_loss", "", rank
    metric = plain.replace(" ", "")
    if metric in (*HIGHER, *LOWER):
        return f"{side}_metric", metric, rank
    return None


def _split(words: Sequence[str]) -> tuple[str, list[str]]:
    """The part of the data that the words name, and the other words."""
    for part, names in PARTS.items():
        if any(word in names for word in words):
            return part, [word for word in words if word not in names]
    return "", list(words)


def is_adversarial(names: Iterable[str]) -> bool:
    """Whether the columns tell of networks that train against each other."""
    return any("loss" in words and ADVERSARIAL & set(words) for words in map(words_of, names))


def choose(names: Sequence[str], filled: Mapping[str, int], wanted: Mapping[str, str]) -> dict[str, str]:
    """Quantity → column.

    ``filled``: how many numbers each column holds; ``wanted``: what the user says, which goes first.
    Raises ``UsageError`` for a quantity or a column that does not exist.
    """
    _require_known(names, wanted)
    chosen = dict(wanted)
    candidates: dict[str, list[tuple[int, int, str, str]]] = {}
    for name in names:
        found = recognise(name)
        if found is not None and filled.get(name) and name not in wanted.values():
            quantity, metric, rank = found
            candidates.setdefault(quantity, []).append((rank, -filled[name], metric, name))
    metric = _best_metric(candidates)
    for quantity in QUANTITIES:
        offered = sorted(candidates.get(quantity, ()))
        if quantity.endswith("_metric"):
            offered = [each for each in offered if each[2] == metric]
        if offered:
            chosen.setdefault(quantity, offered[0][3])
    return chosen


def _best_metric(candidates: Mapping[str, list[tuple[int, int, str, str]]]) -> str:
    """The metric to look at: one that validation data have, and among those the best known."""
    for quantity in ("validation_metric", "train_metric"):
        offered = {metric for _, _, metric, _ in candidates.get(quantity, ())}
        if offered:
            return min(offered, key=[*HIGHER, *LOWER].index)
    return ""


def _require_known(names: Sequence[str], wanted: Mapping[str, str]) -> None:
    for quantity, column in wanted.items():
        if quantity not in QUANTITIES:
            raise UsageError(
                f"There is no quantity '{quantity}'.{nearest(quantity, QUANTITIES)}",
                expected=f"One of {', '.join(QUANTITIES)}.",
                todo="Write it like --map train_loss=my_column",
            )
        if column not in names:
            raise UsageError(
                f"The log has no column '{column}' for {quantity}.{nearest(column, names)}",
                expected=f"One of {', '.join(names[:30])}.",
            )


def direction(column: str) -> tuple[str, bool | None]:
    """(name, whether higher is better) of the metric in a column; None where the name does not tell."""
    found = recognise(column)
    metric = found[1] if found else ""
    if metric in ("", "metric"):
        return column, None
    return {"acc": "accuracy"}.get(metric, metric), metric in HIGHER
