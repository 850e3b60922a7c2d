"""Does the factor bind to this stretch of DNA? A convolutional network that looks at both strands.

python dna_binding.py --epochs 9 --lr 0.003
"""

import argparse
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, roc_auc_score
from torch.utils.data import DataLoader, Dataset

BASES = "ACGT"
ACTIVATOR, REPRESSOR = "TGACTCA", "GGGCGTG"


def reverse_complement(sequence):
    return sequence[::-1].translate(str.maketrans("ACGT", "TGCA"))


def plant(letters, motif, rng):
    """Write a slightly worn copy of the motif somewhere into the sequence, on either strand."""
    motif = list(motif)
    if rng.random() < 0.3:
        motif[rng.integers(len(motif))] = BASES[rng.integers(4)]
    motif = "".join(motif)
    if rng.random() < 0.5:
        motif = reverse_complement(motif)
    start = rng.integers(0, len(letters) - len(motif) + 1)
    letters[start : start + len(motif)] = motif


def simulate(count, rng, length=48):
    """The factor binds where its activator is and the repressor is not."""
    sequences, bound = [], []
    for _ in range(count):
        letters = [BASES[i] for i in rng.integers(0, 4, length)]
        activator = rng.random() < 0.65
        repressor = rng.random() < 0.3
        if repressor:
            plant(letters, REPRESSOR, rng)
        if activator:
            plant(letters, ACTIVATOR, rng)
        else:
            plant(letters, "".join(rng.permutation(list(ACTIVATOR))), rng)
        sequences.append("".join(letters))
        bound.append(int(activator and not repressor))
    return sequences, bound


class BindingDataset(Dataset):
    def __init__(self, sequences, labels, augment=False):
        self.sequences = sequences
        self.labels = np.asarray(labels, dtype=np.float32)
        self.augment = augment

    def __len__(self):
        return len(self.sequences)

    def encode(self, sequence):
        index = torch.tensor([BASES.index(letter) for letter in sequence])
        return F.one_hot(index, num_classes=4).float()  # length x 4

    def __getitem__(self, i):
        sequence = self.sequences[i]
        if self.augment and torch.rand(1).item() < 0.5:
            sequence = reverse_complement(sequence)
        return self.encode(sequence), self.labels[i]


class BindingNet(nn.Module):
    def __init__(self, filters=32, hidden=32, dropout=0.2):
        super().__init__()
        self.conv1 = nn.Conv1d(4, filters, kernel_size=9, padding=4)
        self.bn1 = nn.BatchNorm1d(filters)
        self.conv2 = nn.Conv1d(filters, filters, kernel_size=3, padding=1)
        self.bn2 = nn.BatchNorm1d(filters)
        self.dropout = nn.Dropout(dropout)
        self.fc1 = nn.Linear(filters, hidden)
        self.fc2 = nn.Linear(hidden, 1)

    def forward(self, x):
        x = x.permute(0, 2, 1)  # batch x 4 x length
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = x.amax(dim=2)
        x = self.dropout(x)
        x = F.relu(self.fc1(x))
        return self.fc2(x).squeeze(1)


class Experiment:
    def __init__(self, args):
        self.args = args
        rng = np.random.default_rng(args.seed)
        sequences, bound = simulate(2600, rng)
        train_sequences, valid_sequences = sequences[:2000], sequences[2000:]
        train_bound, valid_bound = bound[:2000], bound[2000:]
        self.train_loader = DataLoader(
            BindingDataset(train_sequences, train_bound, augment=True), batch_size=args.batch_size, shuffle=True
        )
        self.valid_loader = DataLoader(BindingDataset(valid_sequences, valid_bound), batch_size=300)
        self.net = BindingNet(dropout=args.dropout)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=args.lr)
        self.loss_fn = nn.BCEWithLogitsLoss()
        print(f"{np.mean(bound):.1%} of the sequences are bound")

    def train_epoch(self):
        self.net.train()
        losses = []
        for x, y in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.loss_fn(self.net(x), y)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return np.mean(losses)

    @torch.no_grad()
    def validate(self):
        self.net.eval()
        scores = torch.cat([self.net(x) for x, _ in self.valid_loader])
        truth = torch.cat([y for _, y in self.valid_loader])
        loss = self.loss_fn(scores, truth).item()
        return loss, accuracy_score(truth, scores > 0), roc_auc_score(truth, scores)

    def run(self):
        best = 0.0
        for epoch in range(1, self.args.epochs + 1):
            train_loss = self.train_epoch()
            valid_loss, accuracy, auc = self.validate()
            best = max(best, auc)
            print(
                f"Epoch {epoch:2d} | train loss {train_loss:.4f} | valid loss {valid_loss:.4f} "
                f"| valid acc {accuracy:.3f} | valid AUC {auc:.3f}"
            )
        print(f"Best AUC: {best:.3f}")


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "0")))
    return parser.parse_args()


if __name__ == "__main__":
    args = parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    Experiment(args).run()
