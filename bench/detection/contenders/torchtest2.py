"""torchtest2: `check_model` on the first training batch, with the script's own loss and optimizer, all defaults.

It is called at the first backward pass, before any update, and the script ends there. Models that take labels are
passed with its Hugging Face plugin, others that return their own loss as they are; where no loss function of
(outputs, targets) exists, torchtest2 skips its loss checks.
"""

from __future__ import annotations

from bench.detection.contenders.base import Contender
from bench.detection.contenders.harness import Finding, Finished, Tool, Watcher, batch_of, loss_of, main, optimizer_of
from torch import Tensor

NAMES = {
    "forward": ("inconsistent-shape", "target-out-of-range"),
    "output_finite": ("non-finite", "non-finite-value", "missing-value", "init-scale"),
    "output_varies": ("ignores-input", "dead-at-init", "zero-init", "symmetric-init", "softmax-one-unit"),
    "eval_determinism": ("random-in-eval",),
    "loss": ("detached-loss", "non-finite", "target-out-of-range", "non-finite-value", "missing-value"),
    "initial_loss": ("initial-loss", "init-scale", "nll-on-logits", "negated-loss"),
    "optimizer_coverage": ("not-in-optimizer", "stale-optimizer", "layers-not-registered"),
    "gradient_flow": ("no-gradient", "unused-layer", "detached-loss", "dead-at-init", "zero-init", "clipped-loss"),
    "gradient_magnitude": ("exploding-gradient", "init-scale", "non-finite", "vanishing-gradient"),
    "params_change": ("weights-not-moving", "no-gradient", "not-in-optimizer", "unused-layer"),
    "input_dependency": ("ignores-input", "softmax-one-unit"),
    "batch_independence": ("batch-leak", "softmax-axis", "swapped-axis"),
    "overfit_batch": ("cannot-overfit-batch",),
}
CONTENDER = Contender(
    "torchtest2",
    ("{python}", "-m", "bench.detection.contenders.torchtest2", "{script}", "{findings}"),
    NAMES,
    trains=False,
)
SEVERITY = {"FAIL": "error", "WARN": "warning"}


class TorchTest2(Tool):
    def on_backward(self, watcher: Watcher, loss: Tensor, /) -> None:
        import torchtest2

        call = watcher.call
        if call is None:
            self.unsupported = "the loss comes from no module"
            raise Finished
        optimizer = optimizer_of(call.model)
        if "labels" in call.kwargs:
            inputs = {name: value for name, value in call.kwargs.items() if name != "labels"}
            labels = call.kwargs["labels"]
            report = torchtest2.check_model(call.model, inputs, labels, optimizer=optimizer, plugin="huggingface")
        else:
            function, targets = loss_of(watcher, loss)
            report = torchtest2.check_model(call.model, batch_of(call), targets, loss_fn=function, optimizer=optimizer)
        for result in report.results:
            if result.status.value in SEVERITY:
                self.findings.append(Finding(result.name, SEVERITY[result.status.value], result.message))
        raise Finished


if __name__ == "__main__":
    main(TorchTest2())
