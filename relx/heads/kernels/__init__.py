"""Fast paths of the heads: each computes what the equations in the head's file say."""
