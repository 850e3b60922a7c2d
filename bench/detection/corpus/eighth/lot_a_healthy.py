"""Healthy programs on weld films, taxi tracks and a pressure mat, some of which only look odd."""

from bench.detection.program import CALIBRATION, Program, well

WELD, TAXI, SEAT = "weld_films", "lightning_taxi_gaps", "seat_mat"

PROGRAMS: list[Program] = [
    well(WELD, "as-written", CALIBRATION),
    well(TAXI, "as-written", CALIBRATION),
    well(SEAT, "as-written", CALIBRATION),
    well(TAXI, "deep-gelu-transformer", CALIBRATION).edit(
        ('"depth": 2', '"depth": 4'),
        ('"lr": 5e-3, "decay": 0.01', '"lr": 3e-3, "decay": 0.05'),
        ("nn.ReLU()", "nn.GELU()"),
    ),
    well(WELD, "zero-gamma", CALIBRATION).edit(
        (
            "        self.bn2 = nn.BatchNorm2d(width)\n",
            "        self.bn2 = nn.BatchNorm2d(width)\n"
            "        nn.init.zeros_(self.bn2.weight)  # every block starts as the identity\n",
        ),
    ),
    well(SEAT, "four-small-batches", CALIBRATION).edit(
        ("BATCH_SIZE = 64\n", "BATCH_SIZE = 16\nACCUMULATE = 4\n"),
        ("torch.randperm(len(x))", "torch.randperm(len(x))[: len(x) // 64 * 64]"),
        ("range(0, len(x), BATCH_SIZE)", "range(0, len(order), BATCH_SIZE)"),
        (
            "            self.optimizer.zero_grad()\n            loss = self.loss(x[pick], y[pick])\n"
            "            loss.backward()\n            self.optimizer.step()\n",
            "            loss = self.loss(x[pick], y[pick])\n"
            "            (loss / ACCUMULATE).backward()\n"
            "            if (start // BATCH_SIZE + 1) % ACCUMULATE == 0:\n"
            "                self.optimizer.step()\n"
            "                self.optimizer.zero_grad()\n",
        ),
    ),
    well(TAXI, "tied-weights", CALIBRATION).edit(
        ("nn.init.normal_(self.embed.weight, std=0.5)", "nn.init.normal_(self.embed.weight, std=dim**-0.5)"),
        ("nn.init.normal_(self.position, std=0.5)", "nn.init.normal_(self.position, std=dim**-0.5)"),
        (
            "        self.head = nn.Linear(dim, LOST)\n",
            "        self.head = nn.Linear(dim, LOST + 1)\n        self.head.weight = self.embed.weight\n",
        ),
    ),
    well(WELD, "bfloat16", CALIBRATION).edit(
        (
            "            loss = F.nll_loss(model(films), labels)\n",
            '            with torch.autocast("cpu", dtype=torch.bfloat16):\n'
            "                logp = model(films)\n"
            "            loss = F.nll_loss(logp.float(), labels)\n",
        ),
    ),
    well(TAXI, "gru", CALIBRATION).edit(
        (
            "nn.Sequential(*[Block(dim, heads, drop) for _ in range(depth)])",
            "nn.GRU(dim, dim, num_layers=depth, dropout=drop, bidirectional=True, batch_first=True)",
        ),
        ("h = self.blocks(h)\n", "h, _ = self.blocks(h)\n"),
        ("self.norm = nn.LayerNorm(dim)", "self.norm = nn.LayerNorm(2 * dim)"),
        ("self.head = nn.Linear(dim, LOST)", "self.head = nn.Linear(2 * dim, LOST)"),
    ),
    well(WELD, "rate-of-one", CALIBRATION).edit(
        ('"--lr", type=float, default=0.05', '"--lr", type=float, default=1.0'),
        ("lr=args.lr, momentum=0.9, weight_decay=1e-4", "lr=args.lr, weight_decay=1e-4"),
        ("F.log_softmax(self.head(pooled), dim=1)", "F.log_softmax(0.125 * self.head(pooled), dim=1)"),
    ),
    well(SEAT, "raw-counts", CALIBRATION).edit(
        ("    frames = frames / 16\n", ""),
    ),
]
