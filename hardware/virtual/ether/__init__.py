"""The air between the virtual boards: one process that carries what a board radiates to those who can hear
it.

`emission` is what is radiated and what arrives, `terrain` who hears whom how well, `server` the process,
`client` the board's end of it, `control` a test's. Instants are CLOCK_MONOTONIC microseconds inside the
messages, never times of arrival, because processes of a busy machine run late. Whether a frame is received
is the receiving chip's business (`hardware.virtual.chip.receiver`): the ether only says what arrives how
strong.
"""
