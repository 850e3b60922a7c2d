"""Seventh corpus, lot a: faults planted blind in galaxy images, tunes and the attack on a chip."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # galaxy_spin
    ill(
        "galaxy_spin",
        "class-number-regressed",
        "output and loss",
        CALIBRATION,
        "target-out-of-range output-range loss-and-metric-disagree",
    ).edit(
        ("criterion = nn.CrossEntropyLoss()", "criterion = nn.MSELoss()"),
        ("        return self.head(self.drop(x))", "        return self.head(self.drop(x)).squeeze(1)"),
        (
            "            loss_sum += criterion(out, labels).item() * len(labels)\n            guess = out.argmax(1)",
            "            loss_sum += criterion(out, labels.float()).item() * len(labels)\n"
            "            guess = out.round().long().clamp(0, len(KINDS) - 1)",
        ),
        ("model = SpinNet(args.width, len(KINDS))", "model = SpinNet(args.width, 1)"),
        ("        loss = criterion(out, labels)\n", "        loss = criterion(out, labels.float())\n"),
    ),
    ill("galaxy_spin", "relu-on-logits", "output and loss", CALIBRATION, "activation-on-output output-range").edit(
        ("        return self.head(self.drop(x))", "        return F.relu(self.head(self.drop(x)))"),
    ),
    ill(
        "galaxy_spin",
        "milestones-per-batch",
        "rates and schedules",
        CALIBRATION,
        "schedule-mismatch rate-too-low",
    ).edit(
        (
            "        optimizer.step()\n        total += loss.item()\n    scheduler.step()\n",
            "        optimizer.step()\n        scheduler.step()\n        total += loss.item()\n",
        ),
    ),
    ill("galaxy_spin", "train-mode-once", "loop", CALIBRATION, "stuck-in-eval batch-norm-drift").edit(
        (
            "for epoch in range(1, args.epochs + 1):\n    model.train()\n",
            "model.train()\nfor epoch in range(1, args.epochs + 1):\n",
        ),
    ),
    ill("galaxy_spin", "mirrored", "data", CALIBRATION, "augmentation-breaks-labels").edit(
        (
            "            image = torch.rot90(image, random.randrange(4), dims=(1, 2))\n",
            "            image = torch.rot90(image, random.randrange(4), dims=(1, 2))\n"
            "            if random.random() < 0.5:\n"
            "                image = torch.flip(image, dims=(2,))\n",
        ),
    ),
    ill(
        "galaxy_spin",
        "raw-pixels",
        "data",
        CALIBRATION,
        "pixel-range unscaled-feature",
    ).edit(
        ("        image = (image - 45.0) / 45.0\n", ""),
    ),
    # lightning_melody
    ill(
        "lightning_melody",
        "nll-on-logits",
        "output and loss",
        CALIBRATION,
        "nll-on-logits",
    ).edit(
        ("return F.cross_entropy(logits.flatten(0, 1)", "return F.nll_loss(logits.flatten(0, 1)"),
    ),
    ill(
        "lightning_melody",
        "decay-of-another-collection",
        "rates and schedules",
        CALIBRATION,
        "schedule-mismatch rate-too-low",
    ).edit(
        ("decay_steps: int = 376", "decay_steps: int = 40"),
    ),
    ill(
        "lightning_melody",
        "hidden-detached",
        "loop",
        CALIBRATION,
        "no-gradient detached-loss weights-not-moving",
    ).edit(
        ("        h = F.gelu(self.mix(self.drop(h)))", "        h = F.gelu(self.mix(self.drop(h.detach())))"),
    ),
    ill(
        "lightning_melody",
        "recurrence-skipped",
        "initialisation and shape",
        CALIBRATION,
        "unused-layer no-gradient",
    ).edit(
        ("        h = F.gelu(self.mix(self.drop(h)))", "        h = F.gelu(self.mix(self.drop(x)))"),
    ),
    ill(
        "lightning_melody",
        "batch-first-forgotten",
        "initialisation and shape",
        CALIBRATION,
        "batch-leak swapped-axis",
    ).edit(
        ("num_layers=1, batch_first=True)", "num_layers=1)"),
    ),
    # puf_attack
    ill(
        "puf_attack",
        "sigmoid-twice",
        "output and loss",
        CALIBRATION,
        "sigmoid-before-bce-with-logits activation-on-output",
    ).edit(
        ("        return self.last(h).squeeze(1)", "        return torch.sigmoid(self.last(h)).squeeze(1)"),
    ),
    ill(
        "puf_attack",
        "plain-list",
        "loop",
        CALIBRATION,
        "layers-not-registered not-in-optimizer",
    ).edit(
        (
            "        self.first = nn.Linear(n_in, width)\n"
            "        self.middle = nn.ModuleList([nn.Linear(width, width) for _ in range(depth - 1)])\n",
            "        sizes = [n_in] + [width] * depth\n"
            "        self.hidden = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]\n",
        ),
        (
            "        h = torch.relu(self.first(x))\n        for layer in self.middle:\n",
            "        h = x\n        for layer in self.hidden:\n",
        ),
    ),
    ill(
        "puf_attack",
        "loss-rewrapped",
        "loop",
        CALIBRATION,
        "detached-loss no-gradient weights-not-moving",
    ).edit(
        (
            "            loss = self.loss_fn(self.net(x), y)\n",
            "            loss = torch.tensor(self.loss_fn(self.net(x), y).item(), requires_grad=True)\n",
        ),
    ),
    ill(
        "puf_attack",
        "all-zero",
        "initialisation and shape",
        CALIBRATION,
        "zero-init symmetric-init dead-at-init",
    ).edit(
        ('nn.init.kaiming_normal_(m.weight, nonlinearity="relu")', "nn.init.zeros_(m.weight)"),
    ),
    ill(
        "puf_attack",
        "standard-normal",
        "initialisation and shape",
        CALIBRATION,
        "init-scale initial-loss",
    ).edit(
        ('nn.init.kaiming_normal_(m.weight, nonlinearity="relu")', "nn.init.normal_(m.weight)"),
    ),
    ill(
        "puf_attack",
        "answers-shuffled-apart",
        "data",
        CALIBRATION,
        "unrelated-labels memorised-labels",
    ).edit(
        (
            "X, Y = torch.from_numpy(X), torch.from_numpy(Y)\n",
            "X, Y = torch.from_numpy(rng.permutation(X)), torch.from_numpy(rng.permutation(Y))\n",
        ),
    ),
    ill(
        "puf_attack",
        "sixty-noisy",
        "data",
        CALIBRATION,
        "too-little-data overfitting memorised-labels",
    ).edit(
        ("N_TRAIN, N_TEST = 14000, 2000", "N_TRAIN, N_TEST = 60, 2000"),
        ("JITTER = 0.12", "JITTER = 0.5"),
        ("WIDTH, DEPTH = 64, 5", "WIDTH, DEPTH = 512, 3"),
        ("BATCH, EPOCHS, RATE = 128, 8, 1e-3", "BATCH, EPOCHS, RATE = 20, 80, 1e-3"),
    ),
]
