// CasRel (Wei et al. 2020) on NYT, last words of entities: F1 89.6 with BERT, 87.5 in the first version.
// variant: star or exact. form: hrl, triples or jsonl. encoder: words or transformer. subjects: sampled, as in the paper,
// or all. conditioning=concatenated tells subjects of single words from their objects, which the paper's sum does not.
local casrel = import 'lib/casrel.libsonnet';
local joint = import 'lib/joint.libsonnet';

function(
  data='fixtures/nyt10',
  form='hrl',
  variant='star',
  encoder='words',
  vectors=null,
  dim=100,
  transformer='fixtures/tiny_transformer',
  hidden=100,
  subjects='sampled',
  conditioning='sum',
  threshold=0.5,
  dropout=0.1,
  word_dropout=0.04,
  batch=6,
  epochs=100,
  patience=7,
  lr=null,
  seed=13
) joint.corpus(data, form) + casrel.training(variant, encoder, batch, epochs, patience, lr) + {
  model: casrel.input(encoder, vectors, dim, transformer, hidden, dropout, word_dropout) + {
    head: casrel.head(subjects, conditioning, threshold),
  },
  seed: seed,
}
