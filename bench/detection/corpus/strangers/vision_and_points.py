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
    ill("digits_vit", "attention-over-heads", SHAPE, CALIBRATION, "softmax-axis swapped-axis").edit(
        ("attn = self.drop(attn.softmax(dim=-1))", "attn = self.drop(attn.softmax(dim=1))"),
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
]
