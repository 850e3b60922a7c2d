"""Where does a name come from? A recurrent cell written out by hand reads it letter by letter."""

import math
import os
import random
import string
import time

import torch
import torch.nn as nn

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

all_letters = string.ascii_lowercase + "'"
n_letters = len(all_letters) + 1  # the last one stands for "nothing more"

SYLLABLES = {
    "italian": ["ros", "bel", "mar", "gio", "lu", "con", "fer", "ra", "cas", "tel", "ni", "vi", "lom", "bar"],
    "scottish": ["mac", "cam", "don", "ken", "fer", "gal", "dun", "ross", "mur", "gil", "lach", "lan", "bar", "ald"],
    "japanese": ["ya", "ma", "mo", "to", "ka", "wa", "ki", "ta", "na", "sa", "shi", "ko", "ha", "mi"],
    "polish": ["kow", "al", "wis", "niew", "lew", "and", "zie", "lin", "maj", "krol", "dab", "row", "mar", "ros"],
    "basque": ["etx", "eber", "ri", "goi", "koa", "iri", "ar", "men", "di", "za", "bal", "lu", "ola", "ber"],
}
ENDINGS = {
    "italian": ["ini", "etti", "one", "ari", "a"],
    "scottish": ["ald", "ray", "son", "ie", "an"],
    "japanese": ["ra", "da", "moto", "shi", "no"],
    "polish": ["ski", "wicz", "czyk", "ak", "ini"],
    "basque": ["aga", "eta", "ain", "a", "uru"],
}
all_categories = list(SYLLABLES)
n_categories = len(all_categories)


def invent(category):
    name = "".join(random.choices(SYLLABLES[category], k=random.choice([1, 2, 2])))
    if random.random() < 0.8:
        name += random.choice(ENDINGS[category])
    if random.random() < 0.15:
        at = random.randrange(len(name))
        name = name[:at] + random.choice(all_letters) + name[at + 1 :]
    return name


def batch_to_tensor(names):
    """letters x names x alphabet, one-hot; short names are filled up in front."""
    longest = max(map(len, names))
    tensor = torch.zeros(longest, len(names), n_letters)
    for j, name in enumerate(names):
        for i, letter in enumerate(name.rjust(longest)):
            tensor[i, j, all_letters.find(letter)] = 1
    return tensor


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, line):
        hidden = torch.zeros(line.size(1), self.hidden_size)
        for letter in line:
            combined = torch.cat((letter, hidden), 1)
            hidden = torch.tanh(self.i2h(combined))
        return self.softmax(self.h2o(hidden))


pairs = [(invent(category), all_categories.index(category)) for category in all_categories for _ in range(440)]
random.shuffle(pairs)
train_pairs, test_pairs = pairs[:1800], pairs[1800:]

n_hidden, n_epochs, batch_size = 96, 22, 15
learning_rate = 0.15
rnn = RNN(n_letters, n_hidden, n_categories)
criterion = nn.NLLLoss()


def train(category_tensor, line_tensor):
    rnn.zero_grad()
    output = rnn(line_tensor)
    loss = criterion(output, category_tensor)
    loss.backward()
    nn.utils.clip_grad_norm_(rnn.parameters(), 1.0)
    for p in rnn.parameters():
        p.data.add_(p.grad.data, alpha=-learning_rate)
    return loss.item()


def test():
    names, categories = zip(*test_pairs, strict=True)
    with torch.no_grad():
        output = rnn(batch_to_tensor(names))
    guess = output.argmax(1)
    loss = criterion(output, torch.tensor(categories)).item()
    return loss, (guess == torch.tensor(categories)).float().mean().item()


def time_since(since):
    s = time.time() - since
    return f"{math.floor(s / 60)}m {s % 60:.0f}s"


start = time.time()
for epoch in range(1, n_epochs + 1):
    random.shuffle(train_pairs)
    current_loss = 0.0
    n_batches = len(train_pairs) // batch_size
    for i in range(n_batches):
        names, categories = zip(*train_pairs[i * batch_size : (i + 1) * batch_size], strict=True)
        current_loss += train(torch.tensor(categories), batch_to_tensor(names))
    learning_rate *= 0.93
    test_loss, accuracy = test()
    print(f"{epoch} ({time_since(start)}) {current_loss / n_batches:.4f} test {test_loss:.4f} right {accuracy:.3f}")
most = max(sum(category == k for _, category in test_pairs) for k in range(n_categories))
print(f"always the same guess: {most / len(test_pairs):.3f}")
