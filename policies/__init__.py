"""The policy pack: what no stack of this project may deploy. `policies.pack:POLICIES` is the whole list."""
