"""Scripts run up to their first step; their losses, written in any way, are made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from trainwright.core import CannotEvaluate, Severity, UsageError
from trainwright.doctor.capture import capture
from trainwright.doctor.preflight import examine
from trainwright.doctor.replay import setup_of
from trainwright.doctor.trials import overfit_batch

HEAD = """
import sys
import torch
from torch import nn
from torch.nn import functional as F
torch.manual_seed(0)
x, y = torch.randn(64, 12), torch.randint(0, 4, (64,))
model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss_fn = nn.CrossEntropyLoss()
"""
TAIL = """
loss.backward()
optimizer.step()
print("went on")
"""
LOSSES = {
    "module": ("loss = loss_fn(model(x), y)", "cross_entropy"),
    "function": ("loss = F.cross_entropy(model(x), y)", "cross_entropy"),
    "two functions": ("loss = F.nll_loss(F.log_softmax(model(x), dim=1), y)", "nll"),
    "reshaped": ("loss = F.cross_entropy(model(x).view(len(x), 4), y.view(-1))", "cross_entropy"),
    "distance": ("loss = ((model(x) - F.one_hot(y, 4).float()) ** 2).sum() / len(x)", "python"),
    "penalty": (
        "loss = loss_fn(model(x), y) + 1e-3 * sum(p.pow(2).sum() for p in model.parameters())",
        "python",
    ),
    "under autocast": (
        "with torch.autocast('cpu', dtype=torch.bfloat16):\n    loss = loss_fn(model(x), y)",
        "cross_entropy",
    ),
}


@pytest.fixture
def script(tmp_path: Path) -> Any:
    def write(body: str, head: str = HEAD, tail: str = TAIL) -> Path:
        path = tmp_path / "train.py"
        path.write_text(head + body + tail, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_made_again_whole_and_in_part(name: str, script: Any, capsys: Any) -> None:
    body, loss_name = LOSSES[name]
    step = capture(script(body))
    assert "went on" not in capsys.readouterr().out
    root = step.passes[-1].root
    assert root is not None
    setup = setup_of(step)
    assert setup.loss_name == loss_name
    assert isinstance(setup.model, nn.Sequential)
    assert setup.evaluate(setup.inputs, setup.targets) == pytest.approx(float(root.detach()), rel=1e-5)
    halves = [setup.evaluate(*setup.rows(rows)) for rows in (slice(32), slice(32, 64))]
    assert sum(halves) / 2 == pytest.approx(float(root.detach()), rel=1e-2)
    losses = [setup.step(*setup.batch(0)) for _ in range(20)]
    assert losses[-1] < losses[0]


def test_sequences_whose_logits_are_viewed_with_written_numbers(script: Any) -> None:
    body = """
x, y = torch.randint(0, 9, (16, 5)), torch.randint(0, 9, (16, 5))
model = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 9))
optimizer = torch.optim.Adam(model.parameters())
loss = F.cross_entropy(model(x).view(16 * 5, 9), y.view(-1))
"""
    setup = setup_of(capture(script(body)))
    assert (setup.targets.shape, setup.task, setup.n_outputs) == ((16, 5), "classification", 9)
    assert setup.evaluate(*setup.rows([3, 7])) > 0


@pytest.mark.parametrize("count", [64, 70], ids=["a multiple", "any number"])
def test_targets_that_are_chosen_behind_the_model_s_call_are_those_of_the_batch(count: int, script: Any) -> None:
    body = f"""
x, y = torch.randn({count}, 5, 12), torch.randint(0, 4, ({count}, 5))
rows = torch.randperm({count})[:16]
loss = F.nll_loss(F.log_softmax(model(x[rows]).reshape(-1, 4), 1), y[rows].reshape(-1))
"""
    setup = setup_of(capture(script(body)))
    assert (setup.targets.shape, setup.task, setup.n_outputs) == ((16, 5), "classification", 4)
    assert setup.evaluate(*setup.rows([3, 7])) > 0
    assert setup.samples_first, "a list of places may be of samples only"
    sliced = body.replace(f"torch.randperm({count})[:16]", "slice(16)")
    assert not setup_of(capture(script(sliced))).samples_first


def test_sequences_that_are_unpacked_to_the_longest_of_those_given(script: Any) -> None:
    body = """
