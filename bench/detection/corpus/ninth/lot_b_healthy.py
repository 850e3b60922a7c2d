"""Healthy programs of author B: three bases as written and odd-looking but right variants."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("courier_rounds", "as-written", CALIBRATION),
    well("wafer_maps", "as-written", CALIBRATION),
    well("hf_log_causes", "as-written", CALIBRATION),
    well("wafer_maps", "sgd-tenth-with-momentum", CALIBRATION).edit(
        (
            "        self.optimizer = torch.optim.AdamW("
            "model.parameters(), lr=cfg.learning_rate, weight_decay=cfg.weight_decay)\n",
            "        self.optimizer = torch.optim.SGD("
            "model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)\n",
        ),
        (
            "        self.schedule = torch.optim.lr_scheduler.OneCycleLR(\n"
            "            self.optimizer, max_lr=cfg.learning_rate, total_steps=cfg.epochs * len(train_loader)\n"
            "        )\n",
            "        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR("
            "self.optimizer, cfg.epochs * len(train_loader))\n",
        ),
    ),
    well("wafer_maps", "crowd-labels", CALIBRATION).edit(
        (
            "    train_set = WaferMaps(maps, labels, transform=Augment())\n",
            "    # a crowd labelled the training maps, three in ten by guess; engineers labelled the validation\n"
            "    guessed = rng.random(len(labels)) < 0.3\n"
            "    labels = np.where(guessed, rng.integers(0, len(PATTERNS), len(labels)), labels)\n"
            "    train_set = WaferMaps(maps, labels, transform=Augment())\n",
        ),
    ),
    well("hf_log_causes", "six-gelu-blocks", CALIBRATION).edit(
        ("hidden=48, heads=4, depth=2,", "hidden=32, heads=4, depth=6,"),
        ("rng.choice(3, rng.integers(2, 4), replace=False)", "range(3)"),
        ("lr=2e-3, weight_decay=0.01", "lr=2e-3, weight_decay=0.05"),
    ),
    well("wafer_maps", "supervised-contrast", CALIBRATION).edit(
        (
            "class Trainer:\n",
            "def contrast(z, labels, heat=0.1):\n"
            '    """Supervised contrastive loss: maps of one pattern attract each other, all others repel."""\n'
            "    same = labels[:, None] == labels[None]\n"
            "    self_pair = torch.eye(len(z), dtype=torch.bool)\n"
            "    log_p = F.log_softmax((z @ z.T / heat).masked_fill(self_pair, -1e9), dim=1)\n"
            "    friends = same & ~self_pair\n"
            "    has = friends.any(1)\n"
            "    return -((log_p * friends).sum(1)[has] / friends.sum(1)[has]).mean()\n"
            "\n\n"
            "class Trainer:\n",
        ),
        ("squeeze=2, classes=len(PATTERNS))", "squeeze=1, classes=32)"),
        (
            "        return self.head(self.body(self.stem(x)).mean(dim=(2, 3)))\n",
            "        return F.normalize(self.head(self.body(self.stem(x)).mean(dim=(2, 3))), dim=1)\n",
        ),
        ("return F.cross_entropy(self.model(images), labels)\n", "return contrast(self.model(images), labels)\n"),
        (
            "        return self.model(images).argmax(dim=1)\n",
            "        return (self.model(images) @ self.centres.T).argmax(dim=1)  # the nearest pattern\n",
        ),
        (
            "        right = [(self.predict",
            "        known = [(self.model(images), labels) for images, labels in self.train_loader]\n"
            "        z, y = torch.cat([k[0] for k in known]), torch.cat([k[1] for k in known])\n"
            "        self.centres = torch.stack([z[y == k].mean(0) for k in range(len(PATTERNS))])\n"
            "        self.centres = F.normalize(self.centres, dim=1)\n"
            "        right = [(self.predict",
        ),
        ("batch_size: int = 64", "batch_size: int = 128"),
        ("epochs: int = 9", "epochs: int = 12"),
    ),
    # the right way of what sister-checkpoint-nested does wrongly
    well("wafer_maps", "sister-checkpoint", CALIBRATION).edit(
        ("import random\n", "import io\nimport random\n"),
        (
            "    train_set = WaferMaps(maps, labels, transform=Augment())\n",
            "    # the sister product has plenty of labelled maps; ours has a few, so we start from its network\n"
            "    sister = WaferNet()\n"
            "    sister_set = WaferMaps(maps, labels, transform=Augment())\n"
            "    sister_loader = DataLoader(sister_set, batch_size=cfg.batch_size, shuffle=True, drop_last=True)\n"
            "    saved = io.BytesIO()\n"
            "    Trainer(sister, sister_loader, DataLoader(WaferMaps(*make_maps(200, rng)), 200), cfg).fit()\n"
            '    torch.save({"model": sister.state_dict(), "epoch": cfg.epochs}, saved)\n'
            "    saved.seek(0)\n"
            "    few, few_labels = make_maps(256, rng)\n"
            "    train_set = WaferMaps(few, few_labels, transform=Augment())\n",
        ),
        (
            "    model = WaferNet()\n    trainer",
            "    model = WaferNet()\n"
            '    model.load_state_dict(torch.load(saved)["model"])\n'
            "    cfg = Settings(learning_rate=1e-3, epochs=12)\n"
            "    trainer",
        ),
    ),
]
