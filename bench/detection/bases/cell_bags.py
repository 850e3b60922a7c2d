# Attention-based deep multiple instance learning on smears: a slide is a bag of measured cells, and only the slide
# has a label (1 if any of its cells is diseased). One bag per forward pass, gradients summed over a few bags.

import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.metrics import roc_auc_score
from torch.autograd import Variable

SEED = int(os.environ.get("SEED", "0"))
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

COLUMNS = ["area", "perimeter", "texture", "nucleus", "dna", "stain", "x", "y"]


def measure_cells(n, diseased):
    radius = np.random.normal(9, 1.5, n).clip(4)
    rough = np.where(diseased, np.random.normal(1.34, 0.05, n), np.random.normal(1.1, 0.04, n))
    nucleus = np.random.beta(5, 9, n) * np.pi * radius**2
    ploidy = np.where(np.random.rand(n) < 0.25, 4, 2) + diseased * np.random.choice([1, -1], n) * (nucleus > 60)
    return np.stack(
        [
            np.pi * radius**2,
            2 * np.pi * radius * rough,
            np.random.gamma(4, 0.1, n) + 0.2 * diseased,
            nucleus,
            3000 * ploidy + np.random.normal(0, 350, n),
            np.random.normal(120, 20, n),
            np.random.uniform(0, 2000, n),
            np.random.uniform(0, 2000, n),
        ],
        axis=1,
    )


class Slides:
    def __init__(self, num_bags, scale=None):
        self.bags, self.labels = [], []
        for _ in range(num_bags):
            n = np.random.randint(10, 40)
            diseased = np.zeros(n, dtype=bool)
            if np.random.rand() < 0.5:
                diseased[: np.random.randint(1, 4)] = True
            np.random.shuffle(diseased)
            self.bags.append(measure_cells(n, diseased))
            self.labels.append(int(diseased.any()))
        if scale is None:
            cells = np.concatenate(self.bags)
            scale = cells.mean(axis=0), cells.std(axis=0)
        self.scale = scale
        self.bags = [(bag - scale[0]) / scale[1] for bag in self.bags]

    def __len__(self):
        return len(self.bags)

    def __getitem__(self, i):
        return torch.FloatTensor(self.bags[i]), torch.FloatTensor([self.labels[i]])


class GatedAttention(nn.Module):
    def __init__(self, M=32, L=24):
        super().__init__()
        self.feature_extractor = nn.Sequential(nn.Linear(len(COLUMNS), 48), nn.ReLU(), nn.Linear(48, M), nn.ReLU())
        self.attention_V = nn.Sequential(nn.Linear(M, L), nn.Tanh())
        self.attention_U = nn.Sequential(nn.Linear(M, L), nn.Sigmoid())
        self.attention_w = nn.Linear(L, 1)
        self.classifier = nn.Sequential(nn.Linear(M, 1), nn.Sigmoid())

    def forward(self, x):
        H = self.feature_extractor(x)  # cells x M
        A = self.attention_w(self.attention_V(H) * self.attention_U(H))  # cells x 1
        A = torch.transpose(A, 1, 0)  # 1 x cells
        A = F.softmax(A, dim=1)
        Z = torch.mm(A, H)  # 1 x M
        Y_prob = self.classifier(Z).squeeze(1)
        return Y_prob, A

    def calculate_objective(self, x, y):
        Y_prob, A = self.forward(x)
        Y_prob = torch.clamp(Y_prob, min=1e-5, max=1.0 - 1e-5)
        neg_log_likelihood = -1.0 * (y * torch.log(Y_prob) + (1.0 - y) * torch.log(1.0 - Y_prob))
        return neg_log_likelihood.mean(), Y_prob, A


train_slides = Slides(600)
test_slides = Slides(200, train_slides.scale)
model = GatedAttention()
optimizer = optim.Adam(model.parameters(), lr=2e-3, betas=(0.9, 0.999), weight_decay=1e-5)
bags_per_step = 5


def train(epoch):
    model.train()
    train_loss, train_error = 0.0, 0.0
    optimizer.zero_grad()
    for count, i in enumerate(np.random.permutation(len(train_slides)), start=1):
        x, y = train_slides[i]
        x, y = Variable(x), Variable(y)
        loss, Y_prob, _ = model.calculate_objective(x, y)
        (loss / bags_per_step).backward()
        if count % bags_per_step == 0:
            optimizer.step()
            optimizer.zero_grad()
        train_loss += loss.item()
        train_error += ((Y_prob > 0.5).float() != y).float().item()
    train_loss /= len(train_slides)
    train_error /= len(train_slides)
    print(f"Epoch: {epoch}, Loss: {train_loss:.4f}, Train error: {train_error:.4f}", end="  ")


def test():
    model.eval()
    test_loss, probs, truth = 0.0, [], []
    with torch.no_grad():
        for x, y in (test_slides[i] for i in range(len(test_slides))):
            loss, Y_prob, _ = model.calculate_objective(x, y)
            test_loss += loss.item()
            probs.append(Y_prob.item())
            truth.append(int(y.item()))
    auc = roc_auc_score(truth, np.nan_to_num(probs))
    error = np.mean((np.array(probs) > 0.5) != np.array(truth))
    print(f"Test Loss: {test_loss / len(test_slides):.4f}, Test error: {error:.4f}, AUC: {auc:.4f}")


for epoch in range(1, 6):
    train(epoch)
    test()
