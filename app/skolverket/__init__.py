"""The connector to Skolverket: everything that knows its addresses, JSON and codes. Replaceable as a whole."""