x, y = torch.randn(8, 6, 3), torch.randint(0, 4, (8, 6))
lengths = torch.tensor([6, 6, 5, 5, 4, 3, 3, 2])
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 4)
    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        return self.out(nn.utils.rnn.pad_packed_sequence(self.cell(packed)[0], batch_first=True)[0])
model = Tagger()
optimizer = torch.optim.Adam(model.parameters())
loss = F.cross_entropy(model(x, lengths).reshape(-1, 4), y.reshape(-1))
"""
    setup = setup_of(capture(script(body)))
    inputs, targets = setup.rows(slice(4, 8))
    with torch.no_grad():
        outputs = setup.forward(inputs)
    assert outputs.shape == (4, 4, 4)
    wanted = nn.functional.cross_entropy(outputs.flatten(0, 1), targets[:, :4].flatten())
    assert setup.evaluate(inputs, targets) == pytest.approx(float(wanted))


def test_accumulation_is_not_part_of_the_loss(script: Any) -> None:
    body = "for _ in range(4):\n    loss = loss_fn(model(x), y) / 4\n    loss.backward()\n"
    setup = setup_of(capture(script(body, tail="optimizer.step()")))
    with torch.no_grad():
        whole = nn.functional.cross_entropy(setup.model(setup.inputs[0][0]), setup.targets)
    assert setup.evaluate(setup.inputs, setup.targets) == pytest.approx(float(whole))


def test_clipping_is_seen(script: Any) -> None:
    body = "loss = loss_fn(model(x), y)\nloss.backward()\nnn.utils.clip_grad_norm_(model.parameters(), 0.5)\n"
    assert setup_of(capture(script(body, tail="optimizer.step()"))).clip_norm == 0.5


def test_a_closure_is_called_once(script: Any) -> None:
    body = """
optimizer = torch.optim.LBFGS(model.parameters())
def closure():
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    return loss
optimizer.step(closure)
"""
    setup = setup_of(capture(script(body, tail="")))
    assert setup.step(setup.inputs, setup.targets) > setup.evaluate(setup.inputs, setup.targets)


def test_looks_before_the_step_do_not_confuse(script: Any) -> None:
    body = """
with torch.no_grad():
    model(x[:3])
model(torch.zeros(1, 12))
print(sum(p.numel() for p in model.parameters()))
loss = loss_fn(model(x), y)
"""
    assert len(setup_of(capture(script(body)))) == 64


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("loss = loss_fn(model(x), y) + loss_fn(model(x + 1), y)", "compares the outputs of 2 calls"),
        ("head = nn.Linear(4, 4)\nloss = loss_fn(head(model(x)), y)", "is not this optimizer's"),
        ("loss = model(x).square().mean()", "no targets were found"),
    ],
)
def test_what_cannot_be_made_again_is_refused_with_the_reason(body: str, reason: str, script: Any) -> None:
    with pytest.raises(CannotEvaluate, match=reason):
        setup_of(capture(script(body)))


@pytest.mark.parametrize("end", ["sys.exit()", "print('no training here')"])
def test_a_script_that_makes_no_step_is_told_so(end: str, script: Any) -> None:
    with pytest.raises(UsageError, match="ended without a step"):
        capture(script("", tail=end))


def test_what_the_script_raises_is_passed_on(script: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        capture(script("1 / 0"))


def test_nothing_listens_any_more(script: Any) -> None:
    clip = nn.utils.clip_grad_norm_
    capture(script(LOSSES["module"][0]))
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.zeros(1, 2)).sum().backward()
    optimizer.step()
    assert nn.utils.clip_grad_norm_ is clip
    assert not torch.nn.modules.module._has_any_global_hook()  # type: ignore[no-untyped-call]


def test_arguments_and_neighbours_reach_the_script(tmp_path: Path, script: Any) -> None:
    (tmp_path / "neighbour_of_train.py").write_text("SIZE = 7", encoding="utf-8")
    body = """
