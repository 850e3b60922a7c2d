"""Every kind of set-up goes through every trial, sound ones without a finding, and nothing is left changed."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.parameter import is_lazy

import trainwright
from trainwright.core import CannotEvaluate, Severity, TrainwrightError
from trainwright.doctor.arrange import make_setup
from trainwright.doctor.preflight import examine
from trainwright.doctor.trials import TRIALS, overfit_batch, run_trials
from trainwright.measures.initial import OutputRange
from trainwright.measures.signal import NonFinite
from trainwright.measures.trials import BatchDependence

_SPEC = importlib.util.spec_from_file_location("doctor_set_ups", Path(__file__).with_name("set_ups.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
set_ups = importlib.util.module_from_spec(_SPEC)
sys.modules["doctor_set_ups"] = set_ups  # its data class is looked up by this name
_SPEC.loader.exec_module(set_ups)
ZOO = set_ups.ZOO

NOT_JUDGED = {
    "values": {"TW315"},
    "yes or no": {"TW302", "TW315"},
    "reconstruction": {"TW315"},
    "variational": {"TW301", "TW302", "TW303"},
    "own step": {"TW301", "TW302", "TW303", "TW315"},
}
"""Checks of the first session that do not apply; others must judge."""
JUDGING = {"TW301", "TW302", "TW303", "TW304", "TW305", "TW315", "TW401"}


def make(name: str) -> Any:
    torch.manual_seed(0)
    return ZOO[name]()


@pytest.mark.parametrize("name", [name for name in ZOO if name != "stateful"])
def test_a_sound_set_up_of_any_kind_is_judged_and_cleared(name: str) -> None:
    found = trainwright.check(**make(name))
    assert found.verdict.at_least(Severity.WARNING) == ()
    not_judged = {code for code, _ in found.verdict.not_evaluated} & JUDGING
    assert not_judged == NOT_JUDGED.get(name, set()), found.verdict.not_evaluated


def state(made: Any) -> dict[str, Any]:
    """Everything there is, copied."""
    model, optimizer = made["model"], made["optimizer"]
    modules = [*model.modules(), *(layer for layer in getattr(model, "layers", ()))]
    parameters = {id(p): p for m in modules for p in m.parameters()}
    kept = [p for p in parameters.values() if not is_lazy(p)]
    return {
        "weights": [(p.dtype, p.detach().clone()) for p in kept],
        "buffers": [b.clone() for b in model.buffers() if not is_lazy(b)],
        "lazy": [is_lazy(p) for p in parameters.values()],
        "gradients": [None if p.grad is None else p.grad.clone() for p in kept],
        "requires_grad": [p.requires_grad for p in kept],
        "modes": [m.training for m in modules],
        "modules": [sorted(vars(m)) for m in modules],
        "hooks": [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in modules],
        "attributes": [copy.deepcopy(v) for m in modules for k, v in sorted(vars(m).items()) if k in ("seen", "log")],
        "optimizer": [] if any(map(is_lazy, parameters.values())) else copy.deepcopy(optimizer.state_dict()),
        "groups": [[id(p) for p in group["params"]] for group in optimizer.param_groups],
        "python": random.getstate(),
        "numpy": np.random.get_state(),  # noqa: NPY002 - the state that trials may touch
        "torch": torch.get_rng_state(),
        "batch": copy.deepcopy(made["batch"]),
    }


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor | np.ndarray):
        return bool(np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return same(vars(a), vars(b)) if hasattr(a, "__dataclass_fields__") else a == b


def assert_unchanged(before: dict[str, Any], made: Any) -> None:
    after = state(made)
    changed = [part for part, value in before.items() if not same(value, after[part])]
    assert changed == []


def used(name: str) -> Any:
    """In the middle of a training: gradients, optimizer state, one layer in another mode."""
    made = make(name)
    if name != "lazy":
        setup = make_setup(**made)
        setup.model.train()
        for number in range(2):
            setup.step(*setup.batch(number))
        next(iter(made["model"].children())).eval()
    return made


@pytest.mark.parametrize("name", ZOO)
def test_nothing_is_left_changed(name: str) -> None:
    made = used(name)
    before = state(made)
    trainwright.check(**made)
    assert_unchanged(before, made)


@pytest.mark.parametrize("kind", TRIALS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", ZOO)
def test_nothing_is_left_changed_by_a_trial_that_breaks_down(name: str, kind: Any) -> None:
    made = used(name)
    before = state(made)
    setup = make_setup(**made)
    calls, forward = 0, setup.call

    def breaking(model: Any, inputs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 2:
            model.register_buffer("trace", torch.zeros(1))
            model.register_forward_hook(lambda *_: None)
            raise RuntimeError("the model broke down")
        return forward(model, inputs)

    setup.call = breaking
    with contextlib.suppress(RuntimeError, CannotEvaluate):
        TRIALS[kind](setup)
    assert_unchanged(before, made)


def test_a_trial_that_cannot_run_is_a_reason_and_no_exception() -> None:
    def broken(outputs: Any, targets: Any) -> Any:
        raise ValueError("these shapes do not match\nat all")

    made = make("classes")
    found = trainwright.check(made["model"], broken, made["batch"])
    reasons = dict(found.verdict.not_evaluated)
    assert reasons["TW303"] == "the trial ended with ValueError: these shapes do not match"
    assert "TW305" in found.verdict.passed, "which needs no loss"


def test_time_is_kept() -> None:
    made = make("classes")
    heard: list[str] = []
    found = trainwright.check(**made, seconds=0.001, progress=heard.append)
    assert "longer than the time" in dict(found.verdict.not_evaluated)["TW303"]
    assert f"trial 1 of {len(heard)}, at most 0.001 s: " in heard[0]


def test_the_report_prints_itself() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(set_ups.mlp(), nn.Softmax(-1))
    found = trainwright.check(model, nn.CrossEntropyLoss(), (set_ups.PIXELS, set_ups.LABELS))
    assert found.findings[0].name == "softmax-before-cross-entropy"
    text = str(found)
    for part in (
        "Sequential",
        "Adam at 0.001, as no optimizer",
        "TW315",
        "a consequence of TW315",
        "1 error",
        "trials in",
    ):
        assert part in text
    assert found.to_dict()["findings"][0]["code"] == "TW315"


def test_checks_can_be_left_out() -> None:
    model = nn.Sequential(set_ups.mlp(), nn.Softmax(-1))
    batch = (set_ups.PIXELS, set_ups.LABELS)
    found = trainwright.check(model, nn.CrossEntropyLoss(), batch, ignore=["TW315", "cannot-overfit-batch"])
    assert not {"TW315", "TW303"} & {f.code for f in found.findings}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "resnet"}, "The model is str"),
        ({"batch": None}, "no batch"),
        ({"batch": ["a", "b"]}, "holds no tensors"),
        ({"batch": (torch.zeros(4, 3), torch.zeros(4))}, "cannot be called with this batch"),
        ({"loss": None}, "without a loss"),
        ({"batch": (torch.zeros(4, 64), torch.zeros(3))}, "4 inputs and 3 targets"),
    ],
)
def test_wrong_use_is_told(options: Any, message: str) -> None:
    with pytest.raises(TrainwrightError, match=message):
        trainwright.check(**{**make("classes"), **options})


def test_a_loader_is_a_batch_too() -> None:
    data = torch.utils.data.TensorDataset(set_ups.PIXELS, set_ups.LABELS)
    loader = torch.utils.data.DataLoader(data, batch_size=32, shuffle=True)
    made = make("classes")
    before = torch.get_rng_state()
    assert trainwright.check(made["model"], made["loss"], loader).verdict.findings == ()
    assert torch.equal(before, torch.get_rng_state())


def test_a_loss_written_by_hand_is_recognised_by_its_values() -> None:
    assert make_setup(**make("sequences")).loss_name == "cross_entropy"
    assert make_setup(**make("flat sequences")).loss_name == "cross_entropy"
    assert make_setup(**make("variational")).loss_name == "python"
    made = make("classes")

    def focal(outputs: Any, targets: Any) -> Any:
        right = outputs.softmax(1)[range(len(targets)), targets]
        return ((1 - right) ** 2 * functional.cross_entropy(outputs, targets, reduction="none")).mean()

    assert make_setup(made["model"], focal, made["batch"]).loss_name == "python"


def huggingface() -> dict[str, Any]:
    """Random-initialised models that return their own loss, with a batch of 24 made-up samples."""
    hf = pytest.importorskip("transformers")
    small = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32, "intermediate_size": 64}
    torch.manual_seed(0)
    tokens, classes, words = torch.randint(3, 60, (24, 12)), torch.randint(0, 4, (24,)), torch.randint(1, 60, (24, 7))
    words[::2, 5:] = -100
    t5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
    gpt2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 16, "bos_token_id": 0, "eos_token_id": 0}
    vit = {**small, "image_size": 16, "patch_size": 4, "num_labels": 4}
    return {
        "bert": (
            hf.BertForSequenceClassification(hf.BertConfig(vocab_size=60, num_labels=4, **small)),
            {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "labels": classes},
        ),
        "gpt2": (
            hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=60, loss_type="ForCausalLM", **gpt2)),
            {"input_ids": tokens, "labels": tokens},
        ),
        "vit": (
            hf.ViTForImageClassification(hf.ViTConfig(**vit)),
            {"pixel_values": torch.randn(24, 3, 16, 16), "labels": classes},
        ),
        "t5": (
            hf.T5ForConditionalGeneration(hf.T5Config(vocab_size=60, **t5)),
            {"input_ids": tokens, "labels": words},
        ),
    }


@pytest.mark.parametrize("name", ["bert", "gpt2", "vit", "t5"])
@pytest.mark.filterwarnings("default")
def test_huggingface_models_are_judged_cleared_and_left_as_they_were(name: str) -> None:
    model, batch = huggingface()[name]
    made = {"model": model, "batch": batch, "optimizer": torch.optim.AdamW(model.parameters(), lr=1e-3)}
    before = state(made)
    found = trainwright.check(**made)
    assert found.verdict.at_least(Severity.WARNING) == ()
    assert not {code for code, _ in found.verdict.not_evaluated} & JUDGING
    assert_unchanged(before, made)


class Mixing(set_ups.Causal):  # type: ignore[name-defined, misc]
    def forward(self, tokens: Any, targets: Any = None) -> Any:
        return super().forward(tokens.roll(1, 0), targets)


class Certain(set_ups.TwoInputs):  # type: ignore[name-defined, misc]
    def forward(self, left: Any, right: Any) -> Any:
        return super().forward(left, right).softmax(-1)


def test_faults_are_found_in_unusual_set_ups() -> None:
    (leak,) = run_trials(make_setup(Mixing(), None, make("own loss")["batch"]), [BatchDependence])
    assert leak.eval_leak > 1  # type: ignore[attr-defined]
    (outputs,) = run_trials(make_setup(Certain(), nn.CrossEntropyLoss(), make("dictionary")["batch"]), [OutputRange])
    assert outputs.smallest_row_sum == pytest.approx(1)  # type: ignore[attr-defined]
    poisoned = make("data class")
    poisoned["batch"].pixels = poisoned["batch"].pixels.clone()
    poisoned["batch"].pixels[3, 5] = float("nan")
    (place,) = run_trials(make_setup(**poisoned), [NonFinite])
    assert (place.kind, place.samples) == ("input", (3,))  # type: ignore[attr-defined]


def test_a_step_of_ones_own_is_the_step_that_is_made() -> None:
    made = make("own step")
    made["step"] = lambda batch: functional.cross_entropy(made["model"](batch[0]), batch[1])  # forgets to learn
    trial = overfit_batch(make_setup(**made, loss=functional.cross_entropy))
    assert not trial.own.overfits
    assert not {attempt.change for attempt in trial.bisection} & {"optimizer", "standard loss"}


def test_first_dimensions_that_may_be_time_are_not_taken_for_samples() -> None:
    class TimeFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.head = nn.GRU(8, 16), nn.Linear(16, 5)

        def forward(self, x: Any) -> Any:
            return self.head(self.cell(x)[0])

    torch.manual_seed(0)
    batch = (torch.randn(12, 20, 8), torch.randint(0, 5, (12, 20)))
    found = trainwright.check(TimeFirst(), lambda o, t: functional.cross_entropy(o.flatten(0, 1), t.flatten()), batch)
    assert "time first" in dict(found.verdict.not_evaluated)["TW305"]


def test_an_examined_setup_says_what_it_could_not_have() -> None:
    setup = make_setup(**make("classes"))
    kind = next(kind for kind in TRIALS if kind.__name__ == "OverfitTrial")
    found = examine(setup, absent={kind: "it was asked to leave that out"})
    assert ("TW303", "it was asked to leave that out") in found.verdict.not_evaluated


def test_the_base_install_is_enough() -> None:
    code = """
import sys
for name in ("polars", "sklearn", "scipy", "PIL", "altair", "vl_convert"):
    sys.modules[name] = None
import torch, trainwright
from torch import nn
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
found = trainwright.check(model, nn.CrossEntropyLoss(), (torch.randn(32, 4), torch.randint(0, 3, (32,))))
assert len(found.verdict.passed) > 4, found
foreign = [m for m in sys.modules if m.startswith(("trainwright.data", "trainwright.workbench", "trainwright.recipe"))]
assert not foreign, foreign
"""
    subprocess.run([sys.executable, "-c", code], check=True)
