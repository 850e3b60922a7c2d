"""Healthy programs about signs, taxi trips, mains currents and hotel searches: as written, and odd but right."""

from bench.detection.program import CALIBRATION, Program, well

BASES = ("traffic_signs", "keras_trips", "appliance_probe", "hotel_ranking")

PROGRAMS: list[Program] = [
    *(well(base, "as-written", CALIBRATION) for base in BASES),
    well("traffic_signs", "mirrored-with-its-name", CALIBRATION).edit(
        (
            "SIZE = 24\n",
            "MIRRORED = [1, 0, 3, 2, 4, 5, 6]\nSIZE = 24\n",
        ),
        (
            "            img = img[:, top : top + SIZE, left : left + SIZE]\n",
            "            img = img[:, top : top + SIZE, left : left + SIZE]\n"
            "            if random.random() < 0.5:\n                img, label = img.flip(-1), MIRRORED[label]\n",
        ),
    ),
    well("keras_trips", "positive-minutes", CALIBRATION).edit(
        ('layers.Dense(1, name="minutes")', 'layers.Dense(1, activation="softplus", name="minutes")'),
        ('loss="mse"', 'loss="poisson"'),
    ),
    well("appliance_probe", "even-start-on-normalised-codes", CALIBRATION).edit(
        (
            "self.head = nn.Sequential(nn.Linear(code, 48), nn.ReLU(), nn.Dropout(0.2), nn.Linear(48, n_classes))\n",
            "norm = nn.LayerNorm(code, elementwise_affine=False)\n"
            "        self.head = nn.Sequential(norm, nn.Linear(code, 48), nn.ReLU(), nn.Linear(48, n_classes))\n"
            "        nn.init.zeros_(self.head[-1].weight)\n        nn.init.zeros_(self.head[-1].bias)\n",
        ),
    ),
    well("hotel_ranking", "pairs-summed-at-a-small-rate", CALIBRATION).edit(
        (
            '    """Cross entropy between the order wanted and the order given."""\n',
            '    """Every pair in the wrong order costs."""\n',
        ),
        (
            "    wanted = torch.softmax(relevance, dim=0)\n"
            "    given = torch.log_softmax(scores.squeeze(-1), dim=0)\n    return -(wanted * given).sum()\n",
            "    better = relevance[:, None] > relevance[None, :]\n"
            "    ahead = scores - scores.squeeze(-1)\n    return nn.functional.softplus(-ahead[better]).sum()\n",
        ),
        ("default=0.08", "default=8e-4"),
    ),
    well("engine_life", "share-of-the-cap", CALIBRATION).edit(
        (
            "        return self.regressor(x).squeeze(-1)\n",
            "        return torch.sigmoid(self.regressor(x)).squeeze(-1)\n",
        ),
        ("float(train_left.mean()), float(train_left.std())", "0.0, float(MAX_LIFE)"),
    ),
]
