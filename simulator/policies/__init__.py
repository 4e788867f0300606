"""Policies: what to do next with a query. One policy a file; `simulator.spec.parts.POLICIES` names them."""
