"""Before a push: what `git push` is about to send, and an image on its way to a registry."""
