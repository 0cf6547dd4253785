"""Why a document cannot be read: raised by the formats in the child, told as an error's code.

It does not know the formats.
"""

_CODES = {
    "encrypted": "document_encrypted",
    "corrupt": "document_corrupt",
    "empty": "document_empty",
    "too_large": "document_too_large",
    "unsupported": "document_unsupported",
    "timeout": "document_timeout",
}
CODES = _CODES

TOO_LARGE = (
    "Reading the file takes more memory or time than one document may have. "
    "Split it into smaller files, or save it anew in a simpler form."
)
TIMEOUT = (
    "Reading the file took too long, so it was stopped. "
    "Split it into smaller files, or save it anew in a simpler form."
)
CORRUPT = (
    "The file is damaged: reading it broke off. "
    "Open it in the program that made it and save it anew."
)


class Unreadable(Exception):
    """The document cannot be read. `reason` is a key of CODES; the message says what to change."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def corrupt(message: str = CORRUPT) -> Unreadable:
    """Return the error for a file that is not what it should be."""
    return Unreadable("corrupt", message)


def too_large(message: str = TOO_LARGE) -> Unreadable:
    """Return the error for a file that takes more than one document may."""
    return Unreadable("too_large", message)
