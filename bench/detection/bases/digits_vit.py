"""A small vision transformer from scratch on the 8x8 digits; an average of the weights is what gets evaluated."""

import copy
import math
import os
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


@dataclass
class Config:
    image_size: int = 8
    patch_size: int = 2
    dim: int = 48
    depth: int = 2
    heads: int = 4
    mlp_ratio: int = 2
    dropout: float = 0.05
    num_classes: int = 10
    batch_size: int = 64
    epochs: int = 11
    lr: float = 4e-3
    weight_decay: float = 0.05
    warmup_steps: int = 30
    ema_decay: float = 0.97
    seed: int = int(os.environ.get("SEED", "0"))


class PatchEmbed(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.patch = cfg.patch_size
        self.proj = nn.Linear(cfg.patch_size**2, cfg.dim)

    def forward(self, x):
        # (B, 1, H, W) -> (B, N, patch * patch)
        b, c, h, w = x.shape
        p = self.patch
        x = x.reshape(b, c, h // p, p, w // p, p)
        x = x.permute(0, 2, 4, 3, 5, 1).reshape(b, (h // p) * (w // p), p * p * c)
        return self.proj(x)


class Attention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.heads = cfg.heads
        self.scale = (cfg.dim // cfg.heads) ** -0.5
        self.to_qkv = nn.Linear(cfg.dim, cfg.dim * 3, bias=False)
        self.to_out = nn.Linear(cfg.dim, cfg.dim)
        self.drop = nn.Dropout(cfg.dropout)

    def forward(self, x):
        b, n, d = x.shape
        qkv = self.to_qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        attn = (q @ k.transpose(-2, -1)) * self.scale
        attn = self.drop(attn.softmax(dim=-1))
        out = (attn @ v).transpose(1, 2).reshape(b, n, d)
        return self.to_out(out)


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.norm1 = nn.LayerNorm(cfg.dim)
        self.attn = Attention(cfg)
        self.norm2 = nn.LayerNorm(cfg.dim)
        self.mlp = nn.Sequential(
            nn.Linear(cfg.dim, cfg.dim * cfg.mlp_ratio),
            nn.GELU(),
            nn.Dropout(cfg.dropout),
            nn.Linear(cfg.dim * cfg.mlp_ratio, cfg.dim),
        )

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return x


class ViT(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        num_patches = (cfg.image_size // cfg.patch_size) ** 2
        self.patch_embed = PatchEmbed(cfg)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, cfg.dim))
        self.pos_embed = nn.Parameter(torch.randn(1, num_patches + 1, cfg.dim) * 0.1)
        self.blocks = nn.ModuleList([Block(cfg) for _ in range(cfg.depth)])
        self.norm = nn.LayerNorm(cfg.dim)
        self.head = nn.Linear(cfg.dim, cfg.num_classes)

    def forward(self, x):
        x = self.patch_embed(x)
        cls = self.cls_token.expand(x.shape[0], -1, -1)
        x = torch.cat([cls, x], dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x[:, 0]))


class EMA:
    def __init__(self, model, decay):
        self.model = copy.deepcopy(model).eval()
        self.decay = decay
        for p in self.model.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for averaged, p in zip(self.model.parameters(), model.parameters(), strict=True):
            averaged.mul_(self.decay).add_(p, alpha=1 - self.decay)


def load_data(cfg):
    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        digits.images, digits.target, test_size=0.2, stratify=digits.target, random_state=cfg.seed
    )
    x_train = torch.tensor(x_train, dtype=torch.float32).unsqueeze(1) / 16
    x_test = torch.tensor(x_test, dtype=torch.float32).unsqueeze(1) / 16
    mean, std = x_train.mean(), x_train.std()
    x_train, x_test = (x_train - mean) / std, (x_test - mean) / std
    return x_train, torch.tensor(y_train), x_test, torch.tensor(y_test)


def build_optimizer(model, cfg):
    decay = [p for p in model.parameters() if p.ndim == 2]
    no_decay = [p for p in model.parameters() if p.ndim != 2]
    groups = [{"params": decay, "weight_decay": cfg.weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=cfg.lr, betas=(0.9, 0.98))


@torch.no_grad()
def evaluate(model, x, y):
    model.eval()
    logits = model(x)
    return F.cross_entropy(logits, y).item(), (logits.argmax(-1) == y).float().mean().item()


def train(cfg):
    torch.manual_seed(cfg.seed)
    torch.set_num_threads(1)
    x_train, y_train, x_test, y_test = load_data(cfg)
    model = ViT(cfg)
    ema = EMA(model, cfg.ema_decay)
    optimizer = build_optimizer(model, cfg)
    steps_per_epoch = math.ceil(len(x_train) / cfg.batch_size)
    total_steps = cfg.epochs * steps_per_epoch

    def lr_lambda(step):
        if step < cfg.warmup_steps:
            return (step + 1) / cfg.warmup_steps
        progress = (step - cfg.warmup_steps) / (total_steps - cfg.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * progress))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda)

    for epoch in range(cfg.epochs):
        model.train()
        train_loss = 0.0
        perm = torch.randperm(len(x_train))
        for i in range(steps_per_epoch):
            idx = perm[i * cfg.batch_size : (i + 1) * cfg.batch_size]
            logits = model(x_train[idx])
            loss = F.cross_entropy(logits, y_train[idx])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            ema.update(model)
            train_loss += loss.item() * len(idx)
        test_loss, test_acc = evaluate(ema.model, x_test, y_test)
        lr = scheduler.get_last_lr()[0]
        print(
            f"epoch {epoch + 1}: train loss {train_loss / len(x_train):.4f},"
            f" test loss {test_loss:.4f}, test acc {100 * test_acc:.2f}%, lr {lr:.2e}"
        )
    return ema.model


if __name__ == "__main__":
    train(Config())
