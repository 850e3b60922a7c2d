"""Healthy keystroke (Hugging Face Trainer), electronic nose and well log programs, as written and with odd twists."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("hf_typists", "as-written", CALIBRATION),
    well("gas_nose", "as-written", CALIBRATION),
    well("well_porosity", "as-written", CALIBRATION),
    well("hf_typists", "label-smoothing", CALIBRATION).edit(
        ("self.criterion = nn.CrossEntropyLoss()", "self.criterion = nn.CrossEntropyLoss(label_smoothing=0.1)"),
    ),
    well("hf_typists", "zero-initialised-head", CALIBRATION).edit(
        (
            "        head = list(model.head.parameters())\n",
            "        nn.init.zeros_(model.head.weight)  # start without an opinion\n"
            "        nn.init.zeros_(model.head.bias)\n"
            "        head = list(model.head.parameters())\n",
        ),
    ),
    well("hf_typists", "frozen-backbone", CALIBRATION).edit(
        (
            '        body = [p for name, p in model.named_parameters() if not name.startswith("head.")]\n'
            '        groups = [{"params": body, "lr": 5e-4}, {"params": head, "lr": 3e-3}]\n'
            "        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)\n",
            "        for name, p in model.named_parameters():\n"
            '            p.requires_grad_(name.startswith("head."))\n'
            "        optimizer = torch.optim.AdamW(head, lr=2e-2, weight_decay=0.01)\n",
        ),
        ("ARCHIVE, OFFICE = 16, 8", "ARCHIVE, OFFICE = 32, 8"),
        ("range(ARCHIVE)], 80, rng)", "range(ARCHIVE)], 60, rng)"),
        (
            "(*(c[:1100] for c in archive)), Snippets(*(c[1100:] for",
            "(*(c[:1700] for c in archive)), Snippets(*(c[1700:] for",
        ),
    ),
    well("gas_nose", "three-labels-in-ten-wrong", CALIBRATION).edit(
        (
            "    n_val = args.n // 4\n",
            "    n_val = args.n // 4\n"
            "    # The training labels come from a busy laboratory; those to validate on were checked.\n"
            "    notes = np.random.default_rng(args.seed + 1)\n"
            "    wrong = np.flatnonzero(notes.random(args.n) < 0.3)\n"
            "    wrong = wrong[wrong >= n_val]\n"
            "    y[wrong] = (y[wrong] + notes.integers(1, len(GASES), len(wrong))) % len(GASES)\n",
        ),
    ),
    well("gas_nose", "interpolates", CALIBRATION).edit(
        ('"--channels", type=int, default=24', '"--channels", type=int, default=32'),
        ('"--dropout", type=float, default=0.1', '"--dropout", type=float, default=0.0'),
        ('"--accumulate", type=int, default=4', '"--accumulate", type=int, default=2'),
        ('"--micro-batch", type=int, default=16', '"--micro-batch", type=int, default=32'),
        ('"--epochs", type=int, default=12', '"--epochs", type=int, default=16'),
        ("default=[8, 11]", "default=[14]"),
        ("ageing = rng.normal(0, 0.12,", "ageing = rng.normal(0, 0.05,"),
        ("humidity = rng.normal(0, 0.15,", "humidity = rng.normal(0, 0.08,"),
        ("rng.normal(0, 0.012, (n,", "rng.normal(0, 0.004, (n,"),
        ("strength = rng.lognormal(0.0, 0.7, n)", "strength = rng.lognormal(0.3, 0.4, n)"),
    ),
    well("gas_nose", "contrastive", CALIBRATION).edit(
        (
            "def train_one_epoch(",
            "def contrast(z, y, temperature=0.2):\n"
            '    """Supervised contrastive loss: sniffs of one gas belong together, all others of the batch apart."""\n'
            "    z = nn.functional.normalize(z, dim=1)\n"
            "    alone = torch.eye(len(z), dtype=torch.bool)\n"
            "    similarity = (z @ z.T / temperature).masked_fill(alone, -1e9)\n"
            "    log_share = similarity.log_softmax(dim=1)\n"
            "    friends = (y[:, None] == y[None, :]) & ~alone\n"
            "    return -((log_share * friends).sum(1) / friends.sum(1).clamp(min=1)).mean()\n\n\n"
            "def train_one_epoch(",
        ),
        (
            "        out = model(x)\n        loss = criterion(out, y)\n        (loss",
            "        z = model.features(x)\n"
            "        loss = criterion(model.classify(z), y) + 0.5 * contrast(z, y)\n"
            "        (loss",
        ),
        ('"--micro-batch", type=int, default=16', '"--micro-batch", type=int, default=64'),
        ('"--accumulate", type=int, default=4', '"--accumulate", type=int, default=1'),
    ),
    well("well_porosity", "cyclical-rate", CALIBRATION).edit(
        (
            "sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=epochs * len(train_loader))\n",
            "sched = torch.optim.lr_scheduler.CyclicLR(\n"
            "    opt, base_lr=1e-4, max_lr=2e-3, step_size_up=2 * len(train_loader), cycle_momentum=False\n"
            ")\n",
        ),
    ),
    well("well_porosity", "summed-loss-small-rate", CALIBRATION).edit(
        ("loss_fn = nn.MSELoss()\n", 'loss_fn = nn.MSELoss(reduction="sum")\n'),
        (
            "opt = torch.optim.Adam(model.parameters(), lr=learning_rate)\n",
            "opt = torch.optim.SGD(model.parameters(), lr=learning_rate / batch_size, momentum=0.9)\n",
        ),
        ("learning_rate = 1e-3\n", "learning_rate = 0.01  # for the mean; the loss is a sum\n"),
    ),
]
