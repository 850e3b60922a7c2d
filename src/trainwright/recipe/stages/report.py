"""Report: the sealed test part is opened once, and everything is put on one page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import nn

from trainwright.core import Measurements
from trainwright.data.dataset import Dataset, Kind, Task
from trainwright.data.sealed import SealedTest
from trainwright.measures.study import TestOpenings
from trainwright.recipe.baselines import compare, fit_baselines, score
from trainwright.recipe.context import Context, RunPlan
from trainwright.recipe.judging import judge_measured
from trainwright.recipe.stage import Stage
from trainwright.recipe.stages.squeeze import load_predictor
from trainwright.recipe.statistics import Interval
from trainwright.report.charts import confusion_chart
from trainwright.report.pictures import filters, samples_picture
from trainwright.report.view import Chart, Gate, Outcome, Picture, StageResult, Step, Table
from trainwright.workbench.experiment import Experiment

SHOWN = 24
"""Wrong samples in the picture: a page of them tells more than their number."""

Values = npt.NDArray[np.floating]


@dataclass(frozen=True)
class _Predictions:
    """Outputs of the final predictor on the test part with what they should be.

    ``outputs`` [n, classes] probabilities, or [n] values in target units; ``targets`` [n].
    """

    outputs: Values
    targets: npt.NDArray[np.generic]
    inputs: Values

    @property
    def answers(self) -> npt.NDArray[np.generic]:
        """Class numbers or values, [n]."""
        return (
            self.outputs.argmax(axis=1)
            if self.outputs.ndim == 2 and self.outputs.shape[1] > 1
            else self.outputs.reshape(-1)
        )


class ReportStage(Stage):
    """Opens the test part once and compares the final predictor with the baselines on it."""

    name = "report"
    purpose = "Open the sealed test part once, say how good the result is and how sure that is, and what it gets wrong."

    def run(self, context: Context) -> StageResult:
        """Score the predictor chosen by *squeeze* and all baselines on the test part."""
        experiment = context.experiment
        dataset, rows = experiment.dataset, experiment.splits.test
        if not len(rows):
            return self._without_test()
        context.progress.describe("opening the test part")
        predict = load_predictor(context)
        baselines = fit_baselines(experiment, context.progress.describe)
        sealed = SealedTest(dataset, rows, root=context.run.path.parent, run=context.run.path.name)
        inputs, targets = sealed.open("final report")
        found = _Predictions(predict(experiment.prepared.preparation.inputs(inputs)), targets, inputs)
        answers = {b.name: b.predict(inputs) for b in baselines}
        final = score(found.answers, targets, dataset.task)
        compared = {name: score(each, targets, dataset.task) for name, each in answers.items()}
        measured = Measurements(
            [
                compare(experiment, found.answers, targets, answers),
                TestOpenings(count=sealed.openings, fingerprint=sealed.fingerprint),
            ]
        )
        verdict = judge_measured(measured)
        steps = _steps(context, final, compared, sealed.openings, experiment)
        return StageResult(
            stage=self.name,
            purpose=self.purpose,
            steps=steps,
            gate=Gate(is_open=True, reason="The recipe is complete."),
            verdict=verdict,
            charts=tuple(_charts(dataset, found, final, compared, experiment)),
            pictures=tuple(_pictures(context, dataset, found)),
            tables=(_table(final, compared, context),),
            facts={
                "headline": _headline(final, compared, experiment),
                "test_metric": final.estimate,
                "test_interval": [final.low, final.high],
                "metric": experiment.metric.name,
                "baselines_test": {name: value.estimate for name, value in compared.items()},
            },
        )

    def trainings(self, experiment: Experiment, plan: RunPlan) -> float:  # noqa: ARG002
        """Only baselines are fitted again."""
        return 0.0

    def _without_test(self) -> StageResult:
        step = Step("test", "A test part that was never looked at.", "There is none: data.test is 0.", Outcome.SURPRISE)
        reason = "The result was never tested on data that took no part in choosing it; set data.test to 0.1 or more."
        return StageResult(self.name, self.purpose, (step,), Gate(is_open=True, reason=reason))


def _show(value: float, experiment: Experiment) -> str:
    unit = f" {experiment.metric.unit}" if experiment.metric.unit else ""
    return f"{value:.2f}{unit}" if experiment.dataset.task is Task.CLASSIFICATION else f"{value:.4g}{unit}"


def _better(a: float, b: float, experiment: Experiment) -> bool:
    return a > b if experiment.metric.higher_is_better else a < b


def _best_baseline(compared: dict[str, Interval], experiment: Experiment) -> str:
    sign = 1 if experiment.metric.higher_is_better else -1
    return max(compared, key=lambda name: sign * compared[name].estimate)


def _steps(
    context: Context, final: Interval, compared: dict[str, Interval], openings: int, experiment: Experiment
) -> tuple[Step, ...]:
    best = _best_baseline(compared, experiment)
    validation = context.facts["squeeze"]["validation_metric"]
    agrees = final.low <= validation <= final.high
    return (
        Step(
            "opening",
            "The test part is opened for the first time.",
            f"Opened by {openings} run{'s' if openings > 1 else ''} so far, this one included.",
            Outcome.AS_EXPECTED if openings == 1 else Outcome.SURPRISE,
        ),
        Step(
            "test",
            f"About what validation promised ({_show(validation, experiment)}), or a little worse.",
            f"{experiment.metric.name} {_show(final.estimate, experiment)}, 95 % interval "
            f"{_show(final.low, experiment)} to {_show(final.high, experiment)}.",
            Outcome.AS_EXPECTED if agrees else Outcome.SURPRISE,
        ),
        Step(
            "baselines",
            "Better than every simple predictor.",
            f"The best baseline is {best} with {_show(compared[best].estimate, experiment)}.",
            Outcome.AS_EXPECTED if _better(final.estimate, compared[best].estimate, experiment) else Outcome.SURPRISE,
        ),
    )


def _charts(
    dataset: Dataset, found: _Predictions, final: Interval, compared: dict[str, Interval], experiment: Experiment
) -> Iterable[Chart]:
    name = experiment.metric.name
    results = {"this recipe": final, **compared}
    yield Chart(
        f"Test {name} with 95 % intervals",
        "interval",
        tuple({"predictor": p, name: v.estimate, "low": v.low, "high": v.high} for p, v in results.items()),
        x="predictor",
        y=name,
        caption="Each interval says how far the number could move with another test sample of this size.",
    )
    if dataset.task is Task.CLASSIFICATION:
        yield confusion_chart(_confusions(dataset, found), dataset.class_names, title="Confusion (test part)")
    else:
        pairs = zip(found.targets, found.answers, strict=True)
        rows = tuple({"target": float(t), "prediction": float(p)} for t, p in list(pairs)[:2000])
        yield Chart("Predictions against targets (test part)", "scatter", rows, x="target", y="prediction")


def _confusions(dataset: Dataset, found: _Predictions) -> npt.NDArray[np.int64]:
    """Samples by true class (rows) and answer (columns), [C, C]."""
    counts = np.zeros((dataset.n_outputs, dataset.n_outputs), dtype=np.int64)
    np.add.at(counts, (found.targets.astype(np.int64), found.answers.astype(np.int64)), 1)
    return counts


def _table(final: Interval, compared: dict[str, Interval], context: Context) -> Table:
    name = context.experiment.metric.name
    validation = {**context.facts["check"]["baselines"], "this recipe": context.facts["squeeze"]["validation_metric"]}
    rows = [
        (predictor, _round(validation.get(predictor)), _round(v.estimate), _round(v.low), _round(v.high))
        for predictor, v in {"this recipe": final, **compared}.items()
    ]
    columns = ("predictor", f"validation {name}", f"test {name}", "low (95 %)", "high (95 %)")
    return Table(f"Test {name} beside the baselines", columns, tuple(rows), highlight=0)


def _round(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _pictures(context: Context, dataset: Dataset, found: _Predictions) -> Iterable[Picture]:
    rows, labels = _worst(dataset, found)
    if len(rows):
        path = context.picture("test-errors")
        samples_picture(found.inputs[rows], labels, dataset.kind, path)
        yield Picture(
            "What it still gets wrong (test part)",
            context.relative(path),
            "True → answer, the surest mistakes first. Would you have known? If not, look at the label too.",
        )
    layer = _first_convolution(context)
    if layer is not None:
        path = context.picture("first-layer-filters")
        filters(layer, path)
        yield Picture(
            "First-layer filters",
            context.relative(path),
            "Edges and blobs are learned structure; salt-and-pepper noise means too high a rate or too short a run.",
        )


def _worst(dataset: Dataset, found: _Predictions) -> tuple[npt.NDArray[np.intp], list[str]]:
    """Rows of the test part to show and what to write under each."""
    if dataset.task is Task.REGRESSION:
        error = np.abs(found.answers.astype(np.float64) - found.targets.astype(np.float64))
        rows = np.argsort(-error)[:SHOWN]
        return rows, [f"{found.targets[r]:.3g} → {found.answers[r]:.3g}" for r in rows]
    wrong = np.flatnonzero(found.answers != found.targets)
    sureness = found.outputs[wrong].max(axis=1)
    rows = wrong[np.argsort(-sureness)][:SHOWN]
    names = dataset.class_names
    return rows, [f"{names[int(found.targets[r])]} → {names[int(found.answers[r])]}" for r in rows]


def _first_convolution(context: Context) -> Values | None:
    """Weights [out, in, height, width] of the first two-dimensional convolution of the final network, if there is
    one.
    """
    experiment = context.current_experiment()
    if experiment.dataset.kind is not Kind.IMAGE:
        return None
    model = context.train(experiment, context.facts["tune"]["seeds"][0]).load_model()
    layer = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    return None if layer is None else layer.weight.detach().cpu().numpy()


def _headline(final: Interval, compared: dict[str, Interval], experiment: Experiment) -> list[list[str]]:
    best = _best_baseline(compared, experiment)
    span = f"95 %: {_show(final.low, experiment)} to {_show(final.high, experiment)}"
    return [
        [f"test {experiment.metric.name}", _show(final.estimate, experiment), span],
        ["best baseline", _show(compared[best].estimate, experiment), f"{best}, same test samples"],
    ]
