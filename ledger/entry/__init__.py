"""The unit that is hashed: seal line and action bytes, signatures, sealed fields, the chain rule."""
