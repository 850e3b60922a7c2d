# Tell domain names made by malware (DGA) from registered ones, character by character, with a small LSTM.

import os
import random
import string

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.data import DataLoader, random_split

torch.set_num_threads(1)

CFG = dict(n=4000, emb=24, hidden=48, batch=64, lr=3e-3, epochs=8, max_len=28)  # noqa: C408
CHARS = string.ascii_lowercase + string.digits + "-."
CODE = {c: i + 1 for i, c in enumerate(CHARS)}  # 0 is padding

WORDS = (
    "acre alder amber anchor apple arbor atlas auto bake bank barn basil bay beach bike bird blue board boat book box "
    "brick bridge bright build cafe camp card care cedar chart city clean clear clinic cloud club coast coffee cook "
    "corner craft crown data day deal dental design digital direct door dream earth east easy eco edge farm fast film "
    "fine fire first fit flora flower food forest forum fox fresh game garden gold good grand green group guide hair "
    "happy harbor health hill home hotel house idea inn iron jazz job kids kitchen lake land law leaf life light link "
    "little lodge logic loft maker market media mill mind moon motor music nest net news noble north nova oak ocean "
    "office olive online orange organic paper park pet photo pine pixel planet plus point port print pure quick rapid "
    "real red ridge river road rock rose safe sage school sea shop silver sky smart soft solar south spark sport star "
    "stone store studio style sun swift team tech the tour trade trail travel tree trip trust union urban valley view "
    "villa vision vital water wave web well west wild wind wine wolf wood work world yoga young zen zone"
).split()


def registered():
    w = random.choices(WORDS, k=random.choice([1, 2, 2, 2, 3]))
    u = random.random()
    if u < 0.12:  # a family's name
        w = ["".join(random.choice(["mc", "van", "ro", "ber", "ler", "st", "ka", "mi", "ne", "sson"]) for _ in "abc")]
    elif u < 0.2:  # an abbreviation
        w = ["".join(random.choices(string.ascii_lowercase, k=random.randint(3, 5)))]
    name = random.choice(["", "", "", "-"]).join(w)
    if random.random() < 0.08:
        name += str(random.choice([1, 24, 365, 99, 2000]))
    return name + random.choice([".com", ".com", ".com", ".org", ".net", ".de", ".info", ".co.uk"])


def generated():
    family = random.choices(["letters", "hex", "syllables", "words"], weights=[4, 2, 3, 1])[0]
    if family == "letters":
        name = "".join(random.choices(string.ascii_lowercase, k=random.randint(7, 16)))
    elif family == "hex":
        name = "".join(random.choices("0123456789abcdef", k=random.choice([8, 12, 16])))
    elif family == "syllables":
        name = "".join(random.choice("bcdfghklmnprstvz") + random.choice("aeiou") for _ in range(random.randint(4, 7)))
    else:
        name = "".join(random.choices(WORDS, k=2)) + random.choice(string.ascii_lowercase)
    return name + random.choice([".com", ".com", ".net", ".org", ".info", ".biz", ".ru"])


def make_data(n):
    rows = []
    for _ in range(n):
        bad = int(random.random() < 0.4)
        rows.append(((generated() if bad else registered())[: CFG["max_len"]], bad))
    return list({name: (name, bad) for name, bad in rows}.values())


def collate(rows):
    names, labels = zip(*rows)  # noqa: B905
    lengths = torch.tensor([len(s) for s in names])
    ids = torch.zeros(len(names), int(lengths.max()), dtype=torch.long)
    for i, s in enumerate(names):
        ids[i, : len(s)] = torch.tensor([CODE[c] for c in s])
    return ids, lengths, torch.tensor(labels, dtype=torch.float32)


class DomainNet(nn.Module):
    def __init__(self, emb, hidden):
        super().__init__()
        self.emb = nn.Embedding(len(CHARS) + 1, emb, padding_idx=0)
        self.rnn = nn.LSTM(emb, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, ids, lengths):
        packed = pack_padded_sequence(self.emb(ids), lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.rnn(packed)
        return self.out(h[-1]).squeeze(1)


def test(model, loader, criterion):
    model.eval()
    loss = hits = caught = bad = seen = 0
    with torch.no_grad():
        for ids, lengths, y in loader:
            score = model(ids, lengths)
            loss += criterion(score, y).item() * len(y)
            said = torch.sigmoid(score) > 0.5
            hits += (said == y.bool()).sum().item()
            caught += (said & y.bool()).sum().item()
            bad += y.sum().item()
            seen += len(y)
    return loss / seen, hits / seen, caught / bad


def main():
    seed = int(os.environ.get("SEED", "0"))
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)

    data = make_data(CFG["n"])
    n_test = len(data) // 4
    train, held_out = random_split(data, [len(data) - n_test, n_test])
    train_dl = DataLoader(train, batch_size=CFG["batch"], shuffle=True, collate_fn=collate)
    test_dl = DataLoader(held_out, batch_size=256, collate_fn=collate)
    print(len(train), "train", len(held_out), "test, e.g.", data[0], data[1])

    model = DomainNet(CFG["emb"], CFG["hidden"])
    opt = torch.optim.Adam(model.parameters(), lr=CFG["lr"])
    criterion = nn.BCEWithLogitsLoss()

    for epoch in range(1, CFG["epochs"] + 1):
        model.train()
        total = 0.0
        for ids, lengths, y in train_dl:
            opt.zero_grad()
            loss = criterion(model(ids, lengths), y)
            loss.backward()
            opt.step()
            total += loss.item() * len(y)
        test_loss, acc, recall = test(model, test_dl, criterion)
        print(
            f"epoch {epoch}: train loss {total / len(train):.4f} | test loss {test_loss:.4f} "
            f"acc {acc:.4f} recall {recall:.4f}"
        )


if __name__ == "__main__":
    main()
