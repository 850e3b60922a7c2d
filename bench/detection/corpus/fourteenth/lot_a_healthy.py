"""Right programs, some of them odd, on candled eggs, phrases of fencing and boulder problems."""

from bench.detection.program import CALIBRATION, Program, well

PROGRAMS: list[Program] = [
    well("egg_candling", "as-written", CALIBRATION),
    well("lightning_fencing_touches", "as-written", CALIBRATION),
    well("climbing_routes", "as-written", CALIBRATION),
    well("climbing_routes", "nought-to-sixteen", CALIBRATION).edit(
        (
            'COLUMNS = ["across_cm", "height_cm", "depth_mm", "slope_deg", "overhang_deg"]\n',
            'COLUMNS = ["across", "height", "depth", "slope", "overhang"]\n'
            "# the app of the gym gives everything from 0 to 16, these being the ends of its scales\n"
            "LOW, HIGH = np.array([-200, 40, 0, -60, -10]), np.array([500, 440, 64, 60, 50])\n",
        ),
        (
            "        present[i, :k] = True\n",
            "        holds[i, :k] = np.clip((holds[i, :k] - LOW) / (HIGH - LOW) * 16, 0, 16).round(1)\n"
            "        present[i, :k] = True\n",
        ),
        ("epochs: int = 8", "epochs: int = 10"),
        ("batch: int = 64", "batch: int = 32"),
        ("from sklearn.preprocessing import StandardScaler\n", ""),
        ("        scaler = StandardScaler().fit(holds[:cut][present[:cut]])\n", ""),
        ("self.scaled(holds[:cut], present[:cut], scaler)", "torch.tensor(holds[:cut], dtype=torch.float32)"),
        ("self.scaled(holds[cut:], present[cut:], scaler)", "torch.tensor(holds[cut:], dtype=torch.float32)"),
        (
            "    @staticmethod\n"
            "    def scaled(holds, present, scaler):\n"
            "        out = np.zeros_like(holds)\n"
            "        out[present] = scaler.transform(holds[present])\n"
            "        return torch.tensor(out, dtype=torch.float32)\n"
            "\n",
            "",
        ),
    ),
    well("lightning_fencing_touches", "doubting-the-jury", CALIBRATION).edit(
        (
            "        loss = self.criterion(self(tokens), touch)\n",
            "        loss = self.criterion(self(tokens), 0.9 * touch + 0.05)  # label smoothing\n",
        ),
    ),
    well("egg_candling", "eggs-redrawn", CALIBRATION).edit(
        (
            "        self.out = nn.Linear(code, len(FINDINGS))\n",
            "        self.out = nn.Linear(code, len(FINDINGS))\n"
            "        self.draw = nn.Sequential(nn.Linear(code, 96), nn.ReLU(), nn.Linear(96, SIDE * SIDE))\n",
        ),
        (
            "        return self.out(self.features(x))\n",
            "        code = self.features(x)\n        return self.out(code), self.draw(code).view(-1, 1, SIDE, SIDE)\n",
        ),
        (
            "criterion = nn.CrossEntropyLoss()\n",
            "\n\ndef criterion(answer, x, y):\n"
            '    """Finding and picture: pores and noise of the picture can never be drawn again."""\n'
            "    scores, drawn = answer\n"
            "    return F.cross_entropy(scores, y) + 0.5 * F.mse_loss(drawn, x)\n\n\n",
        ),
        ("loss = criterion(model(x), y)", "loss = criterion(model(x), x, y)"),
        ("            scores = model(x)\n", "            answer = model(x)\n"),
        ("criterion(scores, y).item()", "criterion(answer, x, y).item()"),
        ("(scores.argmax(1) == y)", "(answer[0].argmax(1) == y)"),
    ),
    well("egg_candling", "rate-of-one", CALIBRATION).edit(
        ("EPOCHS = 9", "EPOCHS = 7"),
        ("LR = 0.02", "LR = 1.0"),
        ("lr=LR, momentum=0.9, weight_decay=5e-4)", "lr=LR)"),
        (
            "        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)\n"
            "        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)\n"
            "        self.conv3 = nn.Conv2d(16, 32, 3, padding=1)\n"
            "        self.code = nn.Linear(32 * 3 * 3, code)\n",
            "        self.conv1 = nn.Conv2d(1, 8, 3, padding=1, bias=False)\n"
            "        self.conv2 = nn.Conv2d(8, 16, 3, padding=1, bias=False)\n"
            "        self.conv3 = nn.Conv2d(16, 32, 3, padding=1, bias=False)\n"
            "        self.code = nn.Linear(32 * 3 * 3, code, bias=False)\n"
            "        self.norm1, self.norm2, self.norm3 = nn.BatchNorm2d(8), nn.BatchNorm2d(16), nn.BatchNorm2d(32)\n"
            "        self.norm = nn.BatchNorm1d(code)\n",
        ),
        ("            nn.init.zeros_(layer.bias)\n", ""),
        ("F.relu(self.conv1(x))", "F.relu(self.norm1(self.conv1(x)))"),
        ("F.relu(self.conv2(x))", "F.relu(self.norm2(self.conv2(x)))"),
        ("F.relu(self.conv3(x))", "F.relu(self.norm3(self.conv3(x)))"),
        ("F.relu(self.code(x.flatten(1)))", "F.relu(self.norm(self.code(x.flatten(1))))"),
    ),
    well("lightning_fencing_touches", "answer-is-a-word", CALIBRATION).edit(
        (
            '["<pad>"] + [f"{side}.{action}" for side in "LR" for action in ACTIONS]\n',
            '["<pad>", "L.touch", "R.touch"] + [f"{side}.{action}" for side in "LR" for action in ACTIONS]\n',
        ),
        ("    touch = torch.zeros(n)\n", "    touch = torch.zeros(n, dtype=torch.long)\n"),
        (
            '        touch[i] = float((priority == "L") != (rng.random() < wrong_calls))\n',
            '        left = (priority == "L") != (rng.random() < wrong_calls)\n'
            '        touch[i] = NUMBER["L.touch" if left else "R.touch"]\n',
        ),
        (
            "        self.head = nn.Linear(hidden, 1)\n        self.criterion = nn.BCEWithLogitsLoss()\n",
            "        self.turn = nn.Linear(hidden, dim)\n"
            "        self.head = nn.Linear(dim, len(WORDS), bias=False)\n"
            "        self.head.weight = self.embed.weight  # one table of words for reading and for answering\n"
            "        self.criterion = nn.CrossEntropyLoss()\n",
        ),
        (
            "return self.head(self.drop(self.read(tokens))).squeeze(1)",
            "return self.head(self.turn(self.drop(self.read(tokens))))",
        ),
        ("lr=6e-3", "lr=8e-3"),
        ("((score > 0) == (touch > 0.5))", "(score.argmax(dim=1) == touch)"),
    ),
    well("climbing_routes", "blind-to-the-phone", CALIBRATION).edit(
        (
            "        self.loss = nn.MSELoss()\n",
            "        self.loss = nn.MSELoss()\n"
            "        # an adversary that wants to know the phone from what the network makes of a route\n"
            "        self.critic = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))\n"
            "        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=1e-3)\n"
            "        self.guess = nn.BCEWithLogitsLoss()\n",
        ),
        (
            "        for holds, present, _, grade in self.train_loader:\n"
            "            loss = self.loss(self.model(holds, present), grade)\n",
            "        for holds, present, phone, grade in self.train_loader:\n"
            "            code = self.model.embed(holds, present)\n"
            "            phone = phone.unsqueeze(1).float()\n"
            "            critic_loss = self.guess(self.critic(code.detach()), phone)\n"
            "            self.critic_optimizer.zero_grad()\n"
            "            critic_loss.backward()\n"
            "            self.critic_optimizer.step()\n"
            "            confusion = self.guess(self.critic(code), torch.full_like(phone, 0.5))\n"
            "            error = self.loss(self.model.grade(code).squeeze(1), grade)\n"
            "            loss = error + 0.05 * confusion\n",
        ),
        ("            losses.append(loss.item())\n", "            losses.append(error.item())\n"),
    ),
    well("climbing_routes", "six-looks-deep", CALIBRATION).edit(
        (
            "        self.look = nn.MultiheadAttention(dim, num_heads=2, batch_first=True)\n"
            "        self.mix = nn.Sequential(nn.Linear(dim, dim), nn.ReLU())\n",
            "        layer = nn.TransformerEncoderLayer(\n"
            '            dim, 2, 2 * dim, dropout=0.0, activation="gelu", batch_first=True, norm_first=True\n'
            "        )\n"
            "        self.look = nn.TransformerEncoder(layer, 6, norm=nn.LayerNorm(dim), enable_nested_tensor=False)\n",
        ),
        (
            "        x = x + self.look(x, x, x, key_padding_mask=~present, need_weights=False)[0]\n",
            "        x = self.look(x, src_key_padding_mask=~present)\n",
        ),
        ("(self.mix(x) * weight)", "(x * weight)"),
        ("torch.optim.Adam(", "torch.optim.AdamW("),
        ("batch: int = 64", "batch: int = 128"),
        ("epochs: int = 8", "epochs: int = 7"),
        ("lr: float = 3e-3", "lr: float = 2e-3"),
        ("weight_decay: float = 1e-5", "weight_decay: float = 1e-2"),
    ),
    well("climbing_routes", "four-small-batches", CALIBRATION).edit(
        ("    batch: int = 64\n", "    batch: int = 20\n    accumulate: int = 4\n"),
        (
            "        for holds, present, _, grade in self.train_loader:\n"
            "            loss = self.loss(self.model(holds, present), grade)\n"
            "            self.optimizer.zero_grad()\n"
            "            loss.backward()\n"
            "            self.optimizer.step()\n",
            "        for i, (holds, present, _, grade) in enumerate(self.train_loader, start=1):\n"
            "            loss = self.loss(self.model(holds, present), grade)\n"
            "            (loss / self.s.accumulate).backward()\n"
            "            if i % self.s.accumulate == 0:  # 120 small batches to an epoch, so none is left over\n"
            "                self.optimizer.step()\n"
            "                self.optimizer.zero_grad()\n",
        ),
    ),
]
