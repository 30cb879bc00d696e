"""What an op says besides its answer."""


class Mismatch(Exception):
    """A check inside an op failed; the message is what was got."""


class Unsupported(Exception):
    """The op is known, this variant of it is not implemented; the message says which."""
