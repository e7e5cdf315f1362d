// The bidirection-interactive Seq2Seq model on WebNLG, last words of entities: Table 1 gives F1 60.2. Its other rows:
// head=copyre_one (OneDecoder, 30.5), copyre_multi (MultiDecoder, 37.1), copymtl_one (58.9), copymtl_multi (56.4), all
// without GCN unless gcn=true; graphrel_webnlg.jsonnet has GraphRel.
// Without interactive layer: interactive=false. Without GCN: gcn=false. parser: chain, in place of a parse, stanza, with
// its models in the folder stanza, or given by the data. tagger=true tells whole mentions, for variant=exact.
// residual: each GCN layer adds what it was given. The paper does not; but with the plain sum over neighbours the words
// that are copied are hard to tell apart (docs/results.md). weights=separate: each decoder has its own; shared unless
// told otherwise.
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
  feed='gold',
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
  model+: { head: lib.head(head, decoders, feed, dropout, interactive, tagger, weights) },
  seed: seed,
}
