"""The three bases as they are, and eight programs that look odd and are right."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("hf_leaf_spots", "as-written", CALIBRATION),
    well("cable_tension", "as-written", CALIBRATION),
    well("lift_rides", "as-written", CALIBRATION),
    well("hf_leaf_spots", "weighted-complaints", CALIBRATION).edit(
        (
            "        self.criterion = nn.BCEWithLogitsLoss()\n",
            "        odds = torch.tensor((1 - PREVALENCE) / PREVALENCE, dtype=torch.float32)\n"
            "        self.criterion = nn.BCEWithLogitsLoss(pos_weight=odds.sqrt())\n",
        ),
    ),
    well("lift_rides", "down-to-nothing", CALIBRATION).edit(
        ("noise: float = 0.11)", "noise: float = 0.05)"),
        ("top, pull = rng.normal(1.75, 0.1),", "top, pull = rng.normal(1.75, 0.02),"),
        ("rng.random() < 0.4:", "rng.random() < 0.1:"),
        ("DT - rng.uniform(0.2, 2.0)", "DT - rng.uniform(0.2, 1.2)"),
        (
            "torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum, weight_decay=5e-4)",
            "torch.optim.Adam(model.parameters(), lr=args.lr)",
        ),
        ('"--lr", type=float, default=0.03', '"--lr", type=float, default=0.003'),
        ("step_size=6, gamma=0.3", "step_size=9, gamma=0.3"),
        ('"--epochs", type=int, default=18', '"--epochs", type=int, default=24'),
    ),
    well("hf_leaf_spots", "head-for-later", CALIBRATION).edit(
        (
            "        self.criterion = nn.BCEWithLogitsLoss()\n",
            "        self.severity = nn.Linear(hidden, 1)  # for the release in which the growers score how bad it is\n"
            "        self.criterion = nn.BCEWithLogitsLoss()\n",
        ),
    ),
    well("lift_rides", "frozen-from-another-building", CALIBRATION).edit(
        (
            "    model = TemporalNet()\n"
            "    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum, weight_decay=5e-4)\n"
            "    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.3)\n",
            "    model = TemporalNet()\n"
            "    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum, weight_decay=5e-4)\n"
            "    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.3)\n"
            "    office = DataLoader(Rides(1200, seed=3000 + SEED, storey=3.5), args.batch_size, shuffle=True)\n"
            "    for _ in range(10):  # many rides are known from the office tower next door\n"
            "        train_one_epoch(model, office, optimizer, scheduler)\n"
            "    for p in [*model.stem.parameters(), *model.layers.parameters()]:\n"
            "        p.requires_grad_(False)\n"
            "    model.head = nn.Linear(model.head.in_features, MAX_FLOORS)\n"
            "    optimizer = torch.optim.Adam(model.head.parameters(), lr=5e-3)\n"
            "    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.3)\n",
        ),
    ),
    well("cable_tension", "four-batches-divided", CALIBRATION).edit(
        (
            "    for signal, known, target in train_loader:\n        optimizer.zero_grad()\n",
            "    for i, (signal, known, target) in enumerate(train_loader):\n",
        ),
        ("        loss.backward()\n", "        (loss / accumulate).backward()\n"),
        (
            "        optimizer.step()\n",
            "        if (i + 1) % accumulate == 0:\n            optimizer.step()\n            optimizer.zero_grad()\n",
        ),
        ("n_epochs, lr = 32, 30, 0.02", "n_epochs, lr = 8, 30, 0.02\naccumulate = 4"),
    ),
    well("lift_rides", "rate-one-batch-norm", CALIBRATION).edit(
        (
            "    return nn.Sequential(nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation), nn.ReLU())\n",
            "    conv = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)\n"
            "    return nn.Sequential(conv, nn.BatchNorm1d(width), nn.ReLU())\n",
        ),
        (
            "nn.Sequential(nn.Conv1d(2, width, 3, padding=1), nn.ReLU())",
            "nn.Sequential(nn.Conv1d(2, width, 3, padding=1), nn.BatchNorm1d(width), nn.ReLU())",
        ),
        ('"--lr", type=float, default=0.03', '"--lr", type=float, default=1.0'),
        (
            "torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.3)",
            "torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: min(1.0, (e + 1) / 4) * 0.3 ** (e // 6))",
        ),
        ('"--momentum", type=float, default=0.9', '"--momentum", type=float, default=0.0'),
    ),
    well("cable_tension", "cyclical-rate", CALIBRATION).edit(
        (
            "scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=n_epochs)\n",
            "scheduler = torch.optim.lr_scheduler.CyclicLR(\n"
            '    optimizer, base_lr=0.002, max_lr=0.05, step_size_up=3 * len(train_loader), mode="triangular2"\n'
            ")\n",
        ),
        (
            "        optimizer.step()\n        total += loss.item()\n    scheduler.step()\n",
            "        optimizer.step()\n        scheduler.step()\n        total += loss.item()\n",
        ),
    ),
    well("hf_leaf_spots", "sgd-tenth-with-momentum", CALIBRATION).edit(
        (
            "        trainer = Trainer(\n            model=LeafNet(),\n",
            (
                "        net = LeafNet()\n"
                "        sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)\n"
                "        trainer = Trainer(\n            model=net,\n            optimizers=(sgd, None),\n"
            ),
        ),
    ),
]
