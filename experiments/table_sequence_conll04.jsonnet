// Table-Sequence (Wang & Lu 2020) on CoNLL04 with ALBERT: F1 90.1 of entities and 73.6 of strict relations.
//
// encoder        transformer, the folder of a pretrained encoder or its name on the hub, or words, a bidirectional LSTM
//                of hidden units over word vectors
// size, layers   the size of the vectors of sequence and table, and the number of table encoders and sequence encoders
// attention      whether the table reads the attention maps of the transformer (BERT, MPNet)
// frozen         whether the transformer stays as it is, as published
// warmup         a share of the run, or steps, after which the learning rates fall to 0 at the end of the run
//
// The published model trains for 20,000 batches, with a mean of all layers of its frozen encoder beside word vectors
// and characters.
local corpora = import 'relx/corpora.libsonnet';

function(
  data=corpora.samples + '/conll04',
  format='spert',
  encoder='words',
  vectors=null,
  dim=if vectors == null then 100,
  transformer=corpora.samples + '/tiny_transformer',
  frozen=true,
  hidden=100,
  size=200,
  layers=3,
  attention=false,
  dropout=0.5,
  word_dropout=0.04,
  batch=24,
  epochs=100,
  patience=30,
  lr=1e-3,
  transformer_lr=2e-5,
  warmup=null,
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
        pooling: 'mean',
        trainable: !frozen,
        [if frozen then 'layers']: 'mix',
      },
    },
  }) + {
    head: {
      type: 'table_sequence',
      hidden_size: size,
      layers: layers,
      attention_heads: 8,
      attention: attention,
      dropout: dropout,
    },
  },
  data_loader: { batch_size: batch },
  trainer: {
    epochs: epochs,
    patience: patience,
    optimizer: { type: 'adam', lr: lr },
    [if encoder == 'transformer' && !frozen then 'parameter_groups']: { '\\.transformer\\.': { lr: transformer_lr } },
    grad_norm: 5,
    schedule: if warmup == null then { type: 'constant' } else { type: 'linear', warmup: warmup },
  },
  protocols: ['strict', 'boundaries'],
  hard_negatives: hard_negatives,
  seed: seed,
}
