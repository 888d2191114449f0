//! Helpers as programs see them, through the interpreter.
