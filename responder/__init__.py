"""Acts on alerts: a web hook of Alertmanager with a short list of acts, each of which can be taken back."""
