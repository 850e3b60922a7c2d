"""The door of the loss: outputs and targets described in a few fused reductions and one transfer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from trainwright.doctor.losses import NAMED
from trainwright.measures.door import ALIGNED_LOSSES, BINARY_LOSSES, CLASS_LOSSES, COUNT_LOSSES, ROW_TOLERANCE, LossDoor

_LOOK_AT = 65_536
"""About how many output values are looked at: enough rows to tell probabilities, cheap beside the loss itself."""
_LEAST_ROWS = 8

LOSS_FUNCTIONS: Mapping[Callable[..., Tensor], str] = {
    **{function: name for _, function, name in NAMED},
    functional.kl_div: "kl_div",
    functional.ctc_loss: "ctc",
}
"""torch's functions that take outputs and targets; the loss modules call these."""


@torch.no_grad()
def describe_door(
    loss_name: str,
    outputs: Tensor,
    targets: Tensor,
    *,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    has_weights: bool = False,
    value: Tensor | float | None = None,
) -> LossDoor:
    """Describe ``outputs`` and ``targets`` as a loss receives them.

    Reads only: no random number is drawn, and neither the graph nor the tensors change. All statistics cross to the
    host in one transfer. Of large outputs the first samples are looked at, of the targets all.
    """
    outputs, targets = outputs.detach(), targets.detach()
    rows = _rows(loss_name, outputs)
    class_numbers = _are_class_numbers(loss_name, outputs, targets)
    n_classes = rows.shape[-1] if rows.dim() == 2 else 1
    on_outputs = _output_statistics(rows)
    on_targets = _target_statistics(loss_name, targets, n_classes, ignore_index, class_numbers=class_numbers)
    loss = value.detach().mean() if isinstance(value, Tensor) and value.numel() else _constant(outputs, value)
    low, high, low_sum, high_sum, log_sum, *of_targets, amount = _transfer([*on_outputs, *on_targets, loss])
    t_low, t_high, t_low_sum, t_high_sum, whole, bad, ignored, met = of_targets
    return LossDoor(
        loss_name=loss_name,
        output_shape=tuple(outputs.shape),
        target_shape=tuple(targets.shape),
        output_dtype=str(outputs.dtype).removeprefix("torch."),
        target_dtype=str(targets.dtype).removeprefix("torch."),
        n_rows=len(rows),
        n_classes=n_classes,
        output_minimum=low,
        output_maximum=high,
        smallest_row_sum=low_sum,
        largest_row_sum=high_sum,
        largest_log_sum=log_sum,
        target_kind="class numbers"
        if class_numbers
        else _kind(t_low, t_high, t_low_sum, t_high_sum, whole=bool(whole), same=outputs.shape == targets.shape),
        n_targets=targets.numel(),
        target_minimum=t_low,
        target_maximum=t_high,
        target_smallest_row_sum=t_low_sum,
        target_largest_row_sum=t_high_sum,
        n_out_of_range=int(bad),
        n_ignored=int(ignored),
        ignore_index=ignore_index,
        n_met=int(met),
        reduction=reduction,
        label_smoothing=label_smoothing,
        has_weights=has_weights,
        value=amount,
    )


