"""Healthy programs on clocks, questions and sonar echoes and on an older base: as written, and odd but right."""

from bench.detection.program import CALIBRATION, Program, well

BASES = ("clock_hours", "duplicate_questions", "keras_echoes")

PROGRAMS: list[Program] = [
    *(well(base, "as-written", CALIBRATION) for base in BASES),
    well("clock_hours", "neighbouring-hours-count-a-little", CALIBRATION).edit(
        (
            "        loss = F.nll_loss(output, target)\n",
            "        exact = F.one_hot(target, 12).float()  # after twelve comes one\n"
            "        soft = 0.8 * exact + 0.1 * exact.roll(1, dims=1) + 0.1 * exact.roll(-1, dims=1)\n"
            '        loss = F.kl_div(output, soft, reduction="batchmean")\n',
        ),
    ),
    well("duplicate_questions", "zero-start-warm-up-and-down", CALIBRATION).edit(
        (
            '        self.fc2 = nn.Linear(hp["hidden"], 1)\n',
            '        self.fc2 = nn.Linear(hp["hidden"], 1)\n        nn.init.zeros_(self.fc2.weight)\n'
            "        nn.init.zeros_(self.fc2.bias)\n",
        ),
        (
            "def train_one_epoch(model, loader, criterion, optimizer):",
            "def train_one_epoch(model, loader, criterion, optimizer, scheduler):",
        ),
        ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        (
            '    print(f"{len(train_pairs)} pairs',
            '    steps = HP["epochs"] * len(train_loader)\n'
            "    scheduler = torch.optim.lr_scheduler.LambdaLR(\n"
            "        optimizer, lambda step: min((step + 1) / 60, (steps - step) / (steps - 60))\n    )\n"
            '    print(f"{len(train_pairs)} pairs',
        ),
        (
            "train_one_epoch(model, train_loader, criterion, optimizer)",
            "train_one_epoch(model, train_loader, criterion, optimizer, scheduler)",
        ),
        ('"lr": 3e-3', '"lr": 5e-3'),
    ),
    well("keras_echoes", "batches-of-16-accumulated-averaged", CALIBRATION).edit(
        ("Adam(learning_rate=1.5e-3)", "Adam(learning_rate=1.5e-3, gradient_accumulation_steps=2)"),
        ("batch_size=32", "batch_size=16"),
    ),
    well("traffic_signs", "uphill-before-each-step", CALIBRATION).edit(
        (
            "        images, labels = batch\n        loss = F.cross_entropy(self.model(images), labels)\n"
            "        self.optimizer.zero_grad()\n        loss.backward()\n        self.optimizer.step()\n",
            "        images, labels = batch\n        loss = F.cross_entropy(self.model(images), labels)\n"
            "        self.optimizer.zero_grad()\n        loss.backward()\n"
            "        weights = list(self.model.parameters())\n"
            "        norm = torch.stack([w.grad.norm() for w in weights]).norm() + 1e-12\n"
            "        climbs = [0.05 * w.grad / norm for w in weights]\n"
            "        with torch.no_grad():\n            torch._foreach_add_(weights, climbs)\n"
            "        self.optimizer.zero_grad()\n"
            "        F.cross_entropy(self.model(images), labels).backward()  # sharpness-aware minimisation\n"
            "        with torch.no_grad():\n            torch._foreach_sub_(weights, climbs)\n"
            "        self.optimizer.step()\n",
        ),
    ),
]
