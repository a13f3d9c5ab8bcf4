"""The kernel: no domain, no HTTP. Everything else in the house may lean on it; it leans on nothing of the house."""
