"""Why an alert fires, or doesn't: everything that Hune knows of one rule and one thing, in plain words."""
