"""Order the hotels of a search so that the ones people would book come first: listwise learning to rank."""

import argparse
import copy
import os

import numpy as np
import torch
from sklearn.metrics import ndcg_score
from torch import nn

FEATURES = ["log_price", "stars", "guest_score", "log_reviews", "km_to_centre", "breakfast", "pool", "refundable"]


def make_searches(n_searches, rng):
    """Each search: its hotels' features [n, 8 + 3 about the traveller] and their relevance, 0 to 4."""
    searches = []
    for _ in range(n_searches):
        n = int(rng.integers(12, 26))
        purse, family, business = rng.normal(0, 1), float(rng.random() < 0.35), float(rng.random() < 0.4)
        stars = rng.integers(1, 6, n).astype(float)
        score = np.clip(6.2 + 0.5 * stars + rng.normal(0, 0.8, n), 2, 10)
        reviews = rng.lognormal(4.5, 1.2, n)
        km = rng.gamma(2, 1.8, n)
        breakfast, refundable = rng.random(n) < 0.5, rng.random(n) < 0.6
        pool = rng.random(n) < 0.1 + 0.12 * stars
        log_price = 3.3 + 0.28 * stars + 0.1 * (score - 7) - 0.04 * km + rng.normal(0, 0.3, n)
        wish = (
            -1.4 * np.abs(log_price - (4.1 + 0.35 * purse))
            + 0.6 * (score - 7.5) * np.tanh(reviews / 80)
            - (0.15 + 0.4 * business) * km
            + 0.9 * family * pool
            + 0.3 * breakfast
            + 0.5 * business * refundable
            + rng.normal(0, 0.5, n)
        )
        edges = [0.0, 0.9, 1.7, 2.4]
        relevance = np.digitize(wish - np.median(wish), edges)
        hotel = np.stack([log_price, stars, score, np.log(reviews), km, breakfast, pool, refundable], axis=1)
        traveller = np.tile([purse, family, business], (n, 1))
        searches.append((np.hstack([hotel, traveller]), relevance))
    return searches


def standardise(searches, mean, std):
    return [
        (torch.tensor((x - mean) / std, dtype=torch.float32), torch.tensor(rel, dtype=torch.float32))
        for x, rel in searches
    ]


class Scorer(nn.Module):
    def __init__(self, n_features, hidden):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_features, hidden),
            nn.ELU(),
            nn.Linear(hidden, hidden),
            nn.ELU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, hotels):
        return self.net(hotels)


def listwise_loss(scores, relevance):
    """Cross entropy between the order wanted and the order given."""
    wanted = torch.softmax(relevance, dim=0)
    given = torch.log_softmax(scores.squeeze(-1), dim=0)
    return -(wanted * given).sum()


def mean_ndcg(model, searches, k=5):
    model.eval()
    values = []
    with torch.no_grad():
        for hotels, relevance in searches:
            scores = model(hotels).squeeze(-1)
            values.append(ndcg_score([relevance.numpy()], [np.nan_to_num(scores.numpy())], k=k))
    return float(np.mean(values))


def mean_loss(model, searches):
    with torch.no_grad():
        return float(np.mean([listwise_loss(model(hotels), relevance).item() for hotels, relevance in searches]))


def get_args():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--epochs", type=int, default=16)
    p.add_argument("--searches-per-step", type=int, default=8)
    p.add_argument("--lr", type=float, default=0.08)
    p.add_argument("--hidden", type=int, default=64)
    p.add_argument("--patience", type=int, default=4)
    return p.parse_args()


def main():
    args = get_args()
    seed = int(os.environ.get("SEED", "0"))
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    train, valid, test = (make_searches(n, rng) for n in (260, 100, 150))
    everything = np.concatenate([x for x, _ in train])
    mean, std = everything.mean(axis=0), everything.std(axis=0)
    train, valid, test = (standardise(part, mean, std) for part in (train, valid, test))

    model = Scorer(train[0][0].shape[1], args.hidden)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
    by_price = np.mean([ndcg_score([rel.numpy()], [-x[:, 0].numpy()], k=5) for x, rel in valid])
    print(f"cheapest first: NDCG@5 {by_price:.4f}; before training: {mean_ndcg(model, valid):.4f}")

    best, best_state, waited = -1.0, None, 0
    for epoch in range(args.epochs):
        model.train()
        order = torch.randperm(len(train)).tolist()
        running = 0.0
        optimizer.zero_grad()
        for step, i in enumerate(order, start=1):
            hotels, relevance = train[i]
            loss = listwise_loss(model(hotels), relevance)
            (loss / args.searches_per_step).backward()
            running += loss.item()
            if step % args.searches_per_step == 0:
                optimizer.step()
                optimizer.zero_grad()
        ndcg = mean_ndcg(model, valid)
        print(f"{epoch:2d}: train {running / len(train):.4f}, valid {mean_loss(model, valid):.4f}, NDCG@5 {ndcg:.4f}")
        if ndcg > best:
            best, best_state, waited = ndcg, copy.deepcopy(model.state_dict()), 0
        else:
            waited += 1
            if waited == args.patience:
                break

    model.load_state_dict(best_state)
    print(f"best NDCG@5 {best:.4f}; restored {mean_ndcg(model, valid):.4f}; test {mean_ndcg(model, test):.4f}")


if __name__ == "__main__":
    main()
