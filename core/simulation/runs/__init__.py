"""From a plan to a verdict, and from many to a summary; the shortest plan that still fails."""
