"""preflight-ml: `run_checks` with the script's model, loss and loaders, all defaults.

The first DataLoader made is its training loader, the second its validation loader; a script that indexes tensors
gives the first batch as a list of one. It is called at the first backward pass and the script ends there.
"""

from __future__ import annotations

from bench.detection.contenders.base import Contender
from bench.detection.contenders.harness import Finding, Finished, Tool, Watcher, batch_of, loss_of, main
from torch import Tensor

NAMES = {
    "nan_inf_detection": ("non-finite-value", "non-finite", "missing-value"),
    "label_leakage": ("overlap", "validation-identical"),
    "shape_mismatch": ("inconsistent-shape",),
    "gradient_check": ("no-gradient", "dead-at-init", "exploding-gradient", "zero-init", "unused-layer", "init-scale"),
    "normalisation_sanity": ("unscaled-feature", "pixel-range"),
    "channel_ordering": ("swapped-axis",),
    "class_imbalance": ("class-imbalance",),
    "duplicate_samples": ("duplicate-sample",),
    "split_sizes": ("split-too-small",),
}
CONTENDER = Contender(
    "preflight-ml",
    ("{python}", "-m", "bench.detection.contenders.preflight_ml", "{script}", "{findings}"),
    NAMES,
    trains=False,
)
SEVERITY = {"fatal": "error", "warn": "warning", "info": "advice"}


class Preflight(Tool):
    def on_backward(self, watcher: Watcher, loss: Tensor, /) -> None:
        from preflight.runner import run_checks

        call = watcher.call
        if call is None:
            self.unsupported = "the loss comes from no module"
            raise Finished
        function, targets = loss_of(watcher, loss)
        train = watcher.loaders[0] if watcher.loaders else [(batch_of(call), targets)]
        held_out = watcher.loaders[1] if len(watcher.loaders) > 1 else None
        for result in run_checks(train, call.model, function, {"val_dataloader": held_out}):
            if not result.passed:
                self.findings.append(Finding(result.name, SEVERITY[result.severity.value], result.message))
        raise Finished


if __name__ == "__main__":
    main(Preflight())
