// The variables of the RIN experiments; null is what is usual. A variable that the others leave without effect is an
// error.
//
// data, form     the corpus (lib/joint.libsonnet): a folder, or a pattern of names with %s; hrl, triples, jsonl, ...
// variant        star, the data that marks the last word of each mention, or exact, the data that marks all of it: says
//                which score chooses the best epoch
// encoder        words, an LSTM over word vectors, or transformer
// vectors, dim   a file of word vectors, and their size (100); the columns that the file lacks start at random
// word_dropout   the share of training words that are read as the unknown word (0.04)
// transformer    the folder of a pretrained encoder, or its name on the hub
// transformer_lr its learning rate (that of the rest, lr). frozen=true: it is not trained
// pooling        how word pieces make a word: first or mean. layers: last, mix, or a number (docs/embedders.md)
// pos            parts of speech, 10 dimensions: given by the data, or by stanza, whose models lie in the folder stanza
// head           rin; rin_v2, the version published last; bilstm and bilstm_s, the baselines of Table 1 (bilstm_s is
//                -INT of Table 5)
// rounds         K (Figure 3); as published for the head and the variant
// updater        gru, the paper's own; torch_gru, torch.nn.GRUCell in its place; rnn (Figure 3); linear (-gamma of
//                Table 5)
// without        what INT does not see (Table 5): relations (-y~), entities (-y-) or words (-H)
// scorer         what scores pairs of tokens: decomposed (that of rin's paper), concat_mlp (of rin_v2's), pfn_mlp, biaffine,
//                linear
// bias           where the scores of pairs start: at -10 a relation starts out as unlikely as it is
// anchor         the token of a mention that tells it in the table of pairs: last or first
// epochs         at most so many; patience: stop after so many without a better score on the validation set
// lr             1e-3; rin_v2 on WebNLG 5e-4; with encoder=transformer 2e-4, as in the paper's rows with BERT, whose
//                batches are of 70 sentences on NYT and of 50 on WebNLG. If the encoder forgets at that rate what it
//                was pretrained to do, set transformer_lr=2e-5
// seed           of the first weights and the order of the data
local joint = import 'joint.libsonnet';
local rin = import 'rin.libsonnet';

// usual_rounds, usual_lr: what was published, by head (and variant). usual_batch: by encoder.
function(usual_rounds, usual_lr={}, usual_batch={ words: 50, transformer: 50 }) function(
  data='fixtures/nyt10',
  form='hrl',
  variant='star',
  encoder='words',
  vectors=null,
  dim=null,
  transformer=null,
  frozen=null,
  pooling=null,
  layers=null,
  pos=null,
  stanza=null,
  head='rin',
  rounds=null,
  updater=null,
  without=null,
  scorer=null,
  bias=-10,
  anchor='last',
  word_dropout=null,
  epochs=100,
  patience=20,
  lr=null,
  transformer_lr=null,
  seed=13
)
  local words = { vectors: vectors, dim: dim, word_dropout: word_dropout };
  local pretrained = {
    transformer: transformer,
    transformer_lr: transformer_lr,
    frozen: frozen,
    pooling: pooling,
    layers: layers,
  };
  local rate = if lr != null then lr
  else if encoder == 'transformer' then 2e-4
  else std.get(usual_lr, head, 1e-3);
  joint.corpus(data, form)
  + rin.input(encoder, words, pretrained, pos, stanza)
  + rin.training(variant, encoder, pretrained, epochs, patience, rate, std.get(usual_batch, encoder, 50)) + {
    model+: { head: rin.head(head, variant, usual_rounds, rounds, updater, without, scorer, bias, anchor) },
    seed: seed,
  }
