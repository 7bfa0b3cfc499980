"""What is particular to a LiteLLM proxy: the rest of its wire format is the openai dialect."""
