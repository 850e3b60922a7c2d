"""Author A: healthy programs, as written and with odd but right habits."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("cow_collars", "as-written", CALIBRATION),
    well("geyser_wait", "as-written", CALIBRATION),
    well("lightning_buoys", "as-written", CALIBRATION),
    well("lightning_buoys", "interpolates", CALIBRATION).edit(
        ("album(448, rng, True), album(480", "album(1600, rng, True), album(480"),
        ("backbone_lr=0.002)", "backbone_lr=0.05, keep=1.0)"),
    ),
    well("lightning_buoys", "half-dropped", CALIBRATION).edit(
        ("keep=0.9)", "keep=0.5)"),
        ("album(448, rng, True), album(480", "album(1280, rng, True), album(480"),
    ),
    well("lightning_buoys", "rate-one-with-batch-norm", CALIBRATION).edit(
        (
            "artist = SeaMarks(epochs=3, lr=0.05, backbone_lr=0.05)",
            "artist = SeaMarks(epochs=3, lr=0.05, backbone_lr=1.0)",
        ),
        ("backbone_lr=0.002)", "backbone_lr=1.0)"),
        ("momentum=0.9, weight_decay=1e-4", "momentum=0.0, weight_decay=0.0"),
    ),
    well("lightning_buoys", "frozen-backbone", CALIBRATION).edit(
        (
            "        pilot.backbone.load_state_dict(torch.load(path))\n",
            "        pilot.backbone.load_state_dict(torch.load(path))\n        pilot.backbone.requires_grad_(False)\n",
        ),
    ),
]
