"""Faulty programs on the bases of medicines and their effects, pulse and pressure, and thumbs on phone keyboards."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    ill("pulse_pressure", "column-against-row", "output and loss", CALIBRATION, "loss-broadcast").edit(
        ("return self.head(h).squeeze(1)", "return self.head(h)"),
    ),
    ill(
        "hf_drug_effects",
        "sigmoid-then-logits-loss",
        "output and loss",
        CALIBRATION,
        "sigmoid-before-bce-with-logits activation-on-output",
    ).edit(
        ("logits = self.head(self.dropout(hidden))", "logits = torch.sigmoid(self.head(self.dropout(hidden)))"),
        ("prediction.predictions > 0,", "prediction.predictions > 0.5,"),
    ),
    ill("hf_drug_effects", "loss-clamped", "output and loss", CALIBRATION, "clipped-loss").edit(
        (
            "loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)",
            'loss = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")\n'
            "        loss = loss.clamp(max=1.0).mean()  # a few odd records must not dominate",
        ),
    ),
    ill(
        "pulse_pressure", "sigmoid-on-pressure", "output and loss", CALIBRATION, "activation-on-output output-range"
    ).edit(
        ("nn.Dropout(0.1), nn.Linear(32, 1))", "nn.Dropout(0.1), nn.Linear(32, 1), nn.Sigmoid())"),
    ),
    ill(
        "hf_drug_effects",
        "rate-of-a-millionth",
        "rates and schedules",
        CALIBRATION,
        "rate-too-low not-learning weights-not-moving update-ratio",
    ).edit(
        ('"--learning-rate", type=float, default=2e-3', '"--learning-rate", type=float, default=1e-6'),
    ),
    ill(
        "pulse_pressure",
        "momentum-of-99",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging oscillating update-ratio",
    ).edit(
        ('"momentum": 0.9,', '"momentum": 0.99,'),
    ),
    ill("touch_keys", "zeroed-before-step", "loop", CALIBRATION, "gradient-zeroed-before-step").edit(
        (
            "            opt.zero_grad()\n            loss.backward()\n            opt.step()\n",
            "            loss.backward()\n            opt.zero_grad()\n            opt.step()\n",
        ),
    ),
    ill("touch_keys", "loss-in-a-new-tensor", "loop", CALIBRATION, "detached-loss no-gradient").edit(
        (
            "            loss = cross_entropy(logits, key[pick])\n",
            "            loss = torch.tensor([cross_entropy(logits, key[pick])], requires_grad=True)\n",
        ),
    ),
    ill("pulse_pressure", "never-back-to-train", "loop", CALIBRATION, "stuck-in-eval").edit(
        ('    for epoch in range(cfg["epochs"]):\n        net.train()\n', '    for epoch in range(cfg["epochs"]):\n'),
    ),
    ill("pulse_pressure", "accumulated-undivided", "loop", CALIBRATION, "accumulation-not-divided").edit(
        ('(loss / cfg["accumulate"]).backward()', "loss.backward()"),
    ),
    ill("touch_keys", "linear-all-the-way", "initialisation and shape", CALIBRATION, "no-nonlinearity").edit(
        ("        h = torch.relu(h)\n", ""),
        ("h = torch.relu(layer(h))", "h = layer(h)"),
    ),
    ill("hf_drug_effects", "dropout-keeps-little", "initialisation and shape", CALIBRATION, "dropout-rate").edit(
        ("hidden_dropout_prob=0.1,", "hidden_dropout_prob=0.97,"),
    ),
    ill(
        "touch_keys",
        "standard-normal-weights",
        "initialisation and shape",
        CALIBRATION,
        "init-scale initial-loss exploding-gradient",
    ).edit(
        ('nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")', "nn.init.normal_(layer.weight, 0, 1)"),
    ),
    ill(
        "touch_keys",
        "sum-overwritten",
        "initialisation and shape",
        CALIBRATION,
        "unused-layer no-gradient ignores-input",
    ).edit(
        ("        h = h + self.touch(touch)\n", "        h = self.touch(touch)\n"),
    ),
    ill(
        "hf_drug_effects", "kidney-value-missing", "data", CALIBRATION, "missing-value non-finite-value non-finite"
    ).edit(
        (
            "    patient = np.stack([",
            "    egfr[n // 3] = np.nan  # the laboratory lost this one\n    patient = np.stack([",
        ),
    ),
    ill("pulse_pressure", "traces-shifted-apart", "data", CALIBRATION, "augmentation-breaks-labels").edit(
        (
            "        return np.roll(window, self.rng.integers(-8, 9), axis=1)",
            "        return np.stack([np.roll(trace, self.rng.integers(-8, 9)) for trace in window])",
        ),
    ),
    ill("pulse_pressure", "workers-cut-alike", "data", CALIBRATION, "workers-share-seed").edit(
        ('"workers": 0}', '"workers": 2}'),
    ),
    ill("touch_keys", "keys-from-one", "data", CALIBRATION, "renumbered-classes target-out-of-range").edit(
        (
            "self.key = nn.Linear(WIDTH, len(LETTERS))",
            "self.key = nn.Linear(WIDTH, 1 + len(LETTERS))  # 0: none of them",
        ),
        ("loss = cross_entropy(logits, key[pick])", "loss = cross_entropy(logits, key[pick] + 1)"),
    ),
]
