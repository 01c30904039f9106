"""Words for people: text from the network made safe, figures, and how others join. Nothing here knows Textual."""
