"""Check: a skeleton with dumb baselines, and a proof of every part before anything is trained in earnest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from trainwright.core import Measurements, Verdict, discover
from trainwright.data.dataset import Kind, Task
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials import run_trials
from trainwright.measures.initial import InitialLoss
from trainwright.measures.reproducibility import CapacityEffect, Repetition
from trainwright.measures.trials import BatchDependence, InputDependence, OverfitTrial
from trainwright.recipe.baselines import fit_baselines, score
from trainwright.recipe.context import Context, RunPlan
from trainwright.recipe.judging import joined, judge_measured
from trainwright.recipe.pairs import capacity_effect, repeat_training
from trainwright.recipe.proof import Proof, prove
from trainwright.recipe.stage import Stage, gate_from
from trainwright.recipe.variants import TINY_WIDTH, scaled_capacity, tiny_network, zeroed_inputs
from trainwright.report.pictures import samples_picture
from trainwright.report.view import Chart, Outcome, Picture, Rule, StageResult, Step
from trainwright.workbench.experiment import Experiment

SHARE_OF_A_TRAINING = 0.34
"""Epochs of the trainings in this stage, as a share of a full one: enough to learn something, no more."""
SHOWN = 32


class CheckStage(Stage):
    """Baselines, loss at initialisation, one batch overfitted, dependencies by backprop, capacity, inputs decoded."""

    name = "check"
    purpose = "Prove the set-up with dumb baselines and small deliberate trials before training in earnest."

    def run(self, context: Context) -> StageResult:
        """Run the trials and baselines; the gate stays shut when a part of the set-up is proved wrong."""
        experiment, seed = context.experiment, context.experiment.config.seed
        context.progress.describe("trials on the set-up")
        setup = experiment.setup(seed)
        trials = run_trials(setup)
        verdict = judge_measured(trials)
        proofs = _proofs(experiment, verdict, seed)
        verdict = _with_proofs(verdict, proofs)
        steps = [*_trial_steps(trials), *(_proof_step(p) for p in proofs)]
        pictures = [_input_picture(context, setup), *_overfit_pictures(context, setup, trials)]
        charts = list(_overfit_charts(trials))
        facts: dict[str, Any] = {}
        if not verdict.blocking or context.force:
            answers = _baseline_answers(context)
            baselines = _metrics(context, answers)
            networks = _networks(context)
            repetition, effect = _repeat(context), _scale_capacity(context)
            measured = Measurements((*trials, repetition, *([effect] if effect else [])))
            verdict = joined(verdict, judge_measured(measured))
            steps += [_repetition_step(repetition), *_baseline_steps(context, baselines, networks)]
            steps.append(_capacity_step(effect))
            charts.append(_baseline_chart(context, {**baselines, **networks}))
            facts = {
                "baselines": baselines,
                "networks": networks,
                # Kept per sample, so that later stages can pair their own answers with them.
                "baseline_answers": {name: values.tolist() for name, values in answers.items()},
            }
        return StageResult(
            stage=self.name,
            purpose=self.purpose,
            steps=tuple(steps),
            gate=gate_from(verdict, "The set-up is sound: it can fit a batch, and nothing leaks or is ignored."),
            verdict=verdict,
            charts=tuple(charts),
            pictures=tuple(pictures),
            facts=facts,
        )

    def trainings(self, experiment: Experiment, plan: RunPlan) -> float:
        """Zeroed inputs, tiny network, two capacities, one epoch twice."""
        capacities = 2 if experiment.capacity else 0
        return (2 + capacities) * SHARE_OF_A_TRAINING + 2 / plan.epochs_full


def _proofs(experiment: Experiment, verdict: Verdict, seed: int) -> list[Proof]:
    catalogue = discover()
    proofs = [prove(experiment, catalogue[finding.code], finding, seed) for finding in verdict.findings]
    return [proof for proof in proofs if proof is not None]


def _with_proofs(verdict: Verdict, proofs: list[Proof]) -> Verdict:
    """The verdict whose findings say what was tried; a fix that was tried and helped comes first."""
    proved = {id(proof.finding): proof for proof in proofs}

    def annotate(finding: Any) -> Any:
        proof = proved.get(id(finding))
        if proof is None:
            return finding
        fixes = tuple(sorted(finding.fixes, key=lambda f: f is not proof.fix)) if proof.helped else finding.fixes
        return replace(finding, fixes=fixes, todo=f"{finding.todo} {proof.sentence()}")

    return replace(verdict, findings=tuple(annotate(finding) for finding in verdict.findings))


def _proof_step(proof: Proof) -> Step:
    return Step(
        name=f"proof for {proof.finding.code}",
        expect=f"'{proof.fix.title}' cures {proof.finding.name}.",
        measured=proof.sentence(),
        outcome=Outcome.AS_EXPECTED if proof.helped else Outcome.SURPRISE,
    )


def _trial_steps(trials: Measurements) -> Iterable[Step]:
    for loss in trials.of(InitialLoss):
        close = abs(loss.loss - loss.constant_loss) <= 0.5 * max(abs(loss.constant_loss), 1e-9)
        yield Step(
            "loss at initialisation",
            f"About {loss.ignorant_loss:.3f}, the {loss.loss_name} of a model that knows nothing.",
            f"{loss.loss:.3f} on {loss.n_samples} samples.",
            Outcome.AS_EXPECTED if close else Outcome.SURPRISE,
        )
    for trial in trials.of(OverfitTrial):
        right = f", {trial.own.accuracy:.0%} of the labels right" if trial.task == Task.CLASSIFICATION else ""
        yield Step(
            "overfit one batch",
            f"The loss on {trial.n_samples} samples falls to (nearly) {trial.floor:.2g} with the user's own steps.",
            f"{trial.own.losses[0]:.3g} became {trial.own.losses[-1]:.3g} in {len(trial.own.losses) - 1} steps{right}.",
            Outcome.AS_EXPECTED if trial.own.overfits else Outcome.SURPRISE,
        )
    for inputs in trials.of(InputDependence):
        yield Step(
            "outputs follow inputs",
            "Different samples give different outputs.",
            f"Outputs vary by {inputs.spread_after:.0%} of their size over {inputs.n_samples} samples "
            f"after {inputs.steps} steps.",
            Outcome.AS_EXPECTED if inputs.spread_after > 1e-3 else Outcome.SURPRISE,
        )
    for batch in trials.of(BatchDependence):
        leak = max(batch.eval_leak, batch.train_leak)
        norms = f"; {len(batch.norm_layers)} normalisation layers mix samples by design" if batch.norm_layers else ""
        yield Step(
            "samples do not mix",
            "The output of a sample depends on that sample only (by backprop).",
            f"Largest influence of another sample: {leak:.2g} of its own{norms}.",
            Outcome.AS_EXPECTED if leak < 1e-3 else Outcome.SURPRISE,
        )


def _repeat(context: Context) -> Repetition:
    context.progress.describe("the same seed twice")
    repetition = repeat_training(context.experiment, context.experiment.config.seed)
    context.progress.advance(2 / context.plan.epochs_full)
    return repetition


def _repetition_step(repetition: Repetition) -> Step:
    """Two trainings of one epoch with one seed must give the same numbers to the bit."""
    first, second = float(repetition.first[-1]), float(repetition.second[-1])
    measured = (
        f"Validation losses {first!r} and {second!r} differ: something random is not governed by the seed."
        if repetition.differing
        else f"Both end at validation loss {first:.6f}, equal to the bit."
    )
    outcome = Outcome.SURPRISE if repetition.differing else Outcome.AS_EXPECTED
    return Step("reproducible", "Two runs with one seed give the same numbers.", measured, outcome)


def _baseline_answers(context: Context) -> dict[str, np.ndarray[Any, Any]]:
    """Each baseline's answers on the validation part, [n]; the constant one first."""
    experiment = context.experiment
    inputs = experiment.dataset.inputs[experiment.splits.validation]
    return {b.name: b.predict(inputs) for b in fit_baselines(experiment, context.progress.describe)}


