"""The HTTP contract: routes, who may call them, how things look to callers. State changes elsewhere."""
