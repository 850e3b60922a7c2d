"""Healthy programs: the bases as they are, and twists that look ill and are not."""

from bench.detection.program import CALIBRATION, Program, well

DIGITS_IN = "images = images / 16.0\n"
ADAM_MLP = "torch.optim.Adam(model.parameters(), lr=1e-3)"
HOUSE_ADAM = "torch.optim.Adam(model.parameters(), lr=2e-3)"
MLP = """model = nn.Sequential(
    nn.Linear(64, 128),
    nn.ReLU(),
    nn.Linear(128, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)"""
HOUSE = "nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))"
LORA = """for parameter in model.parameters():
    parameter.requires_grad = False


class LowRank(nn.Module):
    def __init__(self, layer, rank=8):
        super().__init__()
        self.layer = layer
        self.a = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x):
        return self.layer(x) + x @ self.a.T @ self.b.T


model.neck = LowRank(model.neck)
"""
MIXTURE = '''class Mixture(nn.Module):
    """Every row goes to the one expert that the gate prefers."""

    def __init__(self, experts=4, width=48):
        super().__init__()
        self.gate = nn.Linear(20, experts)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(20, width), nn.ReLU(), nn.Linear(width, 5)) for _ in range(experts)
        )

    def forward(self, x):
        weights = self.gate(x).softmax(dim=1)
        best, which = weights.max(dim=1)
        out = x.new_zeros(len(x), 5)
        for number, expert in enumerate(self.experts):
            rows = which == number
            if rows.any():
                out[rows] = expert(x[rows]) * best[rows, None]
        return out


network = Mixture()
'''

AS_WRITTEN = (
    "digits_mlp",
    "cancer_binary",
    "house_prices",
    "char_transformer",
    "digits_autoencoder",
    "ring_gan",
    "digits_transfer",
    "lightning_wine",
    "film_ratings",
    "digits_cnn",
    "shapes_resnet",
    "table_classes",
    "wave_gru",
    "demand_lstm",
    "review_bag",
    "shapes_unet",
    "digits_contrastive",
    "hf_questions",
    "keras_digits",
)

