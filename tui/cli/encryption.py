"""Encryption of the connections that a client opens."""

from __future__ import annotations

import ssl
from pathlib import Path

from tui.cli import given_file
from tui.cli.chosen_settings import ChosenSettings
from tui.cli.console import say
from tui.cli.options import ClientTlsOptions
from tui.script.exit_status import usage_error


def client_tls(choices: ChosenSettings) -> ClientTlsOptions | None:
    """What the settings say of a client's connections: who names an authority, or a certificate, wants encryption."""
    authority = choices.value("tls_authority")
    if choices.value("tls") or authority is not None or choices.value("tls_certificate") is not None:
        return ClientTlsOptions(pem_file(choices, "tls_authority"))
    return None


def pem_file(choices: ChosenSettings, name: str) -> Path | None:
    """The PEM file that a setting names, as a library can read it. Raises CommandFailed if it cannot be."""
    path = choices.value(name)
    if not isinstance(path, Path):
        return None
    try:
        if name == "tls_key" and (warning := given_file.loose(path)):
            say(warning)
        return given_file.pem(path)
    except OSError as error:
        raise usage_error(f"{choices[name].origin}: {path} cannot be read: {error.strerror}") from None


def client_context(options: ClientTlsOptions | None) -> ssl.SSLContext | None:
    """The context for a client's connections; None for connections in the clear. Raises CommandFailed."""
    if options is None:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=options.authority)
    except (OSError, ssl.SSLError) as error:
        raise usage_error(
            f"the authority file {options.authority} cannot be used: {error}", hint="It has to hold PEM certificates."
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
