"""The live monitor hears loads, gradient scalers and later trainings, and looks into the samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import trainwright
from trainwright.measures.batches import InputScale, SampleOverlap, TargetCopies
from trainwright.measures.graph import LossGraph
from trainwright.measures.loop import ScalerSteps
from trainwright.report.watch import Watch

torch.set_num_threads(1)
DIGITS = load_digits()
IMAGES, CLASSES = torch.tensor(DIGITS.data / 16, dtype=torch.float32), torch.tensor(DIGITS.target)
DIABETES = load_diabetes(scaled=False)
TABLE = torch.tensor(DIABETES.data, dtype=torch.float32)
SCALED = (TABLE - TABLE.mean(0)) / TABLE.std(0)
PROGRESS = torch.tensor(DIABETES.target, dtype=torch.float32)


def doctor() -> Watch:
    return trainwright.watch(every=2, quiet=True)


def network(n_inputs: int = 64, n_outputs: int = 10) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_inputs, 16), nn.ReLU(), nn.Linear(16, n_outputs))


def fit(model: nn.Module, inputs: Tensor, targets: Tensor, steps: int = 30, held: nn.Module | None = None) -> None:
    optimizer = torch.optim.Adam((held or model).parameters(), lr=1e-3)
    loss_of = functional.mse_loss if targets.is_floating_point() else functional.cross_entropy
    for step in range(steps):
        rows = torch.arange(32 * step, 32 * step + 32) % len(inputs)
        optimizer.zero_grad()
        loss = loss_of(model(inputs[rows]).squeeze(1), targets[rows])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def codes(watch: Watch) -> set[str]:
    return {finding.code for finding in watch.findings}


# Loads ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_name", [False, True])
def test_a_checkpoint_whose_names_do_not_fit_is_named(by_name: bool) -> None:
    state = {f"module.{name}": value for name, value in network().state_dict().items()}
    with doctor() as watch:
        model = network()
        if by_name:
            model.load_state_dict(state_dict=state, strict=False)
        else:
            model.load_state_dict(state, strict=False)
        fit(model, IMAGES, CLASSES)
    assert "TW334" in codes(watch)


def test_a_checkpoint_that_fits_is_no_finding(tmp_path: Path) -> None:
    torch.save(obj=network().state_dict(), f=tmp_path / "weights.pt")
    with doctor() as watch:
        model = network()
        model.load_state_dict(torch.load(tmp_path / "weights.pt"))
        fit(model, IMAGES, CLASSES)
        torch.save(obj=model.state_dict(), f=tmp_path / "later.pt")
    assert not watch.findings


# Later trainings -----------------------------------------------------------------------------------------------------


def test_the_second_training_of_a_program_is_looked_at_as_the_first() -> None:
    with doctor() as watch:
        first = network()
        fit(first, IMAGES, CLASSES)
        second = network()
        second[2] = nn.Linear(16, 10)
        fit(second, IMAGES, CLASSES, held=second[0])
    assert "TW308" in codes(watch)
    assert len(watch.measurements.of(LossGraph)) == 2


def test_models_that_are_done_are_no_part_of_the_next_training() -> None:
    models = [network() for _ in range(3)]
    with doctor() as watch:
        for model in models:
            fit(model, IMAGES, CLASSES)
    assert not codes(watch) & {"TW307", "TW308", "TW309", "TW331"}


# Gradient scalers ----------------------------------------------------------------------------------------------------


def train_scaled(fused: bool, anew: bool) -> Watch:
    model, optimizer = network(), None
    with doctor() as watch:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20)
        for step in range(60):
            rows = torch.arange(32 * step, 32 * step + 32) % len(IMAGES)
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.float16):
                outputs = model(IMAGES[rows])
            scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40) if anew else scaler
            loss = functional.cross_entropy(outputs.float(), CLASSES[rows])
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            scaler.step(optimizer=optimizer)
            scaler.update()
    return watch


@pytest.mark.parametrize("fused", [False, True])
def test_steps_that_a_scaler_skips_are_counted(fused: bool) -> None:
    ill, healthy = train_scaled(fused, anew=True), train_scaled(fused, anew=False)
    (found,) = ill.measurements.of(ScalerSteps)
    assert (found.n_calls, found.n_skipped, found.latest_skipped) == (60, 60, 60)
    assert "TW415" in codes(ill)
    (found,) = healthy.measurements.of(ScalerSteps)
    assert 0 < found.n_skipped < 15
    assert found.latest_skipped == 0
    assert not healthy.findings


# Samples -------------------------------------------------------------------------------------------------------------


def loaders(*parts: slice) -> Iterator[DataLoader[Any]]:
    for part in parts:
        yield DataLoader(TensorDataset(IMAGES[part], CLASSES[part]), 40, shuffle=True)


def train_and_evaluate(*evaluated: DataLoader[Any], augment: bool = False) -> Watch:
    (training,) = loaders(slice(1200))
    model = network()
    with doctor() as watch:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(3):
            for inputs, targets in training:
                entered = inputs + 0.1 * torch.randn_like(inputs) if augment else inputs
                optimizer.zero_grad()
                loss = functional.cross_entropy(model(entered), targets)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            for loader in evaluated:
                with torch.no_grad():
                    for inputs, targets in loader:
                        functional.cross_entropy(model(inputs), targets)
    return watch


def test_samples_that_are_trained_on_and_evaluated_are_counted() -> None:
    (mixed,) = loaders(slice(1000, 1400))
    watch = train_and_evaluate(mixed)
    (found,) = watch.measurements.of(SampleOverlap)
    assert (found.n_evaluation, found.n_shared) == (400, 200)
    assert "TW212" in codes(watch)


def test_a_score_of_the_training_beside_one_of_other_samples_is_no_overlap() -> None:
    watch = train_and_evaluate(*loaders(slice(1200), slice(1200, None)))
    (found,) = watch.measurements.of(SampleOverlap)
    assert found.n_shared == 0
    assert not watch.findings


def test_a_guess_before_each_step_is_no_evaluation() -> None:
    (trained,) = loaders(slice(1200))
    model = network()
    with doctor() as watch:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for inputs, targets in trained:
            with torch.no_grad():
                guess = model(inputs).softmax(1)
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(inputs), 0.9 * functional.one_hot(targets, 10) + 0.1 * guess)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert not watch.measurements.of(SampleOverlap)


def sentences(count: int, words: int) -> Tensor:
    """Rows of 12 tokens of a vocabulary of so many words, the first of which tells the class."""
    return torch.randint(0, words, (count, 12), generator=torch.Generator().manual_seed(0))


class Reader(nn.Module):
    """A bag of words, given rows [N, T], or all words in a row with the positions at which the bags begin."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(words, 16)
        self.head = nn.Linear(16, 2)

    def forward(self, tokens: Tensor, offsets: Tensor | None = None) -> Tensor:
        outputs: Tensor = self.head(self.table(tokens, offsets))
        return outputs


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize(("words", "part", "fires"), [(50, 0, True), (50, 600, False), (2, 600, False)])
def test_texts_that_are_trained_on_and_evaluated_are_told_from_texts_that_are_alike_by_nature(
    flat: bool, words: int, part: int, fires: bool
) -> None:
    texts = sentences(900, words)
    classes = (texts[:, 0] < words // 2).long()

    def inputs(rows: Tensor) -> tuple[Tensor, ...]:
        return (texts[rows].flatten(), torch.arange(0, 12 * len(rows), 12)) if flat else (texts[rows],)

    model = Reader(words)
    with doctor() as watch:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(3):
            for rows in torch.randperm(600).reshape(20, 30):
                optimizer.zero_grad()
                loss = functional.cross_entropy(model(*inputs(rows)), classes[rows])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            model.eval()
            with torch.no_grad():
                rows = torch.arange(part, part + 300)
                functional.cross_entropy(model(*inputs(rows)), classes[rows])
            model.train()
    (found,) = watch.measurements.of(SampleOverlap)
    if part:
        assert found.n_shared / found.n_evaluation <= found.natural
    else:
        assert found.n_shared == found.n_evaluation
    assert ("TW212" in codes(watch)) == fires


def test_an_input_that_tells_the_target_is_found_and_related_ones_are_not() -> None:
    targets = (PROGRESS - PROGRESS.mean()) / PROGRESS.std()
    nearly = torch.cat([SCALED, (targets + 0.1 * torch.randn(len(targets)))[:, None]], 1)
    exactly = torch.cat([SCALED, 40 * targets[:, None] + 3], 1)
    for inputs, features in ((nearly, ()), (exactly, (10,))):
        with doctor() as watch:
            fit(network(11, 1), inputs, targets)
        (found,) = watch.measurements.of(TargetCopies)
        assert found.features == features
        assert ("TW117" in codes(watch)) == bool(features)


@pytest.mark.parametrize(
    ("inputs", "fires"),
    [
        (IMAGES, False),
        (IMAGES * 16, False),
        (IMAGES * 255, True),
        (IMAGES / 255, True),
        ((IMAGES / 255 - 0.4) / 0.25, True),
        (IMAGES + 2000, False),
    ],
)
def test_the_scale_of_what_enters_is_measured(inputs: Tensor, fires: bool) -> None:
    with doctor() as watch:
        fit(network(), inputs, CLASSES)
    (found,) = watch.measurements.of(InputScale)
    assert found.spread == pytest.approx(float(inputs[:960].std()), rel=0.05)
    assert ("TW112" in codes(watch)) == fires


class Joined(nn.Module):
    """A table's numbers, scaled within or not, beside the entry of a category."""

    def __init__(self, scales: bool) -> None:
        super().__init__()
        self.entries, self.scales = nn.Embedding(2, 3), scales
        self.layers = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, table: Tensor) -> Tensor:
        numbers = (table[:, 1:] - RAW[:, 1:].mean(0)) / RAW[:, 1:].std(0) if self.scales else table[:, 1:]
        joined = torch.cat([numbers, self.entries((table[:, 0] > RAW[:, 0].mean()).long())], 1)
        return self.layers(joined)  # type: ignore[no-any-return]


