// What the experiments share.
{
  // The entry of the table that a variable of an experiment names.
  choose(name, value, table):
    if std.isString(value) && std.objectHas(table, value) then table[value]
    else error '%s is %s; choose one of: %s' % [name, value, std.join(', ', std.objectFields(table))],

  // The reader and the files of a corpus folder, by its form: 'jsonl' has {train,dev,test}.jsonl,
  // 'hrl' (Takanobu et al.), 'dygie' and 'spert' {train,dev,test}.json, 'triples' (CasRel, PRGC)
  // {train,val,test}_triples.json, 'conll04' {train,dev,test}.txt, 'brat' the folders train, dev and test. Files with
  // other names are given with %s in place of train, dev and test: 'corpora/conll04_%s.json'.
  corpus(folder, form): {
    local file(split) = if std.length(std.findSubstr('%s', folder)) > 0 then folder % split else folder + $.choose('form', form, {
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

  // Word vectors of the file's own size, or random ones of the given size.
  words(vectors, dim): { type: 'words', vectors: vectors, dim: if vectors == null then dim },
}
