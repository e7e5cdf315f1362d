// The architecture of SPE (Wang et al. 2020) on SciERC with SciBERT: F1 68.0 of entities and 34.6 of strict relations,
// without the pre-training of span and span-pair encoders, which is not part of relx. On ACE05, pre-trained: 87.2 and
// 63.2.
//
// encoder            transformer, the folder of a pretrained encoder or its name on the hub, or words, a bidirectional
//                    LSTM of hidden units over word vectors
// batches_per_epoch  the batches of an epoch: from the sixth epoch on, more and more sentences learn the pairs of the
//                    model's own mentions; null learns those of gold mentions only. SciERC has 59 batches of 32
// warmup             a share of the run, or steps, after which the learning rates fall to 0 at the end of the run
local corpora = import 'relx/corpora.libsonnet';

function(
  data=corpora.samples + '/scierc',
  format='dygie',
  encoder='words',
  vectors=null,
  dim=if vectors == null then 100,
  transformer=corpora.samples + '/tiny_transformer',
  frozen=false,
  hidden=100,
  batches_per_epoch=null,
  dropout=0.1,
  word_dropout=0.04,
  batch=32,
  epochs=200,
  patience=100,
  lr=if encoder == 'words' then 2e-3 else 5e-4,
  transformer_lr=2.5e-5,
  warmup=if encoder == 'transformer' then 0.2,
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
      embedder: { type: 'transformer', model: transformer, trainable: !frozen, dropout: dropout },
    },
  }) + {
    head: {
      type: 'spe',
      filters: 100,
      hidden_size: 300,
      position_dim: 100,
      attention_size: 500,
      pair_size: 128,
      batches_per_epoch: batches_per_epoch,
      dropout: dropout,
    },
  },
  hard_negatives: hard_negatives,
  data_loader: { batch_size: batch },
  trainer: {
    epochs: epochs,
    patience: patience,
    optimizer: { type: 'adamw', lr: lr },
    [if encoder == 'transformer' && !frozen then 'parameter_groups']: { '\\.transformer\\.': { lr: transformer_lr } },
    grad_norm: 5,
    schedule: if warmup == null then { type: 'constant' } else { type: 'linear', warmup: warmup },
  },
  protocols: ['strict', 'boundaries'],
  seed: seed,
}
