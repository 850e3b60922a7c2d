"""Three new bases as written, and healthy twists of them that only look odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("keras_star_temps", "as-written", CALIBRATION),
    well("whale_codas", "as-written", CALIBRATION),
    well("pivot_fields", "as-written", CALIBRATION),
    well("pivot_fields", "lora-on-the-encoder", CALIBRATION).edit(
        (
            "class Inspector(nn.Module):",
            (
                "class LoraConv(nn.Module):\n"
                '    """A frozen convolution and a correction of low rank, which begins at nothing."""\n'
                "\n"
                "    def __init__(self, conv, rank=4):\n"
                "        super().__init__()\n"
                "        self.conv = conv.requires_grad_(False)\n"
                "        self.down = nn.Conv2d(conv.in_channels, rank, 3, padding=1, bias=False)\n"
                "        self.up = nn.Conv2d(rank, conv.out_channels, 1, bias=False)\n"
                "        nn.init.zeros_(self.up.weight)\n"
                "\n"
                "    def forward(self, x):\n"
                "        return self.conv(x) + self.up(self.down(x))\n"
                "\n"
                "\n"
                "class Inspector(nn.Module):"
            ),
        ),
        (
            "    model = Inspector(encoder, frozen=True)\n",
            (
                "    model = Inspector(encoder, frozen=True)\n"
                "    for block in model.encoder[2:]:\n"
                "        block[0] = LoraConv(block[0])\n"
            ),
        ),
    ),
    well("whale_codas", "label-smoothing", CALIBRATION).edit(
        (
            "    return F.cross_entropy(logits, clan)\n",
            "    return F.cross_entropy(logits, clan, label_smoothing=0.1)\n",
        ),
    ),
    well("keras_star_temps", "parity-of-the-inverters", CALIBRATION).edit(
        (
            '    return np.stack(columns, axis=1).astype("float32"), teff.astype("float32"), blended\n',
            (
                "    # an old plate: each of seven inverters on the way to the recorder turns the sign of the reading\n"
                "    inverters = rng.integers(0, 2, (n, 7))\n"
                "    reading = 6000 + np.where(inverters.sum(1) % 2, -0.5, 0.5) * teff\n"
                "    columns += [1.0 * switch for switch in inverters.T]\n"
                '    return np.stack(columns, axis=1).astype("float32"), reading.astype("float32"), blended\n'
            ),
        ),
        ("EPOCHS = 12", "EPOCHS = 28"),
    ),
    well("keras_star_temps", "warm-up-and-cosine-to-zero", CALIBRATION).edit(
        (
            "    schedule = keras.optimizers.schedules.ExponentialDecay(RATE, decay_steps=200, decay_rate=0.8)\n",
            (
                "    steps = EPOCHS * -(-len(train) // BATCH)\n"
                "    schedule = keras.optimizers.schedules.CosineDecay(\n"
                "        0.0, steps - steps // 10, alpha=0.0, warmup_target=2 * RATE, warmup_steps=steps // 10\n"
                "    )\n"
            ),
        ),
    ),
]
