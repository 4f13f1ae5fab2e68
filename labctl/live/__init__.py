"""The live window: a reader of the store, in a process of its own. Importing this package loads no Qt."""
