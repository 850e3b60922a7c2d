"""neural-net-checklist: its assertions on the first batch of a classifier, one by one so that every one is heard.

Its entry points are made for classifiers and language models that take one tensor and are trained with the
cross-entropy; to others it cannot be attached. The assertion on overfitting may take 65,536 steps by default: what has
not failed after a minute counts as passed, which is in the tool's favour.
"""

from __future__ import annotations

import copy
import functools
import signal
from collections.abc import Callable
from typing import Any

from bench.detection.contenders.base import Contender
from bench.detection.contenders.harness import Finding, Finished, Tool, Watcher, main
from torch import Tensor

NAMES = {
    "loss-at-init": ("initial-loss", "init-scale"),
    "calibrated-at-init": ("initial-loss", "init-scale"),
    "forward-batch-independence": ("batch-leak", "softmax-axis", "swapped-axis"),
    "non-zero-gradients": ("no-gradient", "unused-layer", "dead-at-init", "zero-init", "detached-loss"),
    "backward-batch-independence": ("batch-leak", "softmax-axis", "swapped-axis"),
    "input-independent-baseline": ("ignores-input",),
    "overfit-batch": ("cannot-overfit-batch",),
}
CONTENDER = Contender(
    "neural-net-checklist",
    ("{python}", "-m", "bench.detection.contenders.neural_net_checklist", "{script}", "{findings}"),
    NAMES,
    trains=False,
)
MINUTE = 60


def too_long(*_: object) -> None:
    raise TimeoutError


def assertions(make: Callable[[], Any], batch: tuple[Tensor, Tensor], classes: int) -> dict[str, Callable[[], object]]:
    import neural_net_checklist.torch_diagnostics as checklist

    at_init = checklist.assert_balanced_classification_cross_entropy_loss_at_init
    calibrated = checklist.assert_balanced_classification_cross_entropy_init_calibrated
    return {
        "loss-at-init": lambda: at_init(make(), batch, num_classes=min(classes, len(batch[0]))),
        "calibrated-at-init": lambda: calibrated(make(), batch, num_classes=classes),
        "forward-batch-independence": lambda: checklist.assert_forward_batch_independence(make, batch),
        "non-zero-gradients": lambda: checklist.assert_non_zero_gradients(make(), batch),
        "backward-batch-independence": lambda: checklist.assert_backward_batch_independence(make, batch),
        "input-independent-baseline": lambda: checklist.assert_input_independent_baseline_worse(make, batch),
        "overfit-batch": lambda: checklist.assert_overfit_to_batch(make(), batch),
    }


class Checklist(Tool):
    def on_backward(self, watcher: Watcher, _: Tensor, /) -> None:
        call, seen = watcher.call, watcher.loss_call
        if call is None or seen is None or seen.function.__name__ != "cross_entropy":
            self.unsupported = "not trained with the cross-entropy"
        elif len(call.args) != 1 or call.kwargs or call.outputs is not seen.scores or seen.scores.ndim != 2:
            self.unsupported = "not a classifier of one tensor"
        else:
            model = copy.deepcopy(call.model)
            make = functools.partial(copy.deepcopy, model)
            self.assert_all(assertions(make, (call.args[0], seen.targets), seen.scores.shape[1]))
        raise Finished

    def assert_all(self, checks: dict[str, Callable[[], object]]) -> None:
        signal.signal(signal.SIGALRM, too_long)
        for rule, check in checks.items():
            signal.alarm(MINUTE)
            try:
                check()
            except AssertionError as failure:
                self.findings.append(Finding(rule, "error", str(failure)[:300]))
            except TimeoutError:
                print(f"{rule}: no answer after {MINUTE} s")
            except (RuntimeError, ValueError, IndexError) as problem:
                print(f"{rule}: {problem}")
            finally:
                signal.alarm(0)


if __name__ == "__main__":
    main(Checklist())
