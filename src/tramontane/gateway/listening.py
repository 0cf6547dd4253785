"""What the gateway's process asks of the system: TLS for its listener, and enough descriptors."""

import resource
import ssl
from contextlib import suppress

from tramontane.config import ServerSettings

FILES_MOST = 65_536


def tls_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """Return what the listener speaks TLS with, None where it speaks plain HTTP."""
    if settings.tls_cert_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def allow_files() -> None:
    """Take as many descriptors as the system gives: two for each client, in the worst case."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MOST if hard == resource.RLIM_INFINITY else min(hard, FILES_MOST)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with suppress(OSError, ValueError):  # macOS has a lower limit of its own
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
