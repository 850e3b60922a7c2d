"""Lot C of the eleventh corpus: eighteen faults on hikers' energy, wind barbs and gases in transformer oil."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # output and loss
    ill("wind_barbs", "relu-logits", "output and loss", CALIBRATION, "activation-on-output output-range").edit(
        ("return self.head(self.drop(self.body(x)))", "return F.relu(self.head(self.drop(self.body(x))))"),
    ),
    ill("oil_gases", "nll-raw", "output and loss", CALIBRATION, "nll-on-logits").edit(
        ("loss = F.cross_entropy(out, ytr[b])", "loss = F.nll_loss(out, ytr[b])"),
        ("vl, va = F.cross_entropy(score, yte).item()", "vl, va = F.nll_loss(score, yte).item()"),
    ),
    ill("keras_hut_hikes", "sigmoid-energy", "output and loss", CALIBRATION, "activation-on-output output-range").edit(
        (
            'layers.Dense(1, kernel_initializer="glorot_uniform", name="energy")',
            'layers.Dense(1, activation="sigmoid", kernel_initializer="glorot_uniform", name="energy")',
        ),
    ),
    # rates and schedules
    ill("keras_hut_hikes", "decay-ten", "rates and schedules", CALIBRATION, "regularisation-dominates").edit(
        ("weight_decay=1e-3", "weight_decay=10.0"),
    ),
    ill("oil_gases", "heavy-ball", "rates and schedules", CALIBRATION, "rate-too-high diverging oscillating").edit(
        (
            "opt = torch.optim.Adam(net.parameters(), lr=1e-3)",
            "opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.99)",
        ),
    ),
    ill(
        "keras_hut_hikes",
        "sgd-on-kcal",
        "rates and schedules",
        CALIBRATION,
        "rate-too-high diverging exploding-gradient",
    ).edit(
        ("LEARNING_RATE = 2e-3", "LEARNING_RATE = 0.1"),
        ("keras.optimizers.AdamW(LEARNING_RATE, weight_decay=1e-3)", "keras.optimizers.SGD(LEARNING_RATE)"),
        ("kcal_mean, kcal_std = kcal[:N_TRAIN].mean(), kcal[:N_TRAIN].std()", "kcal_mean, kcal_std = 0.0, 1.0"),
    ),
    # loop
    ill("wind_barbs", "never-eval", "loop", CALIBRATION, "validated-in-train-mode").edit(
        ("    net.eval()\n", ""),
        ("DataLoader(valid, 100)", "DataLoader(valid, 4)"),
    ),
    ill("wind_barbs", "scored-before-training", "loop", CALIBRATION, "stuck-in-eval").edit(
        (
            "    for epoch in range(1, epochs + 1):\n        net.train()\n",
            ('    print(f"{name}: untrained", evaluate(net, valid_loader))\n    for epoch in range(1, epochs + 1):\n'),
        ),
    ),
    ill("oil_gases", "loss-rewrapped", "loop", CALIBRATION, "detached-loss no-gradient").edit(
        (
            "loss = F.cross_entropy(out, ytr[b])",
            "loss = torch.tensor(F.cross_entropy(out, ytr[b]).item(), requires_grad=True)",
        ),
    ),
    ill("wind_barbs", "strict-false", "loop", CALIBRATION, "partial-load").edit(
        ("torch.save(net.body.state_dict(), checkpoint)", "torch.save(net.state_dict(), checkpoint)"),
        (
            "scan_net.body.load_state_dict(torch.load(checkpoint))",
            "scan_net.body.load_state_dict(torch.load(checkpoint), strict=False)",
        ),
    ),
    # initialisation and shape
    ill("oil_gases", "normal-init", "initialisation and shape", CALIBRATION, "init-scale initial-loss").edit(
        ('nn.init.kaiming_normal_(m.weight, nonlinearity="linear")', "nn.init.normal_(m.weight)"),
    ),
    ill("keras_hut_hikes", "all-linear", "initialisation and shape", CALIBRATION, "no-nonlinearity").edit(
        (
            'partial(layers.Dense, activation="relu", kernel_initializer="glorot_uniform")',
            'partial(layers.Dense, kernel_initializer="glorot_uniform")',
        ),
    ),
    ill("oil_gases", "ten-sigmoids", "initialisation and shape", CALIBRATION, "vanishing-gradient init-scale").edit(
        ("depth, width = 6, 96", "depth, width = 10, 96"),
        ("lay = [nn.Linear(7, width), nn.ReLU()]", "lay = [nn.Linear(7, width), nn.Sigmoid()]"),
        ("lay += [nn.Linear(width, width), nn.ReLU()]", "lay += [nn.Linear(width, width), nn.Sigmoid()]"),
    ),
    ill("keras_hut_hikes", "zero-kernels", "initialisation and shape", CALIBRATION, "zero-init symmetric-init").edit(
        (
            'partial(layers.Dense, activation="relu", kernel_initializer="glorot_uniform")',
            'partial(layers.Dense, activation="relu", kernel_initializer="zeros")',
        ),
        (
            'layers.Dense(1, kernel_initializer="glorot_uniform", name="energy")',
            'layers.Dense(1, kernel_initializer="zeros", name="energy")',
        ),
    ),
    # data
    ill("oil_gases", "constants-of-ppm", "data", CALIBRATION, "unscaled-feature constant-feature").edit(
        ("mu, sd = Z[tr].mean(0), Z[tr].std(0)", "mu, sd = ppm[tr].mean(0), ppm[tr].std(0)"),
    ),
    ill("keras_hut_hikes", "kcal-in-table", "data", CALIBRATION, "leaking-feature").edit(
        ("who = table[:, :-1]", "who = table"),
    ),
    ill("oil_gases", "codes-from-one", "data", CALIBRATION, "renumbered-classes target-out-of-range").edit(
        ("ytr = torch.tensor(code[tr] - 1)", "ytr = torch.tensor(code[tr])"),
    ),
    ill("wind_barbs", "quarter-turns", "data", CALIBRATION, "augmentation-breaks-labels").edit(
        (
            "class Exposure:",
            (
                "class QuarterTurn:\n"
                "    def __call__(self, img):\n"
                "        return torch.rot90(img, int(torch.randint(0, 4, (1,))), dims=(1, 2))\n\n\n"
                "class Exposure:"
            ),
        ),
        ("[Shift(2), Exposure()]", "[Shift(2), QuarterTurn(), Exposure()]"),
    ),
]
