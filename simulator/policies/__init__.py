"""Policies: what to do next with a query. By family; `simulator.spec.parts.POLICIES` names them."""
