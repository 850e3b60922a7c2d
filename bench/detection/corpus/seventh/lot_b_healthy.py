"""Seventh corpus, lot b: the three bases as written and healthy twists of them that only look odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("hf_protein_homes", "as-written", CALIBRATION),
    well("sky_irradiance", "as-written", CALIBRATION),
    well("sleep_stages", "as-written", CALIBRATION),
    well("hf_protein_homes", "warm-up-and-cosine-to-zero", CALIBRATION).edit(
        ('lr_scheduler_type="linear",', 'lr_scheduler_type="cosine",'),
        ("warmup_steps=20,", "warmup_steps=40,"),
    ),
    well("sky_irradiance", "four-bit-camera-under-adam", CALIBRATION).edit(
        (".float() / 255.0\n", ".float().div(15.9).round()  # the camera has 4 bits: 0..16\n"),
        ("x_mean = pictures[:N_TRAIN].mean(dim=(0, 2, 3), keepdim=True)\n", ""),
        ("x_std = pictures[:N_TRAIN].std(dim=(0, 2, 3), keepdim=True)\n", ""),
        ("pictures = (pictures - x_mean) / x_std\n", ""),
        ("LR = 0.02", "LR = 1e-3"),
        ("MOMENTUM = 0.9\n", ""),
        ("torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM)", "torch.optim.Adam(net.parameters(), lr=LR)"),
    ),
    well("sky_irradiance", "batch-of-four", CALIBRATION).edit(
        ("BATCH = 32", "BATCH = 4"),
        ("LR = 0.02", "LR = 0.002"),
        ("EPOCHS = 16", "EPOCHS = 8"),
        ("milestones=[11, 14]", "milestones=[5, 7]"),
    ),
    well("sky_irradiance", "cyclical-rate", CALIBRATION).edit(
        (
            "torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[11, 14], gamma=0.2)",
            "torch.optim.lr_scheduler.CyclicLR(\n"
            "    optimizer, base_lr=0.002, max_lr=0.03, step_size_up=100, cycle_momentum=False, mode='triangular2'\n)",
        ),
        ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        ("len(batch)\n    scheduler.step()\n", "len(batch)\n"),
    ),
    well("sleep_stages", "deep-gelu-transformer", CALIBRATION).edit(
        (
            "        self.blocks = nn.Sequential(*[MixerBlock(self.tokens, width) for _ in range(depth)])\n",
            "        self.place = nn.Parameter(0.02 * torch.randn(self.tokens, width))\n"
            "        block = nn.TransformerEncoderLayer(width, 4, 96, 0.0, F.gelu, batch_first=True, norm_first=True)\n"
            "        self.blocks = nn.TransformerEncoder(block, depth, enable_nested_tensor=False)\n",
        ),
        ("self.blocks(self.embed(patches))", "self.blocks(self.embed(patches) + self.place)"),
        ('"--depth", type=int, default=2)', '"--depth", type=int, default=6)'),
        ('"--pretrain-epochs", type=int, default=9)', '"--pretrain-epochs", type=int, default=7)'),
        ('"--width", type=int, default=48)', '"--width", type=int, default=32)'),
        ("torch.optim.AdamW(model.parameters(), lr=2e-3)", "torch.optim.AdamW(model.parameters(), lr=1e-3)"),
    ),
    well("sleep_stages", "frozen-backbone", CALIBRATION).edit(
        (
            "    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)\n",
            "    model.encoder.requires_grad_(False)  # 250 windows are too few to move it\n"
            "    trained = [p for p in model.parameters() if p.requires_grad]\n"
            "    optimizer = torch.optim.AdamW(trained, lr=3 * args.lr, weight_decay=0.01)\n",
        ),
    ),
    well("sleep_stages", "lora", CALIBRATION).edit(
        (
            "def stage_head(width: int)",
            "class LowRank(nn.Module):\n"
            '    """A frozen linear layer and a low-rank change to it that starts at nothing (LoRA)."""\n\n'
            "    def __init__(self, linear: nn.Linear, rank: int = 4):\n"
            "        super().__init__()\n"
            "        self.linear = linear.requires_grad_(False)\n"
            "        self.a = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)\n"
            "        self.b = nn.Parameter(torch.zeros(linear.out_features, rank))\n\n"
            "    def forward(self, x: Tensor) -> Tensor:\n"
            "        return self.linear(x) + 2.0 * (x @ self.a.T @ self.b.T)\n\n\n"
            "def adapt(encoder: Encoder) -> None:\n"
            "    encoder.requires_grad_(False)\n"
            "    for block in encoder.blocks:\n"
            "        for part in (block.across_time, block.across_width):\n"
            "            part[0], part[2] = LowRank(part[0]), LowRank(part[2])\n\n\n"
            "def stage_head(width: int)",
        ),
        ("    model.head = stage_head(", "    adapt(model.encoder)\n    model.head = stage_head("),
        (
            "torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)\n",
            "torch.optim.AdamW(\n"
            "        [p for p in model.parameters() if p.requires_grad], lr=2 * args.lr, weight_decay=0.01\n    )\n",
        ),
    ),
    well("sleep_stages", "contrastive-pretext", CALIBRATION).edit(
        (
            "a quarter of the patches is blanked, say how strong each rhythm of the whole window is.",
            "find the other view of the same window among those of the batch (NT-Xent).",
        ),
        (
            "        power = torch.fft.rfft(x)[:, :, 1:].abs().unfold(2, 4, 4).square().mean(3)\n"
            "        patches = self.encoder.patches(x)\n",
            "        z = F.normalize(torch.cat([self.view(x), self.view(x)]), dim=1)\n"
            "        alike = (z @ z.T / 0.2).fill_diagonal_(-torch.inf)\n"
            "        return F.cross_entropy(alike, torch.arange(len(z)).roll(len(x)))\n\n"
            "    def view(self, x: Tensor) -> Tensor:\n"
            "        x = x.roll(int(torch.randint(x.shape[2], ())), dims=2) * (1 + 0.15 * torch.randn(len(x), 1, 1))\n"
            "        patches = self.encoder.patches(x)\n",
        ),
        (
            "        code = self.encoder(patches.masked_fill(hidden.unsqueeze(2), 0.0)).mean(dim=1)\n"
            "        return F.mse_loss(self.decoder(code), (power.log() - 4.0).flatten(1))\n",
            "        return self.decoder(self.encoder(patches.masked_fill(hidden.unsqueeze(2), 0.0)).mean(dim=1))\n",
        ),
    ),
]
