"""Faulty programs of the tenth part: shoes that dance, cars for sale and pipes below the road."""

from bench.detection.program import CALIBRATION, Program, ill

PROGRAMS: list[Program] = [
    # Output and loss.
    ill(
        "dance_steps", "softmax-over-the-batch", "output and loss", CALIBRATION, "softmax-axis batch-leak swapped-axis"
    ).edit(
        ("return F.log_softmax(logits, dim=1)", "return F.log_softmax(logits, dim=0)"),
    ),
    ill(
        "buried_pipes",
        "softmax-of-one-output",
        "output and loss",
        CALIBRATION,
        "softmax-one-unit softmax-axis ignores-input",
    ).edit(
        (
            "return torch.sigmoid(self.head(self.encoder(x)))",
            "return torch.softmax(self.head(self.encoder(x)), dim=1)",
        ),
    ),
    ill("dance_steps", "nll-without-log-softmax", "output and loss", CALIBRATION, "nll-on-logits").edit(
        (
            "        logits = self.out(F.relu(self.neck(pooled)))\n        return F.log_softmax(logits, dim=1)",
            "        return self.out(F.relu(self.neck(pooled)))",
        ),
    ),
    ill(
        "dance_steps", "softmax-then-cross-entropy", "output and loss", CALIBRATION, "softmax-before-cross-entropy"
    ).edit(
        ("return F.log_softmax(logits, dim=1)", "return F.softmax(logits, dim=1)"),
        ("loss = F.nll_loss(log_probs, labels)", "loss = F.cross_entropy(log_probs, labels)"),
        (
            'loss += F.nll_loss(log_probs, labels, reduction="sum").item()',
            'loss += F.cross_entropy(log_probs, labels, reduction="sum").item()',
        ),
    ),
    # Rates and schedules.
    ill(
        "lightning_used_cars",
        "raw-table-under-sgd",
        "rates and schedules",
        CALIBRATION,
        "unscaled-feature mixed-scales rate-too-high diverging non-finite",
    ).edit(
        (
            "x = torch.tensor(self.scaler.to_unit(numbers), dtype=torch.float32)",
            "x = torch.tensor(numbers, dtype=torch.float32)",
        ),
        (
            "self.scaler, self.price_scaler = Scaler(numbers[:cut]), Scaler(price[:cut])",
            "self.price_scaler = Scaler(price[:cut])",
        ),
        (
            "return torch.optim.Adam(self.parameters(), lr=args.lr)",
            "return torch.optim.SGD(self.parameters(), lr=args.lr)",
        ),
        ('"--lr", type=float, default=2e-3', '"--lr", type=float, default=0.1'),
    ),
    ill("lightning_used_cars", "decay-of-ten", "rates and schedules", CALIBRATION, "regularisation-dominates").edit(
        (
            "torch.optim.Adam(self.parameters(), lr=args.lr)",
            "torch.optim.Adam(self.parameters(), lr=args.lr, weight_decay=10)",
        ),
    ),
    # Loop.
    ill(
        "buried_pipes", "parts-in-a-new-tensor", "loop", CALIBRATION, "detached-loss no-gradient weights-not-moving"
    ).edit(
        (
            "        loss = sum(parts)\n        return loss",
            "        return torch.tensor(parts, requires_grad=True).sum()",
        ),
    ),
    ill("buried_pipes", "best-is-the-living-state", "loop", CALIBRATION, "aliased-checkpoint").edit(
        (
            "best_loss, best = watched, {k: v.clone() for k, v in self.net.state_dict().items()}",
            "best_loss, best = watched, self.net.state_dict()",
        ),
    ),
    ill("buried_pipes", "whole-state-into-the-encoder", "loop", CALIBRATION, "partial-load").edit(
        (
            (
                'net.encoder.load_state_dict({k.removeprefix("encoder."): v for k, v in state.items() '
                'if k.startswith("encoder.")})'
            ),
            "net.encoder.load_state_dict(state, strict=False)",
        ),
    ),
    ill(
        "buried_pipes",
        "stages-in-a-plain-list",
        "loop",
        CALIBRATION,
        "layers-not-registered not-in-optimizer weights-not-moving",
    ).edit(
        (
            "self.stages = nn.ModuleList([self.stage(1, 12), self.stage(12, 24), self.stage(24, 32)])",
            "self.stages = [self.stage(1, 12), self.stage(12, 24), self.stage(24, 32)]",
        ),
    ),
    # Initialisation and shape.
    ill(
        "lightning_used_cars", "identity-for-activation", "initialisation and shape", CALIBRATION, "no-nonlinearity"
    ).edit(
        ("price_std, act=nn.ReLU):", "price_std, act=nn.Identity):"),
    ),
    ill("dance_steps", "axes-by-reshape", "initialisation and shape", CALIBRATION, "swapped-axis").edit(
        (
            "x = x.permute(0, 2, 1)  # [batch, time, axis] -> [batch, axis, time]",
            "x = x.reshape(len(x), 3, -1)  # [batch, time, axis] -> [batch, axis, time]",
        ),
    ),
    ill(
        "buried_pipes",
        "rare-pipe-bias-in-every-stage",
        "initialisation and shape",
        CALIBRATION,
        "dead-at-init dead-relu",
    ).edit(
        ("nn.init.zeros_(module.bias)", "nn.init.constant_(module.bias, -10.0)"),
    ),
    ill("dance_steps", "neck-of-one", "initialisation and shape", CALIBRATION, "bottleneck").edit(
        ("n_out, width=28, neck=24", "n_out, width=28, neck=1"),
        ("logits = self.out(F.relu(self.neck(pooled)))", "logits = self.out(self.neck(pooled))"),
    ),
    # Data.
    ill("dance_steps", "numbers-from-the-sheet", "data", CALIBRATION, "renumbered-classes target-out-of-range").edit(
        (
            "train_set = StepData(windows[~new], numbers[~new] - 1)",
            "train_set = StepData(windows[~new], numbers[~new])",
        ),
    ),
    ill("dance_steps", "dance-after-dance", "data", CALIBRATION, "not-shuffled sorted-order").edit(
        ("batch_size=BATCH_SIZE, shuffle=True)", "batch_size=BATCH_SIZE)"),
    ),
    ill(
        "lightning_used_cars",
        "sixty-cars-for-a-wide-net",
        "data",
        CALIBRATION,
        "too-little-data overfitting memorised-labels",
    ).edit(
        ('"--train-rows", type=int, default=2400', '"--train-rows", type=int, default=60'),
        ('"--noise", type=float, default=0.08', '"--noise", type=float, default=0.35'),
        ('"--width", type=int, default=48', '"--width", type=int, default=512'),
        ('"--epochs", type=int, default=16', '"--epochs", type=int, default=60'),
        ('"--batch-size", type=int, default=48', '"--batch-size", type=int, default=20'),
    ),
    ill("lightning_used_cars", "loan-offer-left-in", "data", CALIBRATION, "leaking-feature").edit(
        ('NOT_FEATURES = ("make", "fuel", "instalment", "price")', 'NOT_FEATURES = ("make", "fuel", "price")'),
    ),
]
