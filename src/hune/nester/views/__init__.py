"""What each page shows of a snapshot: words, figures and drawings, ready for its templates."""
