// The folder of the sample corpora, and of the small models that go with them, as seen from the importing file.
local parts = std.split(std.thisFile, '/');
local depth = std.length(parts) - 3;  // of the folder above the experiments

if depth < 0 then '../fixtures'
else std.join('/', parts[:depth] + ['fixtures'])
