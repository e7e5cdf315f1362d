// The bidirection-interactive Seq2Seq model on WebNLG, last words of entities: Table 1 gives F1 60.2; copyre_one
// 30.5, copyre_multi 37.1, copymtl_one 58.9, copymtl_multi 56.4, all without GCN. graphrel_webnlg.jsonnet has
// GraphRel.
//
// variant          star, for data that marks the last word of each mention, or exact, for data that marks whole
//                  mentions
// head             interactive; CopyRE with one decoder for all triples or one for each (copyre_one, copyre_multi),
//                  and as its public code has them (copyre_one_code, copyre_multi_code; docs/fidelity.md); CopyMTL
//                  (copymtl_one, copymtl_multi)
// interactive      false leaves out the interactive layer
// tagger           true tags whole mentions in the interactive model, for variant=exact
// gcn              whether a GCN reads the trees of parser: stanza, with the models of the folder stanza, given by
//                  the data, or linear_chain, in place of a parse
// residual         each GCN layer adds its input to its output. The paper's does not, but with the plain sum over
//                  neighbors the words to copy are hard to tell apart (docs/results.md)
// weights          shared by all decoders, separate, or separate cells; by default shared, separate in copyre_multi,
//                  cells in copymtl_multi
// teacher_forcing  whether a step of training reads the gold triple, or else the model's own; by default true, but
//                  false in copymtl_* and copyre_*_code
local corpora = import 'relx/corpora.libsonnet';

local copyre = { interactive_layer: false, attention: 'linear', copy_score: 'linear', allow_self: false };
local copyre_code = copyre {
  attention: 'linear_selu',
  copy_score: 'linear_selu',
  allow_self: true,
  zero_own_head: true,
  selu_logits: true,
  teacher_forcing: false,
  na: 'all',
  order: 'data',
};
local copymtl = { interactive_layer: false, attention: 'linear', tagger: true, teacher_forcing: false };
local one_decoder = { weights: 'shared', start: 'carried' };

function(
  data=corpora.samples + '/nyt10',
  format='hrl',
  variant='star',
  vectors=null,
  dim=100,
  head='interactive',
  interactive=true,
  tagger=false,
  gcn=head == 'interactive',
  residual=true,
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
      encoder: if !gcn then lstm else {
        type: 'compose',
        encoders: [lstm, { type: 'gcn', layers: 1, residual: residual }],
      },
      head: corpora.choose('head', head, {
        interactive: { interactive_layer: interactive, tagger: tagger, weights: 'shared' },
        copyre_one: copyre + one_decoder,
        copyre_multi: copyre { weights: 'separate' },
        copyre_one_code: copyre_code + one_decoder,
        copyre_multi_code: copyre_code { weights: 'separate', restart: true },
        copymtl_one: copymtl + one_decoder,
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
