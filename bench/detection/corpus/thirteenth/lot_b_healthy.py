"""Lot b of the thirteenth corpus: healthy chord charts (Trainer), rack power and panel lamps, some of them odd."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("hf_chord_charts", "as-written", CALIBRATION),
    well("hf_chord_charts", "eight-gelu-layers", CALIBRATION).edit(
        ("EPOCHS, BATCH = 24, 48, 2, 5, 32", "EPOCHS, BATCH = 24, 32, 8, 4, 32"),
        ("lr=2e-3, weight_decay=0.01", "lr=1e-3, weight_decay=0.05"),
    ),
    well("hf_chord_charts", "weighted-styles", CALIBRATION).edit(
        ("SHARE = [0.30, 0.24, 0.20, 0.15, 0.11]", "SHARE = [0.42, 0.26, 0.17, 0.10, 0.05]"),
        (
            "        loss = F.cross_entropy(logits, labels)\n",
            "        rarity = torch.tensor([1 / (len(SHARE) * s) for s in SHARE])\n"
            "        loss = F.cross_entropy(logits, labels, weight=rarity)\n",
        ),
        ("(always blues: {SHARE[0]})", "(always blues: {SHARE[0]}, weighted by rarity)"),
    ),
    well("hf_chord_charts", "warm-up-and-cosine", CALIBRATION).edit(
        (
            "from transformers import Trainer, TrainingArguments\n",
            "from transformers import Trainer, TrainingArguments, get_cosine_schedule_with_warmup\n",
        ),
        (
            "torch.optim.lr_scheduler.StepLR(optimizer, step_size=2 * steps_per_epoch, gamma=0.4)",
            "get_cosine_schedule_with_warmup(optimizer, steps_per_epoch // 2, EPOCHS * steps_per_epoch)",
        ),
    ),
    well("hf_chord_charts", "gru", CALIBRATION).edit(
        (
            "        self.blocks = nn.ModuleList(\n"
            "            [\n"
            "                nn.TransformerEncoderLayer(\n"
            "                    width, 4, 3 * width, dropout=0.1, "
            'activation="gelu", batch_first=True, norm_first=True\n'
            "                )\n"
            "                for _ in range(layers)\n"
            "            ]\n"
            "        )\n",
            "        self.gru = nn.GRU(width, width // 2, layers, batch_first=True, dropout=0.1, bidirectional=True)\n",
        ),
        (
            "        for block in self.blocks:\n            x = block(x, src_key_padding_mask=empty)\n",
            "        x, _ = self.gru(x)\n",
        ),
    ),
    well("hf_chord_charts", "one-block-used-thrice", CALIBRATION).edit(
        (
            "        self.blocks = nn.ModuleList(\n"
            "            [\n"
            "                nn.TransformerEncoderLayer(\n"
            "                    width, 4, 3 * width, dropout=0.1, "
            'activation="gelu", batch_first=True, norm_first=True\n'
            "                )\n"
            "                for _ in range(layers)\n"
            "            ]\n"
            "        )\n",
            "        shared = nn.TransformerEncoderLayer(\n"
            '            width, 4, 3 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True\n'
            "        )\n"
            "        self.blocks = nn.ModuleList([shared for _ in range(layers)])  # as in ALBERT\n",
        ),
        ("EPOCHS, BATCH = 24, 48, 2, 5, 32", "EPOCHS, BATCH = 24, 48, 3, 5, 32"),
    ),
    well("rack_power", "as-written", CALIBRATION),
    well("rack_power", "loss-in-square-watts", CALIBRATION).edit(
        ("torch.tensor((y - y_mu) / y_sd, dtype=torch.float32)", "torch.tensor(y, dtype=torch.float32)"),
        (".numpy() * y_sd + y_mu", ".numpy()"),
        ("type=float, default=1e-3", "type=float, default=3e-3"),
        (
            "optim = torch.optim.Adam(net",
            "nn.init.constant_(net.heads.bias, y_mu)\noptim = torch.optim.Adam(net",
        ),
        ('"--epochs", type=int, default=28', '"--epochs", type=int, default=45'),
    ),
    well("rack_power", "heads-start-at-zero", CALIBRATION).edit(
        (
            "                nn.init.zeros_(m.bias)\n",
            "                nn.init.zeros_(m.bias)\n"
            "        nn.init.zeros_(self.heads.weight)  # begin by saying the mean for every rack\n"
            "        nn.init.zeros_(self.heads.bias)\n",
        ),
    ),
    well("panel_lamps", "as-written", CALIBRATION),
    well("panel_lamps", "odd-parity", CALIBRATION).edit(
        (
            "    return int((lit.sum(axis=1) >= 2).any())\n",
            "    return int(lit[1:, 1:].sum() % 2)  # the code lamps: an odd number of them must be lit\n",
        ),
        ("P_LIT: float = 0.3", "P_LIT: float = 0.5"),
    ),
]
