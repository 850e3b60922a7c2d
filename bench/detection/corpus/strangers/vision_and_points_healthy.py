"""Healthy programs that see: a vision transformer, point clouds, boxes, triplets, as written and oddly but rightly done."""

from bench.detection.program import CALIBRATION, Program, well

AS_WRITTEN = ("digits_vit", "solid_points", "tool_finder", "signature_triplets")

PROGRAMS: list[Program] = [
    *(well(base, "as-written", CALIBRATION) for base in AS_WRITTEN),
    well("digits_vit", "blocks-start-as-identity", CALIBRATION).edit(
        (
            "        self.head = nn.Linear(cfg.dim, cfg.num_classes)\n",
            "        self.head = nn.Linear(cfg.dim, cfg.num_classes)\n"
            "        for block in self.blocks:\n            nn.init.zeros_(block.attn.to_out.weight)\n"
            "            nn.init.zeros_(block.mlp[3].weight)\n",
        ),
    ),
    well("solid_points", "recomputed-in-backward", CALIBRATION).edit(
        ("from torch.utils.data import", "from torch.utils.checkpoint import checkpoint\nfrom torch.utils.data import"),
        (
            "        x = F.relu(self.bn1(self.conv1(x)))\n        x = F.relu(self.bn2(self.conv2(x)))\n"
            "        x = self.bn3(self.conv3(x))\n        x = torch.max(x, dim=2)[0]\n",
            "        x = checkpoint(self.per_point, x, use_reentrant=False)\n        x = torch.max(x, dim=2)[0]\n",
        ),
        (
            "    def forward(self, points):\n",
            "    def per_point(self, x):\n        x = F.relu(self.bn1(self.conv1(x)))\n"
            "        x = F.relu(self.bn2(self.conv2(x)))\n        return self.bn3(self.conv3(x))\n\n"
            "    def forward(self, points):\n",
        ),
    ),
    well("tool_finder", "weights-of-losses-learnt", CALIBRATION).edit(
        ("    def __init__(self, box_weight=5.0):\n", "    def __init__(self):\n"),
        (
            "        self.box_weight = box_weight\n",
            "        self.log_variance = nn.Parameter(torch.tensor([-2.0, 0.0]))\n",
        ),
        (
            "        return self.box_weight * box + kind\n",
            "        losses = torch.stack([box, kind])\n"
            "        return (losses * torch.exp(-self.log_variance) + 0.5 * self.log_variance).sum()\n",
        ),
        (
            "torch.optim.AdamW(model.parameters(), lr=1.5e-3, weight_decay=1e-2)",
            "torch.optim.AdamW(\n        [\n"
            '            {"params": model.parameters()},\n'
            '            {"params": loss_fn.parameters(), "weight_decay": 0.0, "lr": 3e-3},\n'
            "        ],\n        lr=1.5e-3,\n        weight_decay=1e-2,\n    )",
        ),
    ),
    well("signature_triplets", "summed-and-clipped", CALIBRATION).edit(
        ("    return violation.sum() / ((violation > 0).sum() + 1e-8)\n", "    return violation.sum()\n"),
        (
            "opt = torch.optim.Adam(net.parameters(), lr=1e-3)",
            "opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)",
        ),
        (
            "        opt.step()\n",
            "        nn.utils.clip_grad_norm_(net.parameters(), 1.0)\n        opt.step()\n",
        ),
    ),
]
