# What vulture can't see being used, by who uses it. Not a test: only vulture reads it.

# hatchling calls the hook