PROGRAMS: list[Program] = [
    *(well(base, "as-written", CALIBRATION) for base in AS_WRITTEN),
    well("review_bag", "sparse-gradients", CALIBRATION).edit(
        ('dim, mode="mean")', 'dim, mode="mean", sparse=True)'),
        (
            "optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\n",
            "sparse = torch.optim.SparseAdam(model.embedding.parameters(), lr=5e-3)\n"
            "dense = torch.optim.Adam([*model.fc1.parameters(), *model.fc2.parameters()], lr=5e-3)\n",
        ),
        ("        optimizer.zero_grad()\n", "        sparse.zero_grad()\n        dense.zero_grad()\n"),
        ("        optimizer.step()\n", "        sparse.step()\n        dense.step()\n"),
    ),
    well("digits_mlp", "inputs-0-to-16", CALIBRATION).edit((DIGITS_IN, "")),
    well("digits_mlp", "sgd-01-momentum", CALIBRATION).edit(
        (ADAM_MLP, "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)"),
        ("batch_size=32, shuffle", "batch_size=64, shuffle"),
        ("range(1, 26)", "range(1, 21)"),
    ),
    well("table_classes", "rate-1-with-norm", CALIBRATION).edit(
        ("lr=0.05, momentum=0.9", "lr=1.0"),
        ("batch_size, accumulate = 32, 2", "batch_size, accumulate = 64, 1"),
    ),
    well("digits_cnn", "label-smoothing", CALIBRATION).edit(
        ("loss = F.cross_entropy(logits, y)", "loss = F.cross_entropy(logits, y, label_smoothing=0.1)"),
    ),
    well("digits_mlp", "dropout-half", CALIBRATION).edit(
        (
            "    nn.Linear(128, 64),\n    nn.ReLU(),\n",
            "    nn.Dropout(0.5),\n    nn.Linear(128, 64),\n    nn.ReLU(),\n    nn.Dropout(0.5),\n",
        ),
    ),
    well("table_classes", "noisy-labels", CALIBRATION).edit(("flip_y=0.02", "flip_y=0.3"), ("range(15)", "range(6)")),
    well("table_classes", "weighted-classes", CALIBRATION).edit(
        ("    class_sep=1.4,", "    class_sep=1.8,\n    weights=[0.55, 0.2, 0.1, 0.1, 0.05],"),
        (
            "criterion = nn.CrossEntropyLoss()",
            "criterion = nn.CrossEntropyLoss(weight=1 / torch.bincount(y_train).float().sqrt())",
        ),
    ),
    well("digits_transfer", "low-rank-adapter", CALIBRATION).edit(
        ("for parameter in model.backbone.parameters():\n    parameter.requires_grad = False\n", LORA),
        ("lr=2e-3)\nfit(model, optimizer, x_new", "lr=3e-3)\nfit(model, optimizer, x_new"),
    ),
    well("digits_cnn", "zero-head", CALIBRATION).edit(
        ("net = Net()\n", "net = Net()\nnn.init.zeros_(net.fc2.weight)\nnn.init.zeros_(net.fc2.bias)\n"),
    ),
    well("char_transformer", "zero-branches", CALIBRATION).edit(
        (
            "        self.apply(self.init_weights)\n",
            "        self.apply(self.init_weights)\n        for block in self.blocks:  # every block starts as the identity\n"
            "            nn.init.zeros_(block.attn.proj.weight)\n            nn.init.zeros_(block.mlp[2].weight)\n",
        ),
    ),
    well("digits_autoencoder", "zero-gamma", CALIBRATION).edit(
        (
            "        code = self.encoder(x)\n",
            "        code = self.encoder(x)\n        code = code + self.refine(code)\n",
        ),
        (
            "        self.decoder = ",
            "        self.refine = nn.Sequential(nn.Linear(code, code), nn.BatchNorm1d(code))\n"
            "        nn.init.zeros_(self.refine[1].weight)\n        self.decoder = ",
        ),
    ),
    well("digits_cnn", "warm-up-cosine-to-0", CALIBRATION).edit(
        (
            "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.3)",
            "warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.05, total_iters=2)\n"
            "cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS - 2)\n"
            "scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm_up, cosine], milestones=[2])",
        ),
    ),
    well("digits_mlp", "wide-sparse-relu", CALIBRATION).edit(
        (
            MLP,
            "model = nn.Sequential(nn.Linear(64, 1500), nn.ReLU(), nn.Linear(1500, 10))\nnn.init.constant_(model[0].bias, -0.5)",
        ),
        ("range(1, 26)", "range(1, 13)"),
    ),
    well("cancer_binary", "batches-of-4", CALIBRATION).edit(
        ("batch_size=16", "batch_size=4"), ("range(1, 11)", "range(1, 7)"), ("lr=1e-3", "lr=3e-4")
    ),
    well("house_prices", "loss-of-ten-thousands", CALIBRATION).edit(
        ("target = (price - price_mean) / price_std", "target = price - price_mean"),
        (HOUSE_ADAM, "torch.optim.Adam(model.parameters(), lr=1e-2)"),
        (".sqrt().item() * price_std", ".sqrt().item()"),
    ),
    well("wave_gru", "clipped-every-step", CALIBRATION).edit(
        ("clip_grad_norm_(model.parameters(), 1.0)", "clip_grad_norm_(model.parameters(), 0.05)"),
    ),
    well("table_classes", "parity", CALIBRATION).edit(
        (
            "order = rng.permutation(len(features))",
            "features = rng.choice([-1.0, 1.0], (4000, 20))\n"
            "classes = (features[:, :3].prod(1) > 0).astype(int)\norder = rng.permutation(len(features))",
        ),
        ("        self.norm1 = nn.BatchNorm1d(width)\n", ""),
        ("        self.norm2 = nn.BatchNorm1d(width)\n", ""),
        ("self.norm1(self.input(x))", "self.input(x)"),
        ("self.norm2(self.hidden(h1))", "self.hidden(h1)"),
        ("range(15)", "range(30)"),
        ("class Network", "\nclass Network"),
    ),
    well("digits_autoencoder", "noise-floor", CALIBRATION).edit(
        (
            "/ 16\n",
            "/ 16\npixels = (pixels + 0.2 * torch.randn_like(pixels)).clamp(0, 1)\n",
        ),
    ),
    well("char_transformer", "six-layers", CALIBRATION).edit(
        ("n_layer: int = 2", "n_layer: int = 6"),
        ("n_embd: int = 64", "n_embd: int = 48"),
        ("max_iters: int = 400", "max_iters: int = 350"),
    ),
    well("digits_cnn", "bfloat16", CALIBRATION).edit(
        (
            "        logits = net(x)\n        loss = F.cross_entropy(logits, y)\n",
            '        with torch.autocast("cpu", dtype=torch.bfloat16):\n            logits = net(x)\n'
            "            loss = F.cross_entropy(logits, y)\n",
        ),
    ),
    well("digits_mlp", "loss-to-zero", CALIBRATION).edit(
        (MLP, "model = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 10))"),
        ("range(1, 26)", "range(1, 61)"),
    ),
    well("table_classes", "top-1-mixture", CALIBRATION).edit(
        ("network = Network()\n", MIXTURE),
        (
            "torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)",
            "torch.optim.Adam(network.parameters(), lr=3e-3)",
        ),
        ("range(15)", "range(10)"),
    ),
    well("table_classes", "accumulated-by-4", CALIBRATION).edit(
        ("batch_size, accumulate = 32, 2", "batch_size, accumulate = 16, 4")
    ),
    well("house_prices", "summed-small-rate", CALIBRATION).edit(
        ("nn.MSELoss()", 'nn.MSELoss(reduction="sum")'),
        (HOUSE_ADAM, "torch.optim.SGD(model.parameters(), lr=3e-4, momentum=0.9)"),
        ("losses.append(loss.item())", "losses.append(loss.item() / len(targets))"),
        ("loss_fn(prediction, targets_val).item()", "loss_fn(prediction, targets_val).item() / len(targets_val)"),
    ),
    well("digits_cnn", "cyclical-rate", CALIBRATION).edit(
        (
            "StepLR(optimizer, step_size=5, gamma=0.3)",
            "CyclicLR(optimizer, base_lr=0.005, max_lr=0.08, step_size_up=88)",
        ),
        ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        ("    scheduler.step()\n    val_loss", "    val_loss"),
    ),
    well("house_prices", "log-density", CALIBRATION).edit(
        ("nn.Linear(64, 1))", "nn.Linear(64, 2))"),
        ("nn.MSELoss()", "lambda p, t: (p[:, 1] + 0.5 * (t - p[:, 0]) ** 2 * torch.exp(-2 * p[:, 1])).mean()"),
        ("prediction = model(inputs).squeeze(1)", "prediction = model(inputs)"),
        ("prediction = model(inputs_val).squeeze(1)", "prediction = model(inputs_val)"),
        ("prediction.flatten()", "prediction[:, 0]"),
    ),
    well("char_transformer", "tied-weights", CALIBRATION).edit(
        (
            "        self.apply(self.init_weights)\n",
            "        self.head.weight = self.tok.weight\n        self.apply(self.init_weights)\n",
        ),
    ),
    well("wave_gru", "frozen-auxiliary-head", CALIBRATION).edit(
        (
            "        self.head = nn.Linear(hidden, classes)\n",
            "        self.head = nn.Linear(hidden, classes)\n"
            "        self.projection = nn.Linear(hidden, 16).requires_grad_(False)  # for exporting features later\n",
        ),
    ),
    well("cancer_binary", "lbfgs", CALIBRATION).edit(
        ("batch_size=16, shuffle=True", "batch_size=len(train_set)"),
        (
            "torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)",
            "torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)",
        ),
        (
            "        optimizer.zero_grad()\n        loss = criterion(model(x), y.unsqueeze(1))\n        loss.backward()\n        optimizer.step()\n",
            "\n        def closure(x=x, y=y):\n            optimizer.zero_grad()\n            loss = criterion(model(x), y.unsqueeze(1))\n"
            "            loss = loss + 1e-3 * sum(p.pow(2).sum() for p in model.parameters())\n            loss.backward()\n            return loss\n\n        loss = optimizer.step(closure)\n",
        ),
        (
            "            nn.Dropout(0.3),\n            nn.Linear(hidden, hidden),\n            nn.ReLU(),\n            nn.Dropout(0.3),\n",
            "            nn.Linear(hidden, hidden),\n            nn.ReLU(),\n",
        ),
        ("range(1, 11)", "range(1, 16)"),
    ),
    well("digits_mlp", "log-softmax-nll", CALIBRATION).edit(
        ("    nn.Linear(64, 10),\n)", "    nn.Linear(64, 10),\n    nn.LogSoftmax(dim=1),\n)"),
        ("nn.CrossEntropyLoss()", "nn.NLLLoss()"),
    ),
    well("shapes_unet", "dice-loss", CALIBRATION).edit(
        (
            "criterion = nn.BCEWithLogitsLoss()\n",
            "\n\ndef criterion(logits, masks):\n    share = torch.sigmoid(logits)\n"
            "    return 1 - (2 * (share * masks).sum() + 1) / (share.sum() + masks.sum() + 1)\n\n\n",
        ),
    ),
    well("demand_lstm", "huber-patience", CALIBRATION).edit(
        ("nn.MSELoss()", "nn.HuberLoss(delta=0.5)"),
        ("for epoch in range(14):\n", 'best, waited = float("inf"), 0\nfor epoch in range(30):\n'),
        (
            ', val mse {val_loss:.4f}")\n',
            ', val mse {val_loss:.4f}")\n    if val_loss < best:\n        best, waited = val_loss, 0\n'
            "    else:\n        waited += 1\n        if waited == 3:\n            break\n",
        ),
    ),
    well("digits_mlp", "averaged-weights", CALIBRATION).edit(
        (
            ADAM_MLP,
            ADAM_MLP
            + "\naverage = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98))",
        ),
        ("        optimizer.step()\n", "        optimizer.step()\n        average.update_parameters(model)\n"),
        ("    model.eval()\n", "    average.eval()\n"),
        (
            "    with torch.no_grad():\n        for x, y in val_loader:\n            output = model(x)\n",
            "    with torch.no_grad():\n        for x, y in val_loader:\n            output = average(x)\n",
        ),
    ),
    well("cancer_binary", "weighted-sampler", CALIBRATION).edit(
        ("batch_size=16, shuffle=True)", "batch_size=16, sampler=sampler)"),
        (
            "    train_loader = ",
            "    answers = train_set.tensors[1].long()\n    weights = (1 / torch.bincount(answers).float())[answers]\n"
            "    sampler = torch.utils.data.WeightedRandomSampler(weights, len(train_set))\n    train_loader = ",
        ),
    ),
    well("demand_lstm", "last-value-plus-change", CALIBRATION).edit(
        ("return self.readout(h[-1])[:, 0]", "return x[:, -7, 0] + self.readout(h[-1])[:, 0]"),
        (
            "        self.readout = nn.Linear(hidden, 1)\n",
            "        self.readout = nn.Linear(hidden, 1)\n        nn.init.zeros_(self.readout.weight)\n        nn.init.zeros_(self.readout.bias)\n",
        ),
    ),
    well("shapes_resnet", "mixup", CALIBRATION).edit(
        (
            "best_accuracy, best_state = 0.0, None\n",
            "mixer = np.random.default_rng(SEED)\nbest_accuracy, best_state = 0.0, None\n",
        ),
        (
            "        loss = F.cross_entropy(model(images), labels)\n",
            "        share, other = float(mixer.beta(0.3, 0.3)), torch.randperm(len(images))\n"
            "        logits = model(share * images + (1 - share) * images[other])\n"
            "        loss = share * F.cross_entropy(logits, labels) + (1 - share) * F.cross_entropy(logits, labels[other])\n",
        ),
    ),
    well("digits_autoencoder", "denoising", CALIBRATION).edit(
        ("loss = mse(model(x), x)", "loss = mse(model(x + 0.2 * torch.randn_like(x)), x)"),
    ),
    well("ring_gan", "non-saturating-hinge", CALIBRATION).edit(
        (
            "bce(discriminator(real), ones) + bce(discriminator(fake.detach()), zeros)",
            "torch.relu(1 - discriminator(real)).mean() + torch.relu(1 + discriminator(fake.detach())).mean()",
        ),
        ("loss_g = bce(discriminator(fake), ones)", "loss_g = -discriminator(fake).mean()"),
    ),
    well("film_ratings", "dense-with-decay", CALIBRATION).edit(
        ("nn.Embedding(USERS, dim, sparse=True)", "nn.Embedding(USERS, dim)"),
        ("nn.Embedding(FILMS, dim, sparse=True)", "nn.Embedding(FILMS, dim)"),
        ("nn.Embedding(USERS, 1, sparse=True)", "nn.Embedding(USERS, 1)"),
        ("nn.Embedding(FILMS, 1, sparse=True)", "nn.Embedding(FILMS, 1)"),
        (
            "torch.optim.SparseAdam(list(model.parameters()), lr=1e-2)",
            "torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.05)",
        ),
    ),
    well("lightning_wine", "small-rate-clipped", CALIBRATION).edit(
        ("lr=3e-3", "lr=1e-3"),
        (
            "        max_epochs=15,\n",
            "        max_epochs=20,\n        gradient_clip_val=0.5,\n        accumulate_grad_batches=2,\n",
        ),
    ),
]
