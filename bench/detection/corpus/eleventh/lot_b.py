"""Faulty programs of the eleventh round, lot b: ship tracks (Trainer), lidar waveforms and domain names (plain)."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # hf_ship_tracks
    ill(
        "hf_ship_tracks",
        "squares-of-class-numbers",
        "output and loss",
        CALIBRATION,
        "initial-loss target-out-of-range loss-and-metric-disagree",
    ).edit(
        ("self.head = nn.Linear(WIDTH, classes)", "self.head = nn.Linear(WIDTH, 1)"),
        (
            "nn.functional.cross_entropy(logits, labels)",
            "nn.functional.mse_loss(logits.squeeze(-1), labels.float())",
        ),
        (
            "guessed = prediction.predictions.argmax(-1)",
            "guessed = np.rint(prediction.predictions.squeeze(-1)).clip(0, len(ACTIVITIES) - 1).astype(int)",
        ),
    ),
    ill(
        "hf_ship_tracks",
        "epoch-schedule-per-batch",
        "rates and schedules",
        CALIBRATION,
        "schedule-mismatch rate-too-low",
    ).edit(
        ("    total = EPOCHS * (len(train) // BATCH)\n", ""),
        (
            "schedule = get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=total // 10, "
            "num_training_steps=total)",
            "schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)  # half every other epoch",
        ),
        (
            "from transformers import Trainer, TrainingArguments, get_cosine_schedule_with_warmup, set_seed",
            "from transformers import Trainer, TrainingArguments, set_seed",
        ),
    ),
    ill(
        "hf_ship_tracks",
        "blocks-in-a-list",
        "loop",
        CALIBRATION,
        "layers-not-registered not-in-optimizer weights-not-moving",
    ).edit(
        (
            """        self.blocks = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(
                    WIDTH, HEADS, 2 * WIDTH, DROPOUT, activation="relu", batch_first=True, norm_first=True
                )
                for _ in range(DEPTH)
            ]
        )
""",
            """        self.blocks = [
            nn.TransformerEncoderLayer(
                WIDTH, HEADS, 2 * WIDTH, DROPOUT, activation="relu", batch_first=True, norm_first=True
            )
            for _ in range(DEPTH)
        ]
""",
        ),
    ),
    ill(
        "hf_ship_tracks",
        "head-replaced-after-optimizer",
        "loop",
        CALIBRATION,
        "stale-optimizer not-in-optimizer weights-not-moving",
    ).edit(
        (
            "    nn.init.normal_(model.head.weight, std=0.02)\n    nn.init.zeros_(model.head.bias)\n",
            "",
        ),
        (
            "num_warmup_steps=total // 10, num_training_steps=total)\n",
            """num_warmup_steps=total // 10, num_training_steps=total)

    model.head = nn.Linear(WIDTH, len(ACTIVITIES))  # a new head for these activities
    nn.init.normal_(model.head.weight, std=0.02)
    nn.init.zeros_(model.head.bias)
""",
        ),
    ),
    ill(
        "hf_ship_tracks",
        "batch-first-forgotten",
        "initialisation and shape",
        CALIBRATION,
        "batch-leak swapped-axis",
    ).edit(
        ("batch_first=True, norm_first=True", "norm_first=True"),
    ),
    ill(
        "hf_ship_tracks",
        "dropout-as-keep-probability",
        "initialisation and shape",
        CALIBRATION,
        "dropout-rate",
    ).edit(
        ("WIDTH, HEADS, DEPTH, DROPOUT = 32, 4, 2, 0.05", "WIDTH, HEADS, DEPTH, DROPOUT = 32, 4, 2, 0.97"),
    ),
    # lidar_canopy
    ill(
        "lidar_canopy",
        "half-precision-ranges",
        "loop",
        CALIBRATION,
        "scaler-always-skips non-finite weights-not-moving",
    ).edit(
        (
            "    loss_fn = nn.MSELoss()\n",
            '    loss_fn = nn.MSELoss()\n    scaler = torch.amp.GradScaler("cpu")\n',
        ),
        (
            "            loss = loss_fn(net(wave, distance), y)\n",
            """            with torch.autocast("cpu", dtype=torch.float16):
                loss = loss_fn(net(wave.half(), distance.half()), y)
""",
        ),
        ("            loss.backward()\n", "            scaler.scale(loss).backward()\n"),
        ("            opt.step()\n", "            scaler.step(opt)\n            scaler.update()\n"),
    ),
    ill(
        "lidar_canopy",
        "all-weights-alike",
        "initialisation and shape",
        CALIBRATION,
        "symmetric-init init-scale",
    ).edit(
        (
            "    net = WaveNet()\n",
            """    net = WaveNet()
    for p in net.parameters():
        nn.init.constant_(p, 0.01)
