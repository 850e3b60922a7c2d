"""Eighteen faulty programs on a robot arm's calibration (Keras), fingerprint patterns and click sessions."""

from bench.detection.program import CALIBRATION, Program, ill

LOSS, RATES, LOOP, SHAPE, DATA = (
    "output and loss",
    "rates and schedules",
    "loop",
    "initialisation and shape",
    "data",
)

PROGRAMS: list[Program] = [
    ill("keras_robot_arm", "sigmoid-on-regression", LOSS, CALIBRATION, "activation-on-output output-range").edit(
        ('layers.Dense(n_outputs, name="tip")', 'layers.Dense(n_outputs, activation="sigmoid", name="tip")'),
    ),
    ill("fingerprint_types", "nll-of-logits", LOSS, CALIBRATION, "nll-on-logits").edit(
        (
            "        loss = F.cross_entropy(logits, labels)\n",
            "        loss = F.nll_loss(logits, labels)\n",
        ),
    ),
    ill("click_sessions", "softmax-then-cross-entropy", LOSS, CALIBRATION, "softmax-before-cross-entropy").edit(
        ("return self.head(h)", "return self.head(h).softmax(-1)"),
    ),
    ill("fingerprint_types", "epoch-schedule-per-batch", RATES, CALIBRATION, "schedule-mismatch rate-too-low").edit(
        (
            "        seen += len(labels)\n    scheduler.step()\n",
            "        seen += len(labels)\n        scheduler.step()\n",
        ),
    ),
    ill("click_sessions", "weight-decay-ten", RATES, CALIBRATION, "regularisation-dominates").edit(
        (
            "opt = torch.optim.Adam(net.parameters(), lr=2e-3)",
            "opt = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=10)",
        ),
        (
            "opt = torch.optim.Adam(net.head.parameters(), lr=1e-2)",
            "opt = torch.optim.Adam(net.head.parameters(), lr=1e-2, weight_decay=10)",
        ),
    ),
    ill("keras_robot_arm", "decay-of-another-set", RATES, CALIBRATION, "schedule-mismatch rate-too-low").edit(
        (
            "boundaries=[13 * steps_per_epoch, 17 * steps_per_epoch],\n"
            "    values=[LEARNING_RATE, LEARNING_RATE / 5, LEARNING_RATE / 25],",
            "boundaries=[60, 120],\n    values=[LEARNING_RATE, LEARNING_RATE / 10, LEARNING_RATE / 100],",
        ),
    ),
    ill(
        "click_sessions", "zero-grad-before-step", LOOP, CALIBRATION, "gradient-zeroed-before-step weights-not-moving"
    ).edit(
        ("            opt.zero_grad()\n", ""),
        ("            loss.backward()\n", "            loss.backward()\n            opt.zero_grad()\n"),
    ),
    ill("click_sessions", "optimizer-on-old-head", LOOP, CALIBRATION, "stale-optimizer not-in-optimizer").edit(
        (
            "net.head, net.pool = nn.Linear(D, K), True\nopt = torch.optim.Adam(net.head.parameters(), lr=1e-2)\n",
            "opt = torch.optim.Adam(net.head.parameters(), lr=1e-2)\nnet.head, net.pool = nn.Linear(D, K), True\n",
        ),
    ),
    ill("click_sessions", "loss-wrapped-again", LOOP, CALIBRATION, "detached-loss no-gradient").edit(
        (
            "            loss.backward()\n",
            "            loss = torch.tensor(loss.item(), requires_grad=True)\n            loss.backward()\n",
        ),
    ),
    ill("fingerprint_types", "features-detached", LOOP, CALIBRATION, "no-gradient detached-loss").edit(
        ("        feats = self.features(x)\n", "        feats = self.features(x).detach()\n"),
    ),
    ill(
        "keras_robot_arm", "ten-sigmoid-layers", SHAPE, CALIBRATION, "vanishing-gradient init-scale ignores-input"
    ).edit(
        ("DEPTH = 5", "DEPTH = 10"),
        ('activation="relu", kernel_initializer="he_normal"', 'activation="sigmoid"'),
    ),
    ill("keras_robot_arm", "weights-all-the-same", SHAPE, CALIBRATION, "symmetric-init").edit(
        ('kernel_initializer="he_normal"', "kernel_initializer=keras.initializers.Constant(0.01)"),
        (
            'layers.Dense(n_outputs, name="tip")',
            'layers.Dense(n_outputs, kernel_initializer=keras.initializers.Constant(0.01), name="tip")',
        ),
    ),
    ill("keras_robot_arm", "only-linear-layers", SHAPE, CALIBRATION, "no-nonlinearity").edit(
        ('layers.Dense(WIDTH, activation="relu", kernel', "layers.Dense(WIDTH, kernel"),
    ),
    ill("keras_robot_arm", "unit-normal-init", SHAPE, CALIBRATION, "init-scale initial-loss exploding-gradient").edit(
        ('kernel_initializer="he_normal"', "kernel_initializer=keras.initializers.RandomNormal(stddev=1.0)"),
        (
            'layers.Dense(n_outputs, name="tip")',
            'layers.Dense(n_outputs, kernel_initializer=keras.initializers.RandomNormal(stddev=1.0), name="tip")',
        ),
    ),
    ill(
        "fingerprint_types", "divided-by-255-twice", DATA, CALIBRATION, "pixel-range constant-feature unscaled-feature"
    ).edit(
        (
            "        tensor = torch.from_numpy(image.copy()).float().unsqueeze(0)\n",
            "        tensor = torch.from_numpy(image.copy()).float().unsqueeze(0) / 255.0\n",
        ),
    ),
    ill("fingerprint_types", "raw-pixels", DATA, CALIBRATION, "pixel-range unscaled-feature").edit(
        ("        tensor = (tensor / 255.0 - 0.65) / 0.25\n", ""),
    ),
    ill("fingerprint_types", "mirrored-loops", DATA, CALIBRATION, "augmentation-breaks-labels").edit(
        (
            "        gain = random.uniform(0.9, 1.1)\n",
            "        if random.random() < 0.5:\n"
            "            image = image[:, ::-1]\n"
            "        gain = random.uniform(0.9, 1.1)\n",
        ),
    ),
    ill("keras_robot_arm", "validation-unscaled", DATA, CALIBRATION, "unscaled-split feature-drift").edit(
        ('x_val = x_scaler.transform(table[val_rows]).astype("float32")', 'x_val = table[val_rows].astype("float32")'),
    ),
]
