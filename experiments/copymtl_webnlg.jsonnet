// CopyMTL (Zeng et al. 2020) on WebNLG: F1 56.4 with a decoder for each triple, 58.9 with one decoder for all, which
// is head=copymtl_one. CopyMTL feeds its decoders their own predictions, in training too.
//
// variant          exact, for data that marks whole mentions, or star, for data that marks the last word of each
// gcn              true adds a GCN, which reads the trees of parser: stanza, with the models of the folder stanza,
//                  given by the data, or linear_chain, in place of a parse
// weights          shared by all decoders, separate, or separate cells; by default cells, shared in copymtl_one
// teacher_forcing  whether a step of training reads the gold triple, or else the model's own
local corpora = import 'relx/corpora.libsonnet';

local copymtl = { interactive_layer: false, attention: 'linear', tagger: true, teacher_forcing: false };

function(
  data=corpora.samples + '/nyt10',
  format='hrl',
  variant='exact',
  vectors=null,
  dim=100,
  head='copymtl_multi',
  gcn=false,
  parser='stanza',
  stanza=corpora.samples + '/tiny_stanza',
  hidden=100,
  weights=null,
  teacher_forcing=null,
  dropout=0.2,
  word_dropout=0.04,
  epochs=30,
  patience=10,
  lr=2e-3,
  hard_negatives=false,
  seed=13
)
  local lstm = { type: 'lstm', hidden_size: hidden, directions: 'averaged' };
  corpora.read(data, format) + {
    [if gcn then 'dependency_parser']: corpora.choose('parser', parser, {
      stanza: { type: 'stanza', model_dir: stanza },
      given: { type: 'given' },
      linear_chain: { type: 'linear_chain' },
    }),
    model: {
      embedder: { type: 'words', vectors: vectors, dim: dim, dropout: 0.1, word_dropout: word_dropout },
      encoder: if !gcn then lstm else { type: 'compose', encoders: [lstm, { type: 'gcn', layers: 1, residual: true }] },
      head: corpora.choose('head', head, {
        copymtl_one: copymtl { weights: 'shared', start: 'carried' },
        copymtl_multi: copymtl { weights: 'cells' },
      }) + { type: 'interactive', decoders: 5, dropout: dropout }
      + std.prune({ weights: weights, teacher_forcing: teacher_forcing }),
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
