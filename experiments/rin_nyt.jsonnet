// RIN (Sun et al. 2020) on NYT, last words of entities: Table 1 gives F1 81.5, 82.1 and 82.4 for 1, 3 and 5 rounds,
// BiLSTM 78.2, BiLSTM_s 78.1, and with BERT (encoder=transformer) 87.5 and 87.8 for 1 and 2 rounds. Table 4 gives the
// F1 of entities: 90.1 and 90.9 for 1 and 5 rounds. rin_v2 has 4 rounds, 7 with variant=exact.
//
// variant         star, for data that marks the last word of each mention, or exact, for data that marks whole
//                 mentions
// encoder         words, an LSTM over word vectors, or transformer, whose vectors reach the head as they are
// transformer     the folder of a pretrained encoder, or its name on the hub. frozen=true does not train it
// transformer_lr  its learning rate. If it forgets what it was pretrained to do, use 2e-5
// pos             adds parts of speech: given by the data, or by stanza, with the models of the folder stanza
// head            rin; rin_v2, the version published last; bilstm and bilstm_s, the baselines of Table 1 (bilstm_s is
//                 -INT of Table 5)
// rounds          K (Figure 3)
// updater         gru, the paper's own; torch_gru, which is torch.nn.GRUCell; rnn (Figure 3); linear (-gamma of Table
//                 5)
// without         what INT does not see (Table 5): relations (-y~), entities (-y-) or words (-H)
// pair_scorer     decomposed is that of RIN's paper, concat_mlp that of rin_v2's. A relation starts out as unlikely
//                 as it is in the data, because the bias starts at -10
local corpora = import 'relx/corpora.libsonnet';

function(
  data=corpora.samples + '/nyt10',
  format='hrl',
  variant='star',
  encoder='words',
  vectors=null,
  dim=100,
  transformer=corpora.samples + '/tiny_transformer',
  frozen=false,
  pos=null,
  stanza=null,
  head='rin',
  rounds=if head == 'rin' then 5 else if variant == 'exact' then 7 else 4,
  updater='gru',
  without=null,
  pair_scorer=if head == 'rin_v2' then 'concat_mlp' else 'decomposed',
  word_dropout=0.04,
  epochs=100,
  patience=20,
  lr=if encoder == 'transformer' then 2e-4 else 1e-3,
  transformer_lr=lr,
  hard_negatives=false,
  seed=13
)
  local embedder = corpora.choose('encoder', encoder, {
    words: { type: 'words', vectors: vectors, dim: dim, dropout: 0.1, word_dropout: word_dropout },
    transformer: { type: 'transformer', model: transformer, trainable: !frozen, dropout: 0.1 },
  });
  local interaction = if without == null then null else corpora.choose('without', without, {
    relations: ['entities', 'words'],
    entities: ['relations', 'words'],
    words: ['relations', 'entities'],
  });
  corpora.read(data, format) + {
    [if pos != null then 'pos_tagger']: corpora.choose('pos', pos, {
      given: { type: 'given' },
      stanza: { type: 'stanza', model_dir: stanza },
    }),
    model: {
      embedder: if pos == null then embedder else {
        type: 'concatenated',
        embedders: [embedder, { type: 'tags', dim: 10, dropout: 0.1 }],
      },
      [if encoder == 'words' then 'encoder']: { type: 'lstm', hidden_size: 50 },
      head: corpora.choose('head', head, {
        rin: { type: 'rin', rounds: rounds } + if rounds == 0 then {} else {
          updater: updater,
          [if updater != 'linear' then 'interaction']: interaction,
        },
        rin_v2: { type: 'rin_v2', rounds: rounds },
        bilstm_s: { type: 'rin', rounds: 0 },
        bilstm: { type: 'rin', rounds: 0, projections: false },
      }) + { pair_scorer: { type: pair_scorer, bias: -10 }, anchor: 'last' },
    },
    data_loader: { batch_size: if encoder == 'transformer' then 70 else 50 },
    trainer: {
      epochs: epochs,
      patience: patience,
      optimizer: { type: 'adam', lr: lr },
      grad_norm: 5,
      [if encoder == 'transformer' && !frozen then 'parameter_groups']: { '\\.transformer\\.': { lr: transformer_lr } },
    },
    protocols: corpora.choose('variant', variant, {
      star: ['last_word', 'exact_span'],
      exact: ['exact_span', 'last_word'],
    }),
    hard_negatives: hard_negatives,
    seed: seed,
  }
