"""Right programs, some of them odd, on the orbits of a shaft, pictures of cyclones and short reads of DNA."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("rotor_orbits", "as-written", CALIBRATION),
    well("lightning_cyclones", "as-written", CALIBRATION),
    well("gut_reads", "as-written", CALIBRATION),
    well("lightning_cyclones", "levels-to-sixteen", CALIBRATION).edit(
        ("        images = images / MAX_LEVEL\n", ""),
    ),
    well("gut_reads", "noisy-labels", CALIBRATION).edit(
        (
            "    test = sequence(genomes, 1500, (0.8, 1.0), rng)\n",
            "    test = sequence(genomes, 1500, (0.8, 1.0), rng)\n"
            "    # the labels of public archives: three in ten are wrong\n"
            "    wrong = torch.rand(len(train[1])) < 0.3\n"
            "    other = torch.randint(1, len(GENERA), (int(wrong.sum()),))\n"
            "    train[1][wrong] = (train[1][wrong] + other) % len(GENERA)\n",
        ),
    ),
    well("rotor_orbits", "clipped-every-step", CALIBRATION).edit(
        (
            "        optimizer.step()\n",
            "        nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n        optimizer.step()\n",
        ),
    ),
    well("rotor_orbits", "sum-of-losses", CALIBRATION).edit(
        ("criterion = nn.CrossEntropyLoss()", 'criterion = nn.CrossEntropyLoss(reduction="sum")'),
        (
            "torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)",
            "torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9)",
        ),
        ("total += loss.item() * len(y)", "total += loss.item()"),
        ("test_loss += criterion(output, y).item() * len(y)", "test_loss += criterion(output, y).item()"),
    ),
    well("gut_reads", "low-rank-adapters", CALIBRATION).edit(
        (
            "class Trainer:\n",
            "class LoRA(nn.Module):\n"
            "    def __init__(self, linear, rank=8, alpha=16):\n"
            "        super().__init__()\n"
            "        self.linear = linear.requires_grad_(False)\n"
            "        self.A = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)\n"
            "        self.B = nn.Parameter(torch.zeros(linear.out_features, rank))\n"
            "        self.scale = alpha / rank\n"
            "\n"
            "    def forward(self, x):\n"
            "        return self.linear(x) + self.scale * (x @ self.A.T @ self.B.T)\n"
            "\n"
            "\n"
            "class Trainer:\n",
        ),
        (
            "    trainer = Trainer(model, train, test, args.lr, args.batch_size)\n",
            "    # first the reference strains, then, by adapters alone, the strains of this cohort\n"
            "    Trainer(model, train, test, args.lr, args.batch_size).fit(4)\n"
            "    rates = rng.permuted(np.tile(np.arange(4), (len(genomes), 1)), axis=1)\n"
            "    genomes = [np.where(rng.random(len(g)) < 0.06, r[g], g) for g, r in zip(genomes, rates)]\n"
            "    train = sequence(genomes, args.reads, (0.0, 0.8), rng)\n"
            "    test = sequence(genomes, 1500, (0.8, 1.0), rng)\n"
            "    model.requires_grad_(False)\n"
            "    model.inner, model.fc1, model.fc2 = LoRA(model.inner), LoRA(model.fc1), LoRA(model.fc2)\n"
            "    trainer = Trainer(model, train, test, 3 * args.lr, args.batch_size)\n"
            '    print(f"cohort before adapting: loss, accuracy {trainer.evaluate()}")\n',
        ),
        ('"--epochs", type=int, default=5', '"--epochs", type=int, default=3'),
    ),
    well("gut_reads", "sparse-embedding", CALIBRATION).edit(
        ("padding_idx=PAD)", "padding_idx=PAD, sparse=True)"),
        (
            "        self.optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=lr)\n",
            '        rest = [p for name, p in model.named_parameters() if name != "embed.weight"]\n'
            "        self.optimizer = torch.optim.Adam(rest, lr=lr)\n"
            "        self.table_optimizer = torch.optim.SparseAdam(model.embed.parameters(), lr=lr)\n",
        ),
        (
            "        self.optimizer.zero_grad()\n",
            "        self.optimizer.zero_grad()\n        self.table_optimizer.zero_grad()\n",
        ),
        (
            "        self.optimizer.step()\n",
            "        self.optimizer.step()\n        self.table_optimizer.step()\n",
        ),
    ),
    well("rotor_orbits", "half-dropped-out", CALIBRATION).edit(
        (
            "        self.out = nn.Linear(64, len(NAMES))\n",
            "        self.drop = nn.Dropout(0.5)\n        self.out = nn.Linear(64, len(NAMES))\n",
        ),
        ("        x = F.relu(self.hidden(x))\n", "        x = self.drop(F.relu(self.hidden(x)))\n"),
    ),
    well("lightning_cyclones", "negative-log-density", CALIBRATION).edit(
        ("nn.Linear(32, 1))", "nn.Linear(32, 2))"),
        ("self.loss = nn.MSELoss()", "self.loss = nn.GaussianNLLLoss()"),
        (
            "        return self.head(torch.cat([self.eye(image), self.book(table)], dim=1)).squeeze(1)\n",
            "        mean, log_var = self.head(torch.cat([self.eye(image), self.book(table)], dim=1)).unbind(1)\n"
            "        return mean, log_var.exp()\n",
        ),
        (
            "        loss = self.loss(self(image, table), wind)\n",
            "        pred, var = self(image, table)\n        loss = self.loss(pred, wind, var)\n",
        ),
        ("        pred = self(image, table)\n", "        pred, var = self(image, table)\n"),
        ('self.log("val_loss", self.loss(pred, wind))', 'self.log("val_loss", self.loss(pred, wind, var))'),
    ),
]
