// PURE's entity model (Zhong & Chen 2021) on SciERC with SciBERT: F1 66.6 of entities from single sentences. On ACE05
// with ALBERT: 89.7.
//
// Its archive finds entities, and that of pure_relations_scierc the relations between them:
//   relx predict ENTITIES text.jsonl | relx predict RELATIONS - --given-entities
//
// encoder        transformer, the folder of a pretrained encoder or its name on the hub, or words, a bidirectional LSTM
//                of hidden units over word vectors
// context        the words that the transformer reads of a sentence and its document around it: 0, 100 or 300, as published
// max_width      the most tokens of a span. Wider mentions are lost
// warmup         a share of the run, or steps, after which the learning rates fall to 0 at the end of the run
local corpora = import 'relx/corpora.libsonnet';

function(
  data=corpora.samples + '/scierc',
  format='dygie',
  encoder='words',
  vectors=null,
  dim=if vectors == null then 100,
  transformer=corpora.samples + '/tiny_transformer',
  frozen=false,
  context=0,
  hidden=100,
  max_width=8,
  dropout=0.1,
  word_dropout=0.04,
  batch=16,
  epochs=100,
  patience=epochs,
  lr=if encoder == 'words' then 2e-3 else 5e-4,
  transformer_lr=1e-5,
  warmup=if encoder == 'transformer' then 0.1,
  hard_negatives=false,
  seed=13
) corpora.read(data, format) + {
  model: corpora.choose('encoder', encoder, {
    words: {
      embedder: {
        type: 'concatenated',
        embedders: [
          { type: 'words', vectors: vectors, dim: dim, dropout: dropout, word_dropout: word_dropout },
          { type: 'characters', dim: 30, dropout: dropout, encoder: { type: 'cnn', filters: 30, widths: [3] } },
        ],
      },
      encoder: { type: 'lstm', hidden_size: hidden },
    },
    transformer: {
      embedder: {
        type: 'transformer',
        model: transformer,
        trainable: !frozen,
        context: context,
        dropout: dropout,
      },
    },
  }) + {
    head: { type: 'pure_entities', max_width: max_width, width_dim: 150, hidden_size: 150, dropout: 0.2 },
  },
  data_loader: { batch_size: batch },
  trainer: {
    epochs: epochs,
    patience: patience,
    optimizer: { type: 'adamw', lr: lr },
    [if encoder == 'transformer' && !frozen then 'parameter_groups']: { '\\.transformer\\.': { lr: transformer_lr } },
    grad_norm: 1,
    schedule: if warmup == null then { type: 'constant' } else { type: 'linear', warmup: warmup },
    validation_metric: '+entity_f1',
  },
  protocols: ['strict', 'boundaries'],
  hard_negatives: hard_negatives,
  seed: seed,
}
