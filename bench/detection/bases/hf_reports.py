"""Weather reports, word by word: a small GPT-2 from a configuration, with padding left out of the loss."""

import math
import os
import random
import tempfile
from collections import Counter

import torch
from torch.utils.data import Dataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed

SEED = int(os.environ.get("SEED", "0"))
set_seed(SEED)
torch.set_num_threads(1)
rng = random.Random(SEED)

REGIONS = {"coast": "boats", "hills": "walkers", "city": "cyclists", "valley": "farmers", "islands": "ferries"}
SKIES = {
    "rain": (["heavy rain", "showers", "steady rain"], ["take a coat", "keep an umbrella at hand"]),
    "snow": (["light snow", "drifting snow"], ["clear the steps", "drive with care"]),
    "sun": (["clear skies", "long sunny spells", "bright sun"], ["wear a hat", "drink enough water"]),
    "fog": (["thick fog", "patches of fog"], ["switch on the lights", "drive with care"]),
}
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()


def report():
    sky = rng.choice(list(SKIES))
    region = rng.choice(list(REGIONS))
    seen, advice = (rng.choice(options) for options in SKIES[sky])
    today = rng.randrange(7)
    text = f"on {DAYS[today]} the {region} will see {seen}"
    if rng.random() < 0.5:
        text += (
            f" with {rng.choice(['weak', 'fresh', 'strong'])} wind from the {rng.choice(['north', 'west', 'south'])}"
        )
    text += f" . {REGIONS[region]} should {advice} . more on {DAYS[(today + 1) % 7]}"
    return text.split()


reports = [report() for _ in range(1200)]
train_reports, eval_reports = reports[:1000], reports[1000:]
words = sorted({word for words in train_reports for word in words})
vocab = {"<pad>": 0, "<bos>": 1, "<eos>": 2, **{word: i + 3 for i, word in enumerate(words)}}


class Reports(Dataset):
    def __init__(self, reports):
        self.ids = [[1] + [vocab[word] for word in words] + [2] for words in reports]

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, index):
        return {"input_ids": self.ids[index]}


def collate(items):
    longest = max(len(item["input_ids"]) for item in items)
    input_ids = torch.zeros(len(items), longest, dtype=torch.long)
    attention_mask = torch.zeros(len(items), longest, dtype=torch.long)
    for row, item in enumerate(items):
        n = len(item["input_ids"])
        input_ids[row, :n] = torch.tensor(item["input_ids"])
        attention_mask[row, :n] = 1
    labels = input_ids.masked_fill(attention_mask == 0, -100)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}


def best_words(logits, _):
    return logits.argmax(dim=-1)


def compute_metrics(prediction):
    guess, labels = prediction.predictions[:, :-1], prediction.label_ids[:, 1:]
    counted = labels != -100
    return {"next_word": float((guess == labels)[counted].mean())}


counts = Counter(word for words in train_reports for word in [*words, "<eos>"])
total = sum(counts.values())
print(f"perplexity of single words: {math.exp(-sum(c / total * math.log(c / total) for c in counts.values())):.1f}")

config = GPT2Config(
    vocab_size=len(vocab),
    n_positions=40,
    n_embd=48,
    n_layer=2,
    n_head=4,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)
model = GPT2LMHeadModel(config)

with tempfile.TemporaryDirectory() as folder:
    args = TrainingArguments(
        output_dir=folder,
        num_train_epochs=4,
        per_device_train_batch_size=16,
        per_device_eval_batch_size=100,
        learning_rate=4e-3,
        lr_scheduler_type="cosine",
        warmup_steps=20,
        weight_decay=0.01,
        eval_strategy="epoch",
        logging_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        seed=SEED,
    )
    trainer = Trainer(
        model=model,
        args=args,
        data_collator=collate,
        train_dataset=Reports(train_reports),
        eval_dataset=Reports(eval_reports),
        compute_metrics=compute_metrics,
        preprocess_logits_for_metrics=best_words,
    )
    trainer.train()
    scores = trainer.evaluate()
    print(f"perplexity {math.exp(min(scores['eval_loss'], 50)):.2f}, next word right {scores['eval_next_word']:.3f}")

start = torch.tensor([[1, vocab["on"], vocab["friday"]]])
told = model.eval().generate(start, attention_mask=torch.ones_like(start), max_length=30, do_sample=False)
names = {i: word for word, i in vocab.items()}
print(" ".join(names[i] for i in told[0].tolist()))
