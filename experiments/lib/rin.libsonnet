// RIN's two versions and the baselines of its paper, with the settings of Sun et al. (2020), section 5.1.
local joint = import 'joint.libsonnet';

local signals = ['relations', 'entities', 'words'];
local scorers = { rin: 'decomposed', rin_v2: 'concat_mlp', bilstm_s: 'decomposed', bilstm: 'decomposed' };

// What a round does. Without rounds there is none, and a linear updater sees nothing of what the tasks have in common.
local round(rounds, updater, without) =
  (if rounds == 0 then joint.refuse('rounds=0', { updater: updater, without: without }) else {})
  + (if updater == 'linear' then joint.refuse('updater=linear', { without: without }) else {})
  + joint.given({ updater: updater })
  + if without == null then {} else {
    interaction: joint.choose('without', without, {
      [left_out]: std.filter(function(signal) signal != left_out, signals)
      for left_out in signals
    }),
  };

{
  // H. encoder: 'words', dim dimensions (100) of a bidirectional LSTM over word vectors, or 'transformer', its word
  // vectors as they are. pos adds 10 dimensions for the part of speech.
  input(encoder, words, pretrained, pos, stanza):
    local all_words = words { dim: if encoder == 'words' && words.dim == null then 100 else words.dim };
    local word = joint.embedder(encoder, all_words, pretrained, 0.1);
    {
      [if pos != null then 'pos_tagger']: joint.choose('pos', pos, {
        given: { type: 'given' },
        stanza: { type: 'stanza', model_dir: stanza },
      }),
      model+: (if pos == 'stanza' then {} else joint.refuse('pos=%s' % pos, { stanza: stanza })) + {
        embedder: if pos == null then word else {
          type: 'concatenated',
          embedders: [word, { type: 'tags', dim: 10, dropout: 0.1 }],
        },
        [if encoder == 'words' then 'encoder']: { type: 'lstm', hidden_size: 50 },
      },
    },

  // usual_rounds: how many there are unless told, by version and variant. The baselines are rounds=0 (bilstm_s, which
  // is -INT of Table 5), and without features for each task in addition (bilstm).
  head(name, variant, usual_rounds, rounds, updater, without, scorer, bias, anchor):
    local published(version) = joint.choose('variant', variant, usual_rounds[version]);
    local refuse(variables) = joint.refuse('head=' + name, variables);
    joint.choose('head', name, {
      rin: round(rounds, updater, without) + {
        type: 'rin',
        rounds: if rounds != null then rounds else published('rin'),
      },
      rin_v2: refuse({ updater: updater, without: without }) + {
        type: 'rin_v2',
        rounds: if rounds != null then rounds else published('rin_v2'),
      },
      bilstm_s: refuse({ rounds: rounds, updater: updater, without: without }) + { type: 'rin', rounds: 0 },
      bilstm: self.bilstm_s + { projections: false },
    }) + { pair_scorer: { type: if scorer != null then scorer else scorers[name], bias: bias }, anchor: anchor },

  // variant: 'star', the data that marks the last word of each mention, or 'exact', the data that marks all of it.
  // A transformer is trained at the same rate as the rest, unless transformer_lr says otherwise.
  training(variant, encoder, pretrained, epochs, patience, lr, batch): {
    data_loader: { batch_size: batch },
    trainer: {
      epochs: epochs,
      patience: patience,
      optimizer: { type: 'adam', lr: lr },
      grad_norm: 5,
    } + joint.tuned(encoder, pretrained, lr),
    protocols: joint.choose('variant', variant, {
      star: ['last_word', 'exact_span'],
      exact: ['exact_span', 'last_word'],
    }),
  },
}
