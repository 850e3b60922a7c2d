"""Faults in programs on signals, tables and codes: heartbeats, a variational auto-encoder, older bases anew."""

from bench.detection.program import CALIBRATION, Program, ill

OUTPUT, LOOP, SHAPE = "output and loss", "loop", "initialisation and shape"
DATA, RATES = "data", "rates and schedules"

PROGRAMS: list[Program] = [
    ill(
        "heartbeat_conv1d",
        "sigmoid-scores",
        OUTPUT,
        CALIBRATION,
        "activation-on-output output-range softmax-before-cross-entropy",
    ).edit(
        ("        return self.fc2(x)\n", "        return torch.sigmoid(self.fc2(x))\n"),
    ),
    ill(
        "ellipse_vae",
        "mean-against-sum",
        OUTPUT,
        CALIBRATION,
        "regularisation-dominates ignores-input summed-loss",
    ).edit(
        ("0.5 * torch.sum(((output - x) / SIGMA) ** 2) / len(x)", "F.mse_loss(output, x)"),
    ),
    ill(
        "cancer_binary",
        "targets-minus-one-and-one",
        OUTPUT,
        CALIBRATION,
        "target-out-of-range",
    ).edit(
        ("load_breast_cancer(return_X_y=True)\n", "load_breast_cancer(return_X_y=True)\n    y = 2 * y - 1\n"),
        ("== y.bool())", "== (y > 0))"),
    ),
    ill("demand_lstm", "no-zero-grad", LOOP, CALIBRATION, "gradient-accumulates").edit(
        ("        optimizer.zero_grad()\n", ""),
    ),
    ill("ellipse_vae", "sample-without-gradient", LOOP, CALIBRATION, "detached-loss no-gradient ignores-input").edit(
        ("return mu + std * torch.randn_like(std)", "return torch.distributions.Normal(mu, std).sample()"),
    ),
    ill("heartbeat_conv1d", "time-axis-first", SHAPE, CALIBRATION, "swapped-axis unrelated-labels").edit(
        (
            "pad_sequence(signals, batch_first=True).unsqueeze(1)",
            "pad_sequence(signals).view(len(signals), 1, -1)",
        ),
    ),
    ill("heartbeat_conv1d", "random-in-eval", SHAPE, CALIBRATION, "random-in-eval").edit(
        (
            "x = F.leaky_relu(self.fc1(torch.cat([mean, peak], 1)))",
            "x = F.dropout(F.leaky_relu(self.fc1(torch.cat([mean, peak], 1))), p=0.5)",
        ),
    ),
    ill(
        "ellipse_vae",
        "normal-1",
        SHAPE,
        CALIBRATION,
        "init-scale initial-loss exploding-gradient saturated-at-init diverging non-finite",
    ).edit(
        (
            "vae = VAE(SIDE * SIDE, HIDDEN, LATENT)\n",
            "vae = VAE(SIDE * SIDE, HIDDEN, LATENT)\nfor name, weight in vae.named_parameters():\n"
            '    if "weight" in name:\n        nn.init.normal_(weight, mean=0.0, std=1.0)\n',
        ),
    ),
    ill("film_ratings", "zero-factors", SHAPE, CALIBRATION, "zero-init no-gradient symmetric-init dead-at-init").edit(
        ("nn.init.normal_(table.weight, std=0.2)", "nn.init.constant_(table.weight, 0)"),
    ),
    ill("heartbeat_conv1d", "flat-recording", DATA, CALIBRATION, "non-finite non-finite-value missing-value").edit(
        (
            "    s_train, s_val, t_train",
            "    signals[41] = np.zeros(130)\n    s_train, s_val, t_train",
        ),
    ),
    ill(
        "heartbeat_conv1d",
        "oversampled-before-split",
        DATA,
        CALIBRATION,
        "overlap near-overlap duplicate-sample evaluated-on-training validation-identical validation-better",
    ).edit(
        ("size=1200", "size=160"),
        (
            "    s_train, s_val, t_train",
            "    rows = np.concatenate([rng.choice(np.flatnonzero(targets == k), 300) for k in range(len(RHYTHMS))])\n"
            "    signals, targets = signals[rows], targets[rows]\n    s_train, s_val, t_train",
        ),
    ),
    ill(
        "ellipse_vae",
        "bytes-against-sigmoid",
        DATA,
        CALIBRATION,
        "pixel-range output-range activation-on-output target-out-of-range unscaled-feature initial-loss",
    ).edit(
        ("(shade * inside)", "(255 * shade * inside).round()"),
    ),
    ill(
        "ellipse_vae",
        "rate-01",
        RATES,
        CALIBRATION,
        "rate-too-high update-ratio diverging oscillating loss-spike non-finite",
    ).edit(
        ("LEARNING_RATE = 1.5e-3", "LEARNING_RATE = 0.15"),
    ),
    ill("heartbeat_conv1d", "weight-decay-1", RATES, CALIBRATION, "regularisation-dominates").edit(
        ("optim.RMSprop(net.parameters(), lr=opt.lr)", "optim.RMSprop(net.parameters(), lr=opt.lr, weight_decay=1.0)"),
    ),
]
