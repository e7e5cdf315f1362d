// PFN (Yan et al. 2021) on SciERC with SciBERT: F1 66.8 of entities and 38.4 of strict relations; 67.2 and 37.6 on
// average over the five runs of the published code. Wang et al. (2022), Table 6: recurrent=srn, 67.8 and 38.3.
//
// encoder         words, GloVe and characters, or transformer, the folder of a pretrained encoder or its name on the
//                 hub
// context         the words that the transformer reads of a sentence and its document around it; the paper reads
//                 sentences alone, 0
// recurrent       partition_filter or srn
// tables          both keeps two mentions with one first token apart, as the published nested version does (67.9 and
//                 38.7)
// directions      labels: one cell for two tokens tells the direction of a relation by a softmax; with tables=both this
//                 is TPLinker's scheme (Wang et al. 2020). cells: each direction has a cell
// cells           own, as in the public code: a table cell reads h_e (or h_r) of both tokens, and only the global
//                 feature reads the shared memory h_s; or view: a cell reads [h_e; h_s]
// global_feature  false leaves it out
// warmup          a share of the run, or steps, after which the learning rates fall to 0 at the end of the run
local corpora = import 'relx/corpora.libsonnet';

function(
  data=corpora.samples + '/scierc',
  format='dygie',
  encoder='words',
  vectors=null,
  dim=if vectors == null then 100,
  transformer=corpora.samples + '/tiny_transformer',
  context=0,
  frozen=false,
  recurrent='partition_filter',
  hidden=if encoder == 'words' then 100 else 300,
  bidirectional=false,
  tables='first',
  directions='cells',
  cells='own',
  global_feature=true,
  dropout=0.1,
  word_dropout=0.04,
  batch=4,
  epochs=100,
  patience=20,
  lr=if encoder == 'words' then 1e-3 else 5e-4,
  transformer_lr=1e-5,
  warmup=null,
  hard_negatives=false,
  seed=13
)
  local recurrent_encoder = corpora.choose('recurrent', recurrent, {
    partition_filter: { type: 'partition_filter' },
    srn: { type: 'srn', tasks: ['entity', 'relation'] },
  }) + { hidden_size: hidden, bidirectional: bidirectional, dropconnect: 0.1 };
  corpora.read(data, format) + {
    model: corpora.choose('encoder', encoder, {
      words: {
        embedder: {
          type: 'concatenated',
          embedders: [
            { type: 'words', vectors: vectors, dim: dim, dropout: dropout, word_dropout: word_dropout },
            { type: 'characters', dim: 30, dropout: dropout, encoder: { type: 'cnn', filters: 30, widths: [3] } },
          ],
        },
        // PFN and SRN read from left to right, so an LSTM first reads in both directions.
        encoder: { type: 'compose', encoders: [{ type: 'lstm', hidden_size: hidden }, recurrent_encoder] },
      },
      transformer: {
        embedder: {
          type: 'transformer',
          model: transformer,
          trainable: !frozen,
          context: context,
          dropout: dropout,
        },
        encoder: recurrent_encoder,
      },
    }) + {
      head: {
        type: 'table',
        tables: tables,
        directions: directions,
        hidden_size: hidden,
        global_feature: global_feature,
        cells: cells,
        dropout: dropout,
        allow_self: false,
      },
    },
    data_loader: { batch_size: batch },
    trainer: {
      epochs: epochs,
      patience: patience,
      optimizer: { type: 'adam', lr: lr },
      [if encoder == 'transformer' && !frozen then 'parameter_groups']: { '\\.transformer\\.': { lr: transformer_lr } },
      grad_norm: if encoder == 'words' then 5 else 0.25,
      schedule: if warmup == null then { type: 'constant' } else { type: 'linear', warmup: warmup },
    },
    protocols: ['strict', 'boundaries'],
    hard_negatives: hard_negatives,
    seed: seed,
  }
