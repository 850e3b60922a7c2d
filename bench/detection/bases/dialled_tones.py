"""Which number was dialled? Touch-tone recordings without any alignment, read with a small CRNN and the CTC loss."""

import os
import random

import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

RATE = 2000
KEYS = "0123456789"
BLANK = len(KEYS)
LOW, HIGH = [349, 385, 426, 470], [604, 668, 738]
PLACES = {"1": (0, 0), "2": (0, 1), "3": (0, 2), "4": (1, 0), "5": (1, 1), "6": (1, 2), "7": (2, 0), "8": (2, 1)}
PLACES |= {"9": (2, 2), "0": (3, 1)}


def dial(number):
    """The recording of a number: each key is held and let go for as long as the caller likes."""
    parts = [np.zeros(random.randint(60, 200))]
    for key in number:
        t = np.arange(random.randint(220, 380)) / RATE
        row, column = PLACES[key]
        detune = random.uniform(0.985, 1.015)
        tone = np.sin(2 * np.pi * LOW[row] * detune * t) + np.sin(2 * np.pi * HIGH[column] * detune * t)
        parts += [random.uniform(0.5, 1.0) * tone, np.zeros(random.randint(100, 260))]
    sound = np.concatenate(parts)
    hum = 0.3 * np.sin(2 * np.pi * 50 * np.arange(len(sound)) / RATE)
    return sound + hum + np.random.normal(0, 0.7, len(sound))


def spectrogram(sound, n_fft=128, hop=96):
    sound = torch.tensor(sound, dtype=torch.float32)
    spectrum = torch.stft(sound, n_fft, hop, window=torch.hann_window(n_fft), return_complex=True).abs()
    return torch.log(spectrum[:56] + 1.0)  # frequency x time


class Calls(Dataset):
    def __init__(self, count):
        numbers = ["".join(random.choices(KEYS, k=random.randint(3, 6))) for _ in range(count)]
        sounds = [dial(number) for number in numbers]
        self.spectrograms = [spectrogram(sound) for sound in sounds]
        self.transcripts = [torch.tensor([KEYS.index(key) for key in number]) for number in numbers]

    def __len__(self):
        return len(self.transcripts)

    def __getitem__(self, i):
        return self.spectrograms[i], self.transcripts[i]


def collate(batch):
    specs = [spec.T for spec, _ in batch]
    frames = torch.tensor([len(s) for s in specs])
    lengths = torch.tensor([len(t) for _, t in batch])
    targets = torch.cat([t for _, t in batch])
    return pad_sequence(specs, batch_first=True), frames, targets, lengths


class CRNN(nn.Module):
    def __init__(self, bins=56, hidden=40, dropout=0.1):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv1d(bins, 48, kernel_size=3, padding=1),
            nn.BatchNorm1d(48),
            nn.ReLU(),
            nn.Conv1d(48, 48, kernel_size=3, padding=1),
            nn.BatchNorm1d(48),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.rnn = nn.GRU(48, hidden, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(2 * hidden, len(KEYS) + 1)

    def forward(self, x):
        x = self.cnn(x.transpose(1, 2)).transpose(1, 2)
        x, _ = self.rnn(x)
        return self.fc(x).log_softmax(dim=2)


def decode(log_probs, frames):
    """The most likely key of every frame; repetitions and blanks go."""
    numbers = []
    for path, n in zip(log_probs.argmax(2), frames, strict=True):
        keys = torch.unique_consecutive(path[:n])
        numbers.append("".join(KEYS[k] for k in keys if k != BLANK))
    return numbers


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def test(model, loader, criterion):
    model.eval()
    loss, errors, keys, exact = 0.0, 0, 0, 0
    with torch.no_grad():
        for specs, frames, targets, lengths in loader:
            log_probs = model(specs)
            loss += criterion(log_probs.transpose(0, 1), targets, frames, lengths).item() / len(loader)
            truth = ["".join(KEYS[k] for k in t) for t in targets.split(lengths.tolist())]
            for guess, number in zip(decode(log_probs, frames), truth, strict=True):
                errors += edit_distance(guess, number)
                keys += len(number)
                exact += guess == number
    return loss, errors / keys, exact / len(loader.dataset)


def main():
    seed = int(os.environ.get("SEED", "0"))
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    epochs = 7
    train_loader = DataLoader(Calls(900), batch_size=25, shuffle=True, collate_fn=collate)
    test_loader = DataLoader(Calls(200), batch_size=50, collate_fn=collate)
    model = CRNN()
    criterion = nn.CTCLoss(blank=BLANK)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=6e-3, epochs=epochs, steps_per_epoch=len(train_loader)
    )
    for epoch in range(epochs):
        model.train()
        train_loss = 0.0
        for specs, frames, targets, lengths in train_loader:
            optimizer.zero_grad()
            log_probs = model(specs)
            loss = criterion(log_probs.transpose(0, 1), targets, frames, lengths)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            scheduler.step()
            train_loss += loss.item() / len(train_loader)
        test_loss, error_rate, exact = test(model, test_loader, criterion)
        print(
            f"Epoch {epoch}: train {train_loss:.3f}, test {test_loss:.3f}, "
            f"key error rate {error_rate:.3f}, whole numbers right {exact:.3f}"
        )


if __name__ == "__main__":
    main()
