// HMT on sentences in the manner of newspapers: people, organizations, places, and five relations.
local corpora = import 'relx/corpora.libsonnet';

function(data=corpora.samples + '/conll04', hidden=80, epochs=20, seed=1)
  corpora.read(data, 'spert') + {
    model: {
      embedder: {
        type: 'concatenated',
        embedders: [
          { type: 'words', dim: 50, dropout: 0.2, word_dropout: 0.2 },
          { type: 'characters', dim: 20, encoder: { type: 'cnn', filters: 30, widths: [3] } },
        ],
      },
      head: { type: 'hmt', hidden_size: hidden, tag_dim: hidden, dropout: 0.3 },
    },
    data_loader: { batch_size: 8 },
    trainer: { epochs: epochs, optimizer: { type: 'adam', lr: 3e-3 } },
    protocols: ['strict'],
    seed: seed,
  }
