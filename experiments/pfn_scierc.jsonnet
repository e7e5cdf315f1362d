// PFN (Yan et al. 2021) on SciERC with SciBERT: F1 66.8 of entities and 38.4 of strict relations; 67.2 and 37.6 on
// average over the five runs of the published code. Wang et al. (2022), Table 6: recurrent=srn, 67.8 and 38.3.
// encoder: words or transformer. recurrent: partition_filter or srn. hidden: 300 or, over words, 100 units unless told.
// tables=both keeps two mentions with one first token apart; the published nested version does so (67.9 and 38.7).
// form: dygie, spert, jsonl and others.
local lib = import 'lib/joint.libsonnet';
local pfn = import 'lib/pfn.libsonnet';

function(
  data='fixtures/scierc',
  form='dygie',
  encoder='words',
  vectors=null,
  dim=100,
  transformer='fixtures/tiny_transformer',
  recurrent='partition_filter',
  hidden=null,
  bidirectional=false,
  tables='first',
  global_feature=true,
  dropout=0.1,
  word_dropout=0.04,
  dropconnect=0.1,
  batch=4,
  epochs=100,
  patience=20,
  lr=null,
  transformer_lr=1e-5,
  seed=13
) lib.corpus(data, form) + pfn.training(encoder, batch, epochs, patience, lr, transformer_lr) + {
  local units = if hidden != null then hidden else if encoder == 'words' then 100 else 300,
  model: pfn.input(
    encoder, vectors, dim, transformer, units, dropout, word_dropout,
    pfn.recurrent(recurrent, units, bidirectional, dropconnect)
  ) + {
    head: { type: 'table', tables: tables, hidden_size: units, global_feature: global_feature, allow_self: false },
  },
  seed: seed,
}
