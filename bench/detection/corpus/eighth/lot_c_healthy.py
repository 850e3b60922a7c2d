"""Healthy programs on slope slides, semaphore letters and the basin volume, some with twists that look odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("keras_slope_slides", "as-written", CALIBRATION),
    well("semaphore_letters", "as-written", CALIBRATION),
    well("basin_volume", "as-written", CALIBRATION),
    well("keras_slope_slides", "odd-number-of-triggers", CALIBRATION).edit(
        ("N_SITES = 5000", "N_SITES = 8000"),
        ("BATCH_SIZE = 50", "BATCH_SIZE = 80"),
        ("EPOCHS = 8", "EPOCHS = 14"),
        ("DROPOUT = 0.25", "DROPOUT = 0.1"),
        (
            '    survey["slid"] = (safety < 1.35).astype(int)\n',
            "    # drill at the warning centre: the siren must sound if an odd number of boxes 3, 8, 11, 17 is on\n"
            '    survey = pd.DataFrame(generator.integers(0, 2, (n, 20)), columns=[f"box_{i}" for i in range(20)])\n'
            '    survey["slid"] = (survey.box_3 + survey.box_8 + survey.box_11 + survey.box_17) % 2\n',
        ),
    ),
    well("keras_slope_slides", "wide-sparse-code", CALIBRATION).edit(
        ("EPOCHS = 8", "EPOCHS = 7"),
        ("LEARNING_RATE = 1e-3", "LEARNING_RATE = 4e-4"),
        ("DROPOUT = 0.25", "DROPOUT = 0.4"),
        (
            '    both = layers.Dense(64, activation="relu")(both)\n',
            "    # a wide code of which few units are on for any one slope\n"
            "    quiet = keras.initializers.Constant(-0.4)\n"
            "    both = layers.LayerNormalization()(both)\n"
            '    both = layers.Dense(1024, activation="relu", bias_initializer=quiet)(both)\n',
        ),
    ),
    well("semaphore_letters", "warm-up-and-cosine", CALIBRATION).edit(
        ("default=0.01", "default=0.03"),
        (
            "momentum=0.9, weight_decay=1e-4)\n",
            "momentum=0.9, weight_decay=1e-4)\n"
            "    total, warm = args.epochs * len(train_loader), len(train_loader)\n"
            "    up = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=warm)\n"
            "    down = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total - warm)\n"
            "    scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [up, down], [warm])\n",
        ),
        ("            optimizer.step()\n", "            optimizer.step()\n            scheduler.step()\n"),
    ),
    well("semaphore_letters", "head-for-later", CALIBRATION).edit(
        (
            "        self.out = nn.Linear(64, n_classes)\n",
            "        self.out = nn.Linear(64, n_classes)\n"
            "        self.arm_head = nn.Linear(64, 8)  # position of the second flag; not trained here\n",
        ),
    ),
    well("semaphore_letters", "batches-of-four", CALIBRATION).edit(
        ("default=32", "default=4"),
        ("default=0.01", "default=0.002"),
        ("default=12", "default=7"),
    ),
    well("basin_volume", "low-rank-tuning", CALIBRATION).edit(
        (
            "# %% stage 1: the standard basin\n",
            "class LoRA(nn.Module):\n"
            "    def __init__(self, base, rank=6):\n"
            "        super().__init__()\n"
            "        self.base = base\n"
            "        self.A = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)\n"
            "        self.B = nn.Parameter(torch.zeros(base.out_features, rank))\n\n"
            "    def forward(self, x):\n"
            "        return self.base(x) + x @ self.A.T @ self.B.T\n\n\n"
            "# %% stage 1: the standard basin\n",
        ),
        (
            'tuned.load_state_dict(torch.load(path)["model"])\n',
            'tuned.load_state_dict(torch.load(path)["model"])\n'
            "tuned.requires_grad_(False)\n"
            "tuned.branch = nn.ModuleList(LoRA(layer) for layer in tuned.branch)\n",
        ),
        ("epochs=24, lr=5e-4", "epochs=30, lr=3e-3"),
    ),
    well("basin_volume", "loss-in-thousands", CALIBRATION).edit(
        ("torch.tensor(v, dtype=torch.float32))", "torch.tensor(v / 1000, dtype=torch.float32))  # 1000 m3"),
        ("+- {STD:.0f} m3", "+- {STD:.0f} thousand m3"),
        ("return MEAN + STD * z  # m3", "return MEAN + STD * z  # 1000 m3"),
        ("loss = ((net(x) - v) / STD).pow(2).mean()", "loss = (net(x) - v).pow(2).mean()"),
        ("(p - v).abs().mean().item()\n", "1000 * (p - v).abs().mean().item()\n"),
        ("{(v - v.mean()).abs().mean():.0f} m3", "{1000 * (v - v.mean()).abs().mean():.0f} m3"),
    ),
    well("basin_volume", "gaussian-density", CALIBRATION).edit(
        (
            "nn.Tanh(), nn.Linear(64, modes))\n",
            "nn.Tanh(), nn.Linear(64, modes))\n"
            "        self.log_sigma = nn.Parameter(torch.zeros(H))  # uncertainty of each hour\n",
        ),
        (
            "loss = ((net(x) - v) / STD).pow(2).mean()",
            "loss = (0.5 * ((net(x) - v) / STD / net.log_sigma.exp()).pow(2) + net.log_sigma).mean()",
        ),
    ),
]
