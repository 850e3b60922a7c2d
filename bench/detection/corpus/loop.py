"""Faults of the training loop: gradients, modes, optimizers, checkpoints."""

from bench.detection.program import CALIBRATION, Program, ill

GROUP = "loop"
CUT = "detached-loss no-gradient weights-not-moving"
HEAD = "not-in-optimizer stale-optimizer"
LIST = "layers-not-registered not-in-optimizer"
SCALER = "scaler-always-skips weights-not-moving"
UNDIVIDED = "accumulation-not-divided summed-loss rate-too-high diverging"
MLP = """model = nn.Sequential(
    nn.Linear(64, 128),
    nn.ReLU(),
    nn.Linear(128, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)"""

PROGRAMS: list[Program] = [
    ill("digits_mlp", "no-zero-grad", GROUP, CALIBRATION, "gradient-accumulates").edit(
        ("        optimizer.zero_grad()\n", ""),
    ),
    ill("shapes_resnet", "no-zero-grad", GROUP, CALIBRATION, "gradient-accumulates").edit(
        ("        optimizer.zero_grad()\n", ""),
    ),
    ill(
        "digits_cnn",
        "zeroed-before-step",
        GROUP,
        CALIBRATION,
        "gradient-zeroed-before-step weights-not-moving no-gradient",
    ).edit(
        (
            "        optimizer.zero_grad()\n        loss.backward()\n",
            "        loss.backward()\n        optimizer.zero_grad()\n",
        ),
    ),
    ill(
        "review_bag",
        "zeroed-before-step",
        GROUP,
        CALIBRATION,
        "gradient-zeroed-before-step weights-not-moving no-gradient",
    ).edit(
        (
            "        optimizer.zero_grad()\n        loss.backward()\n",
            "        loss.backward()\n        optimizer.zero_grad()\n",
        ),
    ),
    ill("digits_transfer", "optimizer-of-old-head", GROUP, CALIBRATION, HEAD).edit(
        ("model.head = nn.Linear(64, 5)\n", ""),
        (
            "    parameter.requires_grad = False\n"
            "optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=2e-3)\n",
            "    parameter.requires_grad = False\n"
            "optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=2e-3)\n"
            "model.head = nn.Linear(64, 5)\n",
        ),
    ),
    ill("wave_gru", "optimizer-of-old-head", GROUP, CALIBRATION, HEAD).edit(
        (
            "optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\n",
            "optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\n"
            "model.head = nn.Sequential(nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 4))\n",
        ),
    ),
    ill("lightning_wine", "optimizer-of-head-only", GROUP, CALIBRATION, "not-in-optimizer").edit(
        ("torch.optim.Adam(self.parameters(), lr", "torch.optim.Adam(self.classifier.parameters(), lr"),
    ),
    ill("digits_cnn", "detached-features", GROUP, CALIBRATION, "no-gradient detached-loss").edit(
        ("x = x.flatten(1)\n", "x = x.flatten(1).detach()\n"),
    ),
    ill("wave_gru", "data-of-states", GROUP, CALIBRATION, "no-gradient detached-loss").edit(
        ("self.head(states[:, -1])", "self.head(states.data[:, -1])"),
    ),
    ill("demand_lstm", "loss-wrapped-again", GROUP, CALIBRATION, CUT).edit(
        (
            "        loss = criterion(forecast, y_train[index])\n",
            "        loss = criterion(forecast, y_train[index])\n        loss = torch.tensor(loss.item(), requires_grad=True)\n",
        ),
    ),
    ill("film_ratings", "loss-wrapped-again", GROUP, CALIBRATION, CUT).edit(
        (
            "loss = loss_function(predicted, rating)\n",
            "loss = torch.tensor(loss_function(predicted, rating).item(), requires_grad=True)\n",
        ),
        ("nn.Embedding(USERS, dim, sparse=True)", "nn.Embedding(USERS, dim)"),
        ("nn.Embedding(FILMS, dim, sparse=True)", "nn.Embedding(FILMS, dim)"),
        ("nn.Embedding(USERS, 1, sparse=True)", "nn.Embedding(USERS, 1)"),
        ("nn.Embedding(FILMS, 1, sparse=True)", "nn.Embedding(FILMS, 1)"),
        ("torch.optim.SparseAdam(list(model.parameters()), lr=1e-2)", "torch.optim.Adam(model.parameters(), lr=1e-2)"),
    ),
    ill("char_transformer", "layers-in-list", GROUP, CALIBRATION, LIST).edit(
        ("nn.ModuleList([Block(c) for _ in range(c.n_layer)])", "[Block(c) for _ in range(c.n_layer)]"),
    ),
    ill("digits_mlp", "layers-in-list", GROUP, CALIBRATION, LIST).edit(
        (
            MLP,
            "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            "        self.layers = [nn.Linear(64, 128), nn.Linear(128, 64)]\n        self.out = nn.Linear(64, 10)\n\n"
            "    def forward(self, x):\n        for layer in self.layers:\n            x = torch.relu(layer(x))\n"
            "        return self.out(x)\n\n\nmodel = Net()",
        ),
    ),
    ill("table_classes", "never-eval", GROUP, CALIBRATION, "validated-in-train-mode").edit(
        ("    network.eval()\n", "")
    ),
    ill("shapes_resnet", "never-eval", GROUP, CALIBRATION, "validated-in-train-mode").edit(("    model.eval()\n", "")),
    ill("cancer_binary", "never-eval", GROUP, CALIBRATION, "validated-in-train-mode").edit(("    model.eval()\n", "")),
    ill("shapes_resnet", "stuck-in-eval", GROUP, CALIBRATION, "stuck-in-eval").edit(("    model.train()\n", "")),
    ill("cancer_binary", "stuck-in-eval", GROUP, CALIBRATION, "stuck-in-eval").edit(("    model.train()\n", "")),
    ill("table_classes", "stuck-in-eval", GROUP, CALIBRATION, "stuck-in-eval").edit(
        ("    network.train()\n", ""),
        ("network = Network()\n", "network = Network().eval()\n"),
    ),
    ill("table_classes", "accumulated-undivided", GROUP, CALIBRATION, UNDIVIDED).edit(
        ("batch_size, accumulate = 32, 2", "batch_size, accumulate = 8, 16"),
        ("(loss / accumulate).backward()", "loss.backward()"),
        ("lr=0.05", "lr=0.1"),
    ),
    ill("digits_cnn", "accumulated-undivided", GROUP, CALIBRATION, UNDIVIDED).edit(
        ("BATCH_SIZE = 32", "BATCH_SIZE = 8"),
        ("        optimizer.zero_grad()\n", ""),
        (
            "        optimizer.step()\n",
            "        if (i // BATCH_SIZE) % 16 == 15:\n            optimizer.step()\n            optimizer.zero_grad()\n",
        ),
    ),
    ill("shapes_resnet", "best-weights-aliased", GROUP, CALIBRATION, "aliased-checkpoint").edit(
        ("copy.deepcopy(model.state_dict())", "model.state_dict()"),
    ),
    ill("digits_cnn", "best-weights-aliased", GROUP, CALIBRATION, "aliased-checkpoint").edit(
        ("for epoch in range(EPOCHS):", "best, best_weights = 0.0, None\nfor epoch in range(EPOCHS):"),
        (
            "    val_loss, val_accuracy = evaluate()\n",
            "    val_loss, val_accuracy = evaluate()\n    if val_accuracy > best:\n"
            "        best, best_weights = val_accuracy, net.state_dict()\n",
        ),
        (
            '  acc {val_accuracy:.2%}")\n',
            '  acc {val_accuracy:.2%}")\n\nnet.load_state_dict(best_weights)\nprint(f"best: {evaluate()[1]:.2%}")\n',
        ),
    ),
    ill("digits_mlp", "scaler-in-loop", GROUP, CALIBRATION, SCALER).edit(
        (
            "        output = model(x)\n        loss = criterion(output, y)\n        loss.backward()\n        optimizer.step()\n",
            '        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)\n'
            '        with torch.autocast("cpu", dtype=torch.float16):\n'
            "            output = model(x)\n            loss = criterion(output, y)\n"
            "        scaler.scale(loss).backward()\n        scaler.step(optimizer)\n        scaler.update()\n",
        ),
    ),
    ill("digits_cnn", "scaler-in-loop", GROUP, CALIBRATION, SCALER).edit(
        (
            "        logits = net(x)\n        loss = F.cross_entropy(logits, y)\n        optimizer.zero_grad()\n"
            "        loss.backward()\n        optimizer.step()\n",
            '        with torch.autocast("cpu", dtype=torch.float16):\n            logits = net(x)\n'
            "            loss = F.cross_entropy(logits, y)\n        optimizer.zero_grad()\n"
            '        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**30)\n'
            "        scaler.scale(loss).backward()\n        scaler.step(optimizer)\n        scaler.update()\n",
        ),
    ),
    ill("digits_transfer", "keys-ignored", GROUP, CALIBRATION, "partial-load").edit(
        (
            "torch.save(model.state_dict(), weights",
            'torch.save({f"module.{k}": v for k, v in model.state_dict().items()}, weights',
        ),
        ("model.load_state_dict(torch.load(weights))", "model.load_state_dict(torch.load(weights), strict=False)"),
    ),
    ill("digits_contrastive", "keys-ignored", GROUP, CALIBRATION, "partial-load").edit(
        (
            "for epoch in range(EPOCHS):\n",
            'checkpoint = {f"encoder.{name}": value for name, value in Encoder().state_dict().items()}\n'
            "encoder.load_state_dict(checkpoint, strict=False)\nfor epoch in range(EPOCHS):\n",
        ),
    ),
    ill("demand_lstm", "same-batch", GROUP, CALIBRATION, "same-batch overfitting memorised-labels").edit(
        (
            "for epoch in range(14):\n",
            "batches = torch.randperm(len(x_train)).split(32)\nfor epoch in range(14):\n",
        ),
        (
            "for index in torch.randperm(len(x_train)).split(32):",
            "for _ in range(len(batches)):\n        index = batches[0]",
        ),
    ),
    ill("digits_mlp", "same-batch", GROUP, CALIBRATION, "same-batch overfitting memorised-labels").edit(
        ("for epoch in range(1, 26):\n", "first = next(iter(train_loader))\nfor epoch in range(1, 26):\n"),
        ("    for x, y in train_loader:\n", "    for _ in range(len(train_loader)):\n        x, y = first\n"),
    ),
    ill(
        "demand_lstm",
        "clipped-to-1e-4",
        GROUP,
        CALIBRATION,
        "always-clipped rate-too-low update-ratio weights-not-moving",
    ).edit(
        ("clip_grad_norm_(model.parameters(), 1.0)", "clip_grad_norm_(model.parameters(), 1e-4)"),
        ("torch.optim.Adam(model.parameters(), lr=4e-3)", "torch.optim.SGD(model.parameters(), lr=0.05)"),
    ),
    ill("ring_gan", "optimizer-of-other-network", GROUP, CALIBRATION, f"{HEAD} weights-not-moving").edit(
        (
            "optimizer_g = torch.optim.Adam(generator.parameters()",
            "optimizer_g = torch.optim.Adam(discriminator.parameters()",
        ),
    ),
    ill("ring_gan", "generator-cut-off", GROUP, CALIBRATION, CUT).edit(
        (
            "loss_g = bce(discriminator(fake), ones)",
            "fake = generator(torch.randn(batch, 8)).detach()\n    loss_g = bce(discriminator(fake), ones)",
        ),
    ),
]
