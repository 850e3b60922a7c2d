"""Labels of evaluations beside the classes that the model says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trainwright.doctor.batch import tensors_of
from trainwright.doctor.events import LossCall
from trainwright.doctor.observers.compared import classes_said
from trainwright.doctor.observers.scores import answers, is_binary, is_classification
from trainwright.measures.labels import PredictedClasses

MOST_CLASSES = 200
MOST_PLACES = 100_000
"""Predictions of one call that are counted."""
_WHOLE = (torch.int64, torch.int32)


@dataclass(frozen=True)
class _Labels:
    """Where labels come from: the data they belong to, and what shows them, a ``loss`` or a ``comparison`` of the
    program, or the ``batch`` alone."""

    source: Any
    shown_by: str

    @property
    def told(self) -> bool:
        """Whether the program itself holds its answers against them."""
        return self.shown_by != "batch"


class Confusions:
    """Counts what is said of each label. An evaluation is over when training goes on; the latest whole one tells."""

    def __init__(self) -> None:
        self._batch: Any = None
        self._trained_on: Any = None
        self._now: dict[_Labels, Tensor] = {}
        self._latest: dict[_Labels, Tensor] = {}
        self._number = 1  # of the evaluation at hand
        self._evaluating: set[Any] = set()  # the data that it is of
        self._evaluated: set[Any] = set()

    def is_due(self, source: Any) -> bool:
        """Whether the evaluation at hand is the first, second, fourth, eighth … one, or of data that none was of: these
        are looked at whatever it costs, so that what the network knows late is seen of short runs as well."""
        self._evaluating.add(source)
        return self._number & (self._number - 1) == 0 or source not in self._evaluated

    def came(self, batch: Any) -> None:
        """A loader gave a batch."""
        self._batch = batch

    @torch.no_grad()
    def scored(self, call: LossCall, source: Any) -> None:
        """A loss of an evaluation, of the kind that training has."""
        self._batch = None
        if not is_classification(call) or not call.outputs.dim():
            return
        outputs = call.outputs
        several = outputs.shape != call.targets.shape or outputs.numel() != len(outputs)
        if is_binary(call) and several:  # of a sample: they are no classes
            return
        n_classes = 2 if is_binary(call) else outputs.shape[1]
        if 2 <= n_classes <= MOST_CLASSES:
            self._count(*answers(call), n_classes, _Labels(source, "loss"))

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
                if 2 <= outputs.shape[-1] <= MOST_CLASSES:
                    labels = fit[0].to(outputs.device)
                    self._count(outputs.argmax(-1), labels, outputs.shape[-1], _Labels(source, "batch"))
                return

    @torch.no_grad()
    def compared(self, prediction: Tensor, targets: Tensor, source: Any) -> None:
        """What a program itself finds to be right or wrong: its answers beside these targets."""
        if targets.is_floating_point() or targets.dtype == torch.bool:
            return
        for said in classes_said(prediction):
            n_classes = prediction.numel() // max(1, said.numel())
            if said.numel() == targets.numel() and 2 <= n_classes <= MOST_CLASSES:
                self._count(said, targets.reshape(said.shape), n_classes, _Labels(source, "comparison"))
                return

    def _count(self, said: Tensor, labels: Tensor, n_classes: int, key: _Labels) -> None:
        """Classes said beside ``labels``, alike in shape; labels that are no class are left out."""
        if said.shape != labels.shape:
            return
        said, labels = said.flatten()[:MOST_PLACES].long(), labels.flatten()[:MOST_PLACES].long()
        half = torch.arange(len(labels), device=labels.device) % 2
        place = (half * n_classes + labels) * n_classes + said
        kept = place[(labels >= 0) & (labels < n_classes)]
        counts = torch.bincount(kept, minlength=2 * n_classes**2).view(2, n_classes, n_classes)
        known = self._now.get(key)
        self._now[key] = counts if known is None or known.shape != counts.shape else known + counts

    def stepped(self, source: Any = None) -> None:
        """Training goes on with data of this number, or is over."""
        self._number += bool(self._evaluating)
        self._evaluated |= self._evaluating
        self._evaluating = set()
        if source is not None:
            self._trained_on = source
        if self._now:
            self._latest |= self._now
            self._now = {}

    def measurements(self) -> Iterator[PredictedClasses]:
        """One for each part of the data that is evaluated and not trained on. Of the labels that a part's answers were
        held against those that make fewest of them right; what is only guessed from a batch gives way to others."""
        by_source: dict[Any, list[_Labels]] = {}
        for key in self._latest:
            if key.source is None or key.source != self._trained_on:
                by_source.setdefault(key.source, []).append(key)
        for keys in by_source.values():
            known = [key for key in keys if key.told] or keys
            counts = self._latest[min(known, key=lambda each: _share_right(self._latest[each]))]
            yield PredictedClasses(counts=counts.cpu().numpy(), told=known[0].told)


def _share_right(counts: Tensor) -> float:
    whole = counts.sum(0)
    return float(whole.diagonal().sum() / whole.sum().clamp_min(1))
