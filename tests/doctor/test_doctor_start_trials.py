"""What the trials of structure and start measure, on models written by hand over real digits."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwright.checks.model.future_leak import FutureLeak
from trainwright.checks.model.ignores_input import IgnoresInput
from trainwright.checks.model.init_scale import InitScale
from trainwright.core import judge
from trainwright.doctor.loads import loads_into, record_loads
from trainwright.doctor.setup import Setup
from trainwright.doctor.trials import (
    check_functions,
    compare_modes,
    compare_running_statistics,
    compare_sample_by_sample,
    describe_structure,
    future_dependence,
    inspect_axes,
    output_gradient,
    run_trials,
    watch_activations,
    watch_weights,
)
from trainwright.measures.start import ActivationsAtStart
from trainwright.measures.trials import InputDependence

KINDS = {ActivationsAtStart, InputDependence}


class Net(nn.Module):
    """A function of the model and its input, and the modules it uses."""

    def __init__(self, function: Any, **modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


def with_model(setup: Any, model: nn.Module, inputs: Any = None, targets: Any = None) -> Any:
    """The digits with another model, and its own Adam."""
    torch.manual_seed(0)
    setup.model = model
    setup.optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    setup.inputs = setup.inputs if inputs is None else inputs
    setup.targets = setup.targets if targets is None else targets
    return setup


def residual(*, zero_gamma: bool) -> nn.Module:
    norm = nn.BatchNorm1d(64)
    if zero_gamma:
        nn.init.zeros_(norm.weight)
    return Net(lambda m, x: m.head(x + m.norm(m.inner(x).relu())), inner=nn.Linear(64, 64), norm=norm, head=head())


def head() -> nn.Linear:
    return nn.Linear(64, 10)


def adapter(*, both_zero: bool) -> nn.Module:
    down, up = nn.Linear(64, 2, bias=False), nn.Linear(2, 10, bias=False)
    nn.init.zeros_(up.weight)
    if both_zero:
        nn.init.zeros_(down.weight)
    return Net(lambda m, x: m.base(x) + m.up(m.down(x)), base=head().requires_grad_(False), down=down, up=up)


def stuck(setup: Any) -> list[str]:
    return [w.name for w in watch_weights(setup).weights if w.largest == 0 and w.gradient == 0]


def test_what_starts_at_zero_by_design_gets_a_gradient_soon(digits: Any) -> None:
    assert stuck(with_model(digits.mlp(), residual(zero_gamma=True))) == []
    assert stuck(with_model(digits.mlp(), adapter(both_zero=False))) == []
    assert stuck(with_model(digits.mlp(), adapter(both_zero=True))) == ["down.weight", "up.weight"]


def test_a_rate_that_a_schedule_holds_at_zero_is_warmed_up_first(digits: Any) -> None:
    setup = with_model(digits.mlp(), residual(zero_gamma=True))
    torch.optim.lr_scheduler.LambdaLR(setup.optimizer, lambda step: min(1.0, step / 10))
    assert setup.learning_rate == 0
    found = watch_weights(setup)
    assert found.moved
    assert setup.learning_rate == 0


def test_units_that_start_alike_are_told_from_units_that_part(digits: Any) -> None:
    def spreads(fill: Any) -> Any:
        setup = digits.mlp()
        with torch.no_grad():
            for layer in fill(setup.model):
                layer.weight.fill_(0.01)
                layer.bias.zero_()
        return {w.name: (w.unit_spread, w.gradient_spread) for w in watch_weights(setup).weights}

    both = spreads(lambda m: (m[0], m[2]))
    assert both["0.weight"] == pytest.approx((0, 0), abs=1e-5)
    first = spreads(lambda m: (m[0],))
    assert first["0.weight"][0] == pytest.approx(0, abs=1e-6)
    assert first["0.weight"][1] > 0.1, "a head of random weights gives every unit a gradient of its own"


def test_gates_stacked_in_one_weight_are_compared_each_with_its_own_units(digits: Any) -> None:
    model = Net(lambda m, x: m.head(m.rnn(x)[0][:, -1]), rnn=nn.GRU(8, 64, batch_first=True), head=head())
    with torch.no_grad():
        for parameter in model.rnn.parameters():  # type: ignore[union-attr]
            parameter.fill_(0.05)
        model.head.weight.fill_(0.05)  # type: ignore[union-attr, operator]
    setup = digits.mlp()
    found = watch_weights(with_model(setup, model, setup.inputs.reshape(-1, 8, 8))).weights
    assert next(w for w in found if w.name == "rnn.weight_ih_l0").gradient_spread < 1e-4


def test_every_way_to_write_relu_is_seen(digits: Any) -> None:
    model = Net(
        lambda m, x: m.c(torch.tanh(functional.relu(m.b(m.act(m.a(x)).relu() + 0)))),
        a=nn.Linear(64, 16),
        act=nn.ReLU(inplace=True),
        b=nn.Linear(16, 16),
        c=nn.Linear(16, 10),
    )
    found = watch_activations(with_model(digits.mlp(), model)).layers
    places = [(layer.name, layer.kind) for layer in found]
    assert places == [
        ("a", "layer"),
        ("act", "relu"),
        ("model", "relu"),
        ("b", "layer"),
        ("model (relu 2)", "relu"),
        ("model", "tanh"),
        ("c", "layer"),
    ]
    assert all(0 <= layer.dead < 0.5 for layer in found if layer.kind == "relu")


def test_outputs_that_fade_layer_by_layer_are_told_from_those_that_are_cut(digits: Any) -> None:
    def found(model: nn.Module) -> list[str]:
        verdict = judge([InitScale(), IgnoresInput()], run_trials(with_model(digits.mlp(), model), KINDS))
        return [finding.code for finding in verdict.findings]

    torch.manual_seed(0)
    squashed = [part for _ in range(14) for part in (nn.Linear(32, 32), nn.Sigmoid())]
    assert found(nn.Sequential(nn.Linear(64, 32), nn.Sigmoid(), *squashed, nn.Linear(32, 10))) == ["TW312"]
    layers = {name: nn.Linear(32, 32) for name in "abcd"}
    cut = Net(
        lambda m, x: m.head(m.d(m.c(m.b(m.a(m.first(x))) * 1e-9))),
        first=nn.Linear(64, 32),
        head=nn.Linear(32, 10),
        **layers,
    )
    assert found(cut) == ["TW304"]


@pytest.mark.parametrize(("squashing", "fires"), [(nn.Sigmoid, True), (nn.ReLU, False)])
def test_a_part_that_loses_the_input_is_named_though_the_rest_gets_it_another_way(
    digits: Any, squashing: type[nn.Module], fires: bool
) -> None:
    torch.manual_seed(0)
    deep = nn.Sequential(*(part for _ in range(12) for part in (nn.Linear(32, 32), squashing())))
    model = Net(
        lambda m, x: m.head(torch.cat([m.deep(m.first(x)), x], 1)),
        first=nn.Linear(64, 32),
        deep=deep,
        head=nn.Linear(96, 10),
    )
    for layer in deep:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight, 1.0 if fires else 2**0.5)
    found = judge([InitScale(), IgnoresInput()], run_trials(with_model(digits.mlp(), model), KINDS)).findings
    assert [(f.code, f.severity.value) for f in found] == [("TW312", "warning")] * fires


def test_one_of_several_outputs_without_a_gradient_is_named(digits: Any) -> None:
    def effect(cut: bool) -> tuple[tuple[str, ...], bool]:
        def answer(m: Any, x: Tensor) -> dict[str, Tensor]:
            hidden = m.trunk(x).relu()
            return {"logits": m.head(hidden), "spread": m.spread(hidden).detach() if cut else m.spread(hidden)}

        model = Net(answer, trunk=nn.Linear(64, 32), head=nn.Linear(32, 10), spread=nn.Linear(32, 10))
        found = output_gradient(with_model(digits.mlp(), model))
        return found.cut, found.effect > 1e-3

    assert effect(True) == (("spread",), True)
    assert effect(False) == ((), False)


def test_a_softmax_between_layers_is_told_from_one_that_weighs(digits: Any) -> None:
    def findings(function: Any) -> list[Any]:
        model = Net(function, a=nn.Linear(64, 32), b=nn.Linear(32, 32), head=nn.Linear(32, 10))
        start = watch_activations(with_model(digits.mlp(), model))
        return list(InitScale().run(start, None, None, None))

    (finding,) = findings(lambda m, x: m.head(m.b(m.a(x).relu()).softmax(1)))
    assert finding.evidence[0].where == "model"
    assert "between b and head" in finding.happened
    (finding,) = findings(lambda m, x: m.head((m.a(x).relu() + m.b(m.a(x).relu()).relu()).softmax(1)))  # a residual sum
    assert finding.code == "TW312"
    assert not findings(lambda m, x: m.head(m.a(x).relu() * m.b(m.a(x).relu()).softmax(1)))
    assert not findings(lambda m, x: m.head(functional.gumbel_softmax(m.b(m.a(x).relu()))))
    assert not findings(lambda m, x: m.head(m.b(m.a(x).relu()).relu()).softmax(1))


def test_dead_channels_of_feature_maps_are_counted_along_the_channels(digits: Any) -> None:
    conv = nn.Conv2d(1, 8, 3)
    with torch.no_grad():
        conv.bias[:6] = -100.0  # type: ignore[index]
    setup = digits.mlp()
    model = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    found = watch_activations(with_model(setup, model, setup.inputs.reshape(-1, 1, 8, 8))).layers
    assert next(layer for layer in found if layer.kind == "relu").dead == 0.75


def test_the_way_around_a_narrow_layer_is_found(digits: Any) -> None:
    def narrow(function: Any) -> Any:
        squeeze, widen = nn.Linear(64, 1), nn.Linear(1, 64)
        setup = with_model(digits.mlp(), Net(function, squeeze=squeeze, widen=widen, head=head()))
        return {layer.name: layer.only_way for layer in describe_structure(setup).layers}["squeeze"]

    assert narrow(lambda m, x: m.head(m.widen(m.squeeze(x))))
    assert not narrow(lambda m, x: m.head(x * m.widen(m.squeeze(x)).sigmoid()))


def test_a_bias_is_useless_only_where_the_normalisation_alone_takes_it(digits: Any) -> None:
    def norm_after(function: Any, norm: nn.Module) -> Any:
        setup = with_model(digits.mlp(), Net(function, inner=nn.Linear(64, 64), norm=norm, other=head(), head=head()))
        return next(layer for layer in describe_structure(setup).layers if layer.name == "inner").norm_after

    def plain(m: Any, x: Any) -> Any:
        return m.head(m.norm(m.inner(x)))

    def twice(m: Any, x: Any) -> Any:
        inner = m.inner(x)
        return m.head(m.norm(inner)) + m.other(inner)

    def around(m: Any, x: Any) -> Any:
        inner = m.inner(x)
        return m.head(m.norm(inner) + inner)

    assert norm_after(plain, nn.BatchNorm1d(64)) == "norm"
    assert norm_after(plain, nn.LayerNorm(64)) == ""
    assert norm_after(twice, nn.BatchNorm1d(64)) == ""
    assert norm_after(around, nn.BatchNorm1d(64)) == ""


@pytest.mark.parametrize(
    ("layer", "turn", "mixed"),
    [
        (nn.LSTM(8, 64, batch_first=True), False, False),
        (nn.LSTM(8, 64, batch_first=True), True, True),
        (nn.LSTM(8, 64), False, True),
        (nn.LSTM(8, 64), True, False),
    ],
)
def test_layers_that_run_along_the_samples_are_named(digits: Any, layer: Any, turn: Any, mixed: Any) -> None:
    def forward(m: Any, x: Any) -> Any:
        states, _ = m.rnn(x.transpose(0, 1) if turn else x)
        return m.head(states[-1] if turn else states[:, -1])

    setup = digits.mlp()
    setup = with_model(setup, Net(forward, rnn=layer, head=head()), setup.inputs[:, :48].reshape(-1, 6, 8))
    assert [mix.name for mix in inspect_axes(setup).mixes] == (["rnn"] if mixed else [])


def test_attention_along_the_samples_is_named(digits: Any) -> None:
    def setup_with(*, batch_first: bool) -> Any:
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=batch_first)
        setup = digits.mlp()
        model = Net(lambda m, x: m.head(m.layer(x).flatten(1)), layer=layer, head=nn.Linear(48, 10))
        return with_model(setup, model, setup.inputs[:, :48].reshape(-1, 6, 8))

    assert inspect_axes(setup_with(batch_first=True)).mixes == ()
    assert [mix.name for mix in inspect_axes(setup_with(batch_first=False)).mixes] == ["layer.self_attn"]


def test_a_view_that_should_have_been_a_permutation_is_named(digits: Any) -> None:
    def mixes(turn: Any) -> Any:
        setup = digits.mlp()
        model = Net(lambda m, x: m.head(m.conv(turn(x)).mean(2)), conv=nn.Conv1d(4, 64, 3), head=head())
        return inspect_axes(with_model(setup, model, setup.inputs.reshape(-1, 16, 4))).mixes

    assert mixes(lambda x: x.transpose(1, 2)) == ()
    (found,) = mixes(lambda x: x.reshape(len(x), 4, 16))
    assert (found.name, found.problem) == ("conv", "view")
    assert "[5, 16, 4]" in found.before


def test_a_renaming_inside_the_model_is_named_and_the_shift_of_relative_positions_is_not(digits: Any) -> None:
    def mixes(turn: Any) -> Any:
        setup = digits.mlp()
        model = Net(lambda m, x: m.head(m.conv(turn(x)).mean(2)), conv=nn.Conv1d(5, 64, 3), head=head())
        return inspect_axes(with_model(setup, model, setup.inputs.reshape(-1, 16, 4))).mixes

    def joined(turned: Any) -> Any:
        return torch.cat([turned, torch.ones(len(turned), 1, 16)], 1)

    def shifted(x: Any) -> Any:
        padded = torch.cat([x, torch.zeros(len(x), 16, 1)], 2)
        return padded.view(len(x), 5, 16)

    assert mixes(lambda x: joined(x.transpose(1, 2))) == ()
    assert mixes(shifted) == ()
    (found,) = mixes(lambda x: joined(x.reshape(len(x), 4, 16)))
    assert (found.name, found.problem, found.after) == ("reshape", "view", "[5, 4, 16]")


class Square(torch.autograd.Function):
    factor = 2.0

    @classmethod
    def forward(cls, ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @classmethod
    def backward(cls, ctx: Any, gradient: Any) -> Any:
        return cls.factor * ctx.saved_tensors[0] * gradient


class WrongSquare(Square):
    factor = 1.0


class Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return -gradient


class NewStyleSquare(torch.autograd.Function):
    @staticmethod
    def forward(x: Any) -> Any:
        return x * x

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return 2 * ctx.saved_tensors[0] * gradient


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.sign()

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return gradient


def test_hand_written_gradients_beside_finite_differences(digits: Any) -> None:
    def measured(function: Any) -> Any:
        before, apply = function.__dict__.get("forward"), function.apply
        model = Net(lambda m, x: m.b(apply(m.a(x))), a=nn.Linear(64, 64), b=head())
        (found,) = check_functions(with_model(digits.mlp(), model)).functions
        assert function.__dict__.get("forward") is before, "the recorder is taken off again"
        return found

    assert measured(Square).error < 1e-6
    assert measured(NewStyleSquare).error < 1e-6
    assert measured(WrongSquare).error == pytest.approx(0.5, abs=1e-3)
    assert measured(Reversal).is_identity
    assert math.isinf(measured(Sign).smoothness)
    assert check_functions(digits.mlp()).functions == ()


def test_modes_and_random_states(digits: Any) -> None:
    healthy = compare_modes(digits.mlp(lambda: nn.Dropout(0.1)))
    assert healthy.random_difference == 0
    assert healthy.eval_loss < healthy.train_loss
    noisy = compare_modes(digits.mlp(lambda: Net(lambda m, x: functional.dropout(x, 0.5))))
    assert noisy.random_difference > 0.1
    assert noisy.repeat_difference == 0
    assert noisy.disturbs
    assert not healthy.disturbs
    blurred = compare_modes(digits(lambda: Net(lambda m, x: x + torch.randn_like(x)), lambda: nn.Linear(64, 10)))
    assert blurred.disturbs
    spiking = compare_modes(digits.mlp(lambda: Net(lambda m, x: torch.bernoulli(x.sigmoid()))))
    assert spiking.random_difference > 0.1
    assert not spiking.disturbs


def test_sample_by_sample(digits: Any) -> None:
    assert compare_sample_by_sample(digits.mlp()).difference < 1e-5
    assert compare_sample_by_sample(digits.mlp(lambda: Net(lambda m, x: x / len(x)))).difference > 0.5
    squeezed = compare_sample_by_sample(digits.mlp(lambda: Net(lambda m, x: x.squeeze())))
    assert "1 samples" in squeezed.refused


def melodies(*, shift: int) -> Any:
    generator = torch.Generator().manual_seed(0)
    notes = torch.randint(0, 12, (64, 13), generator=generator)
    return notes[:, : 13 - shift], notes[:, shift:]


def language_model(*, causal: bool, shift: int = 1) -> Setup:
    torch.manual_seed(0)

    def forward(m: Any, x: Any) -> Any:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1]) if causal else None
        return m.out(m.layer(m.table(x), src_mask=mask))

    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True)
    model = Net(forward, table=nn.Embedding(12, 16), layer=layer, out=nn.Linear(16, 12))
    inputs, targets = melodies(shift=shift)
    loss = lambda o, t: functional.cross_entropy(o.flatten(0, 1), t.flatten())  # noqa: E731
    optimizer = torch.optim.Adam(model.parameters())
    return Setup(model, loss, optimizer, inputs, targets, "classification", 12)


def test_a_look_at_the_future_is_judged_only_where_it_is_to_be_predicted() -> None:
    assert future_dependence(language_model(causal=True)).leak == 0
    leaking = future_dependence(language_model(causal=False))
    assert leaking.task == "next"
    assert leaking.leak > 0.01
    tagging = future_dependence(language_model(causal=False, shift=0))
    assert tagging.task != "next"
    assert tagging.leak == 0
    assert future_dependence(language_model(causal=False, shift=0), causal=True).leak > 0.01


def test_outputs_that_are_random_by_themselves_do_not_see_the_future() -> None:
    setup = language_model(causal=True)
    drawn = Net(lambda m, x: functional.dropout(m.within(x), 0.3, training=True), within=setup.model)
    assert future_dependence(replace(setup, model=drawn)).leak == 0


def translator(*, causal: bool = True, shifted: bool = True) -> Setup:
    """A decoder that answers melodies backwards, given the answer so far; its targets are among the inputs unused."""
    setup = language_model(causal=causal)
    torch.manual_seed(0)

    def forward(m: Any, batch: Any) -> Any:
        mask = nn.Transformer.generate_square_subsequent_mask(batch["answer"].shape[1]) if causal else None
        return m.out(m.layer(m.table(batch["answer"]), m.table(batch["melody"]), tgt_mask=mask))

    decoder = nn.TransformerDecoderLayer(16, 2, 32, batch_first=True)
    melody = melodies(shift=1)[0]
    answer = melody.flip(1)
    earlier = torch.cat([torch.zeros_like(answer[:, :1]), answer[:, :-1]], 1) if shifted else answer.clone()
    inputs = {"melody": melody, "answer": earlier, "unused": answer}
    setup.call = lambda model, inputs: model(inputs)
    net = Net(forward, table=nn.Embedding(12, 16), layer=decoder, out=nn.Linear(16, 12))
    made: Setup = with_model(setup, net, inputs, answer)
    return made


def test_a_decoder_is_judged_by_the_answer_that_it_is_given() -> None:
    right = future_dependence(translator())
    assert (right.task, right.leak) == ("next", 0)
    unmasked = future_dependence(translator(causal=False))
    assert unmasked.task == "next"
    assert unmasked.leak > 0.01
    unshifted = future_dependence(translator(shifted=False))
    assert unshifted.task == "same"
    assert unshifted.leak > 0.01
    (finding,) = FutureLeak().run(unshifted)
    assert "the targets themselves" in finding.happened
    rebuilding = translator(shifted=False)
    rebuilding.inputs["melody"] = torch.ones_like(rebuilding.inputs["melody"])
    assert future_dependence(rebuilding).task == "the targets are not the next inputs", "an auto-encoder beside a mask"


def test_loads_are_recorded_and_loading_is_left_as_it_was() -> None:
    before = nn.Module.load_state_dict
    model, source = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)), nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    state = source.state_dict()
    with pytest.raises(RuntimeError, match="Missing"), record_loads():
        model.load_state_dict({})
    assert nn.Module.load_state_dict is before
    assert loads_into(model) == ()
    with record_loads(), record_loads():
        model.load_state_dict({f"module.{name}": value for name, value in state.items()}, strict=False)
        (load,) = loads_into(model)
        assert load.renamed[0] == ("0.weight", "module.0.weight")
        assert len(load.missing) == load.n_expected == 4
        model.load_state_dict({name: value for name, value in state.items() if name < "1"}, strict=False)
        model.load_state_dict({name: value for name, value in state.items() if name >= "1"}, strict=False)
        assert loads_into(nn.Sequential(model))[0].missing == (), "two files together hold everything"


def test_running_statistics_speak_only_where_there_was_earlier_training(digits: Any) -> None:
    layers = (lambda: nn.Linear(64, 32), lambda: nn.BatchNorm1d(32), nn.ReLU, lambda: nn.Linear(32, 10))
    assert compare_running_statistics(digits(*layers)).name == ""
    used = digits(*layers)
    for _ in range(3):  # the script's own first steps
        used.model(used.inputs)
    assert compare_running_statistics(used).name == ""
    for _ in range(50):
        used.model(used.inputs)
    same = compare_running_statistics(used)
    assert same.name == "1"
    assert same.variance_ratio == pytest.approx(1, abs=0.1)
    used.inputs = used.inputs * 50
    assert compare_running_statistics(used).variance_ratio > 1000


def test_compiled_models_are_looked_at_as_they_were_written(digits: Any) -> None:
    plain = digits.mlp()
    compiled = with_model(digits.mlp(), torch.compile(plain.model, backend="eager"))  # type: ignore[arg-type]
    kinds = [(layer.kind, layer.dead) for layer in watch_activations(plain).layers]
    assert repr([(layer.kind, layer.dead) for layer in watch_activations(compiled).layers]) == repr(kinds)
