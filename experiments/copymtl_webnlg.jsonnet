// CopyMTL (Zeng et al. 2020) on WebNLG: F1 56.4 with a decoder for each triple, 58.9 with one decoder for all, which is
// head=copymtl_one. variant: exact, whole mentions, or star, the last word of each. form: hrl, triples or jsonl.
// CopyMTL feeds its decoders their own predictions, in training too (teacher_forcing=true feeds gold triples). The model
// is that of interactive_webnlg, whose other variables it has too.
local interactive = import 'interactive_webnlg.jsonnet';

function(
  data='fixtures/nyt10',
  form='hrl',
  variant='exact',
  vectors=null,
  dim=100,
  head='copymtl_multi',
  gcn=false,
  layers=null,
  residual=null,
  parser=null,
  stanza='fixtures/tiny_stanza',
  hidden=100,
  decoders=5,
  weights=null,
  teacher_forcing=null,
  dropout=0.2,
  word_dropout=0.04,
  epochs=30,
  patience=10,
  lr=2e-3,
  seed=13
) interactive(
  data=data,
  form=form,
  variant=variant,
  vectors=vectors,
  dim=dim,
  head=head,
  gcn=gcn,
  layers=layers,
  residual=residual,
  parser=parser,
  stanza=stanza,
  hidden=hidden,
  decoders=decoders,
  weights=weights,
  teacher_forcing=teacher_forcing,
  dropout=dropout,
  word_dropout=word_dropout,
  epochs=epochs,
  patience=patience,
  lr=lr,
  seed=seed
)
