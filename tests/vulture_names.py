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

# scripts/lib/unpack_debian.py
_.with_requirements

# re2
_.log_errors
_.never_capture

# protobuf
_.type_name

# apprise
_.overflow_mode

# the site's services, found by name
_.timescale_query

# alerting: kinds of events, some recorded by their name only
_.OPENED
_.TOLD
_.REMINDED
_.ESCALATED
_.REFUSED
_.RESENT
_.HELD
_.RELEASED
_.WITHHELD
_.REMINDER
_.ESCALATION
_.check_everything
_.end_snoozes
_.next_end
_.for_operator
_.for_alert
HoldKind.MAINTENANCE
exactly
_.create_silence
_.expire_silence
declare
