// The entry of a table that the value of a variable names.
function(variable, value, table)
  if std.isString(value) && std.objectHas(table, value) then table[value]
  else error '%s is %s; choose one of: %s' % [variable, value, std.join(', ', std.objectFields(table))]
