// What the experiments share. Fields are those of an experiment file; each experiment adds its own.
{
  // A corpus folder with {train,dev,test}.json.
  corpus(folder): {
    train_data_path: folder + '/train.json',
    validation_data_path: folder + '/dev.json',
    test_data_path: folder + '/test.json',
  },

  // A corpus folder in the form of CasRel and PRGC: {train,val,test}_triples.json.
  triples_corpus(folder): {
    train_data_path: folder + '/train_triples.json',
    validation_data_path: folder + '/val_triples.json',
    test_data_path: folder + '/test_triples.json',
  },

  // Word vectors of the file's own size, or random ones of the given size.
  words(vectors, dim): { type: 'words', vectors: vectors, dim: if vectors == null then dim },
}
