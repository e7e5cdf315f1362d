// RIN (Sun et al. 2020) on WebNLG, last words of entities: Table 1 gives F1 86.3, 87.0 and 86.8 for 1, 3 and 5 rounds.
// BiLSTM 85.6, BiLSTM_s 85.4.
// form: hrl, triples or jsonl. Table 5: without=relations (-y~), entities (-y-), words (-H), head=bilstm_s (-INT),
// updater=linear (-gamma). Figure 3: rounds, and updater=rnn. The version published last: head=rin_v2.
local joint = import 'lib/joint.libsonnet';
local rin = import 'lib/rin.libsonnet';

function(
  data='fixtures/nyt10',
  form='hrl',
  vectors=null,
  dim=100,
  head='rin',
  rounds=3,
  updater='gru',
  without=null,
  scorer=null,
  bias=-10,
  anchor='last',
  word_dropout=0.04,
  epochs=100,
  patience=20,
  lr=1e-3,
  seed=13
) joint.corpus(data, form) + rin.training(epochs, patience, lr) + {
  model: rin.input(vectors, dim, word_dropout) + {
    head: rin.head(head, rounds, updater, without, scorer, bias, anchor),
  },
  seed: seed,
}
