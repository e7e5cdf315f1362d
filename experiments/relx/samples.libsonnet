// The folder of the sample corpora, and of the small models that go with them, as seen from the importing file.
local above = std.split(std.thisFile, '/')[:-2];  // without relx/samples.libsonnet: the folder of the experiments

if above == [] then '../fixtures'
else std.join('/', above[:-1] + ['fixtures'])
