"""Faults of learning rates, decay, momentum and schedules."""

from bench.detection.program import CALIBRATION, Program, ill

GROUP = "rates and schedules"
TOO_HIGH = "rate-too-high update-ratio diverging oscillating"
TOO_LOW = "rate-too-low update-ratio weights-not-moving"
ENDED = "schedule-mismatch rate-too-low weights-not-moving"
DECAYED = "regularisation-dominates"

PROGRAMS: list[Program] = [
    ill(
        "house_prices",
        "unscaled-sgd",
        GROUP,
        CALIBRATION,
        "rate-too-high non-finite diverging exploding-gradient unscaled-feature",
    ).edit(
        ("    x = (x - x_mean) / x_std\n    target = (price - price_mean) / price_std\n", "    target = price\n"),
        ("torch.optim.Adam(model.parameters(), lr=2e-3)", "torch.optim.SGD(model.parameters(), lr=0.1)"),
        (".sqrt().item() * price_std", ".sqrt().item()"),
    ),
    ill(
        "demand_lstm",
        "unscaled-sgd",
        GROUP,
        CALIBRATION,
        "rate-too-high non-finite diverging exploding-gradient unscaled-feature always-clipped saturated-unit",
    ).edit(
        ("torch.tensor((demand - mean) / std, dtype=torch.float32)", "torch.tensor(demand, dtype=torch.float32)"),
        ("torch.optim.Adam(model.parameters(), lr=4e-3)", "torch.optim.SGD(model.parameters(), lr=0.1)"),
    ),
    ill("digits_mlp", "adam-1", GROUP, CALIBRATION, TOO_HIGH).edit(
        ("lr=1e-3", "lr=1.0"),
    ),
    ill("wave_gru", "adam-1", GROUP, CALIBRATION, TOO_HIGH).edit(
        ("lr=5e-3", "lr=1.0"),
    ),
    ill("lightning_wine", "adam-1", GROUP, CALIBRATION, TOO_HIGH).edit(
        ("lr=3e-3", "lr=1.0"),
    ),
    ill("keras_digits", "adam-1", GROUP, CALIBRATION, TOO_HIGH).edit(
        ("learning_rate=2e-3", "learning_rate=1.0"),
    ),
    ill("hf_questions", "rate-half", GROUP, CALIBRATION, TOO_HIGH).edit(
        ("learning_rate=2e-3", "learning_rate=0.5"),
    ),
    ill("digits_cnn", "rate-1e-6", GROUP, CALIBRATION, TOO_LOW).edit(
        ("lr=0.05", "lr=1e-6"),
    ),
    ill("hf_questions", "rate-1e-7", GROUP, CALIBRATION, TOO_LOW).edit(
        ("learning_rate=2e-3", "learning_rate=1e-7"),
    ),
    ill("shapes_unet", "rate-1e-6", GROUP, CALIBRATION, TOO_LOW).edit(
        ("lr=3e-3", "lr=1e-6"),
    ),
    ill("table_classes", "weight-decay-10", GROUP, CALIBRATION, DECAYED).edit(
        ("lr=0.05, momentum=0.9", "lr=0.05, momentum=0.9, weight_decay=10"),
    ),
    ill("digits_autoencoder", "weight-decay-10", GROUP, CALIBRATION, DECAYED).edit(
        (
            "torch.optim.Adam(model.parameters(), lr=2e-3)",
            "torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=10)",
        ),
    ),
    ill("digits_cnn", "momentum-099", GROUP, CALIBRATION, f"{TOO_HIGH} loss-spike").edit(
        ("lr=0.05, momentum=0.9", "lr=0.1, momentum=0.99"),
    ),
    ill("house_prices", "momentum-099", GROUP, CALIBRATION, f"{TOO_HIGH} loss-spike").edit(
        ("torch.optim.Adam(model.parameters(), lr=2e-3)", "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.99)"),
    ),
    ill("digits_cnn", "schedule-per-batch", GROUP, CALIBRATION, ENDED).edit(
        ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        ("    scheduler.step()\n    val_loss", "    val_loss"),
    ),
    ill("house_prices", "schedule-per-batch", GROUP, CALIBRATION, ENDED).edit(
        ("CosineAnnealingLR(optimizer, T_max=40)", "ExponentialLR(optimizer, gamma=0.9)"),
        ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        ("    scheduler.step()\n\n", "\n"),
    ),
    ill("table_classes", "decay-of-other-data", GROUP, CALIBRATION, ENDED).edit(
        (
            "batch_size, accumulate = 32, 2",
            "scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[10, 20, 30])\n"
            "batch_size, accumulate = 32, 2",
        ),
        ("            optimizer.step()\n", "            optimizer.step()\n            scheduler.step()\n"),
    ),
    ill("char_transformer", "decay-of-other-data", GROUP, CALIBRATION, ENDED).edit(
        (
            "ratio = (it - config.warmup_iters) / (config.max_iters - config.warmup_iters)",
            "ratio = min((it - config.warmup_iters) / 30, 1.0)",
        ),
        ("(0.1 + 0.45 * (1 + ", "(0.5 * (1 + "),
    ),
]
