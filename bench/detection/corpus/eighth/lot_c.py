"""Faults planted in slope slides (Keras), semaphore letters (plain PyTorch) and the basin volume (a notebook)."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # slope slides
    ill(
        "keras_slope_slides",
        "sigmoid-then-logits",
        "output and loss",
        CALIBRATION,
        "sigmoid-before-bce-with-logits activation-on-output",
    ).edit(
        ('logit = layers.Dense(1, name="logit")(both)', 'logit = layers.Dense(1, activation="sigmoid")(both)'),
    ),
    ill(
        "keras_slope_slides",
        "softmax-one-unit",
        "output and loss",
        CALIBRATION,
        "softmax-one-unit softmax-axis activation-on-output",
    ).edit(
        ('logit = layers.Dense(1, name="logit")(both)', 'logit = layers.Dense(1, activation="softmax")(both)'),
        ("keras.losses.BinaryCrossentropy(from_logits=True)", '"binary_crossentropy"'),
        ("keras.metrics.BinaryAccuracy(threshold=0.0,", "keras.metrics.BinaryAccuracy("),
    ),
    ill(
        "keras_slope_slides",
        "adam-at-one",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging update-ratio",
    ).edit(
        ("LEARNING_RATE = 1e-3", "LEARNING_RATE = 1.0"),
    ),
    ill(
        "keras_slope_slides",
        "dropout-097",
        "initialisation and shape",
        CALIBRATION,
        "dropout-rate",
    ).edit(
        ("DROPOUT = 0.25", "DROPOUT = 0.97"),
    ),
    ill(
        "keras_slope_slides",
        "activations-forgotten",
        "initialisation and shape",
        CALIBRATION,
        "no-nonlinearity capacity-has-no-effect",
    ).edit(
        ('layers.Conv1D(16, 5, strides=2, activation="relu")', "layers.Conv1D(16, 5, strides=2)"),
        ('layers.Conv1D(16, 3, strides=2, activation="relu")', "layers.Conv1D(16, 3, strides=2)"),
        ('layers.Dense(24, activation="relu")', "layers.Dense(24)"),
        ('layers.Dense(48, activation="relu")', "layers.Dense(48)"),
        ('layers.Dense(64, activation="relu")', "layers.Dense(64)"),
        ('layers.Dense(32, activation="relu")', "layers.Dense(32)"),
    ),
    ill(
        "keras_slope_slides",
        "debris-among-features",
        "data",
        CALIBRATION,
        "leaking-feature",
    ).edit(
        ('survey.drop(columns=["slid", "debris_m3"])', 'survey.drop(columns=["slid"])'),
    ),
    # semaphore letters
    ill(
        "semaphore_letters",
        "squared-error-on-class-numbers",
        "output and loss",
        CALIBRATION,
        "target-out-of-range loss-and-metric-disagree output-range",
    ).edit(
        ("model = CoordNet(len(NAMES))", "model = CoordNet(1)"),
        ("criterion = nn.CrossEntropyLoss()", "criterion = nn.MSELoss()"),
        ("loss = criterion(model(images), targets)", "loss = criterion(model(images).squeeze(1), targets.float())"),
        (
            "logits = model(images)\n            total += criterion(logits, targets).item()",
            "logits = model(images).squeeze(1)\n            total += criterion(logits, targets.float()).item()",
        ),
        ("(logits.argmax(1) == targets)", "(logits.round() == targets)"),
        ("default=0.01", "default=0.001"),
    ),
    ill(
        "semaphore_letters",
        "momentum-099",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging oscillating",
    ).edit(
        ("default=0.01", "default=0.1"),
        ("momentum=0.9,", "momentum=0.99,"),
    ),
    ill(
        "semaphore_letters",
        "softmax-on-hidden",
        "initialisation and shape",
        CALIBRATION,
        "vanishing-gradient bottleneck saturated-unit",
    ).edit(
        ("x = F.relu(self.hidden(x.flatten(1)))", "x = F.softmax(self.hidden(x.flatten(1)), dim=1)"),
    ),
    ill(
        "semaphore_letters",
        "mirrored-signallers",
        "data",
        CALIBRATION,
        "augmentation-breaks-labels",
    ).edit(
        (
            "def random_light(image):",
            "def random_flip(image):\n"
            "    return image.flip(2) if random.random() < 0.5 else image\n\n\n"
            "def random_light(image):",
        ),
        ("Compose(random_shift,", "Compose(random_flip, random_shift,"),
    ),
    ill(
        "semaphore_letters",
        "letter-by-letter",
        "data",
        CALIBRATION,
        "not-shuffled sorted-order",
    ).edit(
        ("args.batch_size, shuffle=True, num_workers=2", "args.batch_size, num_workers=2"),
    ),
    ill(
        "semaphore_letters",
        "raw-grey-values",
        "data",
        CALIBRATION,
        "pixel-range unscaled-feature",
    ).edit(
        ("Compose(random_shift, random_light, rescale)", "Compose(random_shift, random_light)"),
        ("SemaphoreDataset(40, seed + 1000, rescale)", "SemaphoreDataset(40, seed + 1000)"),
    ),
    # basin volume
    ill(
        "basin_volume",
        "sgd-on-raw-volumes",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging non-finite exploding-gradient output-range",
    ).edit(
        ("torch.tensor(v, dtype=torch.float32))", "torch.tensor(v / 1000, dtype=torch.float32))  # 1000 m3"),
        ("+- {STD:.0f} m3", "+- {STD:.0f} thousand m3"),
        ("        return MEAN + STD * z  # m3", "        return z  # 1000 m3"),
        ("(p - v).abs().mean().item()\n", "1000 * (p - v).abs().mean().item()\n"),
        ("{(v - v.mean()).abs().mean():.0f} m3", "{1000 * (v - v.mean()).abs().mean():.0f} m3"),
        ("loss = ((net(x) - v) / STD).pow(2).mean()", "loss = (net(x) - v).pow(2).mean()"),
        (
            "opt = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=lr)",
            "opt = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=lr)",
        ),
        ("epochs=32, lr=2e-3", "epochs=32, lr=0.1"),
    ),
    ill(
        "basin_volume",
        "weights-not-loaded",
        "loop",
        CALIBRATION,
        "partial-load",
    ).edit(
        (
            'tuned.load_state_dict(torch.load(path)["model"])',
            "tuned.load_state_dict(torch.load(path), strict=False)",
        ),
    ),
    ill(
        "basin_volume",
        "no-zero-grad",
        "loop",
        CALIBRATION,
        "gradient-accumulates",
    ).edit(
        ("            opt.zero_grad()\n", ""),
    ),
    ill(
        "basin_volume",
        "half-precision-cubic-metres",
        "loop",
        CALIBRATION,
        "scaler-always-skips non-finite weights-not-moving",
    ).edit(
        (
            "requires_grad], lr=lr)\n",
            'requires_grad], lr=lr)\n    scaler = torch.amp.GradScaler("cpu")\n',
        ),
        (
            "            loss = ((net(x) - v) / STD).pow(2).mean()\n",
            '            with torch.autocast("cpu", dtype=torch.float16):\n'
            "                loss = ((net(x) - v) / STD).pow(2).mean()\n",
        ),
        (
            "            loss.backward()\n            opt.step()\n",
            "            scaler.scale(loss).backward()\n            scaler.step(opt)\n            scaler.update()\n",
        ),
    ),
    ill(
        "basin_volume",
        "branch-in-a-list",
        "loop",
        CALIBRATION,
        "layers-not-registered not-in-optimizer",
    ).edit(
        (
            "nn.ModuleList([nn.Linear(H + 2, width), nn.Linear(width, width), nn.Linear(width, modes)])",
            "[nn.Linear(H + 2, width), nn.Linear(width, width), nn.Linear(width, modes)]",
        ),
    ),
    ill(
        "basin_volume",
        "all-zero-start",
        "initialisation and shape",
        CALIBRATION,
        "zero-init symmetric-init no-gradient",
    ).edit(
        (
            "nn.Tanh(), nn.Linear(64, modes))\n",
            "nn.Tanh(), nn.Linear(64, modes))\n"
            "        for m in [*self.branch, *self.trunk]:\n"
            "            if isinstance(m, nn.Linear):\n"
            "                nn.init.zeros_(m.weight), nn.init.zeros_(m.bias)\n",
        ),
    ),
]
