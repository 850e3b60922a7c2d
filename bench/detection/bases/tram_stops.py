# %% [markdown]
# Next stop? A small causal transformer reads the stops that a tram has passed and names the next one, at every place.
# Lines cross in the centre, trams turn at the ends, some are expresses or change line, the odd stop is not logged.
# %%
import math
import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED), np.random.seed(SEED), torch.manual_seed(SEED)
torch.set_num_threads(1)
N_STOPS, N_LINES, T = 60, 8, 20
D, HEADS, LAYERS, BS, EPOCHS, LR = 48, 4, 2, 64, 8, 3e-3


# %% the city
def city(turned=0.0, seed=SEED):
    rng = np.random.default_rng(seed)
    where, lines = rng.normal(0, 1, (N_STOPS, 2)), []
    for k in range(N_LINES):
        a = math.pi * k / N_LINES + turned
        along, beside = where @ [math.cos(a), math.sin(a)], where @ [-math.sin(a), math.cos(a)]
        near = np.argsort(np.abs(beside - 0.15 * (k % 3 - 1)))[:12]
        lines.append(near[np.argsort(along[near])].tolist())
    return lines


def journeys(n, lines, seed):
    rng, out = np.random.default_rng(seed), []
    for _ in range(n):
        line = lines[rng.integers(len(lines))]
        at, way, stride, seq = int(rng.integers(len(line))), int(rng.choice([-1, 1])), 1 + int(rng.random() < 0.25), []
        while len(seq) < T + 1:
            if rng.random() > 0.03:
                seq.append(line[at])
            if rng.random() < 0.04:  # sent to another line that also stops here
                line = [m for m in lines if line[at] in m][rng.integers(sum(line[at] in m for m in lines))]
                at = line.index(seq[-1]) if seq and seq[-1] in line else int(rng.integers(len(line)))
            if not 0 <= at + way * stride < len(line):
                way = -way
            at += way * stride
        out.append(seq)
    return torch.tensor(out)


train, valid = journeys(2400, city(), SEED + 1), journeys(600, city(), SEED + 2)
print(train.shape, valid.shape)


# %% the model
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.proj = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.up, self.down = nn.Linear(D, 3 * D), nn.Linear(3 * D, D)

    def forward(self, x):
        B, L, _ = x.shape
        q, k, v = self.qkv(self.n1(x)).view(B, L, 3, HEADS, D // HEADS).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(a.transpose(1, 2).reshape(B, L, D))
        return x + self.down(F.gelu(self.up(self.n2(x))))


class NextStop(nn.Module):
    def __init__(self, n_stops):
        super().__init__()
        self.emb, self.pos = nn.Embedding(n_stops, D), nn.Parameter(torch.randn(T, D) * 0.02)
        self.blocks = nn.Sequential(*[Block() for _ in range(LAYERS)])
        self.norm, self.mix, self.head = nn.LayerNorm(D), nn.Linear(D, D), nn.Linear(D, n_stops)

    def forward(self, s):
        h = self.norm(self.blocks(self.emb(s) + self.pos))
        return self.head(F.gelu(self.mix(h)))


# %% training
def score(model, data):
    model.eval()
    with torch.no_grad():
        out, y = model(data[:, :-1]), data[:, 1:]
    return F.cross_entropy(out.flatten(0, 1), y.flatten()).item(), (out.argmax(-1) == y).float().mean().item()


model = NextStop(N_STOPS)
opt = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.01)
total = EPOCHS * (len(train) // BS)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda i: min(1, (i + 1) / 30) * max(0.0, 1 - i / total))
for ep in range(EPOCHS):
    model.train()
    tot = 0
    for idx in torch.randperm(len(train)).split(BS):
        out = model(train[idx, :-1])
        loss = F.cross_entropy(out.flatten(0, 1), train[idx, 1:].flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        tot += loss.item() * len(idx)
    vl, va = score(model, valid)
    print(f"{ep}: train {tot / len(train):.3f} | valid {vl:.3f} | next stop right {va:.1%}")

# %% what is it worth? the commonest stop, and the commonest stop after this one
pairs = torch.zeros(N_STOPS, N_STOPS)
pairs.index_put_((train[:, :-1].flatten(), train[:, 1:].flatten()), torch.ones(train[:, 1:].numel()), accumulate=True)
after, always = pairs.argmax(1)[valid[:, :-1]] == valid[:, 1:], pairs.sum(0).argmax() == valid[:, 1:]
print(f"always the same stop {always.float().mean():.1%}, by the last stop alone {after.float().mean():.1%}")
