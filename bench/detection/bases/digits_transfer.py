"""Learn the digits 0 to 4, then keep the convolutions and train a new head for 5 to 9 on few examples."""

import os

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

seed = int(os.environ.get("SEED", "0"))
torch.manual_seed(seed)
torch.set_num_threads(1)

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
shuffled = torch.randperm(len(images))
images, labels = images[shuffled], labels[shuffled]
old, new = labels < 5, labels >= 5
x_old, y_old = images[old], labels[old]
x_new, y_new = images[new], labels[new] - 5


class ConvNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.neck = nn.Linear(32 * 4 * 4, 64)
        self.head = nn.Linear(64, classes)

    def forward(self, x):
        return self.head(F.relu(self.neck(self.backbone(x))))


def fit(model, optimizer, x, y, x_val, y_val, epochs):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for rows in torch.randperm(len(x)).split(25):
            loss = F.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        model.eval()
        with torch.no_grad():
            logits = model(x_val)
            val_loss, accuracy = (
                F.cross_entropy(logits, y_val).item(),
                (logits.argmax(1) == y_val).float().mean().item(),
            )
        print(f"  epoch {epoch}: loss {total / len(x):.4f}, validation {val_loss:.4f}, accuracy {accuracy:.3f}")


print("digits 0 to 4")
model = ConvNet(classes=5)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
fit(model, optimizer, x_old[:600], y_old[:600], x_old[600:], y_old[600:], epochs=6)
torch.save(model.state_dict(), weights := os.path.join(os.environ.get("TMPDIR", "/tmp"), f"digits-{os.getpid()}.pt"))

print("digits 5 to 9")
model = ConvNet(classes=5)
model.load_state_dict(torch.load(weights))
os.remove(weights)
for parameter in model.backbone.parameters():
    parameter.requires_grad = False
model.head = nn.Linear(64, 5)
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=2e-3)
fit(model, optimizer, x_new[:300], y_new[:300], x_new[300:], y_new[300:], epochs=15)
