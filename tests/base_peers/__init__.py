"""Peers that speak only the base protocol.

They are written from the protocol's text and from what is known of existing implementations, and share no code with the
package under test: what they and a node agree on, they agree on over the wire.
"""
