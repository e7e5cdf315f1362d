// The bidirection-interactive Seq2Seq model on WebNLG, last words of entities: Table 1 gives F1 60.2. Its other rows:
// head=copyre_one (OneDecoder, 30.5), copyre_multi (MultiDecoder, 37.1), copymtl_one (58.9), copymtl_multi (56.4), all
// without GCN unless gcn=true; graphrel_webnlg.jsonnet has GraphRel. copyre_one_code and copyre_multi_code follow
// CopyRE's public code in more points than its paper (docs/fidelity.md).
// Without interactive layer: interactive=false. Without GCN: gcn=false. parser: linear_chain, in place of a parse, stanza, with
// its models in the folder stanza, or given by the data. tagger=true tags whole mentions, for variant=exact.
// residual: each GCN layer adds its input to its output. The paper does not; but with the plain sum over neighbors the
// words that are copied are hard to tell apart (docs/results.md).
// weights: shared by all decoders, separate, or separate cells; by default shared, separate in copyre_multi, cells in
// copymtl_multi. teacher_forcing: whether a step of training reads the gold triple; by default true, false in
// copymtl_* and copyre_*_code.
// form: hrl, triples or jsonl. A variable that the others leave without effect is an error.
local lib = import 'lib/interactive.libsonnet';
local joint = import 'lib/joint.libsonnet';

function(
  data='fixtures/nyt10',
  form='hrl',
  variant='star',
  vectors=null,
  dim=100,
  head='interactive',
  interactive=null,
  gcn=head == 'interactive',
  layers=null,
  residual=null,
  parser=null,
  stanza='fixtures/tiny_stanza',
  hidden=100,
  decoders=5,
  weights=null,
  teacher_forcing=null,
  tagger=null,
  dropout=0.2,
  word_dropout=0.04,
  epochs=30,
  patience=10,
  lr=2e-3,
  seed=13
)
  local lstm = { hidden_size: hidden, directions: 'averaged' };
  local layer = { layers: 1, residual: true } + joint.given({ layers: layers, residual: residual });
  local trees = if parser != null then parser else 'stanza';
  joint.corpus(data, form)
  + (if gcn then {} else joint.refuse('gcn=false', { layers: layers, residual: residual, parser: parser }))
  + lib.input(vectors, dim, word_dropout, lstm, if gcn then layer, trees, stanza)
  + lib.training(variant, epochs, patience, lr) + {
  model+: { head: lib.head(head, decoders, teacher_forcing, dropout, interactive, tagger, weights) },
  seed: seed,
}
