// CasRel (Wei et al. 2020), over a transformer or over a bidirectional LSTM.
local joint = import 'joint.libsonnet';

{
  // encoder: 'transformer', the published system, or 'words', its variant CasRel_LSTM.
  input(encoder, vectors, dim, transformer, hidden, dropout, word_dropout): joint.choose('encoder', encoder, {
    words: {
      embedder: joint.words(vectors, dim) + { dropout: dropout, word_dropout: word_dropout },
      encoder: { type: 'lstm', hidden_size: hidden },
    },
    transformer: { embedder: { type: 'transformer', model: transformer, dropout: dropout } },
  }),

  head(subjects, conditioning, threshold): {
    type: 'casrel',
    subjects: subjects,
    conditioning: conditioning,
    subject_spans: { threshold: threshold },
    object_spans: { threshold: threshold },
  },

  // variant: 'star', the data that marks the last word of each mention, or 'exact', the data that marks all of it.
  // lr: 1e-5 for the published system, 1e-3 over words, unless told.
  training(variant, encoder, batch, epochs, patience, lr): {
    data_loader: { batch_size: batch },
    trainer: {
      epochs: epochs,
      patience: patience,
      optimizer: { type: 'adam', lr: if lr != null then lr else if encoder == 'transformer' then 1e-5 else 1e-3 },
      grad_norm: 5,
    },
    protocols: joint.choose('variant', variant, {
      star: ['last_word', 'exact_span'],
      exact: ['exact_span', 'last_word'],
    }),
  },
}
