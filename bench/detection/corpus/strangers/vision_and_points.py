"""Faults in programs that see: a vision transformer, point clouds, boxes, triplets, and older bases in new combinations."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, LOOP, SHAPE = "output and loss", "loop", "initialisation and shape"
DATA, RATES = "data", "rates and schedules"
VIEWED = "swapped-axis"

PROGRAMS: list[Program] = [
    ill("digits_vit", "position-not-a-parameter", LOOP, CALIBRATION, "layers-not-registered not-in-optimizer").edit(
        (
            "self.cls_token = nn.Parameter(torch.zeros(1, 1, cfg.dim))",
            "self.cls_token = torch.zeros(1, 1, cfg.dim, requires_grad=True)",
        ),
        (
            "self.pos_embed = nn.Parameter(torch.randn(1, num_patches + 1, cfg.dim) * 0.1)",
            "self.pos_embed = torch.zeros(1, num_patches + 1, cfg.dim, requires_grad=True)",
        ),
    ),
    ill("digits_vit", "encoder-batch-second", SHAPE, CALIBRATION, "batch-leak swapped-axis ignores-input").edit(
        (
            "nn.ModuleList([Block(cfg) for _ in range(cfg.depth)])",
            "nn.ModuleList(\n            nn.TransformerEncoderLayer(cfg.dim, cfg.heads, cfg.dim * cfg.mlp_ratio, cfg.dropout, F.gelu)\n"
            "            for _ in range(cfg.depth)\n        )",
        ),
    ),
    ill(
        "digits_vit", "optimizer-of-average", LOOP, CALIBRATION, "stale-optimizer not-in-optimizer weights-not-moving"
    ).edit(
        ("optimizer = build_optimizer(model, cfg)", "optimizer = build_optimizer(ema.model, cfg)"),
    ),
    ill(
        "digits_vit",
        "warm-up-of-paper",
        RATES,
        CALIBRATION,
        "schedule-mismatch rate-too-low update-ratio weights-not-moving",
    ).edit(("warmup_steps: int = 30", "warmup_steps: int = 10000")),
    ill("digits_vit", "mixed-pictures-one-label", DATA, CALIBRATION, "augmentation-breaks-labels").edit(
        (
            "            logits = model(x_train[idx])\n",
            "            images = x_train[idx]\n            lam = torch.rand(len(idx), 1, 1, 1)\n"
            "            images = lam * images + (1 - lam) * images[torch.randperm(len(idx))]\n"
            "            logits = model(images)\n",
        ),
    ),
    ill("digits_vit", "constant-for-normal", SHAPE, CALIBRATION, "symmetric-init").edit(
        (
            "    def forward(self, x):\n        x = self.patch_embed(x)\n",
            "        self.apply(self.init_weights)\n\n    @staticmethod\n    def init_weights(m):\n"
            "        if isinstance(m, nn.Linear):\n            nn.init.constant_(m.weight, 0.02)\n"
            "            if m.bias is not None:\n                nn.init.zeros_(m.bias)\n\n"
            "    def forward(self, x):\n        x = self.patch_embed(x)\n",
        ),
    ),
    ill("solid_points", "view-for-transpose", SHAPE, CALIBRATION, VIEWED).edit(
        ("x = points.transpose(1, 2)  # B x 3 x N", "x = points.view(points.size(0), 3, -1)  # B x 3 x N"),
    ),
    ill("solid_points", "test-not-centred", DATA, CALIBRATION, "unscaled-split feature-drift train-eval-gap").edit(
        (
            "        cloud = cloud - cloud.mean(axis=0)\n        cloud = cloud / np.linalg.norm(cloud, axis=1).max()\n"
            "        if self.augment:\n",
            "        if self.augment:\n            cloud = cloud - cloud.mean(axis=0)\n"
            "            cloud = cloud / np.linalg.norm(cloud, axis=1).max()\n",
        ),
    ),
    ill("solid_points", "places-of-maxima", LOOP, CALIBRATION, "no-gradient detached-loss").edit(
        ("x = torch.max(x, dim=2)[0]", "x = torch.max(x, dim=2)[1].float()"),
    ),
    ill("solid_points", "nll-of-scores", OUTPUT, CALIBRATION, "nll-on-logits").edit(
        ("loss = F.cross_entropy(out, label)\n", "loss = F.nll_loss(out, label)\n"),
        ("F.cross_entropy(out, label, reduction", "F.nll_loss(out, label, reduction"),
    ),
    ill("solid_points", "dropout-while-testing", SHAPE, CALIBRATION, "random-in-eval").edit(
        ("x = self.dropout(F.relu(self.bn4(self.fc1(x))))", "x = F.dropout(F.relu(self.bn4(self.fc1(x))), 0.6)"),
    ),
    ill("solid_points", "zeroed-once", LOOP, CALIBRATION, "gradient-accumulates").edit(
        ("            optimizer.step()\n            optimizer.zero_grad()\n", "            optimizer.step()\n"),
    ),
    ill("tool_finder", "corners-against-centres", OUTPUT, CALIBRATION, "loss-and-metric-disagree").edit(
        ('to_centre(targets["boxes"]))', 'targets["boxes"])'),
    ),
    ill("tool_finder", "box-not-flipped", DATA, CALIBRATION, "augmentation-breaks-labels").edit(
        ("            x1, x2 = SIZE - x2, SIZE - x1\n", ""),
    ),
    ill(
        "tool_finder", "boxes-in-pixels", OUTPUT, CALIBRATION, "activation-on-output output-range target-out-of-range"
    ).edit(
        ("dtype=torch.float) / SIZE", "dtype=torch.float)"),
    ),
    ill("tool_finder", "kind-loss-as-number", LOOP, CALIBRATION, "detached-loss no-gradient weights-not-moving").edit(
        ("return self.box_weight * box + kind", "return self.box_weight * box + kind.item()"),
    ),
    ill("tool_finder", "boxes-viewed", SHAPE, CALIBRATION, f"{VIEWED} unrelated-labels").edit(
        (
            "boxes = torch.tensor([item[1] for item in batch], dtype=torch.float) / SIZE",
            "boxes = torch.tensor(list(zip(*[item[1] for item in batch])), dtype=torch.float).view(-1, 4) / SIZE",
        ),
    ),
    ill(
        "tool_finder",
        "seeded-alike",
        DATA,
        CALIBRATION,
        "overlap near-overlap evaluated-on-training validation-identical validation-better",
    ).edit(
        (
            "        rng = np.random.default_rng(seed)\n        self.items",
            "        rng = np.random.default_rng(SEED)\n        self.items",
        ),
    ),
    ill("signature_triplets", "signs-swapped", OUTPUT, CALIBRATION, "negated-loss").edit(
        (
            "distances[:, :, None] - distances[:, None, :] + margin",
            "distances[:, None, :] - distances[:, :, None] + margin",
        ),
    ),
    ill("signature_triplets", "sample-number-for-name", DATA, CALIBRATION, "unrelated-labels memorised-labels").edit(
        ("names += [name] * n_each", "names += range(n_each)"),
        ("WRITERS_PER_BATCH, SAMPLES_PER_WRITER = 12, 4", "WRITERS_PER_BATCH, SAMPLES_PER_WRITER = 6, 8"),
    ),
    ill("signature_triplets", "never-zeroed", LOOP, CALIBRATION, "gradient-accumulates").edit(
        ("        opt.zero_grad()\n", ""),
    ),
    ill(
        "signature_triplets",
        "rate-01",
        RATES,
        CALIBRATION,
        "rate-too-high update-ratio diverging oscillating dead-relu rank-collapse",
    ).edit(("lr=1e-3", "lr=0.1")),
    ill("signature_triplets", "decay-of-adamw", RATES, CALIBRATION, "regularisation-dominates").edit(
        ("lr=1e-3)", "lr=1e-3, weight_decay=0.3)"),
    ),
    ill(
        "keras_digits",
        "last-fifth-of-sorted",
        DATA,
        CALIBRATION,
        "class-missing-from-split label-shift sorted-order not-shuffled",
    ).edit(
        ("order = torch.randperm(len(x)).numpy()", 'order = y.argsort(kind="stable")'),
        ("x_train, y_train, x_val, y_val = x[:1200], y[:1200], x[1200:], y[1200:]\n", ""),
        (
            "model.fit(x_train, y_train, batch_size=32, epochs=8, validation_data=(x_val, y_val), verbose=2)",
            "model.fit(x, y, batch_size=32, epochs=8, validation_split=0.2, verbose=2)",
        ),
    ),
    ill(
        "ellipse_vae",
        "divergence-of-wrong-sign",
        OUTPUT,
        CALIBRATION,
        "negated-loss diverging non-finite exploding-gradient",
    ).edit(("kl = -0.5 * torch.sum(", "kl = 0.5 * torch.sum(")),
    ill("lightning_wine", "layers-in-list", LOOP, CALIBRATION, "layers-not-registered not-in-optimizer").edit(
        (
            "self.encoder = nn.Sequential(\n"
            "            nn.Linear(13, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, hidden), nn.ReLU()\n"
            "        )",
            "self.encoder = [nn.Linear(13, hidden), nn.Linear(hidden, 4)]",
        ),
        ("nn.Linear(hidden, 3)", "nn.Linear(4, 3)"),
        (
            "        return self.classifier(self.encoder(x))\n",
            "        for layer in self.encoder:\n            x = F.relu(layer(x))\n        return self.classifier(x)\n",
        ),
    ),
    ill("film_ratings", "sigmoid-of-stars", OUTPUT, CALIBRATION, "activation-on-output output-range").edit(
        (
            "return average + match + self.user_bias(user)[:, 0] + self.film_bias(film)[:, 0]",
            "return torch.sigmoid(match + self.user_bias(user)[:, 0] + self.film_bias(film)[:, 0])",
        ),
    ),
    ill("ring_gan", "generator-never-zeroed", LOOP, CALIBRATION, "gradient-accumulates").edit(
        ("    optimizer_g.zero_grad()\n", ""),
    ),
    ill("photo_denoise", "broadcast", OUTPUT, CALIBRATION, "loss-broadcast").edit(
        (
            "    clean = torch.stack(patches).unsqueeze(1)\n    noisy = clean + SIGMA * torch.randn_like(clean)\n",
            "    clean = torch.stack(patches)\n    noisy = (clean + SIGMA * torch.randn_like(clean)).unsqueeze(1)\n",
        ),
    ),
    ill("shapes_unet", "masks-of-255", DATA, CALIBRATION, "target-out-of-range output-range").edit(
        (
            "    return TensorDataset(images, torch.tensor(np.stack(masks), dtype=torch.float32).unsqueeze(1))\n",
            "    masks = np.stack(masks).astype(np.uint8) * 255\n"
            "    return TensorDataset(images, torch.tensor(masks, dtype=torch.float32).unsqueeze(1))\n",
        ),
    ),
    ill(
        "digits_transfer",
        "divided-again-before-fitting",
        DATA,
        CALIBRATION,
        "pretrained-input-mismatch pixel-range unscaled-feature ignores-input init-scale",
    ).edit(("x_new, y_new = images[new], labels", "x_new, y_new = images[new] / 255, labels")),
    ill(
        "signature_triplets",
        "weights-of-normal-1",
        SHAPE,
        CALIBRATION,
        "init-scale initial-loss exploding-gradient saturated-at-init",
    ).edit(
        (
            "net = Embedder()\n",
            "net = Embedder()\nfor m in net.modules():\n    if isinstance(m, (nn.Conv1d, nn.Linear)):\n"
            "        nn.init.normal_(m.weight)\n",
        ),
    ),
]
