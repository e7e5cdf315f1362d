"""Fast paths: functions of tensors that compute what the equations of encoders and heads say; tests hold them equal."""
