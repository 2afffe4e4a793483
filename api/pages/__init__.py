"""The pages: server-rendered, for people. One module per noun; a handler calls one verb or question."""
