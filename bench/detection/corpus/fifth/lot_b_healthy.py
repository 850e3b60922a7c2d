"""Healthy programs about ships, birds and patients: as written, and odd but right."""

from bench.detection.program import CALIBRATION, Program, well

BASES = ("ship_fuel", "bird_calls", "heart_survival")

PROGRAMS: list[Program] = [
    *(well(base, "as-written", CALIBRATION) for base in BASES),
    well("ship_fuel", "tonnes-as-they-are", CALIBRATION).edit(
        ("    y_scaler = StandardScaler().fit(fuel[idx_train].reshape(-1, 1))\n", ""),
        ("    target = y_scaler.transform(fuel.reshape(-1, 1))\n", "    target = fuel.reshape(-1, 1)\n"),
        (
            "y_scaler.inverse_transform(predict(net, x_test).numpy().reshape(-1, 1)).ravel()",
            "predict(net, x_test).numpy().ravel()",
        ),
        ("    n_params =", "    nn.init.constant_(net[-1].bias, fuel[idx_train].mean())\n    n_params ="),
    ),
    well("bird_calls", "even-start-smoothed-labels", CALIBRATION).edit(
        (
            '            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")\n',
            '            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")\n'
            "        nn.init.zeros_(self.attention.weight)  # every frame counts the same at first\n"
            "        nn.init.zeros_(self.classifier.weight)\n        nn.init.zeros_(self.classifier.bias)\n",
        ),
        ("nn.CrossEntropyLoss()", "nn.CrossEntropyLoss(label_smoothing=0.05)"),
    ),
    well("heart_survival", "summed-and-always-clipped", CALIBRATION).edit(
        (
            "    return -((log_hazard - at_risk) * died).sum() / died.sum()\n",
            "    return -((log_hazard - at_risk) * died).sum()\n",
        ),
        (
            "            loss.backward()\n",
            "            loss.backward()\n            nn.utils.clip_grad_norm_(net.parameters(), 1.0)\n",
        ),
        (
            "optim.AdamW(net.parameters(), lr=args.lr, weight_decay=args.weight_decay)",
            "optim.SGD(net.parameters(), lr=args.lr, momentum=0.9, nesterov=True)",
        ),
        ('"--lr", type=float, default=3e-3', '"--lr", type=float, default=1e-2'),
    ),
    well("store_forecast", "seven-losses-stacked", CALIBRATION).edit(
        (
            "            loss = F.smooth_l1_loss(forecast, y)\n",
            "            losses = [F.smooth_l1_loss(forecast[:, day], y[:, day]) for day in range(y.size(1))]\n"
            "            loss = torch.stack(losses).mean()\n",
        ),
    ),
]