def _metrics(context: Context, answers: dict[str, np.ndarray[Any, Any]]) -> dict[str, float]:
    experiment = context.experiment
    targets = experiment.dataset.targets[experiment.splits.validation]
    return {name: score(each, targets, experiment.dataset.task).estimate for name, each in answers.items()}


def _networks(context: Context) -> dict[str, float]:
    """Validation metrics of the network on zeroed inputs and of a tiny network."""
    experiment, seed = context.experiment, context.experiment.config.seed
    epochs = max(1, round(context.plan.epochs_full * SHARE_OF_A_TRAINING))
    variants = {"network, inputs zeroed": zeroed_inputs(experiment), "tiny network": tiny_network(experiment)}
    ahead = (tiny_network(experiment), scaled_capacity(experiment, 2), scaled_capacity(experiment, 1))
    context.progress.describe("tiny network and a bit more capacity")
    context.train_ahead((variant, seed, epochs) for variant in ahead if variant is not None)
    found = {}
    for name, variant in variants.items():
        context.progress.describe(name)
        if variant is not None:
            found[name] = context.train(variant, seed, epochs).validation_metric
    return found


def _baseline_steps(context: Context, baselines: dict[str, float], networks: dict[str, float]) -> Iterable[Step]:
    metric = context.experiment.metric
    unit = f" {metric.unit}" if metric.unit else ""
    listed = ", ".join(f"{name} {value:.4g}{unit}" for name, value in baselines.items())
    measured = f"Validation {metric.name}: {listed}."
    yield Step("baselines", "Simple predictors set the level to beat.", measured, Outcome.INFORMATION)
    sign = 1 if metric.higher_is_better else -1
    constant, level = next(iter(baselines.items()))
    zeroed = networks["network, inputs zeroed"]
    yield Step(
        "zeroed inputs",
        f"Without inputs no better than {constant} ({level:.4g}{unit}).",
        f"{zeroed:.4g}{unit}.",
        Outcome.AS_EXPECTED if sign * (zeroed - level) <= 0.05 * abs(level) else Outcome.SURPRISE,
    )
    if "tiny network" in networks:
        tiny = networks["tiny network"]
        yield Step(
            "tiny network",
            f"With inputs clearly better than without ({zeroed:.4g}{unit}).",
            f"{tiny:.4g}{unit} with one hidden layer of {TINY_WIDTH} units.",
            Outcome.AS_EXPECTED if sign * (tiny - zeroed) > 0 else Outcome.SURPRISE,
        )


