"""Train an autoencoder whose codes follow the equation that a frozen in-context model reads off them."""
