"""Where changes are discussed: one pull request comment, kept up to date."""
