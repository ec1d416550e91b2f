"""What is asked of objects beyond their schemas, by what it is about; a function says its code and how severe it is.

Rules look at objects as they came, which may be malformed in any way; they raise nothing, and pass over what the schema
speaks of.
"""
