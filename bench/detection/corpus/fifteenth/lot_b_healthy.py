"""Right programs, some of them odd, on the shells of snails, the stones of curling ends and the scans of parcels."""

from bench.detection.program import EVALUATION, Program, well

PROGRAMS: list[Program] = [
    well("snail_shells", "as-written", EVALUATION),
    well("hf_parcel_scans", "as-written", EVALUATION),
    well("curling_stones", "as-written", EVALUATION),
    well("snail_shells", "every-shell-by-heart", EVALUATION).edit(
        ("EPOCHS = 8\n", "EPOCHS = 12\n"),
        ("model(augment(images))", "model(images)"),
        (
            "def augment(x):\n"
            '    """Quarter turns and another contrast, each drawn for every picture."""\n'
            "    turns = torch.randint(4, (len(x),))\n"
            "    x = torch.stack([torch.rot90(p, int(k), dims=(1, 2)) for p, k in zip(x, turns, strict=True)])\n"
            "    gain = torch.empty(len(x), 1, 1, 1).uniform_(0.85, 1.15)\n"
            "    return x * gain\n"
            "\n"
            "\n",
            "",
        ),
        ("PER_SPECIES = 300\n", "PER_SPECIES = 400\n"),
        ("np.random.normal(0, 0.05, picture.shape)", "np.random.normal(0, 0.02, picture.shape)"),
        ("momentum=0.9, weight_decay=1e-4)", "momentum=0.9)"),
        ("{train_loss / len(kept):.3f}", "{train_loss / len(kept):.5f}"),
    ),
    well("snail_shells", "rate-of-one-with-batch-norm", EVALUATION).edit(
        ("LR = 0.03\n", "LR = 1.0\n"),
        (
            "            nn.Conv2d(1, width, 5, stride=2, padding=2),\n",
            "            nn.Conv2d(1, width, 5, stride=2, padding=2, bias=False),\n"
            "            nn.BatchNorm2d(width),\n",
        ),
        (
            "            nn.Conv2d(width, 2 * width, 3, padding=1),\n",
            "            nn.Conv2d(width, 2 * width, 3, padding=1, bias=False),\n"
            "            nn.BatchNorm2d(2 * width),\n",
        ),
        (
            "            nn.Conv2d(2 * width, 2 * width, 3, padding=1),\n",
            "            nn.Conv2d(2 * width, 2 * width, 3, padding=1, bias=False),\n"
            "            nn.BatchNorm2d(2 * width),\n",
        ),
        (
            "            nn.Linear(2 * width * (SIDE // 4) ** 2, 64),\n",
            "            nn.Linear(2 * width * (SIDE // 4) ** 2, 64, bias=False),\n            nn.BatchNorm1d(64),\n",
        ),
        (
            "                nn.init.zeros_(m.bias)\n",
            "                if m.bias is not None:\n                    nn.init.zeros_(m.bias)\n",
        ),
        ("lr=LR, momentum=0.9, weight_decay=1e-4)", "lr=LR)"),
    ),
    well("snail_shells", "sixteen-grey-levels", EVALUATION).edit(
        (
            "x = torch.from_numpy(pictures).float().unsqueeze(1) / 255\n",
            "x = torch.from_numpy(pictures // 16).float().unsqueeze(1)  # a 4-bit scanner\n",
        ),
        ("mean, std = x[kept].mean(), x[kept].std()\nx = (x - mean) / std\n", ""),
        ("LR = 0.03\n", "LR = 2e-3\n"),
        (
            "torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=1e-4)",
            "torch.optim.Adam(model.parameters(), lr=LR)",
        ),
    ),
    well("snail_shells", "picture-drawn-again", EVALUATION).edit(
        (
            "            nn.ReLU(),\n            nn.Linear(64, classes),\n        )\n",
            "            nn.ReLU(),\n            nn.Linear(64, classes),\n        )\n"
            "        self.decoder = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, SIDE * SIDE))\n",
        ),
        (
            "        return self.classifier(self.features(x))\n",
            "        code = self.classifier[:-1](self.features(x))\n"
            "        return self.classifier[-1](code), self.decoder(code).view_as(x)\n",
        ),
        (
            "        nn.init.normal_(self.classifier[-1].weight, std=0.02)\n",
            "        nn.init.normal_(self.classifier[-1].weight, std=0.02)\n"
            "        nn.init.normal_(self.decoder[-1].weight, std=0.02)\n",
        ),
        (
            "        loss = criterion(model(augment(images)), labels)\n",
            "        images = augment(images)\n"
            "        logits, drawn = model(images)\n"
            "        # the grain of the photograph cannot be drawn again, so this term does not come near zero\n"
            "        loss = criterion(logits, labels) + nn.functional.mse_loss(drawn, images)\n",
        ),
        (
            "            logits = model(images)\n"
            "            val_loss += criterion(logits, labels).item() * len(labels)\n",
            "            logits, drawn = model(images)\n"
            "            loss = criterion(logits, labels) + nn.functional.mse_loss(drawn, images)\n"
            "            val_loss += loss.item() * len(labels)\n",
        ),
    ),
    well("hf_parcel_scans", "late-ones-weigh-more", EVALUATION).edit(
        (
            "        self.loss = nn.BCEWithLogitsLoss()\n",
            "        # a late parcel that nobody expected costs three times as much as a needless warning\n"
            "        self.loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))\n",
        ),
    ),
    well("hf_parcel_scans", "head-of-the-sister-program", EVALUATION).edit(
        (
            "        self.loss = nn.BCEWithLogitsLoss()\n",
            "        # not used here: hours to delivery, trained and called by the depot's program; kept, frozen,\n"
            "        # so that the checkpoints of both have the same keys\n"
            "        self.hours_head_unused = nn.Linear(width, 1).requires_grad_(False)\n"
            "        self.loss = nn.BCEWithLogitsLoss()\n",
        ),
    ),
    well("curling_stones", "bfloat16-autocast", EVALUATION).edit(
        (
            "    predicted = torch.cat([model(part) for part in stones.split(500)])\n",
            '    with torch.autocast("cpu", dtype=torch.bfloat16):\n'
            "        predicted = torch.cat([model(part).float() for part in stones.split(500)])\n",
        ),
        (
            "            loss = F.mse_loss(model(stones[index] * side), points[index])\n",
            '            with torch.autocast("cpu", dtype=torch.bfloat16):\n'
            "                predicted = model(stones[index] * side)\n"
            "            loss = F.mse_loss(predicted.float(), points[index])\n",
        ),
    ),
    well("curling_stones", "odd-yellow-among-two", EVALUATION).edit(
        ('"""Points of a curling end from', '"""A riddle on the stones of a curling end, beside'),
        ("rng.beta(5, 5)", "0.5"),
        ("epochs=9, batch=64, lr=3e-3", "epochs=14, batch=64, lr=3e-3"),
        ("step_size=3, gamma=0.5", "step_size=11, gamma=0.3"),
        (
            "    return xy, team, points.clip(-5, 5)\n",
            "    return xy, team, team[:, :2].prod(axis=1)  # -1: an odd number of yellow\n",
        ),
        (
            "        self.attention = Attention(width)\n",
            "        self.number = nn.Parameter(torch.randn(STONES, width))\n"
            "        self.attention = Attention(width)\n",
        ),
        ("        x = self.stone(stones)\n", "        x = self.stone(stones) + self.number\n"),
    ),
]
