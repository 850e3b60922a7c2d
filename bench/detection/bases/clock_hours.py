"""Which hour does the clock on the wall show? Small grey pictures of clocks, one class per hour."""

import argparse
import math
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset

SIZE = 28


def draw_line(canvas, x0, y0, angle, length, width, ink):
    """A hand or a tick; angle 0 points up and grows clockwise."""
    rows, cols = np.mgrid[:SIZE, :SIZE]
    dx, dy = math.sin(angle), -math.cos(angle)
    along = (cols - x0) * dx + (rows - y0) * dy
    across = np.abs((cols - x0) * dy - (rows - y0) * dx)
    inside = np.clip(width - across, 0, 1) * ((along > -1) & (along < length))
    canvas += (ink - canvas) * inside


def draw_clock(hour, minute, rng):
    face, ink = rng.uniform(0.65, 1.0), rng.uniform(0.0, 0.25)
    x0, y0 = rng.uniform(12, 15, 2)
    radius = rng.uniform(10.5, 12.5)
    rows, cols = np.mgrid[:SIZE, :SIZE]
    wall = rng.uniform(0.2, 0.6) + 0.15 * rng.uniform(-1, 1) * cols / SIZE
    disc = np.clip(radius + 0.5 - np.hypot(cols - x0, rows - y0), 0, 1)
    canvas = wall * (1 - disc) + face * disc
    tilt = math.radians(rng.uniform(-5, 5))
    for quarter in range(4):
        angle = tilt + quarter * math.pi / 2
        x, y = x0 + 0.8 * radius * math.sin(angle), y0 - 0.8 * radius * math.cos(angle)
        draw_line(canvas, x, y, angle, 0.2 * radius, 0.9, ink)
    draw_line(canvas, x0, y0, tilt + 2 * math.pi * (hour + minute / 60) / 12, 0.55 * radius, 1.7, ink)
    draw_line(canvas, x0, y0, tilt + 2 * math.pi * minute / 60, 0.85 * radius, 0.9, ink)
    canvas += rng.normal(0, 0.04, canvas.shape)
    return canvas.clip(0, 1)


class Clocks(Dataset):
    def __init__(self, per_hour, rng, transform=None):
        self.images, self.hours = [], []
        for hour in range(12):
            for _ in range(per_hour):
                image = draw_clock(hour, rng.integers(0, 60), rng)
                self.images.append(torch.tensor(image, dtype=torch.float32).unsqueeze(0))
                self.hours.append(hour)
        self.transform = transform

    def __len__(self):
        return len(self.hours)

    def __getitem__(self, i):
        image = self.images[i]
        if self.transform is not None:
            image = self.transform(image)
        return (image - 0.5) / 0.3, self.hours[i]


class RandomBrightness:
    """The light in the room is never the same."""

    def __init__(self, amount):
        self.amount = amount

    def __call__(self, image):
        return image * (1 + self.amount * (2 * torch.rand(1) - 1))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 5, 1, padding=2)
        self.conv2 = nn.Conv2d(12, 24, 3, 1, padding=1)
        self.dropout1 = nn.Dropout(0.1)
        self.dropout2 = nn.Dropout(0.3)
        self.fc1 = nn.Linear(24 * 7 * 7, 96)
        self.fc2 = nn.Linear(96, 12)

    def forward(self, x):
        x = self.conv1(x)
        x = F.relu(x)
        x = F.max_pool2d(x, 2)
        x = self.conv2(x)
        x = F.relu(x)
        x = F.max_pool2d(x, 2)
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = self.fc1(x)
        x = F.relu(x)
        x = self.dropout2(x)
        x = self.fc2(x)
        output = F.log_softmax(x, dim=1)
        return output


def train(args, model, device, train_loader, optimizer, epoch):
    model.train()
    for batch_idx, (images, hours) in enumerate(train_loader):
        data, target = images.to(device), hours.to(device)
        optimizer.zero_grad()
        output = model(data)
        loss = F.nll_loss(output, target)
        loss.backward()
        optimizer.step()
        if batch_idx % args.log_interval == 0:
            print(
                f"Train Epoch: {epoch} [{batch_idx * len(data)}/{len(train_loader.dataset)}]\tLoss: {loss.item():.6f}"
            )


def test(model, device, test_loader):
    model.eval()
    test_loss = 0
    correct = 0
    with torch.no_grad():
        for images, hours in test_loader:
            data, target = images.to(device), hours.to(device)
            output = model(data)
            test_loss += F.nll_loss(output, target, reduction="sum").item()
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    test_loss /= len(test_loader.dataset)
    share = 100.0 * correct / len(test_loader.dataset)
    print(f"\nTest set: Average loss: {test_loss:.4f}, Accuracy: {correct}/{len(test_loader.dataset)} ({share:.1f}%)\n")


def main():
    parser = argparse.ArgumentParser(description="PyTorch clock example")
    parser.add_argument("--batch-size", type=int, default=64, help="input batch size for training")
    parser.add_argument("--test-batch-size", type=int, default=240, help="input batch size for testing")
    parser.add_argument("--epochs", type=int, default=7, help="number of epochs to train")
    parser.add_argument("--lr", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--gamma", type=float, default=0.8, help="learning rate step gamma")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "0")), help="random seed")
    parser.add_argument("--log-interval", type=int, default=20, help="batches between two lines of the log")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    device = torch.device("cpu")

    rng = np.random.default_rng(args.seed)
    train_set = Clocks(150, rng, transform=RandomBrightness(0.15))
    test_set = Clocks(40, rng)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=args.test_batch_size)

    model = Net().to(device)
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma)
    for epoch in range(1, args.epochs + 1):
        train(args, model, device, train_loader, optimizer, epoch)
        test(model, device, test_loader)
        scheduler.step()


if __name__ == "__main__":
    main()
