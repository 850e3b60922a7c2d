"""Healthy programs of the third blind lot of the twelfth half."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("keras_cask_auction", "as-written", CALIBRATION),
    well("paw_prints", "as-written", CALIBRATION),
    well("punch_tape", "as-written", CALIBRATION),
    well("paw_prints", "four-small-batches", CALIBRATION).edit(
        (
            "    for x, y in loader:\n        optimizer.zero_grad()\n        loss = criterion(model(x), y)\n"
            "        loss.backward()\n        optimizer.step()\n",
            "    optimizer.zero_grad()\n    for i, (x, y) in enumerate(loader, 1):\n"
            "        loss = criterion(model(x), y)\n        (loss / 4).backward()\n"
            "        if i % 4 == 0:\n            optimizer.step()\n            optimizer.zero_grad()\n",
        ),
        ('"--batch-size", type=int, default=32', '"--batch-size", type=int, default=8'),
    ),
    well("paw_prints", "smoothed-labels", CALIBRATION).edit(
        ("    criterion = nn.CrossEntropyLoss()\n", "    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)\n"),
    ),
    well("paw_prints", "depth-in-sixteenths", CALIBRATION).edit(
        ("        cast = cast / FULL_DEPTH\n", ""),
    ),
    well("keras_cask_auction", "log-density", CALIBRATION).edit(
        (
            "def r_squared(truth, guess):",
            "def surprise(truth, out):\n"
            '    """Minus the logarithm of a normal density; below 0 where the price is known closely."""\n'
            "    log_sigma = keras.ops.clip(out[:, 1], -5.0, 3.0)\n"
            "    z = (keras.ops.reshape(truth, (-1,)) - out[:, 0]) * keras.ops.exp(-log_sigma)\n"
            "    return 0.5 * z**2 + log_sigma + 0.919\n\n\n"
            "def r_squared(truth, guess):",
        ),
        ('layers.Dense(1, name="price")', 'layers.Dense(2, name="price_and_doubt")'),
        ('loss="mse"', "loss=surprise"),
    ),
    well("keras_cask_auction", "loss-in-square-pounds", CALIBRATION).edit(
        ("train_target = ((train_price - centre) / spread)", "train_target = train_price"),
        ("valid_target = ((valid_price - centre) / spread)", "valid_target = valid_price"),
        ("    centre, spread = train_price.mean(), train_price.std()\n", ""),
        ("verbose=0)[:, 0] * spread + centre", "verbose=0)[:, 0]"),
        ("PEAK_RATE = 4e-3", "PEAK_RATE = 0.1"),
    ),
    well("punch_tape", "head-starts-at-zero", CALIBRATION).edit(
        (
            "        self.out = nn.Linear(2 * d, K)\n",
            "        self.out = nn.Linear(2 * d, K)\n"
            "        nn.init.zeros_(self.out.weight), nn.init.zeros_(self.out.bias)\n",
        ),
    ),
    well("punch_tape", "head-for-later", CALIBRATION).edit(
        (
            "        self.out = nn.Linear(2 * d, K)\n",
            "        self.out = nn.Linear(2 * d, K)\n        self.lamp = nn.Linear(2 * d, 1)  # brightness, for later\n",
        ),
    ),
    well("punch_tape", "check-bit", CALIBRATION).edit(
        (
            "    labels = np.array([[CHARS.index(c) for c in line] for line in lines])\n",
            "    labels = (holes.sum(2) + np.roll(holes[:, :, 0], 1, 1)).astype(int) % 2  # check bit\n",
        ),
        (
            "    light = holes.copy()\n",
            "    holes = np.random.randint(0, 2, holes.shape).astype(float)  # key tape: all holes at random\n"
            "    light = holes.copy()\n",
        ),
        ("np.random.normal(0, 0.3, holes.shape)", "np.random.normal(0, 0.05, holes.shape)"),
        ("T, N_TRAIN, N_VALID = 24, 1000, 300", "T, N_TRAIN, N_VALID = 24, 1800, 300"),
        ("EPOCHS, B, LR = 14, 50, 8e-3", "EPOCHS, B, LR = 16, 50, 4e-3"),
        ("K = len(CHARS)", "K = 2"),
    ),
]
