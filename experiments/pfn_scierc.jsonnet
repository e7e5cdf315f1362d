// PFN (Yan et al. 2021) on SciERC with SciBERT: F1 66.8 of entities and 38.4 of strict relations; 67.2 and 37.6 on
// average over the five runs of the published code. Wang et al. (2022), Table 6: recurrent=srn, 67.8 and 38.3.
// encoder: words or transformer. recurrent: partition_filter or srn. hidden: 300 or, over words, 100 units unless told.
// frozen=true does not train the transformer; pooling and layers: docs/embedders.md.
// warmup: a share of the run, or steps, after which the learning rates fall to 0 at its end; they are constant unless told.
// tables=both keeps two mentions with one first token apart; the published nested version does so (67.9 and 38.7).
// cells: own, as in the public code, where a table cell reads h_e (or h_r) of both tokens, and the shared memory h_s is
// read in the global feature only; or view, where a cell reads [h_e; h_s].
// form: dygie, spert, jsonl and others.
local lib = import 'lib/joint.libsonnet';
local pfn = import 'lib/pfn.libsonnet';

function(
  data='fixtures/scierc',
  form='dygie',
  encoder='words',
  vectors=null,
  dim=null,
  transformer=null,
  frozen=null,
  pooling=null,
  layers=null,
  recurrent='partition_filter',
  hidden=null,
  bidirectional=false,
  tables='first',
  global_feature=true,
  cells='own',
  dropout=0.1,
  word_dropout=null,
  dropconnect=0.1,
  batch=4,
  epochs=100,
  patience=20,
  lr=null,
  transformer_lr=null,
  warmup=null,
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
  local run = { batch: batch, epochs: epochs, patience: patience, lr: lr, warmup: warmup };
  lib.corpus(data, form) + pfn.training(encoder, pretrained, run) + {
  local units = pfn.units(encoder, hidden),
  model: pfn.input(
    encoder, words, pretrained, units, dropout,
    pfn.recurrent(recurrent, units, bidirectional, dropconnect)
  ) + {
    head: {
      type: 'table',
      tables: tables,
      hidden_size: units,
      global_feature: global_feature,
      cells: cells,
      dropout: dropout,
      allow_self: false,
    },
  },
  seed: seed,
}
