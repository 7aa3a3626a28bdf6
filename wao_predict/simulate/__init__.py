"""What placements cost: the same pods on the same fleet by several policies, in predicted watts."""
