"""Remote write as bytes: unpacking, both versions of the message, the labels that tell series apart."""