RAW = torch.tensor(DIABETES.data, dtype=torch.float32)


@pytest.mark.parametrize("scales", [True, False])
def test_numbers_that_a_model_scales_and_joins_with_entries_of_tables_are_no_raw_ones(scales: bool) -> None:
    with doctor() as watch:
        fit(Joined(scales), RAW, (PROGRESS - PROGRESS.mean()) / PROGRESS.std())
    assert ("TW112" in codes(watch)) == (not scales)


NORMAL = torch.randn(1200, 7, generator=torch.Generator().manual_seed(3))
CONSTANTS = torch.tensor([-0.7, -1.1, -0.4, 0.9, -0.8, -0.6, -1.3])


@pytest.mark.parametrize(
    ("inputs", "fires"),
    [
        (CONSTANTS + 0.003 * NORMAL, True),  # standardised with the mean and spread of other units
        (CONSTANTS + 0.3 * NORMAL, False),
        (CONSTANTS + 0.003 * NORMAL * torch.tensor([0, 0, 0, 1e3, 1e3, 1e3, 1e3]), False),
        (3 * CONSTANTS.round() + NORMAL, False),
    ],
)
def test_features_that_are_all_but_constant_are_named(inputs: Tensor, fires: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 32), nn.ReLU(), nn.Linear(32, 10))
    with doctor() as watch:
        fit(model, inputs, (NORMAL[:, 0] > 0).long())
    assert ("TW112" in codes(watch)) == fires