from neighbour_of_train import SIZE
assert __name__ == "__main__" and sys.argv[1:] == ["--rows", "7"]
loss = loss_fn(model(x[:SIZE]), y[:SIZE])
"""
    assert len(setup_of(capture(script(body), ["--rows", "7"]))) == 7


PAIRS = """
names = torch.arange(64) // 4
embed = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 6))
optimizer = torch.optim.Adam(embed.parameters(), lr=1e-3)
"""
TRIPLETS = """
z = embed(x)
far = torch.cdist(z, z)
same = (names[:, None] == names[None, :]) & (torch.eye(64) == 0)
other = names[:, None] != names[None, :]
gap = SIGN * (far[:, :, None] - far[:, None, :]) + 0.3
loss = F.relu(gap[same[:, :, None] & other[:, None, :]]).mean()
"""


def test_losses_of_pairs_of_samples_are_made_again_for_some_of_them(script: Any) -> None:
    step = capture(script(TRIPLETS.replace("SIGN", "1"), head=HEAD + PAIRS))
    setup, root = setup_of(step), step.passes[-1].root
    assert root is not None
    assert (setup.task, setup.n_outputs, setup.targets.tolist()) == ("regression", 1, (torch.arange(64) // 4).tolist())
    assert setup.evaluate(setup.inputs, setup.targets) == pytest.approx(float(root.detach()), rel=1e-5)
    assert setup.evaluate(*setup.rows(slice(16, 48))) == pytest.approx(float(root.detach()), rel=0.3)


WARMED = """
optimizer = torch.optim.Adam(model.parameters(), lr=BASE)
schedule = SCHEDULE
loss = loss_fn(model(x), y)
"""
NOAM = "0.3 * min((s + 1) ** -0.5, (s + 1) * 1e-6)"
RATES = {
    "factors": (3e-3, "torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 2000))", 3e-3),
    "Noam": (
        1.0,
        "torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: " + NOAM + ")",
        3e-3,
    ),
    "linear": (3e-3, "torch.optim.lr_scheduler.LinearLR(optimizer, 1e-3, 1.0, 2000)", 3e-3),
    "one cycle": (1e-3, "torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, 2000, div_factor=2000)", 3e-3),
}


@pytest.mark.parametrize("name", RATES)
def test_a_batch_is_learnt_at_the_rate_that_a_schedule_warms_up_to(name: str, script: Any) -> None:
    base, schedule, peak = RATES[name]
    step = capture(script(WARMED.replace("BASE", str(base)).replace("SCHEDULE", schedule)))
    setup = setup_of(step)
    assert setup.peak_rates[id(setup.optimizer.param_groups[0])] == pytest.approx(peak, rel=0.1)
    assert setup.learning_rate < 1e-5
    assert overfit_batch(setup).own.overfits
    assert setup.learning_rate < 1e-5
    setup.peak_rates = {}
    assert not overfit_batch(setup).own.overfits


def test_sparse_tensors_of_which_no_samples_can_be_taken_are_refused(script: Any) -> None:
    body = """
class Graph(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 4)
    def forward(self, nodes, links):
        return links @ self.layer(nodes)
