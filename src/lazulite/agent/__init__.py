"""The loop of one host: takes revisions of the model, keeps the machine at the latest, reports what it did and saw."""
