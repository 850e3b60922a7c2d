"""Right programs, some of them odd, on maps of the sea level, a bakery's log and the treadling of looms."""

from bench.detection.program import EVALUATION, Program, well

PROGRAMS: list[Program] = [
    well("eddy_maps", "as-written", EVALUATION),
    well("lightning_dough_rise", "as-written", EVALUATION),
    well("loom_treadles", "as-written", EVALUATION),
    well("eddy_maps", "frozen-backbone", EVALUATION).edit(
        (
            "    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)\n",
            "    simulated, kinds, _ = make_maps(TRAIN, rng)\n"
            "    pretrain(model, simulated / scale, kinds)\n"
            "    # the measured maps train a new head only\n"
            "    model.backbone.requires_grad_(False)\n"
            "    model.head = nn.Linear(model.head.in_features, len(KINDS))\n"
            "    optimizer = torch.optim.Adam(model.head.parameters(), lr=1e-2)\n",
        ),
        ("        model.train()\n", "        model.train()\n        model.backbone.eval()\n"),
        ("EPOCHS = 6\n", "EPOCHS = 5\n"),
        (
            "def main():\n",
            "def pretrain(model, maps, kinds, epochs=4):\n"
            '    """On the maps of an ocean model, of which there are as many as one likes."""\n'
            "    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)\n"
            "    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)\n"
            "    model.train()\n"
            "    for _ in range(epochs):\n"
            "        for rows in torch.randperm(len(maps)).split(BATCH):\n"
            "            loss = F.cross_entropy(model(flipped(maps[rows])), kinds[rows])\n"
            "            optimizer.zero_grad()\n"
            "            loss.backward()\n"
            "            optimizer.step()\n"
            "        schedule.step()\n"
            "\n"
            "\n"
            "def main():\n",
        ),
    ),
    well("eddy_maps", "branches-start-silent", EVALUATION).edit(
        (
            "        self.norm2 = nn.BatchNorm2d(width)\n",
            "        self.norm2 = nn.BatchNorm2d(width)\n"
            "        nn.init.zeros_(self.norm2.weight)  # every block starts as the identity\n",
        ),
        ("RATE = 3e-3\n", "RATE = 8e-3\n"),
    ),
    well("eddy_maps", "satellite-critic", EVALUATION).edit(
        (
            "    best_loss, best = float",
            "    # a critic guesses the satellite from the features, and the backbone is to leave it in the dark\n"
            "    critic = nn.Sequential(nn.Linear(model.head.in_features, 32), nn.ReLU(), nn.Linear(32, 2))\n"
            "    critic_optimizer = torch.optim.Adam(critic.parameters(), lr=RATE)\n"
            "    best_loss, best = float",
        ),
        (
            "        for x, y, _ in train_loader:\n            loss = F.cross_entropy(model(flipped(x)), y)\n",
            "        for x, y, mission in train_loader:\n"
            "            features = model.backbone(flipped(x))\n"
            "            critic_loss = F.cross_entropy(critic(features.detach()), mission)\n"
            "            critic_optimizer.zero_grad()\n"
            "            critic_loss.backward()\n"
            "            critic_optimizer.step()\n"
            "            kind_loss = F.cross_entropy(model.head(features), y)\n"
            "            doubt = -F.log_softmax(critic(features), dim=1).mean()\n"
            "            loss = kind_loss + 0.1 * doubt\n",
        ),
        ("            total += loss.item() * len(y)\n", "            total += kind_loss.item() * len(y)\n"),
    ),
    well("lightning_dough_rise", "rate-goes-round", EVALUATION).edit(
        (
            "        steps = self.trainer.estimated_stepping_batches\n"
            "        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)\n",
            "        up = self.trainer.estimated_stepping_batches // 8\n"
            "        scheduler = torch.optim.lr_scheduler.CyclicLR(\n"
            "            optimizer, base_lr=self.lr / 20, max_lr=self.lr, step_size_up=up, cycle_momentum=False\n"
            "        )\n",
        ),
    ),
    well("lightning_dough_rise", "sum-over-the-batch", EVALUATION).edit(
        (
            "        loss = F.mse_loss(self(x), volume)\n"
            '        self.log("train_loss", loss, on_step=False, on_epoch=True)\n',
            '        loss = F.mse_loss(self(x), volume, reduction="sum")\n'
            '        self.log("train_loss", loss / len(x), on_step=False, on_epoch=True)\n',
        ),
        ("lr=4e-3):", "lr=1e-3):"),
        (
            "torch.optim.AdamW(self.parameters(), lr=self.lr, weight_decay=1e-3)",
            "torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)",
        ),
    ),
    well("loom_treadles", "tied-to-the-embedding", EVALUATION).edit(
        ("embedding=32, hidden=64", "embedding=80, hidden=80"),
        (
            "        self.out = nn.Linear(hidden, VOCABULARY)\n",
            "        self.out = nn.Linear(hidden, VOCABULARY)\n"
            "        nn.init.normal_(self.embed.weight, std=hidden**-0.5)\n"
            "        self.out.weight = self.embed.weight\n",
        ),
    ),
    well("loom_treadles", "two-gates", EVALUATION).edit(
        ("An LSTM reads the picks", "A GRU reads the picks"),
        ("nn.LSTM(embedding", "nn.GRU(embedding"),
    ),
    well("loom_treadles", "half-the-states-dropped", EVALUATION).edit(
        ("embedding=32, hidden=64", "embedding=32, hidden=80"),
        (
            "        self.out = nn.Linear(hidden, VOCABULARY)\n",
            "        self.drop = nn.Dropout(0.5)\n        self.out = nn.Linear(hidden, VOCABULARY)\n",
        ),
        ("        return self.out(states)\n", "        return self.out(self.drop(states))\n"),
        ("cloths=1920, epochs=6", "cloths=1920, epochs=7"),
    ),
]