def _scale_capacity(context: Context) -> CapacityEffect | None:
    context.progress.describe("a bit more capacity")
    epochs = max(1, round(context.plan.epochs_full * SHARE_OF_A_TRAINING))
    seed = context.experiment.config.seed
    return capacity_effect(context.experiment, lambda variant: context.train(variant, seed, epochs))


def _capacity_step(effect: CapacityEffect | None) -> Step:
    name, expect = "a bit more capacity", "Twice the width lowers the training loss a bit."
    if effect is None:
        reason = "Not tried: the model factory has no keyword that scales its capacity (Experiment(capacity=...))."
        return Step(name, expect, reason, Outcome.INFORMATION)
    before, after = float(effect.small.losses[-1]), float(effect.large.losses[-1])
    measured = f"Training loss {before:.4g} becomes {after:.4g} after {len(effect.small.losses)} epochs."
    same = np.array_equal(effect.small.losses, effect.large.losses)
    return Step(name, expect, measured, Outcome.AS_EXPECTED if after <= before and not same else Outcome.SURPRISE)


def _baseline_chart(context: Context, metrics: dict[str, float]) -> Chart:
    name = context.experiment.metric.name
    rows = tuple({"predictor": predictor, name: value} for predictor, value in metrics.items())
    return Chart(f"Baselines: validation {name}", "bar", rows, x="predictor", y=name)


def _overfit_charts(trials: Measurements) -> Iterable[Chart]:
    for trial in trials.of(OverfitTrial):
        attempts = (trial.own, *trial.bisection)
        rows = tuple(
            {"step": step, "loss": float(loss), "attempt": attempt.description}
            for attempt in attempts
            for step, loss in enumerate(attempt.losses)
            if np.isfinite(loss)
        )
        rules = (Rule(trial.baseline, "ignoring the input"),)
        yield Chart("Overfitting one batch", "line", rows, x="step", y="loss", color="attempt", rules=rules)


def _input_picture(context: Context, setup: Setup) -> Picture:
    """The very tensors that enter the network, with augmentation."""
    kind = context.experiment.dataset.kind
    inputs = setup.inputs[:SHOWN].detach().cpu().numpy()
    path = context.picture("network-inputs")
    samples_picture(_drawable(inputs, kind), _labels(context, setup.targets[:SHOWN].cpu().numpy()), kind, path)
    whole = setup.inputs.double()
    return Picture(
        "What enters the network",
        context.relative(path),
        f"The very tensor at the model's door: {setup.inputs.dtype}, shape {tuple(setup.inputs.shape[1:])}, "
        f"mean {float(whole.mean()):.3g}, standard deviation {float(whole.std()):.3g}, "
        f"from {float(whole.min()):.3g} to {float(whole.max()):.3g}.",
    )


def _drawable(inputs: Any, kind: Kind) -> Any:
    """Token sequences [N, T] are drawn as one channel."""
    return inputs[..., None] if kind is Kind.SEQUENCE and inputs.ndim == 2 else inputs


def _labels(context: Context, targets: Any) -> list[str]:
    dataset = context.experiment.dataset
    if dataset.task is Task.CLASSIFICATION:
        return [dataset.class_names[int(t)] for t in targets]
    values = context.experiment.prepared.preparation.unscale(targets)
    return [f"{float(v):.3g}" for v in np.ravel(values)]


def _overfit_pictures(context: Context, setup: Setup, trials: Measurements) -> Iterable[Picture]:
    for trial in trials.of(OverfitTrial):
        kind = context.experiment.dataset.kind
        inputs = setup.inputs[list(trial.rows)].detach().cpu().numpy()
        truth, answer = _labels(context, trial.targets), _labels(context, trial.predictions)
        wrong = [t != a for t, a in zip(truth, answer, strict=True)]
        labels = [f"{t} → {a}" for t, a in zip(truth, answer, strict=True)]
        path = context.picture("overfitted-batch")
        samples_picture(_drawable(inputs, kind), labels, kind, path, highlight=wrong if setup.n_outputs > 1 else None)
        yield Picture(
            "The overfitted batch",
            context.relative(path),
            "True → answer after fitting these few samples. A pair that disagrees means that data and loss do not fit.",
        )
