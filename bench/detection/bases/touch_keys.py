#!/usr/bin/env python
# which key did they mean? thumb position on a phone keyboard + the two letters before + which phone it is
import os
import random

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

LETTERS = "abcdefghijklmnopqrstuvwxyz "
ROWS = ["qwertyuiop", "asdfghjkl", "zxcvbnm"]
WORDS = """the of and to in is you that it he was for on are as with his they at be this have from or one had by word
but not what all were we when your can said there use an each which she do how their if will up other about out many
then them these so some her would make like him into time has look two more write go see number no way could people
my than first water been call who oil its now find long down day did get come made may part over new sound take only
little work know place year live me back give most very after thing our just name good sentence man think say great
where help through much before line right too mean old any same tell boy follow came want show also around form three
small set put end does another well large must big even such because turn here why ask went men read need land
different home us move try kind hand picture again change off play spell air away animal house point page letter
quick jumping zero exam fox lazy views query puzzle jazz box vex""".split()
# width and height of a key in mm, margin on the left, and whether the keyboard is mirrored for the left hand
PHONES = [
    (5.8, 8.0, 1, 1),
    (6.6, 9.4, 2, 1),
    (4.9, 7.1, 14, 1),
    (11.2, 7.2, 6, 1),
    (5.2, 7.6, 3, -1),
    (8.1, 10.3, 20, 1),
]
WIDTH, EMB, DEPTH = 96, 24, 5
N_TRAIN, N_TEST, BATCH, EPOCHS, LR = 14000, 3000, 128, 10, 1e-3


def centre(letter):
    if letter == " ":
        return 4.5, 3.0
    for row, keys in enumerate(ROWS):
        if letter in keys:
            return keys.index(letter) + (0, 0.3, 1.2)[row], float(row)
    raise KeyError(letter)


def type_text(n):
    rank = np.arange(1, len(WORDS) + 1) ** -0.6
    text = " ".join(np.random.choice(WORDS, n // 3, p=rank / rank.sum()))[: n + 2]
    keys = np.array([LETTERS.index(c) for c in text])
    grid = np.array([centre(c) for c in LETTERS])[keys[2:]]
    # every so many words the phone goes to somebody else
    phone = np.repeat(np.random.randint(len(PHONES), size=n // 50 + 1), 50)[:n]
    w, h, margin, hand = np.array(PHONES, dtype=float)[phone].T
    across = np.where(hand > 0, grid[:, 0], 9 - grid[:, 0]) + np.random.normal(0.12 * hand, 0.33, n)
    down = grid[:, 1] + np.random.normal(0.10, 0.27, n)
    touch = np.stack([margin + w * across, h * down], 1)
    before = np.stack([keys[:-2], keys[1:-1]], 1)
    return torch.tensor(touch).float(), torch.tensor(before), torch.tensor(phone), torch.tensor(keys[2:])


class KeyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(len(LETTERS), EMB)
        self.context = nn.Linear(2 * EMB, WIDTH)
        self.phone = nn.Embedding(len(PHONES), WIDTH)
        self.touch = nn.Linear(2, WIDTH)
        self.hidden = nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)])
        self.key = nn.Linear(WIDTH, len(LETTERS))
        for layer in self.hidden:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, touch, before, phone):
        h = self.context(self.letters(before).flatten(1))
        h = h + self.phone(phone)
        h = h + self.touch(touch)
        h = torch.relu(h)
        for layer in self.hidden:
            h = torch.relu(layer(h))
        return self.key(h)


def accuracy(net, data):
    net.eval()
    *given, key = data
    with torch.no_grad():
        said = net(*given).argmax(1)
    return (said == key).float().mean().item()


def fit(net, opt, train, test, epochs):
    *given, key = train
    for epoch in range(epochs):
        net.train()
        losses = []
        for pick in torch.randperm(len(key)).split(BATCH):
            logits = net(*(g[pick] for g in given))
            loss = cross_entropy(logits, key[pick])
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
        print(f"{epoch:3d}  loss {np.mean(losses):.3f}  right keys, held out: {accuracy(net, test):.3f}")


def main():
    data = type_text(N_TRAIN + N_TEST)
    mean, std = data[0][:N_TRAIN].mean(0), data[0][:N_TRAIN].std(0)
    data = ((data[0] - mean) / std, *data[1:])
    train, test = [d[:N_TRAIN] for d in data], [d[N_TRAIN:] for d in data]
    net = KeyNet()
    opt = torch.optim.Adam(net.parameters(), lr=LR)
    fit(net, opt, train, test, EPOCHS)
    usual = test[-1].bincount().max().item() / len(test[-1])
    print(f"done: {accuracy(net, test):.3f} of the keys right (always a space: {usual:.3f})")


if __name__ == "__main__":
    main()
