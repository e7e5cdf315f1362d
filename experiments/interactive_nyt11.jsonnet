// The bidirection-interactive Seq2Seq model on NYT11 (Takanobu et al. 2019), whole mentions. The paper has no row for it;
// papers on this corpus quote CopyR, which is head=copyre_multi, with F1 42.1 (precision 34.7, recall 53.4).
// The corpus has no validation set: relx split train.json data train=rest dev=0.5% draws one.
// form: hrl, with dev.json, or triples (CasRel's version), with val_triples.json, or jsonl.
// The model itself has a tagger, which finds whole mentions, as CopyMTL has; CopyRE copies last words only, so that
// last_word is its score. The other variables are those of interactive_webnlg.
local model = import 'interactive_webnlg.jsonnet';

function(
  data='fixtures/nyt10',
  form='hrl',
  vectors=null,
  dim=100,
  head='interactive',
  interactive=null,
  gcn=head == 'interactive',
  parser=null,
  stanza='fixtures/tiny_stanza',
  hidden=100,
  weights=null,
  teacher_forcing=null,
  dropout=0.2,
  word_dropout=0.04,
  epochs=30,
  patience=10,
  lr=2e-3,
  seed=13
) model(
  data=data,
  form=form,
  variant='exact',
  vectors=vectors,
  dim=dim,
  head=head,
  interactive=interactive,
  gcn=gcn,
  parser=parser,
  stanza=stanza,
  hidden=hidden,
  weights=weights,
  teacher_forcing=teacher_forcing,
  tagger=if head == 'interactive' then true,
  dropout=dropout,
  word_dropout=word_dropout,
  epochs=epochs,
  patience=patience,
  lr=lr,
  seed=seed
) + {
  protocols: if std.startsWith(head, 'copyre') then ['last_word', 'exact_span'] else ['exact_span', 'begin_offset', 'last_word'],
}
