"""Who is protected now, as a condition of statements: by any current roster, or by what the target has accepted last.

What a run or a plan has noted of an object at its time is added where that is read.
"""


def is_marked(organisation: str, *persons: str) -> str:
    """Writes the condition that one of these `persons` of an `organisation` is marked; all are expressions for ids.

    Each OFFSET keeps this a look by an index for each, whatever the statistics say.
    """
    ids = ", ".join(persons)
    return f"""
        (EXISTS (
            SELECT FROM roster_item item
            WHERE item.organisation_id = {organisation} AND item.protected AND item.object_id IN ({ids})
            OFFSET 0
        ) OR EXISTS (
            SELECT FROM object
            WHERE object.organisation_id = {organisation} AND object.kind = 'persons' AND object.id IN ({ids})
                AND object.marking > 0
            OFFSET 0
        ))
    """  # noqa: S608 - expressions of ours
