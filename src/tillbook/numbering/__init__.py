"""Where each series of public numbers goes on."""
