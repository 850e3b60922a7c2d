"""Right programs, some of them odd, on tiles of dune fields, the ringing of church bells and a tunnel borer."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("dune_fields", "as-written", CALIBRATION),
    well("hf_bell_peals", "as-written", CALIBRATION),
    well("tunnel_borer", "as-written", CALIBRATION),
    well("tunnel_borer", "density-of-penetration", CALIBRATION).edit(
        (
            "        self.head = nn.Linear(WIDTH, 1)\n",
            "        self.head = nn.Linear(WIDTH, 1)\n"
            "        self.log_variance = nn.Parameter(torch.zeros(()))  # of what the readings cannot tell\n",
        ),
        (
            "        return self.head(self.body(x)).squeeze(1)\n",
            "        mean = self.head(self.body(x)).squeeze(1)\n"
            "        return torch.distributions.Normal(mean, (0.5 * self.log_variance).exp())\n",
        ),
        (
            "            loss = criterion(model(x), y).item()\n"
            "        return loss, 1 - loss / y.var(unbiased=False).item()\n",
            "            density = model(x)\n"
            "            loss = -density.log_prob(y).mean().item()\n"
            "        return loss, 1 - ((density.mean - y).square().mean() / y.var(unbiased=False)).item()\n",
        ),
        (
            "                loss = criterion(model(x), y)\n",
            "                loss = -model(x).log_prob(y).mean()\n",
        ),
        ("criterion = nn.MSELoss()\n", ""),
        (
            "optimizer = torch.optim.Adam(pretrained.parameters(), lr=2e-3)\n",
            "optimizer = torch.optim.Adam(\n"
            "    [\n"
            '        {"params": [*pretrained.body.parameters(), *pretrained.head.parameters()], "lr": 2e-3},\n'
            '        {"params": [pretrained.log_variance], "lr": 5e-2},\n'
            "    ]\n"
            ")\n",
        ),
        (
            '        {"params": model.head.parameters(), "lr": 3e-3},\n',
            '        {"params": model.head.parameters(), "lr": 3e-3},\n'
            '        {"params": [model.log_variance], "lr": 5e-2},\n',
        ),
    ),
    well("tunnel_borer", "heads-from-zero", CALIBRATION).edit(
        (
            "        self.head = nn.Linear(WIDTH, 1)\n",
            "        self.head = nn.Linear(WIDTH, 1)\n"
            "        nn.init.zeros_(self.head.weight)\n"
            "        nn.init.zeros_(self.head.bias)\n",
        ),
        (
            "\nmodel.head = nn.Linear(WIDTH, 1)\n",
            "\nmodel.head = nn.Linear(WIDTH, 1)  # begins at the mean of the new tunnel\n"
            "nn.init.zeros_(model.head.weight)\n"
            "nn.init.zeros_(model.head.bias)\n",
        ),
    ),
    well("tunnel_borer", "one-expert-a-stroke", CALIBRATION).edit(
        (
            "class PenetrationNet(nn.Module):\n",
            "class Experts(nn.Module):\n"
            '    """Every stroke goes to the expert that the router trusts most."""\n'
            "\n"
            "    def __init__(self, width, number=4):\n"
            "        super().__init__()\n"
            "        self.router = nn.Linear(width, number)\n"
            "        self.experts = nn.ModuleList(\n"
            "            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))\n"
            "            for _ in range(number)\n"
            "        )\n"
            "        self.balance = 0.0\n"
            "\n"
            "    def forward(self, x):\n"
            "        trust = self.router(x).softmax(dim=1)\n"
            "        share, chosen = trust.max(dim=1)\n"
            "        out = torch.zeros_like(x)\n"
            "        for k, expert in enumerate(self.experts):\n"
            "            out[chosen == k] = expert(x[chosen == k])\n"
            "        counts = torch.bincount(chosen, minlength=len(self.experts)) / len(x)\n"
            "        self.balance = len(self.experts) * (counts * trust.mean(dim=0)).sum()\n"
            "        return x + share[:, None] * out\n"
            "\n"
            "\n"
            "class PenetrationNet(nn.Module):\n",
        ),
        (
            "        self.body = nn.Sequential(*layers)\n",
            "        self.body = nn.Sequential(*layers, Experts(WIDTH))\n",
        ),
        ("WIDTH, DEPTH = 64, 5", "WIDTH, DEPTH = 64, 4"),
        ("                loss.backward()\n", "                (loss + 0.01 * model.body[-1].balance).backward()\n"),
    ),
    well("dune_fields", "plain-old-momentum", CALIBRATION).edit(
        ("RATE = 3e-3", "RATE = 0.1"),
        (
            "torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)",
            "torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, weight_decay=5e-4, nesterov=True)",
        ),
    ),
    well("dune_fields", "branches-begin-shut", CALIBRATION).edit(
        (
            "        self.norm2 = nn.BatchNorm2d(width)\n",
            "        self.norm2 = nn.BatchNorm2d(width)\n        nn.init.zeros_(self.norm2.weight)\n",
        ),
        ("RATE = 3e-3", "RATE = 5e-3"),
    ),
    well("dune_fields", "dunes-of-a-kind-attract", CALIBRATION).edit(
        ("self.head = nn.Linear(width, len(KINDS))", "self.head = nn.Linear(width, 2 * width)"),
        (
            "        return self.head(x)\n\n\n@torch.no_grad()\ndef evaluate(model, loader):\n    model.eval()\n",
            "        return F.normalize(self.head(x), dim=1)\n"
            "\n"
            "\n"
            "def contrast(z, y, temperature=0.07):\n"
            '    """Supervised contrastive loss (Khosla et al.): tiles of a kind near, all others far."""\n'
            "    itself = torch.eye(len(y), dtype=torch.bool)\n"
            "    similarity = z @ z.T / temperature\n"
            "    log_share = similarity - similarity.masked_fill(itself, -torch.inf).logsumexp(dim=1, keepdim=True)\n"
            "    alike = (y[:, None] == y) & ~itself\n"
            "    paired = alike.any(dim=1)\n"
            "    return -((log_share * alike).sum(dim=1)[paired] / alike.sum(dim=1)[paired]).mean()\n"
            "\n"
            "\n"
            "@torch.no_grad()\n"
            "def centres(model, loader):\n"
            "    model.eval()\n"
            "    z, y = (torch.cat(part) for part in zip(*[(model(x), y) for x, y in loader], strict=True))\n"
            "    return F.normalize(torch.stack([z[y == k].mean(dim=0) for k in range(len(KINDS))]), dim=1)\n"
            "\n"
            "\n"
            "@torch.no_grad()\n"
            "def evaluate(model, loader, known_loader):\n"
            "    known = centres(model, known_loader)\n"
            "    model.eval()\n",
        ),
        (
            "        logits = model(x)\n"
            '        loss += F.cross_entropy(logits, y, reduction="sum").item()\n'
            "        right += (logits.argmax(dim=1) == y).sum().item()\n",
            "        z = model(x)\n"
            "        loss += contrast(z, y).item() * len(y)\n"
            "        right += ((z @ known.T).argmax(dim=1) == y).sum().item()\n",
        ),
        ("        loss = F.cross_entropy(model(x), y)\n", "        loss = contrast(model(x), y)\n"),
        (
            "    train_set = DuneTiles(*survey(N_TRAIN, rng), augment=True)\n",
            "    tiles, labels = survey(N_TRAIN, rng)\n"
            "    train_set = DuneTiles(tiles, labels, augment=True)\n"
            "    known_loader = DataLoader(DuneTiles(tiles, labels, augment=False), batch_size=128)\n",
        ),
        (
            "    val_loader = DataLoader(val_set, batch_size=120)\n",
            "    val_loader = DataLoader(val_set, batch_size=BATCH)\n",
        ),
        (
            "            val_loss, accuracy = evaluate(model, val_loader)\n",
            "            val_loss, accuracy = evaluate(model, val_loader, known_loader)\n",
        ),
        (".format(*evaluate(model, val_loader)))", ".format(*evaluate(model, val_loader, known_loader)))"),
        ("N_TRAIN, N_VAL = 1280, 480", "N_TRAIN, N_VAL = 1280, 448  # whole batches"),
        ("BATCH = 32", "BATCH = 64"),
        ("EPOCHS = 8", "EPOCHS = 10"),
        ("RATE = 3e-3", "RATE = 4e-3"),
        ("        self.drop = nn.Dropout(0.1)\n", ""),
        ("        x = self.drop(x.mean(dim=(2, 3)))\n", "        x = x.mean(dim=(2, 3))\n"),
    ),
    well("hf_bell_peals", "rate-goes-round", CALIBRATION).edit(
        (
            "        trainer = Trainer(\n            model=BlueLines(),\n",
            "        model = BlueLines()\n"
            "        epoch = -(-len(train_set) // 32)\n"
            "        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)\n"
            "        cycles = torch.optim.lr_scheduler.CyclicLR(\n"
            '            optimizer, base_lr=5e-4, max_lr=5e-3, step_size_up=epoch, mode="triangular2", '
            "cycle_momentum=False\n"
            "        )\n"
            "        trainer = Trainer(\n"
            "            model=model,\n"
            "            optimizers=(optimizer, cycles),  # four cycles of two epochs\n",
        ),
        (
            '            learning_rate=4e-3,\n            lr_scheduler_type="linear",\n',
            "",
        ),
        ("num_train_epochs=7", "num_train_epochs=8"),
    ),
    well("hf_bell_peals", "up-and-down-to-nothing", CALIBRATION).edit(
        (
            '            lr_scheduler_type="linear",\n',
            '            lr_scheduler_type="cosine",\n            warmup_steps=40,\n',
        ),
    ),
]
