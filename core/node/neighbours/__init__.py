"""Who a node's native neighbours are, what goes to which of them, whether they are there, and what their clocks say."""
