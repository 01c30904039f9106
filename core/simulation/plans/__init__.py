"""Histories as data, before they happen: what a plan is, and the mixes that make one of a seed."""
