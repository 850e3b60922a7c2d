"""Fields of papers from their words and their citations: a graph convolutional network on a dense adjacency matrix."""

import math
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parameter import Parameter

SEED = int(os.environ.get("SEED", "0"))
FIELDS, PAPERS, WORDS = 5, 900, 300
HIDDEN, DROPOUT, LR, WEIGHT_DECAY, EPOCHS = 32, 0.5, 0.02, 5e-4, 100


def load_data():
    rng = np.random.default_rng(SEED)
    labels = rng.integers(0, FIELDS, PAPERS)
    same = labels[:, None] == labels[None, :]
    popular = rng.pareto(2.5, PAPERS) + 0.4
    odds = np.where(same, 0.011, 0.0012) * np.minimum(popular[:, None] * popular[None, :], 6.0)
    cites = np.triu(rng.random((PAPERS, PAPERS)) < odds, 1)
    cites = cites | cites.T
    topic_words = rng.dirichlet(np.full(WORDS, 0.25), FIELDS)
    common = rng.dirichlet(np.full(WORDS, 0.5))
    features = np.zeros((PAPERS, WORDS))
    for i, label in enumerate(labels):
        mixture = 0.3 * topic_words[label] + 0.7 * common
        features[i, rng.choice(WORDS, size=rng.integers(8, 25), p=mixture)] = 1.0
    order = rng.permutation(PAPERS)
    idx_train, idx_val, idx_test = order[:200], order[200:500], order[500:]
    return (
        normalize_adj(torch.tensor(cites, dtype=torch.float32)),
        normalize_features(torch.tensor(features, dtype=torch.float32)),
        torch.tensor(labels),
        torch.tensor(idx_train),
        torch.tensor(idx_val),
        torch.tensor(idx_test),
    )


def normalize_adj(adj):
    """D^-1/2 (A + I) D^-1/2"""
    adj = adj + torch.eye(len(adj))
    d_inv_sqrt = adj.sum(1).pow(-0.5)
    return d_inv_sqrt[:, None] * adj * d_inv_sqrt[None, :]


def normalize_features(features):
    return features / features.sum(1, keepdim=True).clamp(min=1)


def accuracy(output, labels):
    return (output.argmax(1) == labels).float().mean().item()


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = Parameter(torch.empty(in_features, out_features))
        self.bias = Parameter(torch.empty(out_features))
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        self.bias.data.uniform_(-stdv, stdv)

    def forward(self, x, adj):
        support = torch.mm(x, self.weight)
        return torch.mm(adj, support) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.gc2 = GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.dropout(x, self.dropout, training=self.training)
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        x = self.gc2(x, adj)
        return F.log_softmax(x, dim=1)


torch.manual_seed(SEED)
torch.set_num_threads(1)
adj, features, labels, idx_train, idx_val, idx_test = load_data()
model = GCN(nfeat=features.shape[1], nhid=HIDDEN, nclass=FIELDS, dropout=DROPOUT)
optimizer = torch.optim.Adam(model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)


def train(epoch):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = F.nll_loss(output[idx_train], labels[idx_train])
    acc_train = accuracy(output[idx_train], labels[idx_train])
    loss_train.backward()
    optimizer.step()

    model.eval()
    with torch.no_grad():
        output = model(features, adj)
    loss_val = F.nll_loss(output[idx_val], labels[idx_val]).item()
    acc_val = accuracy(output[idx_val], labels[idx_val])
    print(
        f"Epoch: {epoch + 1:04d} loss_train: {loss_train.item():.4f} acc_train: {acc_train:.4f} "
        f"loss_val: {loss_val:.4f} acc_val: {acc_val:.4f}"
    )


def test():
    model.eval()
    with torch.no_grad():
        output = model(features, adj)
    loss_test = F.nll_loss(output[idx_test], labels[idx_test]).item()
    print(f"Test set results: loss= {loss_test:.4f} accuracy= {accuracy(output[idx_test], labels[idx_test]):.4f}")


for epoch in range(EPOCHS):
    train(epoch)
test()
