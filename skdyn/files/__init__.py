"""Files that survive whatever interrupts their writing, and are not believed when they are read."""
