"""Seventh corpus, lot a: healthy programs, as written and with a twist that only looks odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("galaxy_spin", "as-written", CALIBRATION),
    well("lightning_melody", "as-written", CALIBRATION),
    well("puf_attack", "as-written", CALIBRATION),
    well("galaxy_spin", "zero-gamma", CALIBRATION).edit(
        (
            "        self.conv2 = nn.Conv2d(c, c, 3, padding=1, bias=False)\n",
            "        self.conv2 = nn.Conv2d(c, c, 3, padding=1, bias=False)\n"
            "        self.bn3 = nn.BatchNorm2d(c)\n"
            "        nn.init.zeros_(self.bn3.weight)  # each block starts as the identity\n",
        ),
        ("        return x + h\n", "        return x + self.bn3(h)\n"),
    ),
    well("galaxy_spin", "auxiliary-head-unused", CALIBRATION).edit(
        (
            "        self.head = nn.Linear(c * 9, n_out)\n",
            "        self.head = nn.Linear(c * 9, n_out)\n"
            "        self.tilt = nn.Linear(c * 9, 1)  # inclination, for the catalogue: no labels yet\n",
        ),
        (
            "        return self.head(self.drop(x))\n",
            "        return self.head(self.drop(x))\n\n"
            "    def inclination(self, features):\n"
            "        return torch.sigmoid(self.tilt(features)).squeeze(1)\n",
        ),
    ),
    well("galaxy_spin", "sgd-tenth", CALIBRATION).edit(
        ('"--lr", type=float, default=0.02', '"--lr", type=float, default=0.1'),
    ),
    well("lightning_melody", "gru", CALIBRATION).edit(
        ("self.rnn = nn.LSTM(", "self.rnn = nn.GRU("),
    ),
    well("lightning_melody", "tied-weights", CALIBRATION).edit(
        (
            "        self.out = nn.Linear(cfg.dim, NOTES)\n",
            "        self.out = nn.Linear(cfg.dim, NOTES + 1)\n"
            "        nn.init.normal_(self.embed.weight, std=cfg.dim**-0.5)\n"
            "        self.out.weight = self.embed.weight\n",
        ),
    ),
    well("puf_attack", "plateau-then-drop", CALIBRATION).edit(
        ("STAGES = 20\nCHAINS = 2\n", "STAGES = 24\nCHAINS = 4\n"),
        (
            "    chips = rng.normal(0, 1, (CHAINS, STAGES + 1)) / np.sqrt(STAGES + 1)\n",
            "    chips = rng.normal(0, 0.02, (CHAINS, STAGES + 1))\n"
            "    chips[np.arange(CHAINS), rng.permutation(STAGES)[:CHAINS]] += 1  # one slow switch a chain: parity of four\n",
        ),
        ("N_TRAIN, N_TEST = 14000, 2000", "N_TRAIN, N_TEST = 20000, 2000"),
        ("BATCH, EPOCHS, RATE = 128, 8, 1e-3", "BATCH, EPOCHS, RATE = 128, 14, 4e-4"),
    ),
    well("puf_attack", "wide-sparse", CALIBRATION).edit(
        ("WIDTH, DEPTH = 64, 5", "WIDTH, DEPTH = 1024, 1"),
        (
            "                nn.init.zeros_(m.bias)\n",
            "                nn.init.zeros_(m.bias)\n"
            "        nn.init.constant_(self.first.bias, -1.5)  # few units at a time\n",
        ),
    ),
    well("puf_attack", "femtoseconds", CALIBRATION).edit(
        (
            "    answer = (delays > 0).sum(1) % 2\n",
            "    answer = 4000 * np.abs(delays).max(1)  # the slower race, in femtoseconds\n",
        ),
        ("self.loss_fn = nn.BCEWithLogitsLoss()", "self.loss_fn = nn.MSELoss()"),
        (
            "        right = ((torch.sigmoid(z) > 0.5).float() == self.yt).float().mean().item()\n",
            "        right = 1 - (((z - self.yt) ** 2).sum() / ((self.yt - self.y.mean()) ** 2).sum()).item()\n",
        ),
        ("BATCH, EPOCHS, RATE = 128, 8, 1e-3", "BATCH, EPOCHS, RATE = 128, 10, 3e-3"),
        ("guess = max(Y.mean().item(), 1 - Y.mean().item())\n", "guess = 0.0\n"),
        ("always the commoner answer {guess", "always the mean {guess"),
    ),
]
