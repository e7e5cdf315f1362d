// PFN (Yan et al. 2021), over a transformer or over word vectors.
local joint = import 'joint.libsonnet';

{
  // recurrent: 'partition_filter', PFN's own encoder, or 'srn', the selection recurrent network of the same two tasks.
  recurrent(name, hidden, bidirectional, dropconnect): joint.choose('recurrent', name, {
    partition_filter: { type: 'partition_filter' },
    srn: { type: 'srn', tasks: ['entity', 'relation'] },
  }) + { hidden_size: hidden, bidirectional: bidirectional, dropconnect: dropconnect },

  // encoder: 'transformer', or 'words', which are read in both directions first, since PFN reads from left to right.
  input(encoder, vectors, dim, transformer, hidden, dropout, word_dropout, recurrent): joint.choose('encoder', encoder, {
    transformer: {
      embedder: { type: 'transformer', model: transformer, dropout: dropout },
      encoder: recurrent,
    },
    words: {
      embedder: {
        type: 'concatenated',
        embedders: [
          joint.words(vectors, dim) + { dropout: dropout, word_dropout: word_dropout },
          { type: 'characters', dim: 30, dropout: dropout, encoder: { type: 'cnn', filters: 30, widths: [3] } },
        ],
      },
      encoder: { type: 'compose', encoders: [{ type: 'lstm', hidden_size: hidden }, recurrent] },
    },
  }),

  // lr: 5e-4 or, over words, 1e-3 unless told.
  training(encoder, batch, epochs, patience, lr, transformer_lr):
    local pretrained = encoder == 'transformer';
    {
      data_loader: { batch_size: batch },
      trainer: {
        epochs: epochs,
        patience: patience,
        optimizer: { type: 'adam', lr: if lr != null then lr else if pretrained then 5e-4 else 1e-3 },
        grad_norm: if pretrained then 0.25 else 5,
        [if pretrained then 'parameter_groups']: { '\\.transformer\\.': { lr: transformer_lr } },
      },
      protocols: ['strict', 'boundaries'],
    },
}
