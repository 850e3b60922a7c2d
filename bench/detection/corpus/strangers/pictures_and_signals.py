"""Faults in programs on corners of cards, diffusion, engines, wrist motion and dialled tones, and on older bases."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, LOOP, SHAPE = "output and loss", "loop", "initialisation and shape"
DATA, RATES = "data", "rates and schedules"
ON_OUTPUT = "activation-on-output output-range"
CUT = "detached-loss no-gradient weights-not-moving"
NEVER_MOVED = "gradient-zeroed-before-step weights-not-moving no-gradient"

PROGRAMS: list[Program] = [
    ill(
        "dialled_tones",
        "softmax-for-log-softmax",
        OUTPUT,
        CALIBRATION,
        "nll-on-logits softmax-before-cross-entropy output-range",
    ).edit(
        ("return self.fc(x).log_softmax(dim=2)", "return self.fc(x).softmax(dim=2)"),
    ),
    ill("dialled_tones", "blank-of-default", OUTPUT, CALIBRATION, "target-out-of-range loss-and-metric-disagree").edit(
        ("nn.CTCLoss(blank=BLANK)", "nn.CTCLoss()"),
    ),
    ill("card_corners", "softmax-over-corners", OUTPUT, CALIBRATION, "softmax-axis output-range").edit(
        ("weights = F.softmax(maps.view(n, k, h * w), dim=-1).view(n, k, h, w)", "weights = F.softmax(maps, dim=1)"),
    ),
    ill("engine_life", "life-never-negative", OUTPUT, CALIBRATION, f"{ON_OUTPUT} dead-relu").edit(
        ("nn.Linear(32, 1))", "nn.Linear(32, 1), nn.ReLU())"),
    ),
    ill("engine_life", "target-in-a-list", OUTPUT, CALIBRATION, "loss-broadcast").edit(
        ("torch.from_numpy(window), torch.tensor(left)", "torch.from_numpy(window), torch.tensor([left])"),
    ),
    ill(
        "keras_motion",
        "relu-for-softmax",
        OUTPUT,
        CALIBRATION,
        f"{ON_OUTPUT} nll-on-logits dead-relu non-finite",
    ).edit(
        ('layers.Dense(len(ACTIVITIES), activation="softmax"', 'layers.Dense(len(ACTIVITIES), activation="relu"'),
    ),
    ill("shapes_unet", "dice-not-subtracted", OUTPUT, CALIBRATION, "negated-loss").edit(
        (
            "criterion = nn.BCEWithLogitsLoss()\n",
            "\n\ndef criterion(logits, masks, smooth=1.0):\n    p = torch.sigmoid(logits).flatten(1)\n"
            "    m = masks.flatten(1)\n"
            "    return ((2 * (p * m).sum(1) + smooth) / (p.sum(1) + m.sum(1) + smooth)).mean()\n\n\n",
        ),
    ),
    ill("heartbeat_conv1d", "zeroed-after-backward", LOOP, CALIBRATION, NEVER_MOVED).edit(
        ("            optimizer.zero_grad()\n", ""),
        ("            loss.backward()\n", "            loss.backward()\n            optimizer.zero_grad()\n"),
    ),
    ill("engine_life", "output-made-a-tensor", LOOP, CALIBRATION, CUT).edit(
        (
            "            loss = self.criterion(output, self.to_scaled(left))\n",
            "            output = torch.tensor(output.tolist(), requires_grad=True)\n"
            "            loss = self.criterion(output, self.to_scaled(left))\n",
        ),
    ),
    ill("card_corners", "zero-grad-not-called", LOOP, CALIBRATION, "gradient-accumulates").edit(
        ("optimizer.zero_grad()", "optimizer.zero_grad"),
    ),
    ill("moons_diffusion", "blocks-in-list", LOOP, CALIBRATION, "layers-not-registered not-in-optimizer").edit(
        (
            "nn.ModuleList([ResBlock(width, time_dim) for _ in range(n_blocks)])",
            "[ResBlock(width, time_dim) for _ in range(n_blocks)]",
        ),
    ),
    ill(
        "keras_motion", "all-but-last-frozen", LOOP, CALIBRATION, "no-gradient not-in-optimizer weights-not-moving"
    ).edit(
        (
            "model = keras.Model(inputs, outputs)\n",
            "model = keras.Model(inputs, outputs)\nfor layer in model.layers[:-1]:\n    layer.trainable = False\n",
        ),
    ),
    ill("digits_autoencoder", "optimizer-of-decoder", LOOP, CALIBRATION, "not-in-optimizer weights-not-moving").edit(
        ("torch.optim.Adam(model.parameters(), lr=2e-3)", "torch.optim.Adam(model.decoder.parameters(), lr=2e-3)"),
    ),
    ill("dialled_tones", "view-for-transpose", SHAPE, CALIBRATION, "swapped-axis").edit(
        (
            "x = self.cnn(x.transpose(1, 2)).transpose(1, 2)",
            "x = self.cnn(x.view(x.size(0), x.size(2), x.size(1))).transpose(1, 2)",
        ),
    ),
    ill(
        "keras_motion", "kernel-of-zeros", SHAPE, CALIBRATION, "zero-init symmetric-init no-gradient dead-at-init"
    ).edit(
        (
            'layers.Dense(32, activation="relu", name="dense_a")',
            'layers.Dense(32, activation="relu", kernel_initializer="zeros", name="dense_a")',
        ),
    ),
    ill("moons_diffusion", "time-left-out", SHAPE, CALIBRATION, "unused-layer no-gradient ignores-input").edit(
        ("        r = r + self.time(temb)\n", ""),
    ),
    ill(
        "engine_life",
        "every-weight-normal-1",
        SHAPE,
        CALIBRATION,
        "init-scale initial-loss exploding-gradient saturated-at-init",
    ).edit(
        (
            "        self.regressor = nn.Sequential(nn.Linear(d_model, 32), nn.ReLU(), nn.Linear(32, 1))\n",
            "        self.regressor = nn.Sequential(nn.Linear(d_model, 32), nn.ReLU(), nn.Linear(32, 1))\n"
            "        for p in self.parameters():\n            if p.dim() > 1:\n                nn.init.normal_(p)\n",
        ),
    ),
    ill("engine_life", "share-of-life-used", DATA, CALIBRATION, "leaking-feature future-leak").edit(
        (
            "        fleet.append(levels + scales * (hidden @ mixing + own + noise))\n",
            "        sensors = levels + scales * (hidden @ mixing + own + noise)\n"
            "        fleet.append(np.column_stack([sensors, (flights + 1) / life]))\n",
        ),
        (
            "    model = LifeTransformer(\n        N_SENSORS, WINDOW",
            "    model = LifeTransformer(\n        readings.shape[1], WINDOW",
        ),
    ),
    ill("card_corners", "corners-keep-their-names", DATA, CALIBRATION, "augmentation-breaks-labels").edit(
        ("            corners = corners[[1, 0, 3, 2]]\n", ""),
    ),
    ill("keras_motion", "test-left-raw", DATA, CALIBRATION, "unscaled-split feature-drift train-eval-gap").edit(
        ("x_test = (x_test - mean) / std\n", ""),
    ),
    ill("moons_diffusion", "points-as-measured", DATA, CALIBRATION, "unscaled-feature init-scale").edit(
        ("points = (points - centre) / spread\n", ""),
        ("radius=0.12", "radius=4.0"),
    ),
    ill("store_forecast", "smoothed-both-ways", DATA, CALIBRATION, "future-leak leaking-feature time-leak").edit(
        (
            "        self.scaled, self.promos = scaled, promos\n",
            "        self.scaled, self.promos = scaled, promos\n"
            '        self.smooth = np.stack([np.convolve(s, np.ones(15) / 15, mode="same") for s in scaled])\n',
        ),
        (
            "x = np.stack([self.scaled[store, past], self.promos[store, past], self.promos[store, ahead], weekday], axis=1)",
            "sales = [self.scaled[store, past], self.smooth[store, past]]\n"
            "        x = np.stack([*sales, self.promos[store, past], self.promos[store, ahead], weekday], axis=1)",
        ),
        ("n_features=4", "n_features=5"),
    ),
    ill(
        "card_corners",
        "step-size-in-batches",
        RATES,
        CALIBRATION,
        "schedule-mismatch rate-too-low update-ratio weights-not-moving",
    ).edit(
        ("def train_one_epoch(model, loader, optimizer):", "def train_one_epoch(model, loader, optimizer, scheduler):"),
        ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        (
            "train_one_epoch(model, train_loader, optimizer))\n        scheduler.step()\n",
            "train_one_epoch(model, train_loader, optimizer, scheduler))\n",
        ),
    ),
    ill("dialled_tones", "sgd-at-the-rate-of-adam", RATES, CALIBRATION, "rate-too-low update-ratio").edit(
        (
            "torch.optim.AdamW(model.parameters(), lr=1e-3)",
            "torch.optim.SGD(model.parameters(), lr=1e-4)",
        ),
        ("max_lr=6e-3", "max_lr=1e-3"),
    ),
    ill("moons_diffusion", "weight-decay-05", RATES, CALIBRATION, "regularisation-dominates").edit(
        ("diffusion.parameters(), lr=3e-3)", "diffusion.parameters(), lr=3e-3, weight_decay=0.5)"),
    ),
]
