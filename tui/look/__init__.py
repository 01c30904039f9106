"""How the application looks and sounds: the style sheet, themes, contrast, the bell."""
