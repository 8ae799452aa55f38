"""The site file: one description from which everything else follows."""
