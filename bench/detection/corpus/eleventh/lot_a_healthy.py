"""Healthy programs on stitch_faults, lightning_ward_stay and seabed_mixer: as written, and odd-looking but right."""

from bench.detection.program import CALIBRATION, Program, well

LOW_RANK = '''class LowRank(nn.Module):
    """A frozen linear layer and a correction of low rank, which starts at nothing."""

    def __init__(self, linear, rank=4):
        super().__init__()
        self.linear = linear
        self.down = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x):
        return self.linear(x) + x @ self.down.T @ self.up.T


def adapt(module):
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear):
            setattr(module, name, LowRank(child))
        else:
            adapt(child)


class Trainer:
'''

PROGRAMS: list[Program] = [
    well("stitch_faults", "as-written", CALIBRATION),
    well("lightning_ward_stay", "as-written", CALIBRATION),
    well("seabed_mixer", "as-written", CALIBRATION),
    well("seabed_mixer", "summed-loss-small-rate", CALIBRATION).edit(
        ("self.loss = nn.CrossEntropyLoss()", 'self.loss = nn.CrossEntropyLoss(reduction="sum")'),
        ("loss = self.loss(self.net(piece), answer) / PIECES", "loss = self.loss(self.net(piece), answer)"),
        ("value += loss.item()", "value += loss.item() / len(labels)"),
        ("rate=0.05)", "rate=0.0008)"),
    ),
    well("seabed_mixer", "one-block-repeated", CALIBRATION).edit(
        (
            "self.blocks = nn.Sequential(*[MixerBlock(tokens, dim) for _ in range(depth)])",
            "self.blocks = nn.Sequential(*[MixerBlock(tokens, dim)] * depth)  # one block, its weights shared",
        ),
    ),
    well("seabed_mixer", "low-rank-adapters", CALIBRATION).edit(
        ("class Trainer:\n", LOW_RANK),
        (
            "torch.optim.SGD(net.parameters(), lr",
            "torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr",
        ),
        (
            "net = PatchMixer()\ntrainer = Trainer(net, rate=0.05)\n",
            "net = PatchMixer()\n"
            "old_x, old_y = survey(2400, rng)  # the old sonar wrote strong echoes dark\n"
            "old_x = (old_x.mean() - old_x) / old_x.std()\n"
            "Trainer(net, rate=0.05).fit((old_x[:1800], old_y[:1800]), (old_x[1800:], old_y[1800:]), epochs=9)\n"
            "net.requires_grad_(False)\n"
            "adapt(net)\n"
            "trainer = Trainer(net, rate=0.05)\n",
        ),
        ("trainer.fit(train, val, epochs=16)", "trainer.fit(train, val, epochs=11)"),
    ),
    well("stitch_faults", "noisy-labels", CALIBRATION).edit(
        (
            "train_set = TensorDataset(X[train_idx], y[train_idx])\n",
            "noted = y[train_idx].clone()  # what the operators wrote down: three in ten at random\n"
            "wrong = torch.rand(len(noted)) < 0.3\n"
            "noted[wrong] = torch.randint(0, len(KINDS), (int(wrong.sum()),))\n"
            "train_set = TensorDataset(X[train_idx], noted)\n",
        ),
    ),
    well("stitch_faults", "rate-of-one", CALIBRATION).edit(
        (
            "optimizer = optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=1e-3)",
            "optimizer = optim.SGD(model.parameters(), lr=learning_rate)",
        ),
        ("learning_rate = 2e-3", "learning_rate = 1.0  # everything is normalised"),
        ("batch_size = 32", "batch_size = 96"),
        ("n_epochs = 7", "n_epochs = 12"),
        (
            "self.mix = nn.Conv1d(channels, channels, 1)",
            "self.mix = nn.Sequential(nn.Conv1d(channels, channels, 1, bias=False), nn.BatchNorm1d(channels))",
        ),
        (
            "for epoch in range(n_epochs):\n",
            "schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, n_epochs * len(train_loader))\n"
            "for epoch in range(n_epochs):\n",
        ),
        ("        optimizer.step()\n", "        optimizer.step()\n        schedule.step()\n"),
    ),
    well("stitch_faults", "weighted-classes", CALIBRATION).edit(
        (
            'COUNTS = {"good": 420, "skipped": 420, "break": 420, "bent needle": 420, "bird nest": 420, '
            '"thick seam": 420}',
            'COUNTS = {"good": 1200, "skipped": 240, "break": 160, "bent needle": 240, "bird nest": 160, '
            '"thick seam": 520}',
        ),
        (
            "criterion = nn.CrossEntropyLoss()\n",
            "counts = torch.bincount(y[train_idx], minlength=len(KINDS)).float()\n"
            "criterion = nn.CrossEntropyLoss(weight=counts.sum() / (len(KINDS) * counts))\n",
        ),
    ),
    well("lightning_ward_stay", "parity-plateau", CALIBRATION).edit(
        (
            "    days = days + 0.9 * night + 0.8 * weekend - 0.5 * referred\n",
            "    odd = (night + weekend + referred) % 2  # the rota: who comes on an odd turn goes to the slow team\n"
            "    days = 5.0 + 4.0 * odd\n",
        ),
        ("default=3e-3", "default=2e-3"),
        ("default=8", "default=18"),
    ),
    well("lightning_ward_stay", "wide-sparse-experts", CALIBRATION).edit(
        ("experts: int = 4, width: int = 32", "experts: int = 4, width: int = 256"),
        ("nn.init.constant_(layer.bias, 0.0)", "nn.init.constant_(layer.bias, -1.6)  # few units answer to a patient"),
    ),
]
