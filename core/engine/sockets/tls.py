"""TLS contexts from the settings. TLS 1.2 and later, with the library's choice of ciphers, and keys agreed on once."""

from __future__ import annotations

import ssl

from core.engine.engine_errors import TlsUnusable
from core.engine.engine_settings import TlsSettings


def listening_context(settings: TlsSettings) -> ssl.SSLContext:
    """For connections that others open. Reads files. Raises TlsUnusable."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError) as error:
        raise TlsUnusable(
            f"The certificate {settings.certificate} with the key {settings.key} cannot be used: {error}. "
            "Both have to be PEM files that this process can read, and belong together."
        ) from error
    return context


def dialling_context(settings: TlsSettings) -> ssl.SSLContext:
    """For connections that this server opens. Reads files. Raises TlsUnusable."""
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=settings.authority)
    except (OSError, ssl.SSLError) as error:
        raise TlsUnusable(
            f"The authority file {settings.authority} cannot be used: {error}. It has to hold PEM certificates."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.check_hostname = settings.check_names
    return context
