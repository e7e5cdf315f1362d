// PFN on abstracts in brat's form, in windows of three sentences, so that relations between sentences are learned.
local corpora = import 'relx/corpora.libsonnet';

function(data=corpora.samples + '/abstracts', hidden=60, epochs=30, seed=1)
  corpora.read(data, 'brat') + {
    dataset_reader+: { window: 3 },
    model: {
      embedder: {
        type: 'concatenated',
        embedders: [
          { type: 'words', dim: 50, dropout: 0.2, word_dropout: 0.1 },
          { type: 'characters', dim: 20, encoder: { type: 'cnn', filters: 30, widths: [3] } },
        ],
      },
      encoder: {
        type: 'compose',
        encoders: [{ type: 'lstm', hidden_size: hidden }, { type: 'partition_filter', hidden_size: hidden }],
      },
      head: { type: 'table', hidden_size: hidden },
    },
    data_loader: { batch_size: 4 },
    trainer: { epochs: epochs, optimizer: { type: 'adam', lr: 2e-3 } },
    protocols: ['strict'],
    seed: seed,
  }
