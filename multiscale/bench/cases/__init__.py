"""One bench a file; the folder is listed, nothing else is edited to add one (see ``multiscale.bench.measure``)."""
