"""Labels of evaluations beside the classes that the model says."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trainwright.doctor.batch import tensors_of
from trainwright.doctor.events import LossCall
from trainwright.doctor.observers.scores import is_classification
from trainwright.measures.labels import PredictedClasses

MOST_CLASSES = 50
_WHOLE = (torch.int64, torch.int32)
MOST_PLACES = 100_000
"""Predictions of one call that are counted."""


class Confusions:
    """Counts what is said of each label. An evaluation is over when training goes on; the latest whole one tells."""

    def __init__(self) -> None:
        self._batch: Any = None
        self._trained_on: Any = None
        self._now: dict[tuple[Any, bool], Tensor] = {}
        self._latest: dict[tuple[Any, bool], Tensor] = {}

    def came(self, batch: Any) -> None:
        """A loader gave a batch."""
        self._batch = batch

    @torch.no_grad()
    def scored(self, call: LossCall, source: Any) -> None:
        """A loss of an evaluation, of the kind that training has."""
        self._batch = None
        if not is_classification(call) or not call.outputs.dim():
            return
        outputs, targets = call.outputs.detach(), call.targets.detach()
        if call.name in ("cross_entropy", "nll", "multi_margin_loss"):
            self._count(outputs.movedim(1, -1), targets, (source, True))
        elif outputs.shape == targets.shape and outputs.numel() == len(outputs):
            said = outputs.flatten() > (0.5 if call.name == "bce" else 0.0)
            self._count(torch.stack([~said, said], -1).float(), (targets.flatten() > 0.5).long(), (source, True))

    @torch.no_grad()
    def answered(self, prediction: Tensor | None, given: tuple[Any, ...], source: Any) -> None:
        """A model's answer in an evaluation without a loss: the only integers of the batch that are one for each answer
        and do not enter the model are taken for its labels."""
        batch, self._batch = self._batch, None
        if batch is None or prediction is None or prediction.dim() < 2 or not prediction.is_floating_point():
            return
        if prediction.is_nested or prediction.layout != torch.strided:
            return
        inside = {id(each) for each in tensors_of(list(given))}
        whole = [each for each in tensors_of(batch) if each.dtype in _WHOLE and id(each) not in inside]
        for outputs in (prediction.detach().movedim(1, -1), prediction.detach()):
            fit = [each for each in whole if each.shape == outputs.shape[:-1]]
            if len(fit) == 1:
                self._count(outputs, fit[0].to(outputs.device), (source, False))
                return

    def _count(self, outputs: Tensor, labels: Tensor, key: tuple[Any, bool]) -> None:
        """``outputs`` [..., C] beside ``labels`` [...]; labels that are no class are left out."""
        n_classes = outputs.shape[-1]
        if not 2 <= n_classes <= MOST_CLASSES or outputs.shape[:-1] != labels.shape:
            return
        said, labels = outputs.argmax(-1).flatten()[:MOST_PLACES], labels.flatten()[:MOST_PLACES].long()
        half = torch.arange(len(labels), device=labels.device) % 2
        place = (half * n_classes + labels) * n_classes + said
        kept = place[(labels >= 0) & (labels < n_classes)]
        counts = torch.bincount(kept, minlength=2 * n_classes**2).view(2, n_classes, n_classes)
        known = self._now.get(key)
        self._now[key] = counts if known is None or known.shape != counts.shape else known + counts

    def stepped(self, source: Any = None) -> None:
        """Training goes on with data of this number, or is over."""
        if source is not None:
            self._trained_on = source
        if self._now:
            self._latest |= self._now
            self._now = {}

    def measurement(self) -> PredictedClasses | None:
        """Of the evaluation with most samples that training does not have; None where there was none."""
        others = [key for key in self._latest if key[0] is None or key[0] != self._trained_on]
        key = max(others, key=lambda each: int(self._latest[each].sum()), default=None)
        return None if key is None else PredictedClasses(counts=self._latest[key].cpu().numpy(), told=key[1])
