// GraphRel (Fu et al. 2019) on WebNLG: F1 42.9; 40.7 without the second phase, which is phases=1.
//
// variant  star, for data that marks the last word of each mention, or exact, for data that marks whole mentions
// parser   stanza, with the models of the folder stanza, given by the data, or linear_chain
// hidden   the units of the LSTM, half of them in each direction
local corpora = import 'relx/corpora.libsonnet';

function(
  data=corpora.samples + '/nyt10',
  format='hrl',
  variant='star',
  vectors=null,
  dim=100,
  phases=2,
  parser='stanza',
  stanza=corpora.samples + '/tiny_stanza',
  hidden=100,
  dropout=0.2,
  word_dropout=0.04,
  epochs=30,
  patience=10,
  lr=2e-3,
  hard_negatives=false,
  seed=13
)
  assert hidden % 2 == 0 : 'hidden is %s; use an even number: each direction of the LSTM has half of it' % hidden;
  corpora.read(data, format) + {
    dependency_parser: corpora.choose('parser', parser, {
      stanza: { type: 'stanza', model_dir: stanza },
      given: { type: 'given' },
      linear_chain: { type: 'linear_chain' },
    }),
    model: {
      embedder: { type: 'words', vectors: vectors, dim: dim, dropout: 0.1, word_dropout: word_dropout },
      encoder: {
        type: 'compose',
        encoders: [
          { type: 'lstm', hidden_size: hidden / 2 },
          { type: 'gcn', layers: 2, normalization: 'mean', directed: true },
        ],
      },
      head: { type: 'graphrel', phases: phases, relation_weight: 1, dropout: dropout },
    },
    data_loader: { batch_size: 50 },
    trainer: { epochs: epochs, patience: patience, optimizer: { type: 'adam', lr: lr }, grad_norm: 5 },
    protocols: corpora.choose('variant', variant, {
      star: ['last_word', 'exact_span'],
      exact: ['exact_span', 'last_word'],
    }),
    hard_negatives: hard_negatives,
    seed: seed,
  }
