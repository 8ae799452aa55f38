# Names that vulture can't see being used, by who uses them. Not a test: only vulture reads it.

# logging
_.converter

# asyncio protocols
_.connection_made

# sqlite3
_.row_factory

# uvicorn
_.capture_signals
_.should_exit
_.keep_alive

# scripts/lib/unpack_debian.py
_.with_requirements

# re2
_.log_errors
_.never_capture

# protobuf
_.type_name

# starlette
_.regex

# apprise
_.overflow_mode

# the site's services, found by name
_.timescale_query

