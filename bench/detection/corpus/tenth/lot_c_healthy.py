"""The scripts of bee dances, tram stops and fired tiles as they are, and odd but right forms of them."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("bee_dances", "as-written", CALIBRATION),
    well("tram_stops", "as-written", CALIBRATION),
    well("keras_kiln_tiles", "as-written", CALIBRATION),
    well("bee_dances", "thirty-percent-label-noise", CALIBRATION).edit(
        ("default=12", "default=20"),
        ("len(FEEDERS), 750)", "len(FEEDERS), 900)"),
        (
            "films[:250], feeders[:250], films[250:], feeders[250:]",
            "films[:400], feeders[:400], films[400:], feeders[400:]",
        ),
        ("cuts_each=3", "cuts_each=2"),
        (
            "    train_set = DanceCuts(",
            "    # volunteers read the training films: three in ten at random\n"
            "    guessed = rng.random(len(train_y)) < 0.3\n"
            "    train_y = np.where(guessed, rng.integers(0, len(FEEDERS), len(train_y)), train_y)\n\n"
            "    train_set = DanceCuts(",
        ),
    ),
    well("bee_dances", "summed-loss", CALIBRATION).edit(
        ("losses += criterion(out, y).item() * len(y)", "losses += criterion(out, y).item()"),
        ('"--lr", type=float, default=0.03', '"--lr", type=float, default=0.001'),
        ("nn.CrossEntropyLoss()", 'nn.CrossEntropyLoss(reduction="sum")'),
        ("total_loss += loss.item()", "total_loss += loss.item() / len(y)"),
    ),
    well("tram_stops", "check-digit-plateau", CALIBRATION).edit(
        (
            "# Lines cross in the centre, trams turn at the ends, some are expresses or change line, "
            "the odd stop is not logged.",
            "# First the check of the radio: its test sequence is made of sums of digits sent before.",
        ),
        ("N_STOPS, N_LINES, T = 60, 8, 20\n", "N_STOPS, N_LINES, T = 5, 8, 20\n"),
        (
            "train, valid = journeys(2400, city(), SEED + 1), journeys(600, city(), SEED + 2)\n",
            "def radio_test(n, seed):\n"
            "    s = torch.randint(0, N_STOPS, (n, T + 1), generator=torch.Generator().manual_seed(seed))\n"
            "    for t in range(4, T + 1):\n"
            "        s[:, t] = (s[:, t - 1] + s[:, t - 2] + s[:, t - 4]) % N_STOPS\n"
            "    return s\n\n\n"
            "train, valid = radio_test(2400, SEED + 1), radio_test(600, SEED + 2)\n",
        ),
        ("2, 64, 8, 3e-3", "2, 64, 20, 3e-3"),
    ),
    well("tram_stops", "sparse-embedding", CALIBRATION).edit(
        ("nn.Embedding(n_stops, D)", "nn.Embedding(n_stops, D, sparse=True)"),
        (
            "opt = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.01)\n",
            'rest = [p for name, p in model.named_parameters() if name != "emb.weight"]\n'
            "opt = torch.optim.AdamW(rest, lr=LR, weight_decay=0.01)\n"
            "sparse = torch.optim.SparseAdam([model.emb.weight], lr=LR)\n",
        ),
        ("        opt.zero_grad()\n", "        model.zero_grad()\n"),
        ("        opt.step()\n", "        opt.step(), sparse.step()\n"),
    ),
    well("tram_stops", "tied-weights", CALIBRATION).edit(
        (
            "nn.LayerNorm(D), nn.Linear(D, D), nn.Linear(D, n_stops)\n",
            "nn.LayerNorm(D), nn.Linear(D, D), nn.Linear(D, n_stops)\n"
            "        nn.init.normal_(self.emb.weight, std=0.05)\n"
            "        self.head.weight = self.emb.weight\n",
        ),
    ),
    well("tram_stops", "ten-gelu-blocks", CALIBRATION).edit(
        (
            "D, HEADS, LAYERS, BS, EPOCHS, LR = 48, 4, 2, 64, 8, 3e-3",
            "D, HEADS, LAYERS, BS, EPOCHS, LR = 32, 4, 10, 64, 6, 2e-3",
        ),
    ),
    well("tram_stops", "lora-for-the-new-timetable", CALIBRATION).edit(
        (
            "# %% training\n",
            "class LoRA(nn.Module):\n"
            "    def __init__(self, old, r=8):\n"
            "        super().__init__()\n"
            "        self.old = old.requires_grad_(False)\n"
            "        self.A = nn.Parameter(torch.randn(r, old.in_features) / math.sqrt(old.in_features))\n"
            "        self.B = nn.Parameter(torch.zeros(old.out_features, r))\n\n"
            "    def forward(self, x):\n"
            "        return self.old(x) + 2 * x @ self.A.T @ self.B.T\n\n\n"
            "# %% training\n",
        ),
        ("4, 2, 64, 8, 3e-3", "4, 2, 64, 12, 3e-3"),
        (
            "for ep in range(EPOCHS):\n    model.train()\n",
            "for ep in range(EPOCHS):\n"
            "    if ep == EPOCHS // 2:  # the summer timetable: what is learned stays, additions learn the change\n"
            "        train, valid = journeys(2400, city(0.05), SEED + 3), journeys(600, city(0.05), SEED + 4)\n"
            '        print(f"the new timetable: {score(model, valid)[1]:.1%}")\n'
            "        model.requires_grad_(False)\n"
            "        for part in [*model.blocks, model]:\n"
            '            for name in ("qkv", "proj", "up", "down", "mix", "head"):\n'
            "                if hasattr(part, name):\n"
            "                    setattr(part, name, LoRA(getattr(part, name)))\n"
            "        opt = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=LR)\n"
            "        sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda i: max(0.0, 1 - 2 * i / total))\n"
            "    model.train()\n",
        ),
    ),
    well("keras_kiln_tiles", "newtons-as-they-are", CALIBRATION).edit(
        (
            'y = ((load - load_mean) / load_std).astype("float32")[:, None]',
            'y = load.astype("float32")[:, None]  # newtons',
        ),
        ('layers.Dense(2, name="mean_and_spread")', 'layers.Dense(1, name="load")'),
        ("loss=gaussian_nll", 'loss="mse"'),
        ("learning_rate=3e-3", "learning_rate=1e-2"),
        ("newtons = answer[:, 0] * load_std + load_mean", "newtons = answer[:, 0]"),
        (
            "sure = np.abs(error) < 1.96 * np.exp(0.5 * answer[:, 1]) * load_std\n"
            'print(f"inside the 95 % interval: {sure.mean():.1%}")\n',
            "",
        ),
    ),
]
