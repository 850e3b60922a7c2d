"""Faults of author B: one program for each of the 25 hard faults, on courier rounds, wafer maps and log windows."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # --- courier_rounds: regression on sets ---
    ill(
        "courier_rounds",
        "raw-minutes-under-sgd",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging skewed-target exploding-gradient non-finite",
    ).edit(
        ("y_mu, y_sd = minutes[tr].mean(), minutes[tr].std()\n", "y_mu, y_sd = 0.0, 1.0  # plain minutes\n"),
        (
            "opt = torch.optim.Adam(model.parameters(), lr=args.lr)\n",
            "opt = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)\n",
        ),
        ('ap.add_argument("--lr", type=float, default=2e-3)', 'ap.add_argument("--lr", type=float, default=1e-2)'),
    ),
    ill(
        "courier_rounds",
        "new-depot-on-time-sheets",
        "data",
        CALIBRATION,
        "too-little-data overfitting memorised-labels split-too-small",
    ).edit(
        ('"--rounds", type=int, default=5000', '"--rounds", type=int, default=75'),
        ('"--bs", type=int, default=64', '"--bs", type=int, default=16'),
        ('"--width", type=int, default=48', '"--width", type=int, default=384'),
        ('"--epochs", type=int, default=10', '"--epochs", type=int, default=50'),
        # the new depot's minutes come from time sheets that are filled in by hand
        ("np.exp(np.random.normal(0, 0.06, R))", "np.exp(np.random.normal(0, 0.3, R))"),
    ),
    ill("courier_rounds", "pace-of-the-round", "data", CALIBRATION, "leaking-feature").edit(
        (
            "day = np.column_stack([day, n_stops])\n",
            "pace = minutes / n_stops  # some couriers are quick, some are not\n"
            "day = np.column_stack([day, n_stops, pace])\n",
        ),
    ),
    ill(
        "courier_rounds",
        "stops-reshaped",
        "initialisation and shape",
        CALIBRATION,
        "swapped-axis mixed-scales inconsistent-shape",
    ).edit(
        ("floor, lift, sign], axis=1) * on[:, None]\n", "floor, lift, sign]) * on\n"),
        (
            "stops = stops.transpose(0, 2, 1)  # [R, S, fields]\n",
            "stops = stops.reshape(len(minutes), S, len(STOP_FIELDS))  # [R, S, fields]\n",
        ),
    ),
    ill(
        "courier_rounds",
        "ten-sigmoid-exchanges",
        "initialisation and shape",
        CALIBRATION,
        "vanishing-gradient saturated-unit saturated-at-init init-scale rank-collapse",
    ).edit(
        ('"--exchanges", type=int, default=2', '"--exchanges", type=int, default=10'),
        ("        self.act = nn.ReLU()\n", "        self.act = nn.Sigmoid()\n"),
    ),
    ill(
        "courier_rounds", "softmax-without-dim", "output and loss", CALIBRATION, "softmax-axis batch-leak swapped-axis"
    ).edit(
        ("self.attend = nn.Softmax(dim=1)", "self.attend = nn.Softmax()"),
        # pooled by attention alone
        ("nn.Linear(3 * w + day.shape[1], w)", "nn.Linear(w + day.shape[1], w)"),
        ("z = torch.cat([(a * h).sum(1), pooled(h, m), d], dim=-1)", "z = torch.cat([(a * h).sum(1), d], dim=-1)"),
    ),
    ill(
        "courier_rounds",
        "fan-in-without-root",
        "initialisation and shape",
        CALIBRATION,
        "init-scale vanishing-gradient zero-init dead-at-init",
    ).edit(
        ('"--exchanges", type=int, default=2', '"--exchanges", type=int, default=6'),
        ("bound = (3.0 / m.in_features) ** 0.5", "bound = 1.0 / m.in_features"),
    ),
    ill(
        "courier_rounds",
        "log-picked-by-isin",
        "data",
        CALIBRATION,
        "unrelated-labels suspect-label conflicting-label",
    ).edit(
        (
            "row_of = {no: row for row, no in enumerate(log_no)}\n"
            "minutes = log_minutes[[row_of[no] for no in round_no]]\n",
            "minutes = log_minutes[np.isin(log_no, round_no)]  # the log may hold rounds we don't have\n",
        ),
    ),
    # --- wafer_maps: images, own Trainer class ---
    ill(
        "wafer_maps",
        "shifted-inside-the-outline",
        "data",
        CALIBRATION,
        "augmentation-breaks-labels",
    ).edit(
        (
            "        flipped = (np.random.rand(SIDE, SIDE)",
            "        image = np.roll(image, np.random.randint(-7, 8, 2), axis=(0, 1))  # shift the pattern\n"
            "        image = np.where(DISC, np.maximum(image, 127), 0)  # but keep the wafer's outline\n"
            "        flipped = (np.random.rand(SIDE, SIDE)",
        ),
    ),
    ill(
        "wafer_maps",
        "augmentation-drawn-up-front",
        "data",
        CALIBRATION,
        "workers-share-seed overfitting feature-drift",
    ).edit(
        (
            "        self.flip_rate = flip_rate\n",
            "        # drawn here: numpy's generator is slow when it is called for every map\n"
            "        self.turns, self.mirror = np.random.randint(4), np.random.rand() < 0.5\n"
            "        self.flips = np.random.rand(SIDE, SIDE) < flip_rate\n",
        ),
        ("np.rot90(image, np.random.randint(4))", "np.rot90(image, self.turns)"),
        ("        if np.random.rand() < 0.5:\n", "        if self.mirror:\n"),
        ("flipped = (np.random.rand(SIDE, SIDE) < self.flip_rate) & (image > 0)", "flipped = self.flips & (image > 0)"),
    ),
    ill(
        "wafer_maps",
        "labels-encoded-anew",
        "data",
        CALIBRATION,
        "target-out-of-range label-shift suspect-label unrelated-labels renumbered-classes",
    ).edit(
        (
            "    train_set = WaferMaps(maps, labels, transform=Augment())\n",
            "    names = [PATTERNS[k] for k in labels]\n"
            "    classes, encoded = np.unique(names, return_inverse=True)\n"
            "    train_set = WaferMaps(maps, encoded, transform=Augment())\n",
        ),
    ),
    ill(
        "wafer_maps",
        "normalised-in-augment-only",
        "data",
        CALIBRATION,
        "unscaled-split feature-drift pixel-range scaled-with-own-statistics",
    ).edit(
        (
            "        return np.where(flipped, 382 - image.astype(np.int64), image)\n",
            "        return normalise(np.where(flipped, 382 - image.astype(np.int64), image))\n",
        ),
        ("        image = normalise(image)\n", "        image = np.asarray(image, dtype=np.float32)\n"),
    ),
    ill("wafer_maps", "hard-maps-capped", "output and loss", CALIBRATION, "clipped-loss no-gradient").edit(
        (
            "        return F.cross_entropy(self.model(images), labels)\n",
            '        each = F.cross_entropy(self.model(images), labels, reduction="none")\n'
            "        return torch.clamp(each, max=1.5).mean()  # mislabelled maps must not dominate\n",
        ),
    ),
    ill(
        "wafer_maps",
        "depthwise-passed-by",
        "initialisation and shape",
        CALIBRATION,
        "unused-layer no-gradient",
    ).edit(
        (
            "        out = F.relu(self.bn2(self.pointwise(out)))\n",
            "        out = F.relu(self.bn2(self.pointwise(x)))\n",
        ),
    ),
    ill(
        "wafer_maps",
        "prior-bias-everywhere",
        "initialisation and shape",
        CALIBRATION,
        "dead-relu dead-at-init no-gradient vanishing-gradient",
    ).edit(
        (
            "        self.head = Head(widths[-1], squeeze=2, classes=len(PATTERNS))\n",
            "        self.head = Head(widths[-1], squeeze=2, classes=len(PATTERNS))\n"
            "        prior = 0.01  # as in RetinaNet: start from rare patterns\n"
            "        for module in self.modules():\n"
            '            if getattr(module, "bias", None) is not None:\n'
            "                nn.init.constant_(module.bias, -float(np.log((1 - prior) / prior)))\n",
        ),
    ),
    ill(
        "wafer_maps",
        "squeeze-is-a-factor",
        "initialisation and shape",
        CALIBRATION,
        "bottleneck dead-at-init dead-relu",
    ).edit(
        ("Head(widths[-1], squeeze=2, classes", "Head(widths[-1], squeeze=64, classes"),
    ),
    ill(
        "wafer_maps",
        "sister-checkpoint-nested",
        "loop",
        CALIBRATION,
        "partial-load",
    ).edit(
        ("import random\n", "import io\nimport random\n"),
        (
            "    train_set = WaferMaps(maps, labels, transform=Augment())\n",
            "    # the sister product has plenty of labelled maps; ours has a few, so we start from its network\n"
            "    sister = WaferNet()\n"
            "    sister_set = WaferMaps(maps, labels, transform=Augment())\n"
            "    sister_loader = DataLoader(sister_set, batch_size=cfg.batch_size, shuffle=True, drop_last=True)\n"
            "    saved = io.BytesIO()\n"
            "    Trainer(sister, sister_loader, DataLoader(WaferMaps(*make_maps(200, rng)), 200), cfg).fit()\n"
            '    torch.save({"model": sister.state_dict(), "epoch": cfg.epochs}, saved)\n'
            "    saved.seek(0)\n"
            "    few, few_labels = make_maps(256, rng)\n"
            "    train_set = WaferMaps(few, few_labels, transform=Augment())\n",
        ),
        (
            "    model = WaferNet()\n    trainer",
            "    model = WaferNet()\n"
            "    model.load_state_dict(torch.load(saved), strict=False)\n"
            "    cfg = Settings(learning_rate=1e-3, epochs=12)\n"
            "    trainer",
        ),
    ),
    ill(
        "wafer_maps",
        "eval-on-the-snapshot-only",
        "loop",
        CALIBRATION,
        "validated-in-train-mode batch-norm-drift random-in-eval tiny-batch-norm",
    ).edit(
        ("import random\n", "import copy\nimport random\n"),
        (
            "        self.model.eval()\n",
            "        snapshot = copy.deepcopy(self.model)  # leaves the mode of the model in training alone\n"
            "        snapshot.eval()\n",
        ),
        ("DataLoader(valid_set, batch_size=200)", "DataLoader(valid_set, batch_size=5)"),
    ),
    ill(
        "wafer_maps",
        "huber-on-pattern-numbers",
        "output and loss",
        CALIBRATION,
        "target-out-of-range output-range loss-and-metric-disagree",
    ).edit(
        ("squeeze=2, classes=len(PATTERNS))", "squeeze=2, classes=1)"),
        (
            "        return F.cross_entropy(self.model(images), labels)\n",
            "        return F.smooth_l1_loss(self.model(images).squeeze(1), labels.float())\n",
        ),
        (
            "        return self.model(images).argmax(dim=1)\n",
            "        return self.model(images).squeeze(1).round().clamp(0, len(PATTERNS) - 1)\n",
        ),
    ),
    # --- hf_log_causes: sequences, Hugging Face Trainer ---
    ill(
        "hf_log_causes",
        "recurrence-over-the-batch",
        "initialisation and shape",
        CALIBRATION,
        "swapped-axis batch-leak",
    ).edit(
        (
            "        self.blocks = nn.ModuleList([Block(config) for _ in range(config.depth)])\n",
            "        self.memory = nn.GRU(config.hidden, config.hidden, num_layers=config.depth)\n",
        ),
        ("        self.positions = nn.Embedding(WINDOW, config.hidden)\n", ""),
        (
            "        h = self.events(input_ids) + self.positions("
            "torch.arange(input_ids.shape[1], device=input_ids.device))\n",
            "        h = self.events(input_ids)\n",
        ),
        (
            "        for block in self.blocks:\n            h = block(h)\n        return self.norm(h)\n",
            "        h, _ = self.memory(h)\n        return self.norm(h)\n",
        ),
    ),
    ill(
        "hf_log_causes",
        "keeps-what-it-should-drop",
        "initialisation and shape",
        CALIBRATION,
        "dropout-rate train-eval-gap",
    ).edit(
        ("device=x.device) > self.p\n", "device=x.device) < self.p\n"),
    ),
    ill(
        "hf_log_causes",
        "focal-without-minus",
        "output and loss",
        CALIBRATION,
        "negated-loss",
    ).edit(
        (
            "            loss = F.cross_entropy(logits, labels)\n",
            "            log_p = F.log_softmax(logits, dim=-1).gather(1, labels.unsqueeze(1)).squeeze(1)\n"
            "            loss = ((1 - log_p.exp()) ** 2 * log_p).mean()  # focal loss, gamma 2\n",
        ),
    ),
    ill(
        "hf_log_causes",
        "checkpointed-from-the-ids",
        "loop",
        CALIBRATION,
        "no-gradient detached-loss weights-not-moving",
    ).edit(
        ("from torch import nn\n", "from torch import nn\nfrom torch.utils.checkpoint import checkpoint\n"),
        (
            "        h = self.encode(input_ids)\n",
            "        # saves memory on long windows\n"
            "        h = checkpoint(self.encode, input_ids, use_reentrant=True)\n",
        ),
    ),
    ill(
        "hf_log_causes",
        "exponential-decay-in-the-trainer",
        "rates and schedules",
        CALIBRATION,
        "schedule-mismatch rate-too-low",
    ).edit(
        (
            "        steps = args.num_train_epochs * -(-len(train) // args.per_device_train_batch_size)\n"
            "        scheduler = torch.optim.lr_scheduler.LambdaLR("
            "optimizer, lambda s: min((s + 1) / 40, 1 - s / (steps + 1)))\n",
            "        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)\n",
        ),
    ),
    ill(
        "hf_log_causes",
        "softmax-pooler",
        "initialisation and shape",
        CALIBRATION,
        "activation-on-output vanishing-gradient rank-collapse init-scale",
    ).edit(
        ("pooled = torch.tanh(self.pooler(h.mean(1)))", "pooled = torch.softmax(self.pooler(h.mean(1)), dim=-1)"),
    ),
]
