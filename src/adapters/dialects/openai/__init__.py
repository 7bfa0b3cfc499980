"""OpenAI chat completions and embeddings, as the providers of this dialect really send them."""