class LossCalls(TorchFunctionMode):
    """While active, notes what torch's own loss functions receive, whoever calls them: a module, a function of one's
    own, or a model that returns its loss. Only calls whose outputs take part in a graph count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.doors: list[LossDoor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        arguments = kwargs or {}
        name = LOSS_FUNCTIONS.get(func)
        if name is None:
            return func(*args, **arguments)
        with torch._C.DisableTorchFunction():
            if door := describe_call(name, func, args, arguments):
                self.doors.append(door)  # before torch may refuse the targets
            return func(*args, **arguments)


def describe_call(
    name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> LossDoor | None:
    """The door of a call of one of :data:`LOSS_FUNCTIONS`; None where the outputs take part in no graph."""
    given = inspect.signature(function).bind(*args, **kwargs).arguments
    if name in ALIGNED_LOSSES:
        within = _within_lengths(given["targets"], given["target_lengths"])
        given = {**given, "input": given["log_probs"], "target": within, "ignore_index": given.get("blank", 0)}
    outputs, targets = given.get("input"), given.get("target")
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor) or not outputs.requires_grad:
        return None
    return describe_door(
        name,
        outputs,
        targets,
        reduction=str(given.get("reduction", "mean")),
        ignore_index=int(given.get("ignore_index", -100)),
        label_smoothing=float(given.get("label_smoothing", 0.0)),
        has_weights=given.get("weight") is not None or given.get("pos_weight") is not None,
    )


def _within_lengths(targets: Tensor, lengths: Any) -> Tensor:
    """Of padded targets [N, S] those within their sequences' lengths [N]; others, which stand one behind the other, as
    they are."""
    if targets.dim() != 2:
        return targets
    counts = torch.as_tensor(lengths, device=targets.device)
    return targets[torch.arange(targets.shape[1], device=targets.device) < counts[:, None]]


def _rows(loss_name: str, outputs: Tensor) -> Tensor:
    """Rows over the class axis [R, C] of the first samples; [R] for outputs without a class axis."""
    if outputs.dim() == 0 or not outputs.numel() or not outputs.is_floating_point():
        return outputs.new_zeros(0, dtype=torch.float32)
    axis = 1 if loss_name in CLASS_LOSSES and outputs.dim() > 1 else -1
    if outputs.dim() == 1:
        return outputs.float().unsqueeze(0) if loss_name in CLASS_LOSSES else outputs.float()
    samples = max(_LEAST_ROWS, _LOOK_AT // max(1, outputs[:1].numel()))
    return outputs[:samples].movedim(axis, -1).reshape(-1, outputs.shape[axis]).float()


def _output_statistics(rows: Tensor) -> list[Tensor]:
    nan = rows.new_tensor(float("nan"))
    if not rows.numel():
        return [nan] * 5
    low, high = rows.aminmax()
    if rows.dim() == 1:
        return [low, high, nan, nan, nan]
    low_sum, high_sum = rows.sum(-1).aminmax()
    return [low, high, low_sum, high_sum, rows.logsumexp(-1).abs().max()]


def _target_statistics(
    loss_name: str, targets: Tensor, n_classes: int, ignore_index: int, *, class_numbers: bool
) -> list[Tensor]:
    nan = torch.full((), float("nan"), device=targets.device)
    zero = torch.zeros((), device=targets.device)
    if not targets.numel() or targets.is_complex():
        return [nan, nan, nan, nan, zero, zero, zero, zero]
    if class_numbers and loss_name in ALIGNED_LOSSES:
        bad = (targets == ignore_index) | (targets < 0) | (targets >= n_classes)
        return [*targets.aminmax(), nan, nan, zero, bad.sum(), zero, zero]
    if class_numbers:
        ignored = targets == ignore_index
        bad = ~ignored & ((targets < 0) | (targets >= n_classes)) if loss_name in CLASS_LOSSES else zero
        seen = torch.where(ignored, targets.clamp(0, max(0, n_classes - 1)), targets)
        met = _n_met(targets.masked_fill(ignored, -1), n_classes) if targets.dim() == 1 else zero
        return [*seen.aminmax(), nan, nan, zero, bad.sum(), ignored.sum(), met]
    values = targets.float()
    low_sum, high_sum = values.sum(-1).aminmax() if values.dim() > 1 else (nan, nan)
    whole = ((values == 0) | (values == 1)).all()
    return [*values.aminmax(), low_sum, high_sum, whole, _out_of_range(loss_name, values), zero, zero]


def _n_met(targets: Tensor, n_classes: int) -> Tensor:
    """Different class numbers among targets [N], those out of range left out."""
    bins = torch.zeros(n_classes + 1, device=targets.device)
    inside = (targets >= 0) & (targets < n_classes)
    return bins.index_fill_(0, torch.where(inside, targets, n_classes).long(), 1.0)[:n_classes].sum()


def _out_of_range(loss_name: str, values: Tensor) -> Tensor:
    if loss_name in BINARY_LOSSES:
        return ((values < 0) | (values > 1)).sum()
    return (values < 0).sum() if loss_name in (*CLASS_LOSSES, *COUNT_LOSSES) else values.new_zeros(())


def _are_class_numbers(loss_name: str, outputs: Tensor, targets: Tensor) -> bool:
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        return False
    return loss_name in (*CLASS_LOSSES, *ALIGNED_LOSSES) or (loss_name == "python" and targets.dim() < outputs.dim())


def _kind(low: float, high: float, low_sum: float, high_sum: float, *, whole: bool, same: bool) -> str:
    distribution = max(abs(low_sum - 1), abs(high_sum - 1)) <= ROW_TOLERANCE and low >= 0
    if distribution and same:
        return "one-hot" if whole else "probabilities"
    return "multi-hot" if whole and high > low else "values"


def _constant(like: Tensor, value: Any) -> Tensor:
    return torch.full((), float("nan") if value is None or isinstance(value, Tensor) else value, device=like.device)


def _transfer(statistics: list[Tensor]) -> list[float]:
    device = statistics[0].device
    numbers: list[float] = torch.stack([s.to(device, torch.float32) for s in statistics]).tolist()
    return numbers
