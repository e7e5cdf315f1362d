// CasRel (Wei et al. 2020) on WebNLG, last words of entities: F1 91.8 with BERT, 88.8 in the first version.
// variant: star or exact. form: hrl, triples or jsonl. encoder: words or transformer. subjects: sampled, as in the paper,
// or all. conditioning=concatenated tells subjects of single words from their objects, which the paper's sum does not.
// frozen=true does not train the transformer; pooling and layers: docs/embedders.md. hidden: of the LSTM over words.
local casrel = import 'lib/casrel.libsonnet';
local joint = import 'lib/joint.libsonnet';

function(
  data='fixtures/nyt10',
  form='hrl',
  variant='star',
  encoder='words',
  vectors=null,
  dim=null,
  transformer=null,
  frozen=null,
  pooling=null,
  layers=null,
  hidden=null,
  subjects='sampled',
  conditioning='sum',
  threshold=0.5,
  dropout=0.1,
  word_dropout=null,
  batch=6,
  epochs=100,
  patience=7,
  lr=null,
  seed=13
) joint.corpus(data, form) + casrel.training(variant, encoder, frozen, batch, epochs, patience, lr) + {
  local words = { vectors: vectors, dim: dim, word_dropout: word_dropout },
  local pretrained = { transformer: transformer, frozen: frozen, pooling: pooling, layers: layers },
  model: casrel.input(encoder, words, pretrained, hidden, dropout) + {
    head: casrel.head(subjects, conditioning, threshold),
  },
  seed: seed,
}
