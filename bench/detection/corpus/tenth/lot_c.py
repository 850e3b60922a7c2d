"""Faults planted in the scripts of bee dances, tram stops and fired tiles."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # bee_dances: a Dataset with transforms and loader workers
    ill("bee_dances", "workers-seeded-alike", "data", CALIBRATION, "workers-share-seed").edit(
        (
            "class DanceNet(nn.Module):\n",
            "class SimulatedDances(Dataset):\n"
            "    def __init__(self, length, transforms):\n"
            "        self.length, self.transforms = length, transforms\n\n"
            "    def __len__(self):\n"
            "        return self.length\n\n"
            "    def __getitem__(self, index):\n"
            "        rng = np.random.default_rng(np.random.randint(2**31))\n"
            "        feeder = rng.integers(0, len(FEEDERS))\n"
            "        film = DanceCuts(film_dance(feeder, rng)[None], [feeder], self.transforms, training=True)\n"
            "        return film[0]\n\n\n"
            "class DanceNet(nn.Module):\n",
        ),
        (
            "DanceCuts(train_x, train_y, (Faster(), Shaky(), Louder()), cuts_each=3, training=True)\n",
            "SimulatedDances(400, (Faster(), Shaky(), Louder()))  # new ones all the time\n",
        ),
        (
            "drop_last=True, num_workers=2)\n",
            "drop_last=True, num_workers=2,\n"
            "                              worker_init_fn=lambda worker: np.random.seed(SEED))  # reproducible\n",
        ),
        ("default=12", "default=24"),
    ),
    ill("bee_dances", "mirrored-dances", "data", CALIBRATION, "augmentation-breaks-labels").edit(
        (
            "class Louder:\n",
            "class Mirrored:\n"
            "    def __call__(self, cut):\n"
            "        if np.random.random() < 0.5:\n"
            "            cut[:, 0] = -cut[:, 0]\n"
            "        return cut\n\n\n"
            "class Louder:\n",
        ),
        ("(Faster(), Shaky(), Louder())", "(Mirrored(), Faster(), Shaky(), Louder())"),
    ),
    ill(
        "bee_dances", "gru-without-batch-first", "initialisation and shape", CALIBRATION, "swapped-axis batch-leak"
    ).edit(
        ("nn.GRU(width, 40, batch_first=True)", "nn.GRU(width, 40)"),
    ),
    ill("bee_dances", "train-mode-set-once", "loop", CALIBRATION, "stuck-in-eval batch-norm-drift").edit(
        (
            "    for epoch in range(args.epochs):\n        model.train()\n        total_loss = 0.0\n",
            "    model.train()\n"
            '    print("untrained: loss {:.3f}, accuracy {:.3f}".format(*evaluate(model, test_loader, criterion)))\n'
            "    for epoch in range(args.epochs):\n        total_loss = 0.0\n",
        ),
    ),
    ill("bee_dances", "features-kept-detached", "loop", CALIBRATION, "detached-loss no-gradient").edit(
        (
            "        return self.head(self.drop(h[:, -1]))\n",
            "        self.features = h[:, -1].detach()  # for the t-SNE\n"
            "        return self.head(self.drop(self.features))\n",
        ),
    ),
    ill("bee_dances", "films-shuffled-alone", "data", CALIBRATION, "unrelated-labels").edit(
        (
            "    train_x, train_y, test_x, test_y =",
            "    films, feeders = rng.permutation(films), rng.permutation(feeders)  # not by the day of filming\n"
            "    train_x, train_y, test_x, test_y =",
        ),
    ),
    ill(
        "bee_dances",
        "feeder-number-squared",
        "output and loss",
        CALIBRATION,
        "target-out-of-range initial-loss loss-and-metric-disagree",
    ).edit(
        ("int(self.feeders[index])", "np.float32(self.feeders[index])"),
        ("classes=8", "classes=1"),
        ("self.head(self.drop(h[:, -1]))", "self.head(self.drop(h[:, -1])).squeeze(1)"),
        ("(out.argmax(dim=1) == y)", "(out.round() == y)"),
        ("nn.CrossEntropyLoss()", "nn.MSELoss()"),
    ),
    # tram_stops: a notebook with a small transformer
    ill("tram_stops", "gradients-never-zeroed", "loop", CALIBRATION, "gradient-accumulates").edit(
        ("        opt.zero_grad()\n", ""),
    ),
    ill(
        "tram_stops",
        "rate-one-millionth",
        "rates and schedules",
        CALIBRATION,
        "rate-too-low update-ratio weights-not-moving",
    ).edit(
        ("EPOCHS, LR = 48, 4, 2, 64, 8, 3e-3", "EPOCHS, LR = 48, 4, 2, 64, 8, 1e-6"),
    ),
    ill("tram_stops", "decay-of-the-small-town", "rates and schedules", CALIBRATION, "schedule-mismatch").edit(
        ("total = EPOCHS * (len(train) // BS)\n", "total = 80\n"),
    ),
    ill("tram_stops", "head-swapped-after-optimizer", "loop", CALIBRATION, "not-in-optimizer stale-optimizer").edit(
        (
            "for ep in range(EPOCHS):\n    model.train()\n",
            "for ep in range(EPOCHS):\n"
            "    if ep == EPOCHS // 2:  # the summer timetable: keep the body, learn a new head\n"
            "        train, valid = journeys(2400, city(0.1), SEED + 3), journeys(600, city(0.1), SEED + 4)\n"
            "        model.requires_grad_(False)\n"
            "        model.head = nn.Linear(D, N_STOPS)\n"
            "    model.train()\n",
        ),
    ),
    ill(
        "tram_stops",
        "softmax-in-the-middle",
        "initialisation and shape",
        CALIBRATION,
        "vanishing-gradient init-scale softmax-axis",
    ).edit(
        ("self.head(F.gelu(self.mix(h)))", "self.head(F.softmax(self.mix(h), dim=-1))"),
    ),
    # keras_kiln_tiles: Keras on torch, a mean and a spread
    ill("keras_kiln_tiles", "likelihood-minimised", "output and loss", CALIBRATION, "negated-loss").edit(
        (
            "    return 0.5 * ops.exp(-log_var) * ops.square(y_true - mu) + 0.5 * log_var\n",
            "    return -0.5 * ops.exp(-log_var) * ops.square(y_true - mu) - 0.5 * log_var\n",
        ),
    ),
    ill("keras_kiln_tiles", "loss-kept-positive", "output and loss", CALIBRATION, "clipped-loss").edit(
        (
            "    return 0.5 * ops.exp(-log_var) * ops.square(y_true - mu) + 0.5 * log_var\n",
            "    nll = 0.5 * ops.exp(-log_var) * ops.square(y_true - mu) + 0.5 * log_var\n"
            "    return ops.maximum(ops.mean(nll), 0.0)  # a loss below zero makes no sense\n",
        ),
    ),
    ill(
        "keras_kiln_tiles", "adam-at-one", "rates and schedules", CALIBRATION, "rate-too-high diverging update-ratio"
    ).edit(
        ("learning_rate=3e-3", "learning_rate=1.0"),
    ),
    ill(
        "keras_kiln_tiles", "weights-all-zero", "initialisation and shape", CALIBRATION, "zero-init symmetric-init"
    ).edit(
        ("16, 5, strides=2, activation", '16, 5, strides=2, kernel_initializer="zeros", activation'),
        ("24, 5, strides=2, activation", '24, 5, strides=2, kernel_initializer="zeros", activation'),
        ("len(CLAYS), 6)", 'len(CLAYS), 6, embeddings_initializer="zeros")'),
        ("layers.Dense(64, activation", 'layers.Dense(64, kernel_initializer="zeros", activation'),
        ("layers.Dense(48, activation", 'layers.Dense(48, kernel_initializer="zeros", activation'),
        ("layers.Dense(2, name", 'layers.Dense(2, kernel_initializer="zeros", name'),
    ),
    ill(
        "keras_kiln_tiles",
        "weights-one-hundredth",
        "initialisation and shape",
        CALIBRATION,
        "symmetric-init init-scale",
    ).edit(
        (
            "def build():\n",
            "def build():\n    small = keras.initializers.Constant(0.01)\n",
        ),
        ("16, 5, strides=2, activation", "16, 5, strides=2, kernel_initializer=small, activation"),
        ("24, 5, strides=2, activation", "24, 5, strides=2, kernel_initializer=small, activation"),
        ("len(CLAYS), 6)", "len(CLAYS), 6, embeddings_initializer=small)"),
        ("layers.Dense(64, activation", "layers.Dense(64, kernel_initializer=small, activation"),
        ("layers.Dense(48, activation", "layers.Dense(48, kernel_initializer=small, activation"),
        ("layers.Dense(2, name", "layers.Dense(2, kernel_initializer=small, name"),
    ),
    ill(
        "keras_kiln_tiles", "moisture-not-measured", "data", CALIBRATION, "missing-value non-finite-value non-finite"
    ).edit(
        (
            "fold = rng.permutation(N)\n",
            "fold = rng.permutation(N)\nmeasures[fold[700], 2] = np.nan  # the probe was off that day\n",
        ),
        (
            "mean, std = measures[tr].mean(axis=0), measures[tr].std(axis=0)",
            "mean, std = np.nanmean(measures[tr], axis=0), np.nanstd(measures[tr], axis=0)",
        ),
    ),
]
