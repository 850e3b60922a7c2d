"""Healthy programs of the tenth part: three bases as written and eight that only look odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("dance_steps", "as-written", CALIBRATION),
    well("lightning_used_cars", "as-written", CALIBRATION),
    well("buried_pipes", "as-written", CALIBRATION),
    well("buried_pipes", "zero-head", CALIBRATION).edit(
        (
            "        self.encoder.apply(self.start)\n",
            (
                "        self.encoder.apply(self.start)\n"
                "        nn.init.zeros_(self.head[-1].weight)\n"
                "        nn.init.zeros_(self.head[-1].bias)\n"
            ),
        ),
    ),
    well("lightning_used_cars", "clipped-at-every-step", CALIBRATION).edit(
        (
            "max_epochs=args.epochs, accelerator=",
            "max_epochs=args.epochs, gradient_clip_val=0.1, accelerator=",
        ),
    ),
    well("lightning_used_cars", "zero-gamma-blocks", CALIBRATION).edit(
        (
            "        self.act = act()\n\n    def forward(self, x):\n        return self.act",
            (
                "        self.act = act()\n        nn.init.zeros_(self.body[-1].weight)\n\n"
                "    def forward(self, x):\n        return self.act"
            ),
        ),
    ),
    well("lightning_used_cars", "wide-sparse-entrance", CALIBRATION).edit(
        (
            "self.enter = nn.Sequential(nn.Linear(n_numbers + 9, width), act())",
            (
                "wide = nn.Linear(n_numbers + 9, 1024)\n"
                "        nn.init.constant_(wide.bias, -1.0)  # few units answer to any one car\n"
                "        self.enter = nn.Sequential(wide, act(), nn.Linear(1024, width), act())"
            ),
        ),
    ),
    well("dance_steps", "gated-recurrence", CALIBRATION).edit(
        (
            (
                "        self.stem = nn.Conv1d(3, width, 5, padding=2)\n"
                "        self.blocks = nn.Sequential(*[SeparableBlock(width, d) for d in (1, 2, 4, 8)])\n"
            ),
            (
                "        self.stem = nn.Conv1d(3, width, 5, stride=2, padding=2)\n"
                "        self.gru = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)\n"
            ),
        ),
        (
            "return self.blocks(F.relu(self.stem(x))).permute(0, 2, 1)",
            "return self.gru(F.relu(self.stem(x)).permute(0, 2, 1))[0]",
        ),
        ("n_out, width=28, neck=24", "n_out, width=64, neck=24"),
        ("LEARNING_RATE = 2e-3", "LEARNING_RATE = 5e-3"),
    ),
    well("dance_steps", "smoothed-labels", CALIBRATION).edit(
        (
            "loss = F.nll_loss(log_probs, labels)",
            "loss = 0.9 * F.nll_loss(log_probs, labels) - 0.1 * log_probs.mean()",
        ),
    ),
    well("lightning_used_cars", "price-density", CALIBRATION).edit(
        ("self.price = nn.Linear(width, 1)", "self.price = nn.Linear(width, 2)  # mean and log of the spread"),
        ("return self.price(self.blocks(self.enter(x))).squeeze(1)", "return self.price(self.blocks(self.enter(x)))"),
        (
            "return nn.functional.mse_loss(out, price)",
            (
                "mean, log_spread = out.unbind(1)\n"
                "        log_spread = log_spread.clamp(-4, 3)\n"
                "        return (log_spread + 0.5 * ((price - mean) / log_spread.exp()) ** 2).mean()"
            ),
        ),
        ("    def point(self, out):\n        return out\n", "    def point(self, out):\n        return out[:, 0]\n"),
    ),
    well("lightning_used_cars", "warm-up-and-cosine-to-zero", CALIBRATION).edit(
        (
            "return torch.optim.Adam(self.parameters(), lr=args.lr)",
            (
                "optimizer = torch.optim.Adam(self.parameters(), lr=2 * args.lr)\n"
                "        total = int(self.trainer.estimated_stepping_batches)\n"
                "        warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=80)\n"
                "        down = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total - 80)\n"
                "        both = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, down], [80])\n"
                '        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": both, "interval": "step"}}'
            ),
        ),
    ),
]
