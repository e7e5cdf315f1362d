// PFN (Yan et al. 2021), over a transformer or over word vectors.
local joint = import 'joint.libsonnet';

{
  // recurrent: 'partition_filter', PFN's own encoder, or 'srn', the selection recurrent network of the same two tasks.
  recurrent(name, hidden, bidirectional, dropconnect): joint.choose('recurrent', name, {
    partition_filter: { type: 'partition_filter' },
    srn: { type: 'srn', tasks: ['entity', 'relation'] },
  }) + { hidden_size: hidden, bidirectional: bidirectional, dropconnect: dropconnect },

  // hidden: 300 or, over words, 100 units unless told.
  units(encoder, hidden): if hidden != null then hidden else if encoder == 'words' then 100 else 300,

  // encoder: 'transformer', or 'words', GloVe and characters, which are read in both directions first, since PFN and SRN
  // read from left to right.
  input(encoder, words, pretrained, hidden, dropout, recurrent):
    local word = joint.embedder(encoder, words, pretrained, dropout);
    joint.choose('encoder', encoder, {
      transformer: { embedder: word, encoder: recurrent },
      words: {
        embedder: joint.with_characters(word, dropout),
        encoder: { type: 'compose', encoders: [{ type: 'lstm', hidden_size: hidden }, recurrent] },
      },
    }),

  // run: batch, epochs, patience, lr, warmup. lr: 5e-4 or, over words, 1e-3 unless told. warmup: a share of the run, or steps, after
  // which the learning rates fall to 0 at its end; they are constant unless told.
  training(encoder, pretrained, run):
    local usual = if encoder == 'transformer' then { lr: 5e-4, grad_norm: 0.25 } else { lr: 1e-3, grad_norm: 5 };
    {
      data_loader: { batch_size: run.batch },
      trainer: {
        epochs: run.epochs,
        patience: run.patience,
        optimizer: { type: 'adam', lr: if run.lr != null then run.lr else usual.lr },
        grad_norm: usual.grad_norm,
        schedule: if run.warmup == null then { type: 'constant' } else { type: 'linear', warmup: run.warmup },
      } + joint.tuned(encoder, pretrained, 1e-5),
      protocols: ['strict', 'boundaries'],
    },
}