@pytest.mark.parametrize(
    ("optimizer", "rate", "fires"),
    [(torch.optim.SGD, 1.0, True), (torch.optim.Adam, 1e-3, False), (torch.optim.SGD, 1e-9, False)],
)
def test_counts_of_some_tens_are_named_where_a_lower_rate_mends_it(optimizer: Any, rate: float, fires: bool) -> None:
    torch.manual_seed(0)
    model, batch = network(), (IMAGES[:64] * 40 + 5, CLASSES[:64])
    found = trainwright.check(model, nn.CrossEntropyLoss(), batch, optimizer(model.parameters(), rate))
    assert ("TW112" in [each.code for each in found.findings]) == fires


class Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.layers, self.factor = network(), factor

    def forward(self, inputs: Tensor) -> Any:
        return self.layers(inputs * self.factor - 0.5)


@pytest.mark.parametrize(
    ("model", "factor"),
    [
        (lambda: nn.Sequential(nn.BatchNorm1d(64), *network()), 255.0),
        (lambda: Scaled(1 / 255), 255.0),
        (lambda: Scaled(255.0), 1 / 255),
    ],
)
def test_a_model_that_normalises_its_inputs_may_have_raw_ones(model: Callable[[], nn.Module], factor: float) -> None:
    with doctor() as watch:
        fit(model(), IMAGES * factor, CLASSES)
    assert "TW112" not in codes(watch)
    optimizer = torch.optim.SGD((made := model()).parameters(), 0.1)
    examined = trainwright.check(made, nn.CrossEntropyLoss(), (IMAGES[:64] * factor, CLASSES[:64]), optimizer)
    assert "TW112" in examined.verdict.passed


