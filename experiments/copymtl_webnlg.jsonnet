// CopyMTL (Zeng et al. 2020) on WebNLG: F1 56.4 with a decoder for each triple, 58.9 with one decoder for all, which is
// head=copymtl_one. variant: exact, whole mentions, or star, the last word of each. form: hrl, triples or jsonl.
// CopyMTL feeds its decoders what they wrote themselves, in training too (feed=own).
local lib = import 'lib/interactive.libsonnet';
local joint = import 'lib/joint.libsonnet';

function(
  data='fixtures/nyt10',
  form='hrl',
  variant='exact',
  vectors=null,
  dim=100,
  head='copymtl_multi',
  hidden=100,
  decoders=5,
  feed='gold',
  dropout=0.2,
  word_dropout=0.04,
  epochs=30,
  patience=10,
  lr=2e-3,
  seed=13
) joint.corpus(data, form)
  + lib.input(vectors, dim, word_dropout, { hidden_size: hidden, directions: 'averaged' })
  + lib.training(variant, epochs, patience, lr) + {
  model+: { head: lib.head(head, decoders, feed, dropout) },
  seed: seed,
}
