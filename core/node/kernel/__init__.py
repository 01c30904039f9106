"""What all parts of a node stand on: connections and their states, time, timers, and what one of many may have."""
