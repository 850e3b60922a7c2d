# %% [markdown]
# Mandarin tones from the pitch track of one syllable. 50 speakers, the last ten never trained on.
# Frames of 10 ms: semitones around the speaker's usual pitch (0 where unvoiced), voiced or not, loudness.

# %%
import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

TONES = ["neutral", "high", "rising", "dipping", "falling"]
T, SPEAKERS, EACH = 36, 50, 56

# %% what a phonetician draws on the blackboard: the tone's path on Chao's five levels
chao = {1: [5, 5, 5, 5], 2: [2.8, 3.0, 4.0, 5.0], 3: [2.4, 1.3, 1.2, 2.6], 4: [5.0, 4.2, 2.6, 1.2]}
end_of = {0: 2.5, 1: 5.0, 2: 5.0, 3: 1.8, 4: 1.4}


def say(tone, before, span, rng):
    """One syllable [T, 3]: silence, perhaps a voiceless consonant, the vowel, silence."""
    n = int(np.clip(rng.normal(13 if tone == 0 else 23, 3), 8, 30))
    if tone == 0:  # the neutral tone has no target of its own: it goes on from where the last one ended
        start = {1: 2.6, 2: 3.0, 3: 3.6, 4: 1.7, 0: 2.6}[before]
        path = np.linspace(start, start - 0.7, n)
    else:
        t = np.linspace(0, 1, n)
        path = np.interp(t ** rng.uniform(0.75, 1.3), np.linspace(0, 1, 4), chao[tone])
        if tone == 3 and rng.random() < 0.45:  # half third: never comes back up
            path = np.minimum.accumulate(path)
        path += (end_of[before] - path[0]) * 0.55 * np.exp(-t / 0.15)  # the voice cannot jump
    path = 3 + (path - 3) * rng.uniform(0.55, 1.1)  # careless speech is flatter
    pitch = (path - 3) * span + rng.normal(0, 0.35 * span) + np.cumsum(rng.normal(0, 0.18, n))
    loud = 62 + 9 * np.sin(np.linspace(0.3, np.pi - 0.2, n)) - (5 if tone == 0 else 0) + rng.normal(0, 1.5, n)
    if rng.random() < 0.06:  # the tracker's favourite mistake
        cut = rng.integers(2, n - 2)
        pitch[cut:] += rng.choice([-12.0, 12.0])
    out = np.zeros((T, 3), dtype=np.float32)
    out[:, 2] = rng.normal(38, 2, T)
    first = rng.integers(0, T - n - 1)
    out[first : first + n, 0], out[first : first + n, 1], out[first : first + n, 2] = pitch, 1, loud
    hiss = min(first, rng.integers(0, 7))
    out[first - hiss : first, 2] = rng.normal(52, 2, hiss)
    creak = rng.random(T) < (0.25 if tone == 3 else 0.04)
    out[creak, 0], out[creak, 1] = 0, 0
    return out


rng = np.random.default_rng(SEED)
X, Y, who = [], [], []
for s in range(SPEAKERS):
    span, offset = rng.uniform(1.3, 2.9), rng.normal(0, 0.8)
    for _ in range(EACH):
        tone = int(rng.choice(5, p=[0.12, 0.22, 0.22, 0.18, 0.26]))
        frames = say(tone, int(rng.integers(0, 5)), span, rng)
        frames[:, 0] += offset * frames[:, 1]
        X.append(frames)
        Y.append(tone)
        who.append(s)
X, Y, who = torch.tensor(np.stack(X)), torch.tensor(Y), np.array(who)

# %%
old, new = torch.tensor(who < 40), torch.tensor(who >= 40)
mu, sd = X[old].mean((0, 1)), X[old].std((0, 1))
Xa, Ya, Xb, Yb = (X[old] - mu) / sd, Y[old], (X[new] - mu) / sd, Y[new]
print("train", tuple(Xa.shape), "test", tuple(Xb.shape), f"always falling {(Yb == 4).float().mean():.3f}")


# %%
class ToneNet(nn.Module):
    def __init__(self, h=40):
        super().__init__()
        self.rnn = nn.GRU(3, h, batch_first=True)
        self.mid = nn.Linear(h, 48)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(48, 5)

    def embed(self, x):
        seq, _ = self.rnn(x)
        return torch.tanh(self.mid(seq[:, -1]))

    def forward(self, x):
        return F.log_softmax(self.out(self.drop(self.embed(x))), dim=1)


net = ToneNet()
for name, p in net.named_parameters():
    if "weight_hh" in name:
        for gate in p.data.chunk(3):
            nn.init.orthogonal_(gate)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)

# %%
B, EPOCHS = 40, 14
for ep in range(1, EPOCHS + 1):
    net.train()
    total = 0.0
    for i in torch.randperm(len(Xa)).split(B):
        logp = net(Xa[i])
        loss = F.nll_loss(logp, Ya[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(i)
    net.eval()
    with torch.no_grad():
        logp = net(Xb)
        vl, acc = F.nll_loss(logp, Yb).item(), (logp.argmax(1) == Yb).float().mean().item()
    print(f"{ep:2d}  train {total / len(Xa):.3f}  test {vl:.3f}  acc {acc:.3f}")

# %% who is taken for whom; one syllable at a time, as the app will hear them
with torch.no_grad():
    guess = torch.cat([net(x[None]).argmax(1) for x in Xb])
print(f"one by one: {(guess == Yb).float().mean():.4f}")
for k, word in enumerate(TONES):
    print(f"{word:>8}", torch.bincount(guess[Yb == k], minlength=5).tolist())