@pytest.mark.parametrize("shift", [0, 1])
def test_a_language_model_whose_targets_are_not_shifted_is_named(shift: int) -> None:
    text = torch.randint(30, (400, 13), generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(nn.Embedding(30, 16), nn.Linear(16, 30))
    with doctor() as watch:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for step in range(12):
            tokens = text[32 * step : 32 * step + 32]
            inputs, targets = tokens[:, :12], tokens[:, shift : 12 + shift]
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert ("TW117" in codes(watch)) == (shift == 0)


def test_a_target_that_is_the_sum_of_two_inputs_is_told_from_one_that_all_inputs_make() -> None:
    torch.manual_seed(0)
    parts = torch.rand(len(SCALED), 2)
    with doctor() as leaking:
        fit(network(12, 1), torch.cat([SCALED, parts], 1), 3 * parts[:, 0] + parts[:, 1])
    (found,) = leaking.measurements.of(TargetCopies)
    assert found.parts == (10, 11)
    assert "TW117" in codes(leaking)
    with doctor() as formula:
        fit(network(12, 1), torch.cat([SCALED, parts], 1), SCALED.sum(1) + parts.sum(1))
    assert "TW117" not in codes(formula)
    with doctor() as noisy:
        fit(network(12, 1), torch.cat([SCALED, parts], 1), parts.sum(1) + 0.01 * torch.randn(len(SCALED)))
    assert "TW117" not in codes(noisy)


def test_classes_that_only_the_validation_holds_are_named_and_rarer_ones_are_not() -> None:
    order = CLASSES.argsort(stable=True)
    images, classes = IMAGES[order], CLASSES[order]
    for training, validation, fires in (
        (slice(1400), slice(1400, None), True),
        (slice(0, None, 2), slice(1400), False),
    ):
        model = network()
        with doctor() as watch:
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            for _ in range(3):
                for inputs, targets in DataLoader(TensorDataset(images[training], classes[training]), 40, shuffle=True):
                    optimizer.zero_grad()
                    functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                with torch.no_grad():
                    functional.cross_entropy(model(images[validation]), classes[validation])
        assert ("TW205" in codes(watch)) is fires


def test_weights_that_start_at_zero_and_stay_there_are_seen_in_a_loop() -> None:
    for stuck in (True, False):
        model = network()
        layers: list[Any] = [model[0], model[2]] if stuck else [model[2]]
        for parameter in (p for layer in layers for p in layer.parameters()):
            nn.init.zeros_(parameter)
        with doctor() as watch:
            fit(model, IMAGES, CLASSES)
        assert ("TW310" in codes(watch)) is stuck, "a last layer at zero gets a gradient at once"


class Pooled(nn.Module):
    """Weighs the rows of an image by a softmax along them, or along an axis of one entry."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.score, self.head, self.axis = nn.Linear(8, 1), nn.Linear(8, 10), axis

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, 8, 8)
        outputs: Tensor = self.head((torch.softmax(self.score(rows), self.axis) * rows).sum(1))
        return outputs


def test_a_softmax_over_one_entry_inside_the_model_is_a_warning() -> None:
    for axis in (1, 2):
        with doctor() as watch:
            fit(Pooled(axis), IMAGES, CLASSES)
        assert ("TW340" in codes(watch)) is (axis == 2)


def test_a_number_that_enters_the_model_beside_the_samples_does_no_harm() -> None:
    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x: Tensor, weight: Tensor) -> Tensor:
            outputs: Tensor = weight * self.net(x)
            return outputs

    model = Weighted()
    with doctor() as watch:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for step in range(30):
            rows = torch.arange(32 * step, 32 * step + 32)
            optimizer.zero_grad()
            functional.cross_entropy(model(IMAGES[rows], torch.tensor(1.0)), CLASSES[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert watch.fault == ""
    assert not watch.findings


def _play(steps: int, *, target_first: bool) -> Watch:
    """Learn values from a memory, with a copy that gives the targets, and now and then ask what to do next."""
    torch.manual_seed(0)
    memory = torch.randn(400, 6)
    model, target = (nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2)) for _ in range(2))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with trainwright.watch(every=1, quiet=True) as watched:
        for step in range(steps):
            rows = torch.randperm(400)[:64]
            with torch.no_grad():
                model(memory[step : step + 1])
                aim = target(memory[(rows + 1) % 400]) if target_first else None
            values = model(memory[rows])
            if aim is None:
                with torch.no_grad():
                    aim = target(memory[(rows + 1) % 400])
            loss = nn.functional.mse_loss(values, 1 + 0.9 * aim)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return watched


@pytest.mark.parametrize("target_first", [True, False])
def test_what_makes_targets_or_collects_samples_is_no_evaluation(target_first: bool) -> None:
    watched = _play(60, target_first=target_first)
    assert not watched.session.measurements().of(SampleOverlap)
    assert "TW212" not in [finding.code for finding in watched.findings]


def test_a_column_that_follows_the_target_closely_is_told_from_the_last_value_of_a_series() -> None:
    targets = (PROGRESS - PROGRESS.mean()) / PROGRESS.std()
    noise = 1e-2 * torch.randn(len(targets), generator=torch.Generator().manual_seed(0))
    noisy = (targets + noise)[:, None]
    before = torch.cat([SCALED, noisy, noisy + 0.05 * noise[:, None].roll(1, 0)], 1)
    for inputs, fires in (
        (torch.cat([SCALED, noisy], 1), True),
        (torch.cat([SCALED, noisy.exp()], 1), True),
        (before, False),
    ):
        with doctor() as watch:
            fit(network(inputs.shape[1], 1), inputs, targets)
        (found,) = watch.measurements.of(TargetCopies)
        assert found.table is not None
        assert found.table.left < 1e-3
        assert ("TW117" in codes(watch)) == fires


def test_a_table_beside_pictures_is_looked_at() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen, self.table, self.out = nn.Linear(64, 8), nn.Linear(11, 8), nn.Linear(16, 1)

        def forward(self, pictures: Tensor, table: Tensor) -> Tensor:
            return self.out(torch.cat([self.seen(pictures.flatten(1)).relu(), self.table(table).relu()], 1))  # type: ignore[no-any-return]

    targets = (PROGRESS - PROGRESS.mean()) / PROGRESS.std()
    noise = 1e-2 * torch.randn(len(targets), generator=torch.Generator().manual_seed(0))
    pictures = IMAGES[: len(targets)].reshape(-1, 1, 8, 8)
    for column, fires in (
        (targets + noise, True),
        (targets + 4 * noise, True),
        (targets + 20 * noise, False),
        ((3 * targets).round(), True),  # a grade made of it
        ((targets + 2 * noise).mul(3).round(), False),
        (100 * noise, False),
    ):
        model, table = Both(), torch.cat([SCALED, column[:, None]], 1)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        with doctor() as watch:
            for step in range(30):
                rows = torch.arange(32 * step, 32 * step + 32) % len(table)
                optimizer.zero_grad()
                functional.mse_loss(model(pictures[rows], table[rows]).squeeze(1), targets[rows]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        assert ("TW117" in codes(watch)) == fires


@pytest.mark.parametrize(("still", "noise", "fires"), [(True, 0.1, True), (False, 0.1, False), (True, 3.0, False)])
def test_a_feature_that_stays_the_same_over_time_may_tell_the_class(still: bool, noise: float, fires: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    names = (PROGRESS.median() < PROGRESS).long()
    told = names + noise * torch.randn(len(names), generator=generator)
    over_time = told[:, None] + 0.5 * torch.randn(len(names), 6, generator=generator) * (not still)
    series = SCALED[:, None] + torch.randn(len(names), 6, 10, generator=generator)
    with doctor() as watch:
        model = nn.Sequential(nn.Flatten(), nn.Linear(66, 16), nn.ReLU(), nn.Linear(16, 2))
        fit(model, torch.cat([series, over_time[..., None]], 2), names)
    assert ("TW117" in codes(watch)) == fires


def test_signals_of_many_lengths_are_passed_over() -> None:
    model = nn.Sequential(nn.Conv1d(1, 8, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with doctor() as watch:
        for step in range(12):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(IMAGES[:32, None, : 40 + step]), CLASSES[:32])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert (watch.fault, watch.session.step) == ("", 12)


def test_series_of_integers_are_passed_over() -> None:
    class Floating(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Flatten(), nn.Linear(24, 10))

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x.float())  # type: ignore[no-any-return]

    numbers = torch.randint(0, 9, (1200, 6, 4), generator=torch.Generator().manual_seed(0))
    numbers[..., 0] = 0  # the same at all times
    with doctor() as watch:
        fit(Floating(), numbers, CLASSES[:1200])
    assert (watch.fault, watch.session.step) == ("", 30)


def test_columns_that_are_filled_in_for_one_class_only_tell_the_class() -> None:
    names = (PROGRESS.median() < PROGRESS).long()
    filled = torch.where(names > 0, 1 + torch.rand(len(names), generator=torch.Generator().manual_seed(0)), 0.0)
    many = filled.clone()
    many[names.nonzero().flatten()[:20]] = 0.0  # exceptions
    for column, telling, area in ((filled, (10,), 1.0), (many, (), 0.95)):
        with doctor() as watch:
            fit(network(11, 2), torch.cat([SCALED, column[:, None]], 1), names)
        (found,) = watch.measurements.of(TargetCopies)
        assert found.table is not None
        assert found.table.parting == 10
        assert found.table.area == pytest.approx(area, abs=0.01)
        assert found.table.telling == telling
        assert ("TW117" in codes(watch)) == bool(telling)


@pytest.mark.parametrize(("count", "fires"), [(60, True), (1200, False)])
@pytest.mark.parametrize("loaded", [True, False])
def test_sixty_noisy_samples_are_too_little_data(count: int, fires: bool, loaded: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    wrong = torch.rand(count, generator=generator) < 0.4
    classes = torch.where(wrong, torch.randint(0, 10, (count,), generator=generator), CLASSES[:count])
    rows = DataLoader(TensorDataset(IMAGES[:count], classes), batch_size=20, shuffle=True, generator=generator)
    torch.manual_seed(0)
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with doctor() as watch:
        for _ in range(60 if fires else 4):
            batches = rows if loaded else [(IMAGES[k : k + 20], classes[k : k + 20]) for k in range(0, count, 20)]
            for images, names in batches:
                optimizer.zero_grad()
                functional.cross_entropy(model(images), names).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            with torch.no_grad():
                functional.cross_entropy(model(IMAGES[1200:]), CLASSES[1200:])
    assert ("TW122" in codes(watch)) == fires


@pytest.mark.parametrize(("units", "fires"), [(1, True), (8, False)])
def test_a_neck_of_three_values_to_predict_is_named_where_a_batch_cannot_be_fitted(units: int, fires: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, units), nn.Linear(units, 3))
    targets = torch.randn(64, 3, generator=torch.Generator().manual_seed(1))
    found = trainwright.check(model, nn.MSELoss(), (IMAGES[:64], targets), torch.optim.Adam(model.parameters(), 1e-2))
    assert ("TW329" in [each.code for each in found.findings]) == fires


@pytest.mark.parametrize(("channels", "around", "fires"), [(1, False, True), (4, False, False), (1, True, False)])
def test_a_convolution_that_leaves_one_channel_is_a_neck_of_a_classifier(
    channels: int, around: bool, fires: bool
) -> None:
    class Squeezed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.neck = nn.Conv2d(1, 12, 3, padding=1), nn.Conv2d(12, channels, 1)
            self.wide, self.head = nn.Conv2d(channels, 12, 3, padding=1), nn.Linear(12 * 64, 10)

        def forward(self, x: Tensor) -> Tensor:
            found = self.first(x.view(-1, 1, 8, 8)).relu()
            wide = self.wide(self.neck(found)).relu() + found * around
            return self.head(wide.flatten(1))  # type: ignore[no-any-return]

    torch.manual_seed(0)
    model = Squeezed()
    batch, optimizer = (IMAGES[:64], CLASSES[:64]), torch.optim.Adam(model.parameters(), 1e-3)
    found = trainwright.check(model, nn.CrossEntropyLoss(), batch, optimizer)
    assert ("TW329" in [each.code for each in found.findings]) == fires


@pytest.mark.parametrize("ahead", [0, 1])
def test_class_numbers_are_counted_where_a_loader_gives_the_next_batch_before_the_loss(ahead: int) -> None:
    rows = DataLoader(TensorDataset(IMAGES[:1200], CLASSES[:1200]), batch_size=40)
    torch.manual_seed(0)
    model = network(n_outputs=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with doctor() as watch:
        waiting: list[Any] = []
        for batch in rows:
            waiting.append(batch)
            if len(waiting) <= ahead:
                continue
            images, names = waiting.pop(0)
            optimizer.zero_grad()
            functional.mse_loss(model(images).squeeze(1), names.float()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert "TW325" in codes(watch)


@pytest.mark.parametrize("units", [1, 8])
def test_a_neck_of_one_unit_is_named_in_a_watched_loop(units: int) -> None:
    model = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, units), nn.ReLU(), nn.Linear(units, 10))
    with doctor() as watch:
        fit(model, IMAGES, CLASSES)
    assert ("TW329" in codes(watch)) == (units == 1)


@pytest.mark.parametrize(("units", "fires"), [(1, True), (4, False)])
@pytest.mark.parametrize("watched", [True, False])
def test_a_regressions_layer_of_one_unit_that_is_widened_again_is_a_neck(
    units: int, fires: bool, watched: bool
) -> None:
    torch.manual_seed(0)
    hidden = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, units), nn.ReLU(), nn.Linear(units, 16))
    model = nn.Sequential(hidden, nn.ReLU(), nn.Linear(16, 1))
    with doctor() as watch:
        fit(model, SCALED, PROGRESS / 100)
    batch, optimizer = (SCALED[:64], PROGRESS[:64, None] / 100), torch.optim.Adam(model.parameters(), 1e-2)
    found = watch.findings if watched else trainwright.check(model, nn.MSELoss(), batch, optimizer).findings
    assert ("TW329" in [each.code for each in found]) == fires


FIVE = torch.where(CLASSES > 4, 4, CLASSES)


def _expected(logits: Tensor) -> Tensor:
    return logits.softmax(1) @ torch.arange(10.0)


@pytest.mark.parametrize(
    ("loss", "fires"),
    [
        (lambda logits, y: functional.l1_loss(_expected(logits), y), True),
        (lambda logits, y: (_expected(logits) - y).square().mean(), True),  # of one's own
        (lambda logits, y: functional.mse_loss(logits, y[:, None].expand_as(logits)), True),
        (lambda logits, y: functional.mse_loss(logits[:, 0], y), False),
        (lambda logits, y: functional.mse_loss(logits, functional.one_hot(y.long(), 10).float()), False),
        (lambda logits, y: functional.mse_loss(_expected(logits), y + 0.5), False),  # a place between
    ],
    ids=["expected", "expected by hand", "the same for all", "one output", "one hot", "fractions"],
)
def test_class_numbers_held_against_what_is_made_of_as_many_outputs_are_no_quantities(
    loss: Callable[[Tensor, Tensor], Tensor], fires: bool
) -> None:
    torch.manual_seed(0)
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with doctor() as watch:
        for images, names in DataLoader(TensorDataset(IMAGES[:600], FIVE[:600]), batch_size=40, shuffle=True):
            optimizer.zero_grad()
            loss(model(images), names.float()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert ("TW325" in codes(watch)) == fires


@pytest.mark.parametrize(
    ("targets", "fires"),
    [
        (CLASSES, True),
        (CLASSES + 1, False),  # grades from 1 on
        (CLASSES.float(), True),
        (CLASSES.float() + 0.5, False),  # fractions, as a regression's
        (CLASSES.float().clamp(max=6), False),  # whole, but not equally often
        (CLASSES.float() % 4, False),  # few
        (CLASSES * (CLASSES < 3), False),  # counts, mostly 0
        (CLASSES % 2, False),
    ],
)
def test_numbers_of_ten_classes_in_small_batches_are_no_quantities(targets: Tensor, fires: bool) -> None:
    torch.manual_seed(0)
    model = network(n_outputs=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with doctor() as watch:
        for images, numbers in DataLoader(TensorDataset(IMAGES[:800], targets[:800]), batch_size=16, shuffle=True):
            optimizer.zero_grad()
            functional.mse_loss(model(images).squeeze(1), numbers.float()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert ("TW325" in codes(watch)) == fires


@pytest.mark.parametrize(("targets", "fires"), [(CLASSES, True), (CLASSES.clamp(max=6), False)])
def test_class_numbers_are_counted_without_a_loader(targets: Tensor, fires: bool) -> None:
    torch.manual_seed(0)
    with doctor() as watch:
        fit(network(n_outputs=1), IMAGES, targets.float())
    assert ("TW325" in codes(watch)) == fires


@pytest.mark.parametrize(
    ("targets", "fires"),
    [
        (torch.where(CLASSES > 6, 0, CLASSES), True),  # not equally often
        (IMAGES.sum(1).div(10).round().long(), False),  # quantities, most of which are found
    ],
    ids=["names", "quantities"],
)
def test_whole_numbers_that_rounded_answers_are_compared_with_are_names_where_few_are_found(
    targets: Tensor, fires: bool
) -> None:
    targets = targets - targets.min()
    torch.manual_seed(0)
    model = network(n_outputs=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with doctor() as watch:
        for rows in torch.split(torch.randperm(1200).repeat(8), 40):
            optimizer.zero_grad()
            loss = functional.mse_loss(model(IMAGES[rows]).squeeze(1), targets[rows].float())
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with torch.no_grad():
            (model(IMAGES[1200:]).squeeze(1).round().clamp(0, 9).long() == targets[1200:]).float().mean()
    assert ("TW325" in codes(watch)) == fires


ODD = (CLASSES % 2)[:, None].float()
HOT = functional.one_hot(CLASSES, 10).float()


@pytest.mark.parametrize(
    ("loss", "targets", "bounded", "read_at", "fires"),
    [
        (nn.MSELoss(), ODD, False, 0.0, True),
        (nn.MSELoss(), ODD, False, 0.5, False),
        (nn.MSELoss(), HOT, False, 0.0, False),
        (nn.L1Loss(), ODD, False, 0.5, True),
        (nn.L1Loss(), ODD, True, 0.5, False),
        (nn.L1Loss(), ODD * 0.5, False, 0.0, False),
    ],
    ids=["squares read at 0", "squares read at one half", "one hot", "l1", "l1 of a sigmoid", "fractions"],
)
def test_yes_or_no_is_no_quantity(
    loss: Callable[[Tensor, Tensor], Tensor], targets: Tensor, bounded: bool, read_at: float, fires: bool
) -> None:
    torch.manual_seed(0)
    model = network(n_outputs=targets.shape[1]).append(nn.Sigmoid() if bounded else nn.Identity())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with doctor() as watch:
        for _ in range(2):
            for images, wanted in DataLoader(TensorDataset(IMAGES[:800], targets[:800]), batch_size=40, shuffle=True):
                optimizer.zero_grad()
                loss(model(images), wanted).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            with torch.no_grad():
                ((model(IMAGES[800:]) > read_at).float() == targets[800:]).float().mean()
    assert ("TW325" in codes(watch)) == fires


class _Beside(nn.Module):
    """A table beside pictures, whose numbers are joined with what a layer has made of the pictures."""

    def __init__(self, *, scales: bool) -> None:
        super().__init__()
        self.seen, self.out = nn.Linear(64, 8), nn.Linear(18, 1)
        self.scaled = nn.BatchNorm1d(10) if scales else nn.Identity()

    def forward(self, pictures: Tensor, table: Tensor) -> Tensor:
        return self.out(torch.cat([self.seen(pictures).relu(), self.scaled(table)], 1)).squeeze(1)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("trained", "evaluated", "scales", "expected"),
    [
        (SCALED, SCALED, False, set()),
        (TABLE, TABLE, False, {"TW112"}),
        (TABLE, TABLE, True, set()),
        (SCALED, TABLE, False, {"TW208"}),
    ],
    ids=["scaled", "raw", "scaled within", "raw in the evaluation"],
)
def test_the_scale_of_a_further_input_is_looked_at(
    trained: Tensor, evaluated: Tensor, scales: bool, expected: set[str]
) -> None:
    torch.manual_seed(0)
    model, targets = _Beside(scales=scales), PROGRESS / 100
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    with doctor() as watch:
        for step in range(30):
            rows = torch.arange(32 * step, 32 * step + 32) % 300
            optimizer.zero_grad()
            functional.mse_loss(model(IMAGES[rows], trained[rows]), targets[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if step % 5 == 4:
                model.eval()
                with torch.no_grad():
                    functional.mse_loss(model(IMAGES[300:442], evaluated[300:]), targets[300:])
                model.train()
    assert codes(watch) & {"TW112", "TW208"} == expected


@pytest.mark.parametrize(
    ("loaded", "held_out", "fires"),
    [(True, (0, 1, 2), False), (False, (0, 1, 2), False), (True, (0, 2, 2), True)],
    ids=["each fold by others", "each fold by others, no loader", "one by its own"],
)
def test_what_one_fold_is_evaluated_on_another_is_trained_on(
    loaded: bool, held_out: tuple[int, ...], fires: bool
) -> None:
    folds = [torch.arange(600).view(3, -1)[k] for k in range(3)]
    with doctor() as watch:
        for fold, evaluated in enumerate(held_out):
            torch.manual_seed(fold)
            model = network()
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
            rows = torch.cat([folds[k] for k in range(3) if k != fold])
            loader = DataLoader(TensorDataset(IMAGES[rows], CLASSES[rows]), 40, shuffle=True)
            plain = [(IMAGES[part], CLASSES[part]) for part in torch.split(rows, 40)]
            for _ in range(3):
                for images, names in loader if loaded else plain:
                    optimizer.zero_grad()
                    functional.cross_entropy(model(images), names).backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                with torch.no_grad():
                    test = IMAGES[folds[evaluated]], CLASSES[folds[evaluated]]
                    for images, names in DataLoader(TensorDataset(*test), 100) if loaded else [test]:
                        functional.cross_entropy(model(images), names)
    assert ("TW212" in codes(watch)) == fires


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_second_training_on_other_data_may_be_the_one_that_does_not_shuffle(shuffle: bool) -> None:
    order = CLASSES[600:1200].argsort()
    second = TensorDataset(IMAGES[600:1200][order], CLASSES[600:1200][order])
    loaders = [
        DataLoader(TensorDataset(IMAGES[:600], CLASSES[:600]), 30, shuffle=True),
        DataLoader(second, 30, shuffle=shuffle),
    ]
    model = network()
    with doctor() as watch:
        for loader in loaders:
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            for _ in range(2):
                for images, names in loader:
                    optimizer.zero_grad()
                    functional.cross_entropy(model(images), names).backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
    assert ("TW511" in codes(watch)) == (not shuffle)


@pytest.mark.parametrize("inside", [True, False], ids=["within the model", "the first of two"])
def test_targets_of_a_loss_within_a_model_or_of_the_first_of_two_are_those_of_its_inputs(inside: bool) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = network(11, 2)

        def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            outputs = self.body(x)
            return outputs, functional.mse_loss(outputs[:, 0], y) if inside else outputs.sum()

    targets = (PROGRESS - PROGRESS.mean()) / PROGRESS.std()
    leaking = torch.cat([SCALED, 40 * targets[:, None] + 3], 1)
    model = Own()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with doctor() as watch:
        for _ in range(3):
            for rows in torch.split(torch.randperm(len(leaking)), 40):
                optimizer.zero_grad()
                outputs, loss = model(leaking[rows], targets[rows])
                if not inside:
                    loss = functional.mse_loss(outputs[:, 0], targets[rows])
                    loss = loss + functional.mse_loss(outputs[:, 1], torch.randn(len(rows)))
                loss.backward()
                optimizer.step()
    assert "TW117" in codes(watch)


@pytest.mark.parametrize(("part", "shared"), [(0, 300), (1200, 0)])
def test_samples_that_differ_by_little_beside_their_mean_are_told_apart(part: int, shared: int) -> None:
    images = IMAGES.round(decimals=1) / 1000 - 1.5
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with doctor() as watch:
        for _ in range(3):
            for rows in torch.split(torch.arange(1200), 30):
                optimizer.zero_grad()
                functional.cross_entropy(model(images[rows]), CLASSES[rows]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            with torch.no_grad():
                functional.cross_entropy(model(images[part : part + 300]), CLASSES[part : part + 300])
    (found,) = watch.measurements.of(SampleOverlap)
    assert found.n_shared == shared