""",
        ),
    ),
    ill(
        "lidar_canopy",
        "one-hidden-unit",
        "initialisation and shape",
        CALIBRATION,
        "bottleneck",
    ).edit(
        ("def __init__(self, channels=24, hidden=64):", "def __init__(self, channels=24, hidden=1):"),
    ),
    ill(
        "lidar_canopy",
        "validation-not-scaled",
        "data",
        CALIBRATION,
        "unscaled-split feature-drift",
    ).edit(
        ("    waves = (np.stack(waves) - DARK) / GAIN\n", "    waves = np.stack(waves)\n"),
    ),
    ill(
        "lidar_canopy",
        "raw-counts",
        "data",
        CALIBRATION,
        "pixel-range unscaled-feature",
    ).edit(
        ("        wave = (wave - DARK) / GAIN\n", ""),
        ("    waves = (np.stack(waves) - DARK) / GAIN\n", "    waves = np.stack(waves)\n"),
    ),
    ill(
        "lidar_canopy",
        "workers-draw-alike",
        "data",
        CALIBRATION,
        "workers-share-seed duplicate-sample",
    ).edit(
        ('    """New pulses each epoch; call set_epoch before iterating."""\n', '    """New pulses each epoch."""\n'),
        (
            """        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch
""",
            "        self.rng = np.random.default_rng(seed)\n",
        ),
        (
            """        rng = np.random.default_rng([self.seed, self.epoch, i])
        wave, distance, y = simulate(rng)
""",
            "        wave, distance, y = simulate(self.rng)\n",
        ),
        ("        stream.set_epoch(epoch)\n", ""),
        ('"--workers", type=int, default=2', '"--workers", type=int, default=4'),
    ),
    # dga_domains
    ill(
        "dga_domains",
        "sigmoid-twice",
        "output and loss",
        CALIBRATION,
        "sigmoid-before-bce-with-logits",
    ).edit(
        ("return self.out(h[-1]).squeeze(1)", "return torch.sigmoid(self.out(h[-1])).squeeze(1)"),
        ("said = torch.sigmoid(score) > 0.5", "said = score > 0.5"),
    ),
    ill(
        "dga_domains",
        "softmax-of-one",
        "output and loss",
        CALIBRATION,
        "softmax-one-unit",
    ).edit(
        ("return self.out(h[-1]).squeeze(1)", "return torch.softmax(self.out(h[-1]), dim=1).squeeze(1)"),
        ("criterion = nn.BCEWithLogitsLoss()", "criterion = nn.BCELoss()"),
        ("said = torch.sigmoid(score) > 0.5", "said = score > 0.5"),
    ),
    ill(
        "dga_domains",
        "likelihood-without-minus",
        "output and loss",
        CALIBRATION,
        "negated-loss",
    ).edit(
        (
            "def test(model, loader, criterion):",
            """def log_likelihood(score, y):
    return (y * nn.functional.logsigmoid(score) + (1 - y) * nn.functional.logsigmoid(-score)).mean()


def test(model, loader, criterion):""",
        ),
        ("criterion = nn.BCEWithLogitsLoss()", "criterion = log_likelihood"),
    ),
    ill(
        "dga_domains",
        "adam-at-one",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging update-ratio",
    ).edit(
        ("lr=3e-3", "lr=1.0"),
    ),
    ill(
        "dga_domains",
        "zeroed-before-step",
        "loop",
        CALIBRATION,
        "gradient-zeroed-before-step",
    ).edit(
        ("            opt.zero_grad()\n", ""),
        ("            loss.backward()\n", "            loss.backward()\n            opt.zero_grad()\n"),
    ),
    ill(
        "dga_domains",
        "sixty-hasty-labels",
        "data",
        CALIBRATION,
        "too-little-data overfitting memorised-labels suspect-label",
    ).edit(
        ("hidden=48, batch=64, lr=3e-3, epochs=8", "hidden=256, batch=16, lr=3e-3, epochs=40"),
        (
            "    train_dl = DataLoader(",
            """    # labelled by hand in a hurry: sixty names, one in five wrong
    train = [(name, 1 - bad if random.random() < 0.2 else bad) for name, bad in list(train)[:60]]
    train_dl = DataLoader(""",
        ),
    ),
]
