"""Sources, scans, splits, preparation, augmentation and the sealed test set."""
