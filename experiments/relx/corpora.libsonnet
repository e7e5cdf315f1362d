// What experiment files share: the corpora, and the choice among the values of a variable.
{
  // The entry of a table that the value of a variable names.
  choose(variable, value, table)::
    if std.isString(value) && std.objectHas(table, value) then table[value]
    else error '%s is %s; choose one of: %s' % [variable, value, std.join(', ', std.objectFields(table))],

  // The folder of the sample corpora, and of the small models that go with them, as seen from the importing file.
  samples::
    local parts = std.split(std.thisFile, '/');
    local depth = std.length(parts) - 3;  // of the folder above the experiments
    if depth < 0 then '../fixtures'
    else std.join('/', parts[:depth] + ['fixtures']),

  // The dataset_reader and the paths of a corpus. data is a folder that has the files of the format below, or a pattern with
  // %s in place of train, dev and test: 'corpora/conll04_%s.json'.
  //
  // jsonl             {train,dev,test}.jsonl
  // hrl               {train,dev,test}.json (Takanobu et al.)
  // dygie, spert      {train,dev,test}.json
  // triples           {train,val,test}_triples.json (CasRel, PRGC)
  // conll04           {train,dev,test}.txt
  // brat              the folders train, dev and test
  read(data, format)::
    local file(split) =
      if !std.isString(data) then error 'data is %s; give a folder, or a pattern with %%s in it' % std.toString(data)
      else if std.length(std.findSubstr('%s', data)) > 0 then data % split
      else data + self.choose('format', format, {
        jsonl: '/%s.jsonl' % split,
        hrl: '/%s.json' % split,
        dygie: '/%s.json' % split,
        spert: '/%s.json' % split,
        triples: '/%s_triples.json' % (if split == 'dev' then 'val' else split),
        conll04: '/%s.txt' % split,
        brat: '/' + split,
      });
    {
      dataset_reader: { type: format },
      train_data_path: file('train'),
      validation_data_path: file('dev'),
      test_data_path: file('test'),
    },
}
