"""What heads that tag relations token by token share: targets, decoding, oracle."""

import numpy as np
from torch import Tensor

from relx.data.batch import Batch
from relx.data.example import Entity, Example
from relx.heads.entity_tags import EntityTags
from relx.heads.head import Head, Scores, Targets
from relx.heads.joint_tags import JointTags
from relx.heads.prediction import prediction
from relx.heads.tagging import best_tags, certain, tagging_loss


class JointTaggingHead(Head):
    """Scores ``joint`` [batch, length, joint tags] and, where there are entity tags, ``entity``; both are logits."""

    joint_tags: JointTags
    entity_tags: EntityTags | None = None

    def targets(self, example: Example) -> Targets:
        """``joint_tags`` [length], ``joint_kept`` [] and, where there are entity tags, ``entity_tags`` [length]."""
        joint = self.joint_tags.write(example)
        arrays = {"joint_tags": joint.tags, "joint_kept": np.array(joint.kept)}
        if self.entity_tags is not None:
            arrays["entity_tags"] = self.entity_tags.write(example)
        return Targets(arrays, joint.lost)

    def joint_loss(self, scores: Scores, batch: Batch, outside_weight: float = 1.0) -> Tensor:
        """Cross entropy of the joint tags, summed over tokens, averaged over sentences."""
        kept = batch.mask & batch["joint_kept"].unsqueeze(1)
        return tagging_loss(scores["joint"], batch["joint_tags"], kept, outside_weight)

    def decode(self, scores: Scores, batch: Batch) -> list[Example]:
        """Entities from the entity tags and from the relations' mentions, relations from the joint tags."""
        relations = map(self.joint_tags.read, *best_tags(scores["joint"], batch.mask))
        return list(map(prediction, batch.examples, self._entities(scores, batch), relations))

    def oracle(self, batch: Batch) -> Scores:
        """Logits that leave no doubt of the target tags."""
        scores = {"joint": certain(batch["joint_tags"], self.joint_tags.size)}
        if self.entity_tags is not None:
            scores["entity"] = certain(batch["entity_tags"], self.entity_tags.scheme.size)
        return scores

    def _entities(self, scores: Scores, batch: Batch) -> list[list[Entity]]:
        if self.entity_tags is None:
            return [[] for _ in batch.examples]
        return list(map(self.entity_tags.read, *best_tags(scores["entity"], batch.mask)))
