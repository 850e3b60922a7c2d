"""Healthy programs of the sixth evaluation, lot b: each base as written, and eight twists that only look odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("hf_visitors", "as-written", CALIBRATION),
    well("shower_images", "as-written", CALIBRATION),
    well("glucose_ahead", "as-written", CALIBRATION),
    well("glucose_ahead", "sparse-embedding", CALIBRATION).edit(
        ("self.patient = nn.Embedding(patients, 6)", "self.patient = nn.Embedding(patients, 6, sparse=True)"),
        (
            "    optimizer = optim.Adam(model.parameters(), lr=args.lr)\n",
            '    dense = [p for name, p in model.named_parameters() if not name.startswith("patient")]\n'
            "    optimizer = optim.Adam(dense, lr=args.lr)\n"
            "    table_optimizer = optim.SparseAdam(model.patient.parameters(), lr=args.lr)\n",
        ),
        (
            "            optimizer.zero_grad()\n",
            "            optimizer.zero_grad()\n            table_optimizer.zero_grad()\n",
        ),
        ("            optimizer.step()\n", "            optimizer.step()\n            table_optimizer.step()\n"),
    ),
    well("glucose_ahead", "summed-loss-small-rate", CALIBRATION).edit(
        ("loss_fn = nn.MSELoss()", 'loss_fn = nn.MSELoss(reduction="sum")'),
        (
            "optimizer = optim.Adam(model.parameters(), lr=args.lr)",
            "optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)",
        ),
        ('"--lr", type=float, default=3e-3', '"--lr", type=float, default=5e-4'),
        ("running += loss.item() * len(later)", "running += loss.item()"),
    ),
    well("glucose_ahead", "batch-of-four", CALIBRATION).edit(
        ('"--batch-size", type=int, default=64', '"--batch-size", type=int, default=4'),
        ('"--lr", type=float, default=3e-3', '"--lr", type=float, default=1e-3'),
        ('"--epochs", type=int, default=10', '"--epochs", type=int, default=2'),
    ),
    well("glucose_ahead", "wide-sparse-relu", CALIBRATION).edit(
        (
            "self.head = nn.Sequential(nn.Linear(hidden + 6, 48), nn.ReLU(), nn.Linear(48, 1))\n",
            "code = [nn.Linear(hidden + 6, 768, bias=False), nn.BatchNorm1d(768), nn.ReLU()]\n"
            "        nn.init.constant_(code[1].bias, -1.3)  # each unit answers to few windows\n"
            "        self.head = nn.Sequential(*code, nn.Linear(768, 1))\n",
        ),
    ),
    well("glucose_ahead", "log-density", CALIBRATION).edit(
        ("nn.ReLU(), nn.Linear(48, 1))", "nn.ReLU(), nn.Linear(48, 2))"),
        (
            "        return self.head(summary).squeeze(1)\n",
            "        middle, log_variance = self.head(summary).unbind(1)\n"
            "        return middle, log_variance.clamp(-8, 4).exp()\n",
        ),
        ("guess = model(past, who) * spread + centre", "guess = model(past, who)[0] * spread + centre"),
        ("loss_fn = nn.MSELoss()", "loss_fn = nn.GaussianNLLLoss()"),
        (
            "            loss = loss_fn(model(past, who), (later - centre) / spread)\n",
            "            middle, variance = model(past, who)\n"
            "            loss = loss_fn(middle, (later - centre) / spread, variance)\n",
        ),
    ),
    well("shower_images", "zero-gamma", CALIBRATION).edit(
        ("LEARNING_RATE = 1e-3", "LEARNING_RATE = 2e-3"),
        (
            "        self.skip = nn.Conv2d",
            "        nn.init.zeros_(self.bn2.weight)  # each block begins as its shortcut\n        self.skip = nn.Conv2d",
        ),
    ),
    well("shower_images", "raw-counts", CALIBRATION).edit(
        ("brightness = np.sqrt(images)\nmean, std = brightness[:N_TRAIN].mean(), brightness[:N_TRAIN].std()\n", ""),
        ("torch.from_numpy((brightness - mean) / std).float().unsqueeze(1)", "torch.from_numpy(images).unsqueeze(1)"),
    ),
    well("hf_visitors", "warm-up-and-cosine", CALIBRATION).edit(
        ('lr_scheduler_type="linear"', 'lr_scheduler_type="cosine",\n        warmup_steps=30'),
    ),
]
