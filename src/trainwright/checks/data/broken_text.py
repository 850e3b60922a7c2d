"""TW124 broken-text."""

from __future__ import annotations

from collections.abc import Iterator

from trainwright.clinic import data_faults, training_benches
from trainwright.core import CannotEvaluate, Case, Check, Evidence, Finding, Fix, Severity
from trainwright.measures.batches import TokenUse

FEWEST_TOKENS = 500
FEWEST_ROWS = 32
MOST_DISTINCT = 4
"""Padding, unknown, beginning and end: what is left of a text when no word was found."""


class BrokenText(Check):
    """The text that enters the network consists of a few special tokens only.

    What it finds:
        A vocabulary in which none of the words is found, so that everything becomes the unknown token: another spelling
        or case, another tokenizer than the one the vocabulary came from.

    Why it hurts:
        All texts look alike but for their length; nothing else can be learnt from them.

    How it is measured:
        Token numbers in the training batches that were looked at: at most 4 different ones among 500 or more, although
        the embedding table has 32 rows or more.

    How to fix:
        Print a batch, and decode it back to words.

    References:
        Karpathy, A Recipe for Training Neural Networks: decode what enters the network.
    """

    code = "TW124"
    name = "broken-text"
    severity = Severity.ERROR
    cases = (Case(training_benches.letters_bag, data_faults.words_not_found),)

    def run(self, use: TokenUse) -> Iterator[Finding]:
        if use.n_tokens < FEWEST_TOKENS or use.n_rows < FEWEST_ROWS:
            raise CannotEvaluate(f"{use.n_tokens} tokens for {use.n_rows} rows of an embedding say too little")
        if use.n_distinct > MOST_DISTINCT:
            return
        yield self.finding(
            happened=f"{use.n_tokens} tokens entered the model in the batches looked at, and only {use.n_distinct} "
            f"different ones; its embedding table has {use.n_rows} rows.",
            expected=f"More than {MOST_DISTINCT} different tokens in a text.",
            todo="Print a batch and decode it back to words: most likely no word is found in the vocabulary.",
            evidence=(Evidence("different tokens", use.n_distinct, limit=MOST_DISTINCT, unit="tokens"),),
            fixes=(
                Fix(
                    "Look words up as they were stored",
                    instruction="Use the same case, splitting and tokenizer for the vocabulary and for the text.",
                ),
            ),
            confidence=0.95,
            why_confident="Counted in what entered the model; no language gets by with so few words.",
        )
