"""Faults of the third blind lot of the twelfth half: cask auctions, paw prints, punched tape."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # output and loss
    ill(
        "punch_tape",
        "softmax-down-the-batch",
        "output and loss",
        CALIBRATION,
        "softmax-axis batch-leak swapped-axis",
    ).edit(
        ("F.log_softmax(z.reshape(-1, K), 1)", "F.log_softmax(z.reshape(-1, K), 0)"),
    ),
    ill("punch_tape", "softmax-twice", "output and loss", CALIBRATION, "softmax-before-cross-entropy").edit(
        ("return self.out(h).permute(1, 0, 2)", "return self.out(h).permute(1, 0, 2).softmax(-1)"),
    ),
    ill(
        "punch_tape",
        "letters-as-numbers",
        "output and loss",
        CALIBRATION,
        "target-out-of-range output-range loss-and-metric-disagree",
    ).edit(
        ("self.out = nn.Linear(2 * d, K)", "self.out = nn.Linear(2 * d, 1)"),
        (
            "return F.nll_loss(F.log_softmax(z.reshape(-1, K), 1), y.reshape(-1))",
            "return F.mse_loss(z.squeeze(-1), y.float())",
        ),
        ("return z.argmax(-1)", "return z.squeeze(-1).round().clamp(0, K - 1).long()"),
    ),
    # rates and schedules
    ill(
        "paw_prints",
        "step-size-in-batches",
        "rates and schedules",
        CALIBRATION,
        "schedule-mismatch rate-too-low",
    ).edit(
        (
            "def train_one_epoch(model, loader, criterion, optimizer):",
            "def train_one_epoch(model, loader, criterion, optimizer, scheduler=None):",
        ),
        (
            "        optimizer.step()\n",
            "        optimizer.step()\n        if scheduler is not None:\n            scheduler.step()\n",
        ),
        (
            "train_one_epoch(model, train_loader, criterion, optimizer)\n        scheduler.step()\n",
            "train_one_epoch(model, train_loader, criterion, optimizer, scheduler)\n",
        ),
    ),
    ill(
        "keras_cask_auction",
        "plain-sgd-on-raw-columns",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging unscaled-feature mixed-scales non-finite exploding-gradient",
    ).edit(
        ("    scaled = layers.Normalization(mean=mean, variance=variance)(numbers)\n", ""),
        ("[scaled, layers.Embedding(", "[numbers, layers.Embedding("),
        ("optimizer=keras.optimizers.Adam(rate)", "optimizer=keras.optimizers.SGD(0.1)"),
    ),
    ill(
        "keras_cask_auction",
        "decay-of-another-auction",
        "rates and schedules",
        CALIBRATION,
        "schedule-mismatch rate-too-low",
    ).edit(
        ("CosineDecay(PEAK_RATE, decay_steps=EPOCHS * steps)", "CosineDecay(PEAK_RATE, decay_steps=40)"),
        ("    steps = -(-N_TRAIN // BATCH_SIZE)\n", ""),
    ),
    # loop
    ill(
        "punch_tape",
        "features-detached",
        "loop",
        CALIBRATION,
        "no-gradient detached-loss weights-not-moving",
    ).edit(
        ("h, _ = self.gru(h)", "h = self.gru(h)[0].detach()"),
    ),
    ill("paw_prints", "guide-not-loaded", "loop", CALIBRATION, "partial-load").edit(
        ("torch.save(model.backbone.state_dict(), path)", "torch.save(model.state_dict(), path)"),
        (
            "model.backbone.load_state_dict(torch.load(weights))",
            "model.backbone.load_state_dict(torch.load(weights), strict=False)",
        ),
    ),
    ill(
        "paw_prints",
        "optimizer-of-the-old-head",
        "loop",
        CALIBRATION,
        "stale-optimizer not-in-optimizer weights-not-moving",
    ).edit(
        ("    model.head = nn.Linear(model.head.in_features, len(RESERVE))\n", ""),
        (
            "    criterion = nn.CrossEntropyLoss()\n",
            "    criterion = nn.CrossEntropyLoss()\n"
            "    model.head = nn.Linear(model.head.in_features, len(RESERVE))  # as many as live in the reserve\n",
        ),
    ),
    ill("punch_tape", "best-is-the-last", "loop", CALIBRATION, "aliased-checkpoint").edit(
        ("best, kept = vl, copy.deepcopy(net.state_dict())", "best, kept = vl, net.state_dict()"),
        ("import copy\n", ""),
        ("EPOCHS, B, LR = 14, 50, 8e-3", "EPOCHS, B, LR = 36, 50, 8e-3"),
        ("T, N_TRAIN, N_VALID = 24, 1000, 300", "T, N_TRAIN, N_VALID = 24, 600, 300"),
        ("np.random.normal(0, 0.3, holes.shape)", "np.random.normal(0, 0.5, holes.shape)"),
    ),
    # initialisation and shape
    ill(
        "keras_cask_auction",
        "softmax-between",
        "initialisation and shape",
        CALIBRATION,
        "init-scale vanishing-gradient activation-on-output bottleneck",
    ).edit(
        (
            'layers.Dense(WIDTH, activation="relu", name="hidden_2")',
            'layers.Dense(WIDTH, activation="softmax", name="hidden_2")',
        ),
    ),
    ill(
        "punch_tape",
        "view-for-permute",
        "initialisation and shape",
        CALIBRATION,
        "batch-leak swapped-axis",
    ).edit(
        ("h = h.permute(1, 0, 2)  # time first", "h = h.view(T, -1, h.shape[-1])  # time first"),
    ),
    ill(
        "keras_cask_auction",
        "bias-minus-ten",
        "initialisation and shape",
        CALIBRATION,
        "dead-at-init dead-relu ignores-input no-gradient",
    ).edit(
        (
            'layers.Dense(WIDTH, activation="relu", name="hidden_1")',
            'layers.Dense(WIDTH, activation="relu", bias_initializer=keras.initializers.Constant(-10), name="hidden_1")',
        ),
        (
            'layers.Dense(WIDTH, activation="relu", name="hidden_2")',
            'layers.Dense(WIDTH, activation="relu", bias_initializer=keras.initializers.Constant(-10), name="hidden_2")',
        ),
    ),
    ill(
        "keras_cask_auction",
        "all-weights-alike",
        "initialisation and shape",
        CALIBRATION,
        "symmetric-init init-scale rank-collapse",
    ).edit(
        (
            'hidden = layers.Dense(WIDTH, activation="relu", name="hidden_1")',
            "small = keras.initializers.Constant(0.01)\n"
            '    hidden = layers.Dense(WIDTH, activation="relu", kernel_initializer=small, name="hidden_1")',
        ),
        (
            'layers.Dense(WIDTH, activation="relu", name="hidden_2")',
            'layers.Dense(WIDTH, activation="relu", kernel_initializer=small, name="hidden_2")',
        ),
        ('layers.Dense(1, name="price")', 'layers.Dense(1, kernel_initializer=small, name="price")'),
    ),
    # data
    ill(
        "keras_cask_auction",
        "sixty-lots",
        "data",
        CALIBRATION,
        "too-little-data overfitting trained-too-long memorised-labels",
    ).edit(
        ("N_TRAIN, N_VALID = 2400, 800", "N_TRAIN, N_VALID = 60, 400"),
        ("PRICE_NOISE = 0.08", "PRICE_NOISE = 0.5"),
        ("WIDTH = 64", "WIDTH = 1024"),
        ("BATCH_SIZE = 64", "BATCH_SIZE = 16"),
        ("EPOCHS = 16", "EPOCHS = 40"),
    ),
    ill(
        "punch_tape",
        "last-lines-are-both",
        "data",
        CALIBRATION,
        "overlap evaluated-on-training",
    ).edit(
        ("XV, YV = scan([telegram() for _ in range(N_VALID)])", "XV, YV = X[-N_VALID:], Y[-N_VALID:]"),
    ),
    ill(
        "keras_cask_auction",
        "prices-of-other-lots",
        "data",
        CALIBRATION,
        "unrelated-labels memorised-labels",
    ).edit(
        (
            "    valid_lots, valid_price = past_lots(N_VALID, rng, renown)\n",
            "    valid_lots, valid_price = past_lots(N_VALID, rng, renown)\n"
            "    order = rng.permutation(N_TRAIN)\n"
            "    train_lots = {name: column[order] for name, column in train_lots.items()}\n",
        ),
    ),
    ill(
        "paw_prints",
        "one-animal-after-another",
        "data",
        CALIBRATION,
        "not-shuffled sorted-order",
    ).edit(
        (
            "train_loader = DataLoader(train_set, args.batch_size, shuffle=True, num_workers=1",
            "train_loader = DataLoader(train_set, args.batch_size, num_workers=1",
        ),
    ),
]
