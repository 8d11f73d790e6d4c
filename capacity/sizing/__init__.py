"""How much load each resource of the stack holds beside the pods themselves, and the smallest change where it is too little.

Pure; each module is imported by name and sizes one resource: an input model, the laws, and `size_...` functions that return a
`result.Sizing`. Loads are what must be held (burst and growth are in them already); nothing here multiplies them again. Limits of
vendors are inputs whose defaults carry source and day (`claims`).
"""
