"""Every rule for what is sent that no schema says: one file a subject, one function a rule, with code and severity.

Rules look at objects as they came, which may be malformed in any way; they raise nothing, and pass over what the schema
speaks of.
"""
