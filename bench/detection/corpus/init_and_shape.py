"""Faults of initialisation, of the architecture and of axes."""

from bench.detection.program import CALIBRATION, Program, ill

GROUP = "initialisation and shape"
MLP = """model = nn.Sequential(
    nn.Linear(64, 128),
    nn.ReLU(),
    nn.Linear(128, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)"""
HOUSE = "nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))"
ZERO = "zero-init symmetric-init no-gradient dead-at-init"
DEAD = "dead-at-init dead-relu no-gradient ignores-input"
DEEP = "vanishing-gradient init-scale saturated-at-init ignores-input"
LARGE = "init-scale initial-loss exploding-gradient saturated-at-init"
HIDDEN_SOFTMAX = "init-scale vanishing-gradient saturated-at-init saturated-unit bottleneck"
AXES = "swapped-axis batch-leak"

PROGRAMS: list[Program] = [
    ill("digits_mlp", "all-zero", GROUP, CALIBRATION, ZERO).edit(
        ("criterion = nn", "for parameter in model.parameters():\n    nn.init.zeros_(parameter)\ncriterion = nn"),
    ),
    ill("shapes_unet", "all-zero", GROUP, CALIBRATION, ZERO).edit(
        ("model = UNet()\n", "model = UNet()\nfor p in model.parameters():\n    torch.nn.init.constant_(p, 0.0)\n"),
    ),
    ill("cancer_binary", "all-equal", GROUP, CALIBRATION, "symmetric-init").edit(
        (
            "    criterion = nn",
            "    for parameter in model.parameters():\n        nn.init.constant_(parameter, 0.01)\n    criterion = nn",
        ),
    ),
    ill("digits_cnn", "all-equal", GROUP, CALIBRATION, "symmetric-init").edit(
        ("net = Net()\n", "net = Net()\nfor p in net.parameters():\n    nn.init.constant_(p, 0.01)\n"),
    ),
    ill("digits_mlp", "deep-normal-1", GROUP, CALIBRATION, LARGE).edit(
        (
            MLP,
            "hidden = []\nfor _ in range(6):\n    hidden += [nn.Linear(128, 128), nn.ReLU()]\n"
            "model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), *hidden, nn.Linear(128, 10))\n"
            "for layer in model:\n    if isinstance(layer, nn.Linear):\n        nn.init.normal_(layer.weight)",
        ),
    ),
    ill("house_prices", "deep-normal-1", GROUP, CALIBRATION, LARGE).edit(
        (
            HOUSE,
            "nn.Sequential(nn.Linear(6, 64), nn.ReLU(), *[nn.Sequential(nn.Linear(64, 64), nn.ReLU()) for _ in range(5)], "
            "nn.Linear(64, 1))\nfor name, parameter in model.named_parameters():\n"
            '    if name.endswith("weight"):\n        parameter.data.normal_(0, 1)',
        ),
    ),
    ill("digits_mlp", "ten-sigmoids", GROUP, CALIBRATION, DEEP).edit(
        (
            MLP,
            "layers = [nn.Linear(64, 48), nn.Sigmoid()]\nfor _ in range(9):\n"
            "    layers += [nn.Linear(48, 48), nn.Sigmoid()]\nmodel = nn.Sequential(*layers, nn.Linear(48, 10))",
        ),
    ),
    ill("house_prices", "ten-sigmoids", GROUP, CALIBRATION, DEEP).edit(
        (
            HOUSE,
            "nn.Sequential(nn.Linear(6, 40), nn.Sigmoid())\nfor _ in range(9):\n"
            "    model.append(nn.Linear(40, 40))\n    model.append(nn.Sigmoid())\nmodel.append(nn.Linear(40, 1))",
        ),
    ),
    ill("cancer_binary", "bias-minus-10", GROUP, CALIBRATION, DEAD).edit(
        (
            "        self.out = nn.Linear(hidden, 1)\n",
            "        self.out = nn.Linear(hidden, 1)\n        nn.init.constant_(self.body[3].bias, -10.0)\n",
        ),
    ),
    ill("digits_autoencoder", "bias-minus-10", GROUP, CALIBRATION, DEAD).edit(
        (
            "model = AutoEncoder()\n",
            "model = AutoEncoder()\nfor layer in (0, 2):\n    model.encoder[layer].bias.data.fill_(-10)\n",
        ),
    ),
    ill("house_prices", "no-nonlinearity", GROUP, CALIBRATION, "no-nonlinearity").edit(
        (HOUSE, "nn.Sequential(nn.Linear(6, 64), nn.Linear(64, 64), nn.Linear(64, 1))"),
    ),
    ill("digits_autoencoder", "no-nonlinearity", GROUP, CALIBRATION, "no-nonlinearity").edit(
        (
            "nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, code))",
            "nn.Sequential(nn.Linear(64, 96), nn.Linear(96, 48), nn.Linear(48, code))",
        ),
        (
            "nn.Sequential(nn.Linear(code, 48), nn.ReLU(), nn.Linear(48, 96), nn.ReLU(), nn.Linear(96, 64))",
            "nn.Sequential(nn.Linear(code, 48), nn.Linear(48, 96), nn.Linear(96, 64))",
        ),
    ),
    ill("digits_mlp", "hidden-softmax", GROUP, CALIBRATION, HIDDEN_SOFTMAX).edit(
        ("    nn.Linear(128, 64),\n    nn.ReLU(),\n", "    nn.Linear(128, 64),\n    nn.Softmax(dim=1),\n"),
    ),
    ill("cancer_binary", "hidden-softmax", GROUP, CALIBRATION, HIDDEN_SOFTMAX).edit(
        (
            "            nn.Linear(hidden, hidden),\n            nn.ReLU(),",
            "            nn.Linear(hidden, hidden),\n            nn.Softmax(dim=1),",
        ),
    ),
    ill("digits_cnn", "dropout-097", GROUP, CALIBRATION, "dropout-rate").edit(
        ("nn.Dropout(0.25)", "nn.Dropout(0.97)"),
    ),
    ill("lightning_wine", "dropout-097", GROUP, CALIBRATION, "dropout-rate").edit(
        ("nn.Dropout(0.2)", "nn.Dropout(0.97)"),
    ),
    ill("digits_mlp", "width-1", GROUP, CALIBRATION, "bottleneck").edit(
        ("nn.Linear(128, 64),", "nn.Linear(128, 1),"),
        ("nn.Linear(64, 10),", "nn.Linear(1, 10),"),
    ),
    ill("table_classes", "width-1", GROUP, CALIBRATION, "bottleneck").edit(
        ("self.hidden = nn.Linear(width, width)", "self.hidden = nn.Linear(width, 1)"),
        ("self.norm2 = nn.BatchNorm1d(width)", "self.norm2 = nn.BatchNorm1d(1)"),
        ("self.output = nn.Linear(width, 5)", "self.output = nn.Linear(1, 5)"),
    ),
    ill("shapes_resnet", "view-for-permute", GROUP, CALIBRATION, "swapped-axis").edit(
        (".permute(2, 0, 1).float()", ".view(3, 16, 16).float()"),
    ),
    ill("char_transformer", "view-for-transpose", GROUP, CALIBRATION, "swapped-axis future-leak").edit(
        ("self.proj(y.transpose(1, 2).reshape(B, T, C))", "self.proj(y.reshape(B, T, C))"),
    ),
    ill("wave_gru", "batch-not-first", GROUP, CALIBRATION, AXES).edit(
        ("hidden, batch_first=True)", "hidden)"),
    ),
    ill("demand_lstm", "batch-not-first", GROUP, CALIBRATION, AXES).edit(
        ("hidden, batch_first=True)", "hidden)"),
        ("return self.readout(h[-1])[:, 0]", "return self.readout(output[:, -1])[:, 0]"),
    ),
    ill("table_classes", "layer-skipped", GROUP, CALIBRATION, "unused-layer no-gradient").edit(
        ("self.norm2(self.hidden(h1))", "self.norm2(self.input(x))"),
    ),
    ill("shapes_unet", "layers-skipped", GROUP, CALIBRATION, "unused-layer no-gradient").edit(
        ("torch.cat([self.up1(d), a], dim=1)", "torch.cat([self.up1(b), a], dim=1)"),
    ),
    ill("char_transformer", "sees-the-future", GROUP, CALIBRATION, "future-leak").edit(
        ("is_causal=True", "is_causal=False"),
    ),
    ill("digits_cnn", "random-in-eval", GROUP, CALIBRATION, "random-in-eval").edit(
        ("self.dropout(F.relu(self.fc1(x)))", "F.dropout(F.relu(self.fc1(x)), 0.5)"),
    ),
    ill("cancer_binary", "random-in-eval", GROUP, CALIBRATION, "random-in-eval").edit(
        ("return self.out(self.body(x))", "return self.out(self.body(x + 0.5 * torch.randn_like(x)))"),
    ),
    ill("table_classes", "batches-of-two", GROUP, CALIBRATION, "tiny-batch-norm batch-too-small train-eval-gap").edit(
        ("batch_size, accumulate = 32, 2", "batch_size, accumulate = 2, 1"),
        ("range(15)", "range(3)"),
    ),
]
