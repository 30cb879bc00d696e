"""The map in a real browser: what is drawn equals what the API answers, and a person can use it."""
