"""Healthy programs about words, graphs, sets, recommendations and tables: as written, and odd but right."""

from bench.detection.program import EVALUATION, Program, well

BASES = ("name_origins", "molecule_graphs")

PROGRAMS: list[Program] = [
    *(well(base, "as-written", EVALUATION) for base in BASES),
    well("name_origins", "logarithm-taken-twice", EVALUATION).edit(
        ("criterion = nn.NLLLoss()", "criterion = nn.CrossEntropyLoss()"),
    ),
    well("molecule_graphs", "spread-told-too", EVALUATION).edit(
        ("nn.ReLU(), nn.Linear(width, 1))", "nn.ReLU(), nn.Linear(width, 2))"),
        ("return self.readout(pooled).squeeze(-1)", "return self.readout(pooled).unbind(dim=1)"),
        (
            '        out = model(batch)\n        loss = F.mse_loss(out, batch["y"])\n',
            "        mean, log_var = model(batch)\n"
            '        loss = F.gaussian_nll_loss(mean, batch["y"], log_var.exp())\n',
        ),
        ('(model(batch) - batch["y"])', '(model(batch)[0] - batch["y"])'),
    ),
]
