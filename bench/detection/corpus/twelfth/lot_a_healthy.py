"""Healthy programs on three bases of other data: as written, and with what only looks odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("coffee_beans", "as-written", CALIBRATION),
    well("lightning_cold_rooms", "as-written", CALIBRATION),
    well("honey_origin", "as-written", CALIBRATION),
    well("coffee_beans", "frozen-features", CALIBRATION).edit(
        (
            "    model = BeanNet(len(DEFECTS))\n    criterion = nn.CrossEntropyLoss()\n"
            "    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)\n",
            "    criterion = nn.CrossEntropyLoss()\n"
            "    # last season's beans taught the features, this season's only the head\n"
            "    model = BeanNet(len(DEFECTS))\n"
            "    old_loader = DataLoader(Beans(1600, rng, train=True), batch_size=32, shuffle=True)\n"
            "    old_optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)\n"
            "    for _ in range(10):\n"
            "        train_one_epoch(model, old_loader, criterion, old_optimizer)\n"
            "    model.features.requires_grad_(False)\n"
            "    model.head[2].reset_parameters()\n"
            "    optimizer = torch.optim.SGD(model.head.parameters(), lr=args.lr, momentum=0.9)\n",
        ),
        ('"--epochs", type=int, default=12', '"--epochs", type=int, default=6'),
    ),
    well("coffee_beans", "half-dropped", CALIBRATION).edit(
        ("classes, dropout=0.3)", "classes, dropout=0.5)"),
    ),
    well("lightning_cold_rooms", "gru", CALIBRATION).edit(
        (
            "layers = [nn.LSTM(n_features if i == 0 else hidden, hidden, batch_first=True) for i in range(depth)]",
            "layers = [nn.GRU(n_features if i == 0 else hidden, hidden, batch_first=True) for i in range(depth)]",
        ),
    ),
    well("lightning_cold_rooms", "rare-leaks-weighted", CALIBRATION).edit(
        ("(rng.random(n) < 0.4)", "(rng.random(n) < 0.2)"),
        ("nn.BCEWithLogitsLoss()", "nn.BCEWithLogitsLoss(pos_weight=torch.tensor(4.0))"),
    ),
    well("honey_origin", "sgd-momentum", CALIBRATION).edit(
        (
            "torch.optim.AdamW(self.net.parameters(), lr=self.lr, weight_decay=1e-2)",
            "torch.optim.SGD(self.net.parameters(), lr=self.lr, momentum=0.9)",
        ),
        ("lr: float = 1e-3", "lr: float = 0.1"),
        ("batch: int = 64", "batch: int = 256"),
    ),
    well("honey_origin", "summed-loss", CALIBRATION).edit(
        (
            "torch.optim.AdamW(self.net.parameters(), lr=self.lr, weight_decay=1e-2)",
            "torch.optim.SGD(self.net.parameters(), lr=self.lr, momentum=0.9)",
        ),
        ("lr: float = 1e-3", "lr: float = 3e-4  # for a sum over 64 jars"),
        ("nn.CrossEntropyLoss()", 'nn.CrossEntropyLoss(reduction="sum")'),
        ("return loss.item()\n", "return loss.item() / len(xb)\n"),
        ("self.criterion(logits, y).item(), (", "self.criterion(logits, y).item() / len(x), ("),
    ),
    well("honey_origin", "noisy-labels", CALIBRATION).edit(
        (
            "    x, y = torch.from_numpy(x), torch.from_numpy(y)\n",
            "    # the training jars carry what the beekeeper wrote on the lid: three of ten are guesses\n"
            "    wrong = np.flatnonzero(rng.random(cut) < 0.3)\n"
            "    y[wrong] = rng.integers(0, len(KINDS), len(wrong))\n"
            "    x, y = torch.from_numpy(x), torch.from_numpy(y)\n",
        ),
        ("epochs: int = 12", "epochs: int = 8"),
    ),
    well("honey_origin", "interpolates", CALIBRATION).edit(
        ("w = rng.uniform(0.55, 1.0)", "w = rng.uniform(0.85, 1.0)"),
        (
            "LAB_SPREAD = np.array([0.17, 0.28, 10.0, 0.09, 4.5, 1.1, 4.0])",
            "LAB_SPREAD = np.array([0.09, 0.15, 6.0, 0.05, 2.5, 0.6, 2.0])",
        ),
        ("epochs: int = 12", "epochs: int = 32"),
        ("width=32, depth=2", "width=64, depth=2"),
    ),
]
