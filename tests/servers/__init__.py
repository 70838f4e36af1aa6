"""Images of real servers, and what is true of each: the measure of how right `imglint verify` is."""
