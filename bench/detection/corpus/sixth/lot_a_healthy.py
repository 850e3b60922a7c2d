"""Healthy programs of lot a: three bases as written, and twists that only look odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("pen_strokes", "as-written", CALIBRATION),
    well("lightning_newsletter", "as-written", CALIBRATION),
    well("crop_yield", "as-written", CALIBRATION),
    well("lightning_newsletter", "rate-one-with-batch-norm", CALIBRATION).edit(
        ("nn.Linear(3 * cfg.dim, width),", "nn.Linear(3 * cfg.dim, width, bias=False), nn.BatchNorm1d(width),"),
        ("nn.Linear(width, width),", "nn.Linear(width, width, bias=False), nn.BatchNorm1d(width),"),
        ("        nn.init.zeros_(module.bias)\n", "        assert module.bias is None\n"),
        (
            "        return torch.optim.Adam(self.parameters(), lr=self.cfg.rate, weight_decay=2e-5)\n",
            "        optimizer = torch.optim.SGD(self.parameters(), lr=self.cfg.rate, weight_decay=1e-3)\n"
            "        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.cfg.epochs)]\n",
        ),
        ("rate: float = 2e-3", "rate: float = 1.0"),
        ("batch: int = 128", "batch: int = 256"),
        ("epochs: int = 9", "epochs: int = 12"),
    ),
    well("crop_yield", "head-from-zero", CALIBRATION).edit(
        (
            "        self.head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))\n",
            "        self.head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))\n"
            "        nn.init.zeros_(self.head[2].weight)\n"
            "        nn.init.zeros_(self.head[2].bias)\n",
        ),
    ),
    well("pen_strokes", "gru", CALIBRATION).edit(
        (
            "        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(depth)])\n",
            "        self.gru = nn.GRU(dim, dim, num_layers=depth, batch_first=True)\n",
        ),
        ("        for block in self.blocks:\n            h = block(h)\n", "        h, _ = self.gru(h)\n"),
        ("self.code(h.mean(dim=1))", "self.code(h[:, -1])"),
        ("LEARNING_RATE = 1.5e-3", "LEARNING_RATE = 4e-3"),
    ),
    well("crop_yield", "loss-in-kilos", CALIBRATION).edit(
        ("return self.head(self.encoder(", "return 4000 + 2000 * self.head(self.encoder("),
        (
            "grain = (kilos - reference[2].mean()) / reference[2].std()\n",
            "grain = kilos  # the net answers in kg/ha\n",
        ),
        (
            "torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=rate, momentum=0.9)",
            "torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=rate)",
        ),
        ("Trainer(pretrained, rate=0.02,", "Trainer(pretrained, rate=0.002,"),
        ("Trainer(net, rate=0.01,", "Trainer(net, rate=0.001,"),
    ),
    well("lightning_newsletter", "rate-in-cycles", CALIBRATION).edit(
        (
            "        return torch.optim.Adam(self.parameters(), lr=self.cfg.rate, weight_decay=2e-5)\n",
            "        optimizer = torch.optim.Adam(self.parameters(), lr=self.cfg.rate, weight_decay=2e-5)\n"
            "        cycles = torch.optim.lr_scheduler.CyclicLR(\n"
            "            optimizer, base_lr=3e-4, max_lr=6e-3, step_size_up=70, cycle_momentum=False\n"
            "        )\n"
            '        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycles, "interval": "step"}}\n',
        ),
    ),
    well("pen_strokes", "third-of-labels-wrong", CALIBRATION).edit(
        (
            "train_set = Strokes(train_strokes, train_labels, augment=True)\n",
            "careless = rng.random(len(train_labels)) < 0.3  # what if the helpers mislabel three in ten?\n"
            "train_labels[careless] = rng.integers(0, len(SIGNS), careless.sum())\n"
            "train_set = Strokes(train_strokes, train_labels, augment=True)\n",
        ),
    ),
    well("pen_strokes", "six-gelu-blocks", CALIBRATION).edit(
        ("nn.Linear(dim, 2 * dim), nn.ReLU(),", "nn.Linear(dim, 2 * dim), nn.GELU(),"),
        ("dim=40, depth=2", "dim=40, depth=6"),
        (
            "torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)",
            "torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.05)",
        ),
        ("BATCH_SIZE = 48", "BATCH_SIZE = 64"),
        ("EPOCHS = 22", "EPOCHS = 13"),
    ),
    well("crop_yield", "encoder-frozen", CALIBRATION).edit(
        (
            "    net.encoder.load_state_dict(torch.load(path))\n",
            "    net.encoder.load_state_dict(torch.load(path))\n"
            "    net.encoder.requires_grad_(False)  # too few trials to move it\n",
        ),
    ),
]
