"""Healthy programs of the eleventh round, lot b: the three bases and what only looks odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    # hf_ship_tracks
    well("hf_ship_tracks", "as-written", CALIBRATION),
    well("hf_ship_tracks", "unused-cargo-head", CALIBRATION).edit(
        (
            "        self.head = nn.Linear(WIDTH, classes)\n",
            "        self.head = nn.Linear(WIDTH, classes)\n"
            "        self.cargo = nn.Linear(WIDTH, 3)  # for the cargo task, which is trained elsewhere\n",
        ),
    ),
    well("hf_ship_tracks", "deep-gelu-adamw", CALIBRATION).edit(
        ("WIDTH, HEADS, DEPTH, DROPOUT = 32, 4, 2, 0.05", "WIDTH, HEADS, DEPTH, DROPOUT = 32, 4, 6, 0.05"),
        ("EPOCHS, BATCH, RATE = 6, 32, 2e-3", "EPOCHS, BATCH, RATE = 6, 32, 1e-3"),
        ('activation="relu"', 'activation="gelu"'),
    ),
    well("hf_ship_tracks", "four-small-batches-a-step", CALIBRATION).edit(
        (
            "            per_device_train_batch_size=BATCH,\n",
            "            per_device_train_batch_size=BATCH // 4,\n            gradient_accumulation_steps=4,\n",
        ),
    ),
    # lidar_canopy
    well("lidar_canopy", "as-written", CALIBRATION),
    well("lidar_canopy", "sgd-a-tenth-with-norms", CALIBRATION).edit(
        ("default=0.05)", "default=0.1)"),
        (
            "            nn.Conv1d(1, channels, 7, padding=3),\n",
            "            nn.Conv1d(1, channels, 7, padding=3, bias=False),\n            nn.BatchNorm1d(channels),\n",
        ),
    ),
    well("lidar_canopy", "cyclical-rate", CALIBRATION).edit(
        (
            """    drops = [args.epochs * 5 // 8, args.epochs * 7 // 8]
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, milestones=drops, gamma=0.3)
""",
            """    sched = torch.optim.lr_scheduler.CyclicLR(
        opt, base_lr=args.lr / 10, max_lr=args.lr * 1.5, step_size_up=50, cycle_momentum=False
    )
""",
        ),
        ("            opt.step()\n", "            opt.step()\n            sched.step()  # in batches: four cycles\n"),
        ("        sched.step()\n        mse = ", "        mse = "),
    ),
    # dga_domains
    well("dga_domains", "as-written", CALIBRATION),
    well("dga_domains", "gru", CALIBRATION).edit(
        ("nn.LSTM(emb, hidden", "nn.GRU(emb, hidden"),
        ("_, (h, _) = self.rnn(packed)", "_, h = self.rnn(packed)"),
    ),
    well("dga_domains", "clipped-each-step", CALIBRATION).edit(
        (
            "            loss.backward()\n",
            "            loss.backward()\n            nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n",
        ),
    ),
    well("dga_domains", "sparse-embedding", CALIBRATION).edit(
        ("emb, padding_idx=0)", "emb, padding_idx=0, sparse=True)"),
        (
            '    opt = torch.optim.Adam(model.parameters(), lr=CFG["lr"])\n',
            """    dense = [p for name, p in model.named_parameters() if not name.startswith("emb.")]
    opt = torch.optim.Adam(dense, lr=CFG["lr"])
    opt_emb = torch.optim.SparseAdam(list(model.emb.parameters()), lr=CFG["lr"])
""",
        ),
        ("            opt.zero_grad()\n", "            opt.zero_grad()\n            opt_emb.zero_grad()\n"),
        ("            opt.step()\n", "            opt.step()\n            opt_emb.step()\n"),
    ),
]
