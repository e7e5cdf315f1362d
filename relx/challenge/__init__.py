"""Triples that a sentence does not state: challenges for a trained model, and hard negatives for training."""

from relx.challenge.negatives import hard_negatives
from relx.challenge.report import ChallengeReport, challenge_report

__all__ = ["ChallengeReport", "challenge_report", "hard_negatives"]
