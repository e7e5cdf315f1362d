// The head of relx_linear_tags.py on a few sentences: relx train experiment.jsonnet --include relx_linear_tags.py
function(epochs=20)
  {
    dataset_reader: { type: 'jsonl' },
    train_data_path: 'train.jsonl',
    validation_data_path: 'train.jsonl',
    model: {
      embedder: { type: 'words', dim: 20 },
      encoder: { type: 'lstm', hidden_size: 20 },
      head: { type: 'linear_tags' },
    },
    data_loader: { batch_size: 4 },
    trainer: { epochs: epochs, optimizer: { type: 'adam', lr: 0.02 } },
    protocols: ['exact_span'],
  }
