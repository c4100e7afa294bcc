"""Resources as ARM knows them: ids, declared models, the wire form, and immutable views of them all."""
