// Cascade-SRN and the ablations of its paper (Wang et al. 2022).
local joint = import 'joint.libsonnet';

local tasks = { cascade: ['entity', 'subject', 'object'], table: ['entity', 'relation'] };

{
  // encoder: 'transformer', or 'words', GloVe and characters below a bidirectional LSTM, since SRN reads from left to
  // right only. recurrent, Table 2: 'srn', 'bisrn' or 'bilstm'. hidden: 300 or, over words, 100 units unless told.
  input(head, encoder, vectors, dim, transformer, recurrent, hidden, dropout, word_dropout):
    local units = if hidden != null then hidden else if encoder == 'words' then 100 else 300;
    local srn = { type: 'srn', hidden_size: units, tasks: joint.choose('head', head, tasks) };
    local upper = joint.choose('recurrent', recurrent, {
      srn: srn,
      bisrn: srn { bidirectional: true },
      bilstm: { type: 'lstm', hidden_size: units },
    });
    joint.choose('encoder', encoder, {
      transformer: {
        embedder: { type: 'transformer', model: transformer, dropout: dropout },
        encoder: upper,
      },
      words: {
        embedder: {
          type: 'concatenated',
          embedders: [
            joint.words(vectors, dim) + { dropout: dropout, word_dropout: word_dropout },
            { type: 'characters', dim: 30, dropout: dropout, encoder: { type: 'cnn', filters: 30, widths: [3] } },
          ],
        },
        encoder: { type: 'compose', encoders: [{ type: 'lstm', hidden_size: units }, upper] },
      },
    }),

  // head: 'cascade', or 'table', the table filling of PFN (Yan et al. 2021), which has no such settings.
  // match: 'mlp', 'linear', which is Eq. 13, or another pair scorer; null takes the nearest ends instead.
  // weights: [alpha, beta, gamma] of Eq. 15. thresholds: of entities, subjects and objects.
  head(head, fusion, markers, subjects, joint_training, match, match_size, subject_vectors, weights, thresholds):
    local task(number) = {
      alpha: weights[0],
      beta: weights[1],
      gamma: weights[2],
      threshold: thresholds[number],
    };
    joint.choose('head', head, {
      table: { type: 'table' },
      cascade: {
        type: 'cascade',
        fusion: fusion,
        markers: markers,
        subjects: subjects,
        joint: joint_training,
        subject_vectors: subject_vectors,
        entity_spans: task(0),
        subject_spans: task(1),
        object_spans: task(2),
      } + if match == null then { decoding: 'nearest' } else {
        match: { type: match, bias: -6 } + if match == 'linear' then {} else { hidden_size: match_size },
      },
    }),

  // Without relations to learn, entities say which epoch is best. lr: 5e-4 or, over words, 1e-3 unless told.
  training(encoder, joint_training, batch, epochs, patience, lr, transformer_lr):
    local pretrained = encoder == 'transformer';
    {
      data_loader: { batch_size: batch },
      trainer: {
        epochs: epochs,
        patience: patience,
        validation_metric: if joint_training then '+triple_f1' else '+entity_f1',
        optimizer: { type: 'adam', lr: if lr != null then lr else if pretrained then 5e-4 else 1e-3 },
        grad_norm: if pretrained then 0.25 else 5,
        [if pretrained then 'parameter_groups']: { '\\.transformer\\.': { lr: transformer_lr } },
      },
    },
}
