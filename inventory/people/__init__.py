"""People and systems: roles, rights and scopes, sign-in, API keys, duty."""
