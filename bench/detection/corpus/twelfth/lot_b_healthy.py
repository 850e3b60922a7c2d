"""Healthy programs on the bases of lot b: as written, and with turns that only look odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("hf_drug_effects", "as-written", CALIBRATION),
    well("pulse_pressure", "as-written", CALIBRATION),
    well("touch_keys", "as-written", CALIBRATION),
    well("touch_keys", "sparse-embedding", CALIBRATION).edit(
        ("nn.Embedding(len(LETTERS), EMB)", "nn.Embedding(len(LETTERS), EMB, sparse=True)"),
        ("nn.Embedding(len(PHONES), WIDTH)", "nn.Embedding(len(PHONES), WIDTH, sparse=True)"),
        ("            opt.zero_grad()\n", "            for o in opt:\n                o.zero_grad()\n"),
        ("            opt.step()\n", "            for o in opt:\n                o.step()\n"),
        (
            "    opt = torch.optim.Adam(net.parameters(), lr=LR)\n",
            "    tables = [net.letters.weight, net.phone.weight]\n"
            "    others = [p for name, p in net.named_parameters()\n"
            '              if name not in ("letters.weight", "phone.weight")]\n'
            "    opt = [torch.optim.Adam(others, lr=LR), torch.optim.SparseAdam(tables, lr=LR)]\n",
        ),
    ),
    well("touch_keys", "lora-new-phone", CALIBRATION).edit(
        (
            "def accuracy(net, data):\n",
            "class LowRank(nn.Module):\n"
            '    """A frozen layer and a correction of low rank that begins as nothing."""\n\n'
            "    def __init__(self, layer, rank=8):\n"
            "        super().__init__()\n"
            "        self.layer = layer.requires_grad_(False)\n"
            "        self.A = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)\n"
            "        self.B = nn.Parameter(torch.zeros(layer.out_features, rank))\n\n"
            "    def forward(self, x):\n"
            "        return self.layer(x) + x @ self.A.T @ self.B.T\n\n\n"
            "def only(data, rows):\n"
            "    return [d[rows] for d in data]\n\n\n"
            "def accuracy(net, data):\n",
        ),
        (
            "    fit(net, opt, train, test, EPOCHS)\n",
            "    new = len(PHONES) - 1  # comes to the market later\n"
            "    fit(net, opt, only(train, train[2] != new), only(test, test[2] != new), 6)\n"
            "    train, test = only(train, train[2] == new), only(test, test[2] == new)\n"
            '    print(f"on the new phone before it is adapted: {accuracy(net, test):.3f}")\n'
            "    net.requires_grad_(False)\n"
            "    net.touch = LowRank(net.touch, 2)\n"
            "    net.hidden = nn.ModuleList(LowRank(layer) for layer in net.hidden)\n"
            "    opt = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=3e-3)\n"
            "    fit(net, opt, train, test, 15)\n",
        ),
    ),
    well("pulse_pressure", "zero-gamma", CALIBRATION).edit(
        (
            "nn.Linear(ch // 4, ch), nn.Sigmoid())\n",
            "nn.Linear(ch // 4, ch), nn.Sigmoid())\n"
            "        nn.init.zeros_(self.norm2.weight)  # every block begins as the identity\n",
        ),
    ),
    well("hf_drug_effects", "bf16-autocast", CALIBRATION).edit(
        ("            use_cpu=True,\n", "            use_cpu=True,\n            bf16=True,\n"),
    ),
    well("touch_keys", "rate-one-batch-norm", CALIBRATION).edit(
        (
            "nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)])",
            "nn.ModuleList(\n"
            "            nn.Sequential(nn.Linear(WIDTH, WIDTH, bias=False), nn.BatchNorm1d(WIDTH))\n"
            "            for _ in range(DEPTH)\n"
            "        )",
        ),
        (
            '            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")\n'
            "            nn.init.zeros_(layer.bias)\n",
            '            nn.init.kaiming_normal_(layer[0].weight, nonlinearity="relu")\n',
        ),
        ("opt = torch.optim.Adam(net.parameters(), lr=LR)", "opt = torch.optim.SGD(net.parameters(), lr=LR)"),
        ("14000, 3000, 128, 10, 1e-3", "14000, 3000, 128, 10, 1.0"),
        (
            "        losses = []\n",
            '        losses = []\n        opt.param_groups[0]["lr"] = LR * (1 - epoch / epochs)\n',
        ),
    ),
    well("hf_drug_effects", "deep-gelu-encoder", CALIBRATION).edit(
        ("num_hidden_layers=2,", 'num_hidden_layers=6,\n        hidden_act="gelu",'),
        ('"--learning-rate", type=float, default=2e-3', '"--learning-rate", type=float, default=1e-3'),
        ("            warmup_steps=30,\n", '            warmup_steps=100,\n            optim="adamw_torch",\n'),
    ),
    well("touch_keys", "wide-sparse-relu", CALIBRATION).edit(
        (
            "nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)])",
            "nn.ModuleList([nn.Linear(WIDTH, 1536), nn.Linear(1536, WIDTH)])",
        ),
        (
            "            nn.init.zeros_(layer.bias)\n",
            "            nn.init.zeros_(layer.bias)\n"
            "        nn.init.constant_(self.hidden[0].bias, -2.0)  # few of the many are to answer to any one touch\n",
        ),
    ),
    well("touch_keys", "tied-letters", CALIBRATION).edit(
        (
            "        self.key = nn.Linear(WIDTH, len(LETTERS))\n",
            "        self.narrow = nn.Linear(WIDTH, EMB)\n"
            "        self.key = nn.Linear(EMB, len(LETTERS))\n"
            "        nn.init.normal_(self.letters.weight, std=EMB**-0.5)\n"
            "        self.key.weight = self.letters.weight  # one table for the letters read and the letters said\n",
        ),
        ("return self.key(h)", "return self.key(self.narrow(h))"),
    ),
]
