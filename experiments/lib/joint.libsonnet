// What the experiments share.
{
  // The entry of the table that a variable of an experiment names.
  choose(name, value, table):
    if std.isString(value) && std.objectHas(table, value) then table[value]
    else error '%s is %s; choose one of: %s' % [name, value, std.join(', ', std.objectFields(table))],

  // Those of some variables that are given, that is, are not null.
  given(variables): { [name]: variables[name] for name in std.objectFields(variables) if variables[name] != null },

  // Nothing; an error if a variable is given that `what` has no use for.
  refuse(what, variables):
    local names = std.objectFields($.given(variables));
    if names == [] then {} else error '%s takes no %s' % [what, std.join(', ', names)],

  // The reader and the files of a corpus folder, by its form: 'jsonl' has {train,dev,test}.jsonl,
  // 'hrl' (Takanobu et al.), 'dygie' and 'spert' {train,dev,test}.json, 'triples' (CasRel, PRGC)
  // {train,val,test}_triples.json, 'conll04' {train,dev,test}.txt, 'brat' the folders train, dev and test. Files with
  // other names are given with %s in place of train, dev and test: 'corpora/conll04_%s.json'.
  corpus(folder, form): {
    local place = if std.isString(folder) then folder
    else error 'data is %s; give a folder, or a pattern with %%s in it' % std.toString(folder),
    local file(split) = if std.length(std.findSubstr('%s', place)) > 0 then place % split else place + $.choose('form', form, {
      jsonl: '/%s.jsonl' % split,
      hrl: '/%s.json' % split,
      dygie: self.hrl,
      spert: self.hrl,
      conll04: '/%s.txt' % split,
      brat: '/' + split,
      triples: '/%s_triples.json' % (if split == 'dev' then 'val' else split),
    }),
    dataset_reader: { type: form },
    train_data_path: file('train'),
    validation_data_path: file('dev'),
    test_data_path: file('test'),
  },

  // Word vectors of the given size; null: of the file's own, or random ones of 100.
  words(vectors, dim): { type: 'words', vectors: vectors, dim: if dim == null && vectors == null then 100 else dim },

  // encoder: 'words', with the variables words (vectors, dim, word_dropout), or 'transformer', with the variables
  // pretrained (transformer, frozen, pooling, layers); each refuses those of the other.
  embedder(encoder, words, pretrained, dropout): $.choose('encoder', encoder, {
    words: $.refuse('encoder=words', pretrained) + $.words(words.vectors, words.dim) + {
      dropout: dropout,
      word_dropout: if words.word_dropout != null then words.word_dropout else 0.04,
    },
    transformer: $.refuse('encoder=transformer', words) + {
      type: 'transformer',
      model: 'fixtures/tiny_transformer',
      trainable: if pretrained.frozen != null then !pretrained.frozen else true,
      dropout: dropout,
    } + $.given({ model: pretrained.transformer, pooling: pretrained.pooling, layers: pretrained.layers }),
  }),

  // Word vectors, and what a network reads from the characters of each word.
  with_characters(words, dropout): {
    type: 'concatenated',
    embedders: [
      words,
      { type: 'characters', dim: 30, dropout: dropout, encoder: { type: 'cnn', filters: 30, widths: [3] } },
    ],
  },

  // The group of a transformer's weights, if there are any and they are trained: at its variable transformer_lr.
  tuned(encoder, pretrained, usual_lr):
    if encoder != 'transformer' then {}
    else if pretrained.frozen == true then $.refuse('frozen=true', { transformer_lr: pretrained.transformer_lr })
    else {
      local lr = pretrained.transformer_lr,
      parameter_groups: { '\\.transformer\\.': { lr: if lr != null then lr else usual_lr } },
    },
}