graph = Graph()
optimizer = torch.optim.Adam(graph.parameters())
loss = loss_fn(graph(x, torch.eye(64).to_sparse()), y)
"""
    with pytest.raises(CannotEvaluate, match=r"layout torch\.sparse_coo"):
        setup_of(capture(script(body)))
    alone = body.replace("nodes, links):", "links):").replace("nodes)", "torch.ones(64, 12))").replace("(x, ", "(")
    with pytest.raises(CannotEvaluate, match="no dense tensor"):
        setup_of(capture(script(alone)))


MIXED = """
other = torch.randperm(64)
outputs = embed(0.7 * x + 0.3 * x[other])
loss = 0.7 * F.cross_entropy(outputs, names % 6) + 0.3 * F.cross_entropy(outputs, (names % 6)[other])
"""


def test_samples_mixed_with_others_keep_the_targets_of_both(script: Any) -> None:
    step = capture(script(MIXED, head=HEAD + PAIRS))
    setup, root = setup_of(step), step.passes[-1].root
    assert root is not None
    assert setup.evaluate(setup.inputs, setup.targets) == pytest.approx(float(root.detach()), rel=1e-5)
    assert setup.evaluate(*setup.rows(slice(16, 48))) == pytest.approx(float(root.detach()), rel=0.3)
    report = examine(setup)
    assert [f.code for f in report.findings if f.severity is not Severity.ADVICE] == []
    assert "ended with" not in str(report.to_dict()["not_evaluated"])


HARDEST = """
same = names[:, None] == names[None, :]
other = ~same
z = embed(x)
far = torch.cdist(z, z)
loss = F.relu((far * same).max(1).values - (far + 1e6 * ~other).min(1).values + 0.3).mean()
"""


def test_masks_of_pairs_made_before_the_model_is_called_go_with_the_samples(script: Any) -> None:
    step = capture(script(HARDEST, head=HEAD + PAIRS))
    setup, root = setup_of(step), step.passes[-1].root
    assert root is not None
    assert setup.evaluate(setup.inputs, setup.targets) == pytest.approx(float(root.detach()), rel=1e-5)
    turned = list(reversed(range(64)))
    assert setup.evaluate(*setup.rows(turned)) == pytest.approx(float(root.detach()), rel=1e-5)
    report = examine(setup)
    assert [f.code for f in report.findings if f.severity is not Severity.ADVICE] == []
    assert "ended with" not in str(report.to_dict()["not_evaluated"])


@pytest.mark.parametrize(("sign", "found"), [("1", []), ("-1", ["TW339"])])
def test_distances_that_grow_between_samples_of_one_name_are_named(sign: str, found: list[str], script: Any) -> None:
    setup = setup_of(capture(script(TRIPLETS.replace("SIGN", sign), head=HEAD + PAIRS)))
    report = examine(setup)
    assert [f.code for f in report.findings if f.severity is not Severity.ADVICE] == found


def test_samples_that_are_to_be_found_among_their_batch_are_numbered_anew(script: Any) -> None:
    body = "loss = F.cross_entropy(embed(x) @ embed[0].weight[:6] @ x.T, torch.arange(64))"
    setup = setup_of(capture(script(body, head=HEAD + PAIRS)))
    assert setup.evaluate(*setup.rows(slice(40, 60))) > 0


def test_a_language_model_that_takes_time_first_is_not_blamed(script: Any) -> None:
    """Tokens [T, N], a state beside them, and the next token as the target of each position."""
    body = """
class Speaker(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.rnn, self.head = nn.Embedding(30, 8), nn.LSTM(8, 16), nn.Linear(16, 30)
    def forward(self, tokens, state):
        states, state = self.rnn(self.table(tokens), state)
        return F.log_softmax(self.head(states).view(-1, 30), 1), state
speaker = Speaker()
text = (torch.arange(21)[:, None] * 7 + torch.arange(16) ** 2) % 30
optimizer = torch.optim.Adam(speaker.parameters(), 1e-2)
said, _ = speaker(text[:-1], (torch.zeros(1, 16, 16), torch.zeros(1, 16, 16)))
loss = F.nll_loss(said, text[1:].reshape(-1))
"""
    report = examine(setup_of(capture(script(body))))
    assert [f.code for f in report.findings if f.severity is not Severity.ADVICE] == []


TWO_OPTIMIZERS = """
def main():
    sparse = nn.Embedding(10, 12, sparse=True)
    body = nn.Linear(12, 4)
    model = nn.Sequential(sparse, body)
    ids = torch.arange(64) % 10
    optimizer = torch.optim.Adam(body.parameters())
    others = torch.optim.SparseAdam(sparse.parameters())
    F.cross_entropy(model(ids), y).backward()
    optimizer.step()
    others.step()

main()
"""


def test_optimizers_that_the_script_lets_go_of_hold_their_parameters(script: Any) -> None:
    setup = setup_of(capture(script(TWO_OPTIMIZERS, tail="")))
    assert "TW308" in examine(setup).verdict.passed


OWN_LOSS = """
class Scored(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(12, 4)
    def forward(self, inputs, labels=None):
        logits = self.body(inputs)
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}
model = Scored()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss = FACTOR
"""


@pytest.mark.parametrize(
    ("scaled", "known"),
    [
        ('model(x, labels=y)["loss"] / 1', True),
        ('model(inputs=x, labels=y)["loss"] / 4 * 128.0', True),
        ('model(x, labels=y)["loss"]; loss *= 1', True),  # as the Trainer of transformers does
        ('-model(x, labels=y)["loss"]', False),
    ],
)
def test_a_model_s_own_loss_may_be_scaled(scaled: str, known: bool, script: Any) -> None:
    step = capture(script(OWN_LOSS.replace("FACTOR", scaled)))
    if not known:
        with pytest.raises(CannotEvaluate, match="no targets"):
            setup_of(step)
        return
    assert setup_of(step).loss_name == "cross_entropy"


DEAD_LAYER = """
class Around(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide, self.deep = nn.Linear(12, 4), nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))
        nn.init.constant_(self.deep[0].bias, BIAS)
    def forward(self, x):
        return self.wide(x) + self.deep(x)
