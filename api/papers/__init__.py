"""Papers: the forms and labels that people print, sign and stick on things."""
