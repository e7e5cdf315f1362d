// GraphRel (Fu et al. 2019) on WebNLG: F1 42.9; 40.7 without the second phase, which is phases=1.
// variant: star or exact. form: hrl, triples or jsonl. parser: linear_chain, stanza or given.
local lib = import 'lib/interactive.libsonnet';
local joint = import 'lib/joint.libsonnet';

function(
  data='fixtures/nyt10',
  form='hrl',
  variant='star',
  vectors=null,
  dim=100,
  phases=2,
  layers=2,
  parser='stanza',
  stanza='fixtures/tiny_stanza',
  hidden=100,
  relation_weight=1,
  dropout=0.2,
  word_dropout=0.04,
  epochs=30,
  patience=10,
  lr=2e-3,
  seed=13
)
  assert hidden % 2 == 0 : 'hidden is %s; use an even number: each direction of the LSTM has half of it' % hidden;
  local gcn = { layers: layers, normalization: 'mean', directed: true };
  joint.corpus(data, form)
  + lib.input(vectors, dim, word_dropout, { hidden_size: hidden / 2 }, gcn, parser, stanza)
  + lib.training(variant, epochs, patience, lr) + {
  model+: { head: { type: 'graphrel', phases: phases, relation_weight: relation_weight, dropout: dropout } },
  seed: seed,
}
