// The bidirection-interactive Seq2Seq model and the baselines of its table.
local joint = import 'joint.libsonnet';

local one = { weights: 'shared', start: 'carried' };
local copyre = { interactive_layer: false, attention: 'linear', copy_score: 'linear', allow_self: false };
// What CopyRE's public code does beyond its paper; docs/fidelity.md lists what is left out.
local copyre_code = copyre + {
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

{
  // The given bidirectional LSTM over word vectors, and a GCN over dependency trees if the settings of one are given.
  // parser: 'linear_chain', 'stanza' with the models of a folder, or 'given' by the data.
  input(vectors, dim, word_dropout, lstm, gcn=null, parser=null, stanza=null): {
    local sequence = { type: 'lstm' } + lstm,
    [if gcn != null then 'dependency_parser']: joint.choose('parser', parser, {
      linear_chain: { type: 'linear_chain' },
      given: { type: 'given' },
      stanza: { type: 'stanza', model_dir: stanza },
    }),
    model+: {
      embedder: joint.words(vectors, dim) + { dim: dim, dropout: 0.1, word_dropout: word_dropout },
      encoder: if gcn == null then sequence else { type: 'compose', encoders: [sequence, { type: 'gcn' } + gcn] },
    },
  },

  // The model itself, or a system with one or several decoders: CopyRE, whose copy score is linear, or CopyMTL.
  // Each decoder of CopyRE's MultiDecoder owns all its weights, each of CopyMTL's its LSTM cells only.
  // interactive and tagger are variables of the model itself: by default it has an interactive layer and no tagger.
  head(name, decoders, teacher_forcing, dropout, interactive=null, tagger=null, weights=null):
    local baseline = joint.refuse('head=' + name, { interactive: interactive, tagger: tagger });
    joint.choose('head', name, {
      interactive: { interactive_layer: true, tagger: false, weights: 'shared' }
                   + joint.given({ interactive_layer: interactive, tagger: tagger }),
      copyre_one: baseline + copyre + one,
      copyre_multi: baseline + copyre + { weights: 'separate' },
      copyre_one_code: baseline + copyre_code + one,
      copyre_multi_code: baseline + copyre_code + { weights: 'separate', restart: true },
      copymtl_one: baseline + copymtl + one,
      copymtl_multi: baseline + copymtl + { weights: 'cells' },
    }) + { type: 'interactive', decoders: decoders, dropout: dropout } + joint.given({ teacher_forcing: teacher_forcing, weights: weights }),

  // variant: 'star', the data that marks the last word of each mention, or 'exact', the data that marks all of it.
  training(variant, epochs, patience, lr): {
    data_loader: { batch_size: 50 },
    trainer: { epochs: epochs, patience: patience, optimizer: { type: 'adam', lr: lr }, grad_norm: 5 },
    protocols: joint.choose('variant', variant, {
      star: ['last_word', 'exact_span'],
      exact: ['exact_span', 'last_word'],
    }),
  },
}
