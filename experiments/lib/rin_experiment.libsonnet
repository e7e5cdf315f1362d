// variant: star or exact. form: hrl, triples or jsonl. encoder: words or transformer. pos: null, given or stanza.
// Table 5: without=relations (-y~), entities (-y-), words (-H), head=bilstm_s (-INT), updater=linear (-gamma).
// Figure 3: rounds, and updater=rnn. The version published last: head=rin_v2.
local joint = import 'joint.libsonnet';
local rin = import 'rin.libsonnet';

// usual_rounds: how many there are unless the variable rounds says otherwise.
function(usual_rounds) function(
  data='fixtures/nyt10',
  form='hrl',
  variant='star',
  encoder='words',
  vectors=null,
  dim=100,
  transformer='fixtures/tiny_transformer',
  pos=null,
  stanza=null,
  head='rin',
  rounds=usual_rounds,
  updater='gru',
  without=null,
  scorer=null,
  bias=-10,
  anchor='last',
  word_dropout=0.04,
  epochs=100,
  patience=20,
  lr=1e-3,
  transformer_lr=1e-4,
  seed=13
) joint.corpus(data, form)
  + rin.input(encoder, vectors, dim, transformer, pos, stanza, word_dropout)
  + rin.training(variant, encoder, epochs, patience, lr, transformer_lr) + {
  model+: { head: rin.head(head, rounds, updater, without, scorer, bias, anchor) },
  seed: seed,
}
