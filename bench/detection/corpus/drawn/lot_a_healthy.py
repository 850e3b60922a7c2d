"""Healthy programs on DNA, chess boards, clips and spectra and on an older base: as written, and odd but right."""

from bench.detection.program import CALIBRATION, Program, well

BASES = ("dna_binding", "board_attacks", "lightning_clips", "hf_spectra")

PROGRAMS: list[Program] = [
    *(well(base, "as-written", CALIBRATION) for base in BASES),
    well("dna_binding", "better-of-both-strands", CALIBRATION).edit(
        (
            "    def forward(self, x):\n",
            "    def forward(self, x):\n        other = x.flip(1, 2)  # read backwards, A for T and C for G\n"
            "        return torch.maximum(self.one_strand(x), self.one_strand(other))\n\n    def one_strand(self, x):\n",
        ),
    ),
    well("board_attacks", "output-from-zero-clipped", CALIBRATION).edit(
        (
            "    def forward(self, board):\n",
            "        nn.init.zeros_(self.head.weight)\n\n    def forward(self, board):\n",
        ),
        (
            "        optimizer.step()\n",
            "        nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n        optimizer.step()\n",
        ),
    ),
    well("lightning_clips", "two-optimizers-by-hand", CALIBRATION).edit(
        (
            "        self.save_hyperparameters()\n",
            "        self.save_hyperparameters()\n        self.automatic_optimization = False\n",
        ),
        (
            "        loss = F.cross_entropy(self(clips), labels)\n",
            "        loss = F.cross_entropy(self(clips), labels)\n        eyes, memory = self.optimizers()\n"
            "        eyes.zero_grad()\n        memory.zero_grad()\n        self.manual_backward(loss)\n"
            "        eyes.step()\n        memory.step()\n",
        ),
        (
            "        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)\n"
            "        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=self.hparams.max_epochs)\n"
            '        return [optimizer], [{"scheduler": scheduler, "interval": "epoch"}]\n',
            "        eyes = torch.optim.SGD(self.net.cnn.parameters(), lr=0.05, momentum=0.9)\n"
            "        rest = [*self.net.gru.parameters(), *self.net.classifier.parameters()]\n"
            "        return eyes, torch.optim.Adam(rest, lr=self.hparams.lr)\n",
        ),
    ),
    well("hf_spectra", "loss-in-thousandths", CALIBRATION).edit(
        (
            "            target = (labels - self.config.sugar_mean) / self.config.sugar_std\n"
            "            loss = self.loss_fct(scaled, target)\n",
            "            degrees = scaled * self.config.sugar_std + self.config.sugar_mean\n"
            "            loss = self.loss_fct(1000 * degrees, 1000 * labels)\n",
        ),
    ),
    well("engine_life", "batches-of-16-accumulated", CALIBRATION).edit(
        ('"batch_size": 64', '"batch_size": 16'),
        (
            "        for windows, left in loader:\n            self.optimizer.zero_grad()\n",
            "        for i, (windows, left) in enumerate(loader, 1):\n",
        ),
        (
            "            loss.backward()\n            self.optimizer.step()\n",
            "            (loss / 4).backward()\n            if i % 4 == 0 or i == len(loader):\n"
            "                self.optimizer.step()\n                self.optimizer.zero_grad()\n",
        ),
    ),
]
