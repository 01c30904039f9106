"""Bytes of connections: lines come in and become messages, frames go out, each to one connection or to all."""
