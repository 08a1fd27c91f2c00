"""The unit that is hashed: seal line and action, signatures, sealed fields, the chain rule."""
