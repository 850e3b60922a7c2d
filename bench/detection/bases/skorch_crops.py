"""Which crop suits a field? Seven measurements of soil and weather, nine crops, with skorch inside a pipeline."""

import os
import warnings

import numpy as np
import torch
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochScoring, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn

warnings.filterwarnings("ignore", category=FutureWarning)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
torch.set_num_threads(1)
rng = np.random.RandomState(SEED)

CROPS = "rice maize chickpea lentil banana mango cotton coffee jute".split()
#                  N    P    K   temp humid  pH  rain
CENTRES = np.array(
    [
        [80, 48, 40, 23.7, 82, 6.4, 236],
        [78, 48, 20, 22.4, 65, 6.3, 95],
        [40, 68, 80, 18.9, 17, 7.3, 80],
        [30, 66, 22, 24.5, 64, 6.9, 60],
        [100, 82, 50, 27.4, 80, 6.0, 105],
        [35, 27, 30, 31.2, 50, 5.8, 95],
        [112, 46, 20, 24.0, 78, 6.9, 80],
        [98, 29, 30, 25.5, 59, 6.8, 158],
        [78, 47, 40, 25.0, 78, 6.7, 175],
    ]
)
SPREAD = np.array([17.0, 10.0, 8.0, 3.2, 8.0, 0.7, 28.0])


def load_fields(n):
    crop = rng.randint(len(CROPS), size=n)
    wet = rng.randn(n, 1)
    x = CENTRES[crop] + SPREAD * rng.randn(n, 7)
    x[:, 4:5] += 6 * wet
    x[:, 6:7] *= np.exp(0.15 * wet)
    return x.astype(np.float32), crop.astype(np.int64)


class CropNet(nn.Module):
    def __init__(self, hidden=64, dropout=0.15):
        super().__init__()
        self.fc1 = nn.Linear(7, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, len(CROPS))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = torch.tanh(self.fc1(x))
        x = self.dropout(x)
        x = torch.tanh(self.fc2(x))
        return self.out(x)


x, y = load_fields(3000)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=SEED, stratify=y)

net = NeuralNetClassifier(
    CropNet,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=4e-3,
    max_epochs=25,
    batch_size=48,
    iterator_train__shuffle=True,
    train_split=ValidSplit(5, stratified=True),
    callbacks=[
        ("train_acc", EpochScoring("accuracy", on_train=True, name="train_acc", lower_is_better=False)),
        ("lr", LRScheduler(policy="StepLR", step_size=10, gamma=0.4)),
    ],
)
pipeline = make_pipeline(StandardScaler(), net)
pipeline.fit(x_train, y_train)

print(classification_report(y_test, pipeline.predict(x_test), target_names=CROPS, digits=3))
