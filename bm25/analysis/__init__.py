"""From surface forms to terms: split, fold, lowercase, remove stopwords, stem, limit. No compiled code."""
