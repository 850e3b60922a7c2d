"""Healthy programs: the new bases as they are, and twists on new and old ones that look ill and are not."""

from bench.detection.program import CALIBRATION, Program, well

BASES = ("concrete_strength", "machine_failures", "order_tagger", "date_seq2seq", "skorch_crops")
BALANCED = "nn.BCEWithLogitsLoss(pos_weight=torch.tensor((1 - share) / share).sqrt())"
ADAM_CONCRETE = "torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=1e-5)"

PROGRAMS: list[Program] = [
    *(well(base, "as-written", CALIBRATION) for base in BASES),
    well("concrete_strength", "megapascals", CALIBRATION).edit(
        (
            "    y_train, y_val, y_test = (y_train - y_mean) / y_std, (y_val - y_mean) / y_std, (y_test - y_mean) / y_std\n",
            "",
        ),
        (
            "    y_mean, y_std = y_train.mean(), y_train.std()\n",
            "    y_std = 1.0\n    typical = float(np.median(y_train))\n",
        ),
        (
            "    criterion = nn.SmoothL1Loss()\n",
            "    nn.init.constant_(model.head.bias, typical)\n    criterion = nn.MSELoss()\n",
        ),
    ),
    well("concrete_strength", "three-quantiles", CALIBRATION).edit(
        ("self.head = nn.Linear(hidden // 2, 1)", "self.head = nn.Linear(hidden // 2, 3)"),
        ("return self.head(self.layers(x)).squeeze(-1)", "return self.head(self.layers(x))"),
        ("preds.append(pred)", "preds.append(pred[:, 1])"),
        (
            "class MixDataset",
            "def pinball(pred, strength, quantiles=(0.1, 0.5, 0.9)):\n"
            "    error = strength.unsqueeze(1) - pred\n"
            "    q = torch.tensor(quantiles)\n"
            "    return torch.maximum(q * error, (q - 1) * error).mean()\n\n\nclass MixDataset",
        ),
        ("nn.SmoothL1Loss()", "pinball"),
    ),
    well("concrete_strength", "restarted-cosine", CALIBRATION).edit(
        (ADAM_CONCRETE, "torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)"),
        (
            'ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=3)',
            "CosineAnnealingWarmRestarts(optimizer, T_0=8)",
        ),
        ("scheduler.step(val_loss)", "scheduler.step()"),
        ('"--patience", type=int, default=6', '"--patience", type=int, default=12'),
    ),
    well("machine_failures", "focal-loss", CALIBRATION).edit(
        (
            "class Trainer:\n",
            "class FocalLoss(nn.Module):\n    def __init__(self, gamma=2.0, alpha=0.75):\n        super().__init__()\n"
            "        self.gamma, self.alpha = gamma, alpha\n\n    def forward(self, logits, target):\n"
            '        bce = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")\n'
            "        weight = torch.where(target > 0, self.alpha, 1 - self.alpha)\n"
            "        return (weight * (1 - torch.exp(-bce)) ** self.gamma * bce).mean()\n\n\nclass Trainer:\n",
        ),
        (BALANCED, "FocalLoss()"),
    ),
    well("machine_failures", "prior-in-the-bias", CALIBRATION).edit(
        (
            f"    criterion = {BALANCED}\n",
            "    nn.init.zeros_(model.head.weight)\n    nn.init.constant_(model.head.bias, float(np.log(share / (1 - share))))\n"
            "    criterion = nn.BCEWithLogitsLoss()\n",
        ),
    ),
    well("machine_failures", "rare-rows-drawn-more-often", CALIBRATION).edit(
        (
            "    train_dl = DataLoader(train_set, batch_size=cfg.batch_size, shuffle=True, drop_last=True)\n",
            "    target = train_set.tensors[2]\n    weight = torch.where(target > 0, 0.5 / target.mean(), 0.5 / (1 - target.mean()))\n"
            "    sampler = torch.utils.data.WeightedRandomSampler(weight.tolist(), n_train)\n"
            "    train_dl = DataLoader(train_set, batch_size=cfg.batch_size, sampler=sampler, drop_last=True)\n",
        ),
        (BALANCED, "nn.BCEWithLogitsLoss()"),
    ),
    well("order_tagger", "tables-frozen", CALIBRATION).edit(
        ("embedding_dim=24", "embedding_dim=48"),
        (
            "        self.dropout = nn.Dropout(0.2)\n",
            "        self.embedding.weight.requires_grad_(False)  # random indexing\n        self.dropout = nn.Dropout(0.2)\n",
        ),
        (
            "torch.optim.Adam(model.parameters(), lr=4e-3)",
            "torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=4e-3)",
        ),
    ),
    well("order_tagger", "weighted-tags", CALIBRATION).edit(
        (
            "nn.CrossEntropyLoss(ignore_index=IGNORE)",
            "nn.CrossEntropyLoss(\n    weight=torch.tensor([0.3] + [1.0] * (len(TAGS) - 1)), ignore_index=IGNORE, label_smoothing=0.05\n)",
        ),
        ("nn.Dropout(0.2)", "nn.Dropout(0.5)"),
    ),
    well("date_seq2seq", "output-tied", CALIBRATION).edit(
        ('"epochs": 6', '"epochs": 8'),
        (
            "        self.generator = nn.Linear(d, tgt_size)\n",
            "        self.generator = nn.Linear(d, tgt_size, bias=False)\n        self.generator.weight = self.tgt_emb.weight\n",
        ),
    ),
    well("date_seq2seq", "summed-over-tokens", CALIBRATION).edit(
        ("ignore_index=PAD)", 'ignore_index=PAD, reduction="sum")'),
        (
            '            loss = compute_loss(logits, batch["tgt_out"], loss_fn)\n',
            '            tokens = (batch["tgt_out"] != PAD).sum()\n'
            '            loss = compute_loss(logits, batch["tgt_out"], loss_fn) / tokens\n',
        ),
        ('loss_fn).item() * len(batch["src"])', "loss_fn).item() / 9"),
    ),
    well("skorch_crops", "batches-of-8", CALIBRATION).edit(
        ("batch_size=48", "batch_size=8"),
        ("lr=4e-3", "lr=1e-3"),
        ("max_epochs=25", "max_epochs=9"),
        ("step_size=10", "step_size=4"),
    ),
    well("skorch_crops", "log-probabilities", CALIBRATION).edit(
        ("return self.out(x)", "return torch.softmax(self.out(x), dim=-1)"),
        ("    criterion=nn.CrossEntropyLoss,\n", ""),
    ),
    well("digits_autoencoder", "variational", CALIBRATION).edit(
        ("nn.Linear(48, code))", "nn.Linear(48, 2 * code))"),
        (
            "        code = self.encoder(x)\n        return torch.sigmoid(self.decoder(code))\n",
            "        mean, log_std = self.encoder(x).chunk(2, dim=1)\n"
            "        code = mean + torch.randn_like(mean) * log_std.exp() if self.training else mean\n"
            "        self.divergence = 0.5 * (mean**2 + (2 * log_std).exp() - 1 - 2 * log_std).sum(1).mean()\n"
            "        return torch.sigmoid(self.decoder(code))\n",
        ),
        ("        loss = mse(model(x), x)\n", "        loss = mse(model(x), x) + 2e-4 * model.divergence\n"),
    ),
    well("wave_gru", "rmsprop-mean-of-states", CALIBRATION).edit(
        ("return self.head(states[:, -1])", "return self.head(states.mean(1))"),
        ("torch.optim.Adam(model.parameters(), lr=5e-3)", "torch.optim.RMSprop(model.parameters(), lr=2e-3)"),
    ),
    well("demand_lstm", "next-three-days", CALIBRATION).edit(
        ("series.unfold(0, WINDOW + 1, 1)", "series.unfold(0, WINDOW + 3, 1)"),
        ("windows[:, :-1].unsqueeze(2), windows[:, -1]", "windows[:, :-3].unsqueeze(2), windows[:, -3:]"),
        ("self.readout = nn.Linear(hidden, 1)", "self.readout = nn.Linear(hidden, 3)"),
        ("return self.readout(h[-1])[:, 0]", "return self.readout(h[-1])"),
        ("y_val - x_val[:, -7, 0]", "y_val - x_val[:, -7:-4, 0]"),
    ),
    well("film_ratings", "scaled-to-stars", CALIBRATION).edit(
        (
            "return average + match + self.user_bias(user)[:, 0] + self.film_bias(film)[:, 0]",
            "return 5.5 * torch.sigmoid(match + self.user_bias(user)[:, 0] + self.film_bias(film)[:, 0])",
        ),
    ),
    well("digits_transfer", "two-rates", CALIBRATION).edit(
        ("for parameter in model.backbone.parameters():\n    parameter.requires_grad = False\n", ""),
        (
            "torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=2e-3)",
            "torch.optim.Adam(\n    [\n"
            '        {"params": model.backbone.parameters(), "lr": 5e-5},\n'
            '        {"params": [*model.neck.parameters(), *model.head.parameters()]},\n    ],\n    lr=2e-3,\n)',
        ),
    ),
]
