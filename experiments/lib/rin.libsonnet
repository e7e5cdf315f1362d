// RIN's two versions and the baselines of its paper, with the settings of Sun et al. (2020), section 5.1.
local joint = import 'joint.libsonnet';

local signals = ['relations', 'entities', 'words'];
local scorers = { rin: 'additive', rin_v2: 'relu_sum', bilstm_s: 'additive', bilstm: 'additive' };

{
  // H. encoder: 'words', 100 dimensions of a bidirectional LSTM over word vectors, or 'transformer', its word vectors as
  // they are. pos adds 10 dimensions for the part of speech: 'given' by the data, or by 'stanza', its models in a folder.
  input(encoder, vectors, dim, transformer, pos, stanza, word_dropout):
    local word = joint.choose('encoder', encoder, {
      words: joint.words(vectors, dim) + { dim: dim, dropout: 0.1, word_dropout: word_dropout },
      transformer: { type: 'transformer', model: transformer, dropout: 0.1 },
    });
    {
      [if pos != null then 'pos_tagger']: joint.choose('pos', pos, {
        given: { type: 'given' },
        stanza: { type: 'stanza', model_dir: stanza },
      }),
      model+: {
        embedder: if pos == null then word else {
          type: 'concatenated',
          embedders: [word, { type: 'tags', dim: 10, dropout: 0.1 }],
        },
        [if encoder == 'words' then 'encoder']: { type: 'lstm', hidden_size: 50 },
      },
    },

  // name: 'rin', 'rin_v2', or a baseline of Table 1, 'bilstm' or 'bilstm_s' (which is -INT of Table 5).
  // without: the input of INT that is left out, if any. scorer: null is that of the version's paper.
  head(name, rounds, updater, without, scorer, bias, anchor): joint.choose('head', name, {
    rin: {
      type: 'rin',
      rounds: rounds,
      updater: updater,
      interaction: if without != null then joint.choose('without', without, {
        [left_out]: std.filter(function(signal) signal != left_out, signals)
        for left_out in signals
      }),
    },
    rin_v2: { type: 'rin_v2', rounds: rounds },
    bilstm_s: { type: 'rin', rounds: 0 },
    bilstm: { type: 'rin', rounds: 0, projections: false },
  }) + { pair_scorer: { type: if scorer != null then scorer else scorers[name], bias: bias }, anchor: anchor },

  // variant: 'star', the data that marks the last word of each mention, or 'exact', the data that marks all of it.
  training(variant, encoder, epochs, patience, lr, transformer_lr): {
    data_loader: { batch_size: 50 },
    trainer: {
      epochs: epochs,
      patience: patience,
      optimizer: { type: 'adam', lr: lr },
      grad_norm: 5,
      [if encoder == 'transformer' then 'parameter_groups']: { '\\.transformer\\.': { lr: transformer_lr } },
    },
    protocols: joint.choose('variant', variant, {
      star: ['last_word', 'exact_span'],
      exact: ['exact_span', 'last_word'],
    }),
  },
}
