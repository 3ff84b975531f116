"""Files of cells and their shapes: readers of morphologies."""
