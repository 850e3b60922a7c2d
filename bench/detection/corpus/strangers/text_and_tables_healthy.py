"""Healthy programs about texts, tables, series and graphs: as written, and odd but right."""

from bench.detection.program import CALIBRATION, Program, well

BASES = ("ticket_topics", "bike_counts", "store_forecast", "citation_graph")

PROGRAMS: list[Program] = [
    *(well(base, "as-written", CALIBRATION) for base in BASES),
    well("ticket_topics", "word-vectors-frozen", CALIBRATION).edit(
        (
            "        self.emb = nn.Embedding(vocab_size, emb_dim, padding_idx=0)\n",
            "        vectors = torch.randn(vocab_size, emb_dim)\n        vectors[0] = 0.0\n"
            "        self.emb = nn.Embedding.from_pretrained(vectors, freeze=True, padding_idx=0)\n",
        ),
    ),
    well("ticket_topics", "one-loss-per-topic", CALIBRATION).edit(
        (
            "        loss.backward()\n",
            "        for column in loss.unbind():\n            column.backward(retain_graph=True)\n",
        ),
        (
            '        loss = criterion(logits, batch["labels"])\n',
            '        loss = criterion(logits, batch["labels"]).mean(0)\n',
        ),
        ("criterion = nn.BCEWithLogitsLoss()", 'criterion = nn.BCEWithLogitsLoss(reduction="none")'),
        ("        total += loss.item()\n", "        total += loss.mean().item()\n"),
        (
            'total += criterion(logits, batch["labels"]).item()',
            'total += criterion(logits, batch["labels"]).mean().item()',
        ),
    ),
    well("bike_counts", "column-against-column", CALIBRATION).edit(
        ("return self.log_rate(x).squeeze(1)", "return self.log_rate(x)"),
        (
            "return self.cats[idx], self.nums[idx], self.count[idx]",
            "return self.cats[idx], self.nums[idx], self.count[idx, None]",
        ),
        ("torch.cat(counts).numpy()\n", "torch.cat(counts).numpy().ravel()\n"),
    ),
    well("bike_counts", "spread-learned-too", CALIBRATION).edit(
        (
            "class EarlyStopping:",
            "class NegativeBinomialLoss(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            "        self.log_size = nn.Parameter(torch.tensor(1.0))\n\n"
            "    def forward(self, log_rate, count):\n        size = self.log_size.exp()\n"
            "        logits = log_rate - self.log_size\n"
            "        return -torch.distributions.NegativeBinomial(size, logits=logits).log_prob(count).mean()\n\n\n"
            "class EarlyStopping:",
        ),
        ("loss_fn = nn.PoissonNLLLoss()", "loss_fn = NegativeBinomialLoss()"),
        ("AdamW(model.parameters(), lr", "AdamW([*model.parameters(), *loss_fn.parameters()], lr"),
    ),
    well("store_forecast", "branches-from-zero", CALIBRATION).edit(
        (
            "        self.dropout = nn.Dropout(dropout)\n",
            "        self.dropout = nn.Dropout(dropout)\n        nn.init.zeros_(self.conv2.weight)\n"
            "        nn.init.zeros_(self.conv2.bias)\n",
        ),
        ("        return F.relu(x + out)\n", "        return x + out\n"),
        (
            "        out = self.dropout(F.relu(self.conv2(F.pad(out, (self.pad, 0)))))\n",
            "        out = self.conv2(F.pad(out, (self.pad, 0)))\n",
        ),
    ),
    well("citation_graph", "six-layers-added", CALIBRATION).edit(
        (
            "        self.gc2 = GraphConvolution(nhid, nclass)\n",
            "        self.middle = nn.ModuleList([GraphConvolution(nhid, nhid) for _ in range(6)])\n"
            "        self.gc2 = GraphConvolution(nhid, nclass)\n",
        ),
        (
            "        x = F.relu(self.gc1(x, adj))\n",
            "        x = first = F.relu(self.gc1(x, adj))\n        for layer in self.middle:\n"
            "            x = 0.2 * first + 0.8 * x + 0.1 * F.relu(layer(x, adj))\n",
        ),
    ),
]
