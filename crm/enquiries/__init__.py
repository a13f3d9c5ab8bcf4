"""QR codes, their posters and the public page behind them: how somebody without an account asks for a call."""