model = Around()
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
loss = loss_fn(model(x), y)
"""


@pytest.mark.parametrize("bias", [-10.0, 0.0])
def test_a_dead_layer_is_a_warning_even_with_a_way_around_it(bias: float, script: Any) -> None:
    found = examine(setup_of(capture(script(DEAD_LAYER.replace("BIAS", str(bias)))))).verdict.findings
    assert [f.severity for f in found if f.code == "TW313"] == [Severity.WARNING] * (bias < 0)


RAW_TARGETS = """
model = nn.Linear(12, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
loss = F.mse_loss(model(x).squeeze(1), torch.tensor([140.0 + 50 * row[0] for row in x.tolist()]))
"""


@pytest.mark.parametrize(("rate", "severity"), [(0.1, Severity.ADVICE), (1e-7, Severity.WARNING)])
def test_raw_targets_are_worth_a_warning_only_where_they_are_not_fitted(
    rate: float, severity: Severity, script: Any
) -> None:
    found = examine(setup_of(capture(script(RAW_TARGETS.replace("RATE", str(rate)))))).verdict
    (bias,) = [f for f in (*found.findings, *(f for f, _ in found.masked)) if f.code == "TW302"]
    assert bias.severity is severity


SCALED = """
scaler = torch.amp.GradScaler("cpu", init_scale=128.0)
with torch.autocast("cpu", dtype=torch.float16):
    loss = ((model(x) - F.one_hot(y, 4)) ** 2).mean().sqrt()
scaler.scale(loss).backward()
scaler.step(optimizer)
"""


def test_a_gradient_scaler_is_no_part_of_the_loss(script: Any) -> None:
    setup = setup_of(capture(script(SCALED, tail="")))
    assert setup.loss(setup.forward(setup.inputs), setup.targets).requires_grad
    assert "TW332" in examine(setup).verdict.passed


def test_a_warm_up_from_zero_is_tried_at_the_rate_it_leads_to(script: Any) -> None:
    body = "torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 30)\nloss = loss_fn(model(x), y)"
    assert setup_of(capture(script(body))).learning_rate == 0.1


NUMBERS = """
model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
numbers = TARGETS
loss = F.mse_loss(model(x[: len(numbers)]).squeeze(1), numbers.float())
"""


@pytest.mark.parametrize(
    ("targets", "fires"),
    [
        ("torch.arange(32) % 4", True),
        ("(torch.arange(32) % 4).float()", False),  # fractions, as a regression's
        ("1 + torch.arange(32) % 4", False),  # ratings
        ("torch.arange(32) % 2", False),
        ("torch.tensor([0] * 22 + [1] * 6 + [2] * 3 + [3])", False),  # counts
        ("torch.tensor([0, 1, 2, 4] * 8)", False),
    ],
)
def test_numbers_of_classes_are_no_quantities(targets: str, fires: bool, script: Any) -> None:
    verdict = examine(setup_of(capture(script(NUMBERS.replace("TARGETS", targets))))).verdict
    assert [f.severity for f in verdict.findings if f.code == "TW325"] == [Severity.WARNING] * fires


def test_numbers_of_classes_within_a_model_s_own_loss(script: Any) -> None:
    own = OWN_LOSS.replace("nn.Linear(12, 4)", "nn.Linear(12, 1)").replace(
        "F.cross_entropy(logits, labels)", "F.mse_loss(logits.squeeze(1), labels.float())"
    )
    verdict = examine(setup_of(capture(script(own.replace("FACTOR", 'model(x, labels=y)["loss"]'))))).verdict
    assert "TW325" in {f.code for f in verdict.findings}


TAGGER = """
from torch.utils.data import DataLoader, TensorDataset
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(20, 8), nn.Linear(8, 5)
        self.place = nn.Parameter(torch.randn(12, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=BATCH_FIRST)
    def forward(self, tokens):
        x = self.table(tokens) + self.place
        return self.head(x + self.attention(x, x, x)[0])
tagger = Tagger()
words = torch.randint(0, 20, (320, 12))
optimizer = torch.optim.Adam(tagger.parameters(), 1e-2)
tokens, tags = next(iter(DataLoader(TensorDataset(words, words % 5), batch_size=32)))
loss = F.cross_entropy(tagger(tokens).flatten(0, 1), tags.flatten())
"""


@pytest.mark.parametrize("batch_first", [True, False])
def test_attention_along_the_samples_of_a_loader_s_batch_is_named(batch_first: bool, script: Any) -> None:
    setup = setup_of(capture(script(TAGGER.replace("BATCH_FIRST", str(batch_first)))))
    assert setup.samples_first
    report = examine(setup)
    assert ("TW327" in {finding.code for finding in report.findings}) is not batch_first
    assert not [reason for _, reason in report.verdict.not_evaluated if "ended with" in reason]


DENSITY = """
class Density(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 32)
        self.out = nn.Linear(32, OUT)
    def forward(self, x):
        h = self.out(torch.tanh(self.layer(x)))
        return DISTRIBUTION
density = Density()
optimizer = torch.optim.Adam(density.parameters(), 1e-2)
from torch import distributions as D
amounts = x[:, 0] * 2 + 0.1 * torch.randn(64)
loss = SIGNdensity(x).log_prob(TARGETS).mean()
"""
NORMAL = "D.Normal(h[:, :OUT // 2], 1e-3 + F.softplus(h[:, OUT // 2:]))"
NORMAL_OF_THREE = NORMAL.replace("OUT // 2:", "3:6").replace("OUT // 2", "3")
DENSITIES = {
    "normal": (2, NORMAL, "amounts[:, None]"),
    "independent": (4, f"D.Independent({NORMAL}, 1)", "torch.stack([amounts, x[:, 1]], 1)"),
    "categorical": (4, "D.Categorical(logits=h)", "y"),
    "mixture": (
        9,
        f"D.MixtureSameFamily(D.Categorical(logits=h[:, 6:]), {NORMAL_OF_THREE})",
        "amounts",
    ),
}


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("name", DENSITIES)
def test_models_may_return_distributions(name: str, negated: bool, script: Any) -> None:
    out, distribution, targets = DENSITIES[name]
    body = DENSITY.replace("DISTRIBUTION", distribution).replace("OUT", str(out)).replace("TARGETS", targets)
    step = capture(script(body.replace("SIGN", "" if negated else "-"), head=HEAD + PAIRS))
    setup, root = setup_of(step), step.passes[-1].root
    assert root is not None
    assert setup.evaluate(setup.inputs, setup.targets) == pytest.approx(float(root.detach()), rel=1e-5)
    assert setup.evaluate(*setup.rows(slice(16, 48))) == pytest.approx(float(root.detach()), rel=0.5)
    report = examine(setup)
    signed = negated and name != "mixture"  # the sign is not followed through a logarithm of a sum
    assert [f.code for f in report.findings if f.severity is Severity.ERROR] == ["TW339"] * signed
